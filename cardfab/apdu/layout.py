"""Rows of bytes with named fields, written as text in a profile: what differs between makers of cards is data.

::

    80E0 <fid> | 38 <space> F0 F0 95 FFFF <name>      a command: four header bytes, a stroke, the data field
    39 F0 F0 <grant> <tries>                          a record
    6F( 84( <name> ) A5( 88( 1E ) ) )                 a bracket takes the length of what stands in it before itself

Fields have a fixed length each (:data:`FIELDS`; None: any). Raises :class:`~cardfab.apdu.message.ApduMalformed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cardfab.apdu.message import ApduMalformed, CommandApdu

FIELDS: Mapping[str, int | None] = {
    "algorithm": 1,  # code of the cipher
    "challenge": 8,  # of the chip
    "dir": 1,  # short identifier of the DIR file
    "extended": 1,  # what is asked beside, of the directory above
    "fid": 2,
    "grant": 1,  # the security level that proving a key gives
    "historical": 13,  # T1..TD of the answer to reset
    "join": 1,  # how the two halves of the conditions are joined
    "key": None,  # a key's value: only of published ones
    "key_length": 1,
    "kid": 1,
    "label": None,  # of an application, tag 50
    "lock": 1,  # what authorises APPLICATION BLOCK of a directory
    "log": 1,  # short identifier of the file that logs a purse
    "maker": 7,  # T1..T7 of the historical bytes
    "name": None,  # DF name
    "number": 1,  # of a record
    "own": 1,  # level asked of the directory of the file
    "parent": 1,  # level asked of the directory above it
    "proof": None,
    "purse": 1,  # short identifier of the amount file inside the operating system, 00 where there is none
    "read": None,
    "record_length": 1,
    "serial": 6,  # T8..TD of the historical bytes
    "sfi": 1,
    "space": 2,
    "tries": 1,
    "type": 1,
    "version": 1,
    "write": None,
}
"""Every field a layout may name, and its bytes."""

_TOKEN = re.compile(r"\s*(?:<(\w+)>|((?:[0-9A-Fa-f]{2})+)|([()]))\s*")


@dataclass(frozen=True, slots=True)
class Layout:
    """A row of bytes, field names (text) and bracketed rows."""

    parts: tuple[bytes | str | Layout, ...]

    @classmethod
    def of(cls, text: str) -> Layout:
        """Read a row; raises with the place of what cannot be read."""
        rows: list[list[bytes | str | Layout]] = [[]]
        at = 0
        while at < len(text):
            if not (token := _TOKEN.match(text, at)):
                raise ApduMalformed(f"the layout {text!r} cannot be read at {at}", f"布局 {text!r} 第 {at} 处无法识别")
            at = token.end()
            field, digits, bracket = token.groups()
            if field:
                if field not in FIELDS:
                    raise ApduMalformed(f"a layout has no field <{field}>", f"布局没有字段 <{field}>")
                rows[-1].append(field)
            elif digits:
                rows[-1].append(bytes.fromhex(digits))
            elif bracket == "(":
                rows.append([])
            elif len(rows) > 1:
                inner = cls(tuple(rows.pop()))
                rows[-1].append(inner)
            else:
                raise ApduMalformed(f"the layout {text!r} closes too many brackets", f"布局 {text!r} 括号不配对")
        if len(rows) > 1:
            raise ApduMalformed(f"the layout {text!r} leaves a bracket open", f"布局 {text!r} 括号未闭合")
        return cls(tuple(rows[0]))

    @property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        inner = (part.fields for part in self.parts if isinstance(part, Layout))
        return frozenset(part for part in self.parts if isinstance(part, str)).union(*inner)

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """The bytes, with ``values`` for the fields."""
        return b"".join(self._bytes(part, values) for part in self.parts)

    @staticmethod
    def _bytes(part: bytes | str | Layout, values: Mapping[str, bytes]) -> bytes:
        if isinstance(part, bytes):
            return part
        if isinstance(part, Layout):
            body = part.fill(values)
            if len(body) > 0xFF:
                raise ApduMalformed(f"a bracket of {len(body)} bytes is too long", f"括号内 {len(body)} 字节过长")
            return (b"\x81" if len(body) > 0x7F else b"") + bytes([len(body)]) + body  # ISO 7816-4, 5.2.2.2
        if part not in values:
            raise ApduMalformed(f"no value for <{part}>", f"<{part}> 没有取值")
        value, wanted = values[part], FIELDS[part]
        if wanted is not None and len(value) != wanted:
            raise ApduMalformed(f"<{part}> has {len(value)} bytes, not {wanted}", f"<{part}> 应为 {wanted} 字节")
        return value


@dataclass(frozen=True, slots=True)
class CommandLayout:
    """A command: a header that fills to four bytes, and a data field (empty: case 1)."""

    header: Layout
    data: Layout

    @classmethod
    def of(cls, text: str) -> CommandLayout:
        """Read ``header | data``; without a stroke there is no data field."""
        header, stroke, data = text.partition("|")
        if stroke and not data.strip():
            raise ApduMalformed(f"the layout {text!r} ends at its stroke", f"布局 {text!r} 缺少数据域")
        made = cls(Layout.of(header), Layout.of(data))
        if sum(len(part) if isinstance(part, bytes) else FIELDS[part] or 9 if isinstance(part, str) else 9
               for part in made.header.parts) != 4:  # fmt: skip
            raise ApduMalformed(f"the header of {text!r} has not four bytes", f"{text!r} 的命令头不是 4 字节")
        return made

    @property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        return self.header.fields | self.data.fields

    @property
    def ins(self) -> int:
        """The instruction byte; raises where it is a field."""
        first = self.header.parts[0]
        if not isinstance(first, bytes) or len(first) < 2:
            raise ApduMalformed("the instruction byte of a command is a field", "命令的 INS 字节是字段")
        return first[1]

    def command(self, values: Mapping[str, bytes], *, secret: bool = False, name: str = "") -> CommandApdu:
        """The command with ``values`` for its fields."""
        cla, ins, p1, p2 = self.header.fill(values)
        data = self.data.fill(values)
        if len(data) > 0xFF:
            raise ApduMalformed(f"{name}: {len(data)} bytes do not fit", f"{name}：{len(data)} 字节过长")
        return CommandApdu(cla, ins, p1, p2, data, None, secret, name)
