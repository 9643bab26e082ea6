"""The one error of this room: an event, a signature or an export that does not hold."""

from __future__ import annotations

from cardfab.errors import InputRefused, Text

TAKE_AGAIN = Text(
    "Take the export again from the station; keep this file as it is if you did not change it.",
    "请从工位重新导出；若未改动过本文件，请原样保留备查。",
)


class AuditRefused(InputRefused):
    """What does not hold, and in which line of the export (``line`` counts from 1; None outside an export).

    Codes: CF-3501 event, CF-3502 verifier key, CF-3503 note, CF-3504 signature, CF-3505 checkpoint, CF-3506 proof
    asked for what the tree does not hold, CF-3510 form of the export, CF-3511 root differs, CF-3512 no trusted key,
    CF-3513 an outside checkpoint disagrees.
    """

    default_code = "CF-3500"

    def __init__(self, what: Text, *, code: str, line: int | None = None, do: Text | None = None) -> None:
        at = Text(f"Line {line}: ", f"第 {line} 行：") if line is not None else Text("", "")
        super().__init__(Text(at.en + what.en, at.zh + what.zh), do=do, code=code)
        self.line = line
        self._bare = what

    def at(self, line: int) -> AuditRefused:
        """The same refusal, saying which line of the export it is about."""
        return AuditRefused(self._bare, code=self.code, line=line, do=self.do or TAKE_AGAIN)
