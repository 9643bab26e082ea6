"""What is wrong with a request file, told so that a person can correct it and nobody learns a number from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cardfab.errors import InputRefused, Text
from cardfab.prepare.gb11643 import masked

WHOLE_FILE = "file"
WHOLE_ROW = "row"


@dataclass(frozen=True, slots=True)
class RowFinding:
    """``row`` as a spreadsheet counts it, the header being 1; ``field`` a column, or ``row``, or ``file``."""

    row: int
    field: str
    reason: Text


class RequestFileRefused(InputRefused):
    """The whole file is refused; ``rows`` holds every finding in the order of the file."""

    default_code: ClassVar[str] = "CF-3301"

    def __init__(self, rows: tuple[RowFinding, ...]) -> None:
        bad = len({finding.row for finding in rows})
        super().__init__(
            Text(
                f"The request file is refused whole, nothing was imported: findings: {len(rows)}, rows: {bad}.",
                f"申请文件整份拒收，未导入任何内容：{bad} 行中有 {len(rows)} 处问题。",
            ),
            do=Text("Correct the rows named and import the file again.", "请更正所列各行后重新导入。"),
        )
        self.rows = rows


def shown(value: str) -> str:
    """A value as a finding may show it: no citizen number, no control characters, not longer than a line."""
    text = masked(value)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
