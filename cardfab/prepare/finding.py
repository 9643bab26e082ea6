"""What is wrong with a request file, told so that a person can correct it and nobody learns a number from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from cardfab.errors import InputRefused, Text
from cardfab.prepare.gb11643 import masked

WHOLE_FILE = "file"
WHOLE_ROW = "row"

COLUMN_NAMES: Final[Mapping[str, Text]] = {
    "request_id": Text("request number", "申请编号"),
    "social_security_number": Text("social security number", "社会保障号码"),
    "name": Text("name", "姓名"),
    "sex": Text("sex", "性别"),
    "ethnicity": Text("ethnic group", "民族"),
    "birth_date": Text("date of birth", "出生日期"),
    "birthplace": Text("place of birth", "出生地"),
    "region": Text("issuing region", "发卡地区"),
    "category": Text("category of person", "人员类别"),
    "card_class": Text("card category", "卡的类别"),
    "household_type": Text("household registration category", "户口类别"),
    "household_address": Text("household registration address", "户口所在地地址"),
    "phone": Text("telephone", "联系电话"),
    "employer": Text("employer name", "单位名称"),
    "marital_status": Text("marital status", "婚姻状况"),
    "employment_status": Text("employment or retirement status", "个人就业或离退休状态"),
    "identity_category": Text("personal status category", "人员身份类别"),
    "bank_product": Text("card product", "卡产品"),
    "photo": Text("photo", "照片"),
    "replaces_card": Text("card that is replaced", "被补换的卡号"),
    "urgent": Text("urgent", "急需"),
}
"""What people call the columns of a request file; a column that is an address has its item's name in the reason."""


@dataclass(frozen=True, slots=True)
class RowFinding:
    """``row`` as a spreadsheet counts it, the header being 1; ``field`` a column, or ``row``, or ``file``."""

    row: int
    field: str
    reason: Text

    @property
    def column(self) -> Text:
        """The field with what people call it."""
        name = COLUMN_NAMES.get(self.field)
        return (
            Text(self.field, self.field)
            if name is None
            else Text(f"{self.field} ({name.en})", f"{self.field}（{name.zh}）")
        )


@dataclass(frozen=True, slots=True)
class WrongRow:
    """A row that is wrong in form: one thing, however much is wrong with it."""

    findings: tuple[RowFinding, ...]

    @property
    def row(self) -> int:
        """Its number."""
        return self.findings[0].row


class RequestFileRefused(InputRefused):
    """The whole file is refused; ``rows`` holds every finding in the order of the file."""

    default_code: ClassVar[str] = "CF-3301"

    def __init__(self, rows: tuple[RowFinding, ...]) -> None:
        bad = len({finding.row for finding in rows})
        # What is wrong with a whole file is of its form, and has no value of anybody.
        form = next((one for one in rows if one.field == WHOLE_FILE), None)
        super().__init__(
            Text(
                f"The request file is refused whole, nothing was imported: findings: {len(rows)}, rows: {bad}."
                + (f" Row {form.row}: {form.reason.en}" if form else ""),
                f"申请文件整份拒收，未导入任何内容：{bad} 行中有 {len(rows)} 处问题。"
                + (f"第 {form.row} 行：{form.reason.zh}" if form else ""),
            ),
            do=Text("Correct the rows named and import the file again.", "请更正所列各行后重新导入。"),
        )
        self.rows = rows


def shown(value: str) -> str:
    """A value as a finding may show it: no citizen number, no control characters, not longer than a line."""
    text = masked(value)
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def hidden(value: str) -> str:
    """A value where a finding leaves the station: nothing of it."""
    return "'***'"
