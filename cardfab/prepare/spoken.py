"""Values of the card in the words of its holder."""

from __future__ import annotations

import re

from cardfab.errors import Text, UsageRefused
from cardfab.profile.codes import CodeTables
from cardfab.profile.items import Part, Valued

_LAYOUTS = {
    "date": (r"(....)(..)(..)", r"\1-\2-\3"),
    "date-time": (r"(....)(..)(..)(..)(..)(..)", r"\1-\2-\3 \4:\5:\6"),
    "year-month": (r"(....)(..)", r"\1-\2"),
    "month-day": (r"(..)(..)", r"\1-\2"),
}


def yuan(fen: int) -> str:
    """An amount in fen as yuan: ``1,234.50``."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def fen(yuan: str) -> int:
    """An amount as people write it (``1234.50``) in fen; raises UsageRefused for anything else."""
    found = re.fullmatch(r"([0-9]{1,8})(?:[.]([0-9]{1,2}))?", yuan.strip())
    if found is None:
        raise UsageRefused(
            Text(f"{yuan!r} is no amount in yuan.", f"{yuan!r} 不是以元为单位的金额。"),
            do=Text("Give it as 123.45.", "请按 123.45 的形式填写。"),
            code="CF-2234",
        )
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def describe(item: Valued, value: str, codes: CodeTables) -> Text:
    """A value as people say it; what has no words of its own stays as it is."""
    if not value:
        return Text("", "")
    if item.codes:
        code = codes.list_of(item.codes).get(value)
        return code.text if code else Text(f"{value} (no code)", f"{value}（非标准代码）")
    if any(part.codes for part in item.parts):
        return _parts(item, value, codes)
    if item.rule == "amount" and value.isascii() and value.isdecimal():
        amount = yuan(int(value))
        return Text(f"{amount} yuan", f"{amount} 元")
    if item.rule in _LAYOUTS:
        pattern, layout = _LAYOUTS[item.rule]
        if found := re.fullmatch(pattern, value):
            value = found.expand(layout)
    return Text(value, value)


def _parts(item: Valued, value: str, codes: CodeTables) -> Text:
    said = [_part(part, value[part.first - 1 : part.last], codes) for part in item.parts]
    known = [one for one in said if one is not None]
    return Text("; ".join(one.en for one in known), "；".join(one.zh for one in known))


def _part(part: Part, text: str, codes: CodeTables) -> Text | None:
    if not text or (part.only_for is not None and not text.strip("0")):
        return None
    code = codes.list_of(part.codes).get(text) if part.codes else None
    said = code.text if code else Text(text, text)
    # The first part is what the value is; the others say more about it.
    return said if part.first == 1 else Text(f"{part.name_en}: {said.en}", f"{part.name_zh}：{said.zh}")
