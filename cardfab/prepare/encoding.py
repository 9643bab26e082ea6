"""The bytes of one value and back (人社信息函[2012]37号, section 7).

cn: two digits a byte, left aligned, F nibbles after; an: text, left aligned, 00 after; b: bytes, written as hex digits
of exactly the length of the item, but numbers and amounts as decimal digits.
"""

from __future__ import annotations

import re
from typing import Protocol

from cardfab.errors import InputRefused, Text
from cardfab.prepare.gb18030 import encode
from cardfab.profile.items import Rule

_DIGITS, _COUNT, _HEX = (re.compile(one).fullmatch for one in (r"([0-9A-F]*[0-9A-E])?", r"[0-9]*", r"([0-9A-F]{2})*"))


class Encoded(Protocol):
    """What an item, an inner item and a field of a cyclic record have in common."""

    @property
    def key(self) -> str: ...
    @property
    def name_en(self) -> str: ...
    @property
    def name_zh(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def length(self) -> int: ...
    @property
    def rule(self) -> Rule: ...


def title(item: Encoded) -> Text:
    """Tag and name of an item, as a sentence about it says them."""
    return Text(f"{item.key} ({item.name_en})", f" {item.key}（{item.name_zh}）")


def encode_item(item: Encoded, value: str) -> bytes:
    """V of the item, ``item.length`` bytes. An empty value gives padding only, for b items 00.

    Raises InputRefused (CF-3311) when the value does not fit or could not be read back as it is.
    """
    if item.type == "cn":
        # Item 01 holds hex digits (D156000005), so A to F are digits too; a closing F would read as padding.
        if not _DIGITS(value):
            raise unfit(item, "it must be digits", "须为数字")
        if len(value) > 2 * item.length:
            raise unfit(item, f"it has {len(value)} digits, the item {2 * item.length}", f"超过 {2 * item.length} 位")
        return bytes.fromhex(value.ljust(2 * item.length, "F"))
    if item.type == "b":
        return _binary(item, value)
    if "\0" in value:
        raise unfit(item, "it holds a NUL character", "含有空字符")
    try:
        raw = encode(value)
    except UnicodeEncodeError:
        raise unfit(item, "it cannot be written in GB 18030", "无法用 GB 18030 编码") from None
    if len(raw) > item.length:
        raise unfit(item, f"it takes {len(raw)} bytes, the item holds {item.length}", f"超过 {item.length} 字节")
    return raw.ljust(item.length, b"\0")


def _binary(item: Encoded, value: str) -> bytes:
    if is_count(item):
        if not _COUNT(value) or int(value or "0") >= 256**item.length:
            raise unfit(item, f"it must be a number of {item.length} bytes", f"须为 {item.length} 字节的数值")
        return int(value or "0").to_bytes(item.length, "big")
    if not _HEX(value) or len(value) not in (0, 2 * item.length):
        raise unfit(item, f"it must be {item.length} bytes in hex", f"须为 {item.length} 字节的十六进制数")
    return bytes.fromhex(value).ljust(item.length, b"\0")


def is_count(item: Encoded) -> bool:
    """Whether the bytes are a binary number, which people write in decimal digits."""
    return item.type == "b" and item.rule in ("number", "amount")


def decode_item(item: Encoded, raw: bytes) -> str:
    """The value that V holds: the inverse of :func:`encode_item`.

    Raises InputRefused (CF-3312) when the bytes are no value of the item.
    """
    try:
        if len(raw) != item.length:
            raise ValueError
        if item.type == "cn":
            return raw.hex().upper().rstrip("F")
        if is_count(item):
            return str(int.from_bytes(raw, "big"))
        if item.type == "b":
            return raw.hex().upper() if any(raw) else ""
        value = raw.rstrip(b"\0").decode("gb18030", "strict")
        if encode(value).ljust(item.length, b"\0") != raw or "\0" in value:
            raise ValueError
    except ValueError:
        raise unreadable(item) from None
    return value


def unreadable(item: Encoded) -> InputRefused:
    """What the card holds is no value of the item."""
    return InputRefused(
        Text(
            f"What the card holds in item {title(item).en} cannot be read as {item.type} of {item.length} bytes.",
            f"卡内数据项{title(item).zh}的内容不符合 {item.type}、{item.length} 字节的格式。",
        ),
        do=Text("Read the card again; if it stays so, the card is faulty.", "请重新读卡；若仍如此，则卡片有误。"),
        code="CF-3312",
    )


def unfit(item: Encoded, en: str, zh: str) -> InputRefused:
    """A value cannot be written into the item, and why."""
    return InputRefused(
        Text(
            f"The value of item {title(item).en} does not fit the card: {en}.",
            f"数据项{title(item).zh}的值不能写入卡片：{zh}。",
        ),
        do=Text("Correct the request.", "请更正申请。"),
        code="CF-3311",
    )
