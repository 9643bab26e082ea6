"""The lines of a return file, as its profile wants them. Knows no database: a row comes in, bytes go out."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping

from cardfab.errors import InputRefused, Text
from cardfab.profile.returning import ReturnColumn, ReturnProfile

Told = Mapping[str, str]
"""What is told of a row, by field; ``result`` is always there."""
_UNTOLD = re.compile(r"[\x00-\x1f\x7f]+")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}).*")


class Untellable(InputRefused):
    """A value that the issuer's file cannot take."""

    default_code = "CF-3660"


def head(profile: ReturnProfile, about: Told) -> bytes:
    """What stands before the rows; ``about``: reference, count, issuer."""
    lines = [",".join(about[one] for one in profile.first_line)] if profile.first_line else []
    if profile.header and profile.form == "csv":
        lines.append(_csv([one.name for one in profile.columns]))
    start = b"\xef\xbb\xbf" if profile.mark else b""
    return start + b"".join((line + profile.line_end).encode(profile.charset) for line in lines)


def line(profile: ReturnProfile, told: Told) -> bytes:
    """One row. Raises :class:`Untellable` with the column, never with the value."""
    values = {one.name: _value(profile, one, told) for one in profile.columns}
    if profile.form == "jsonl":
        kept = {name: value for name, value in values.items() if value}
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
        return (text + profile.line_end).encode(profile.charset)
    if profile.form == "fixed":
        parts = (_filled(profile, one, values[one.name]) for one in profile.columns)
        return b"".join(parts) + profile.line_end.encode()
    return (_csv(list(values.values())) + profile.line_end).encode(profile.charset)


def shortened(text: str, most: int, charset: str) -> str:
    """The text in at most so many bytes of a charset, cut at a character."""
    return text.encode(charset)[:most].decode(charset, "ignore")


def _value(profile: ReturnProfile, column: ReturnColumn, told: Told) -> str:
    if column.only not in ("both", told["result"]):
        return ""
    text = column.constant if column.field is None else told.get(column.field, "")
    text = _UNTOLD.sub(" ", column.codes.get(text, text)).strip()
    if column.form == "date8" and text:
        text = _DATE.sub(r"\1\2\3", text)
    try:
        length = len(text.encode(profile.charset))
        if column.bytes is not None and length > column.bytes:
            if not column.cut:
                raise _untellable(column, told)
            text = shortened(text, column.bytes, profile.charset)
    except UnicodeEncodeError:
        raise _untellable(column, told) from None
    return text


def _untellable(column: ReturnColumn, told: Told) -> Untellable:
    row = told.get("sequence", "")
    return Untellable(
        Text(
            f"Row {row}: '{column.name}' does not fit the issuer's file, by its length or its characters.",
            f"第 {row} 行：“{column.name}”超出发卡机构文件的长度或字符集。",
        ),
        do=Text("Agree with the issuer on another layout: --layout.", "请与发卡机构商定其他格式：--layout。"),
    )


def _filled(profile: ReturnProfile, column: ReturnColumn, text: str) -> bytes:
    data, width = text.encode(profile.charset), column.bytes or 0
    return data.rjust(width) if column.right else data.ljust(width)


def _csv(values: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()


__all__ = ["Told", "Untellable", "head", "line", "shortened"]
