"""Values as bytes and frames: a closed list of types, sizes with limits, one spelling for a value.

A frame is 4 bytes of length and one value. A value is a tag and what belongs to it; numbers are big-endian::

    00 None   01 False   02 True
    03 int    1 byte of length (1 to 16), two's complement, as short as it can be
    04 bytes  4 bytes of length, the bytes
    05 str    4 bytes of length, UTF-8
    06 tuple  2 bytes of count, the values
    07 enum   1 byte: which (schema), 1 byte of length, the member's name in ASCII
    08 record 1 byte: which (schema), its fields in order
    09 set    2 bytes of count, the values in ascending order of their bytes

Buffers may hold secrets: they are made at their full size, so that none is left behind by growing, and wiped by whoever
made them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final

from cardfab.crypto import Buffer
from cardfab.errors import KeyFault, Text
from cardfab.keys.service.schema import ENUMS, RECORDS, fits, hints_of

HEAD: Final = 4
MOST: Final = 8 << 20
"""Bytes of a frame's value: a request with its photo is far below."""
_DEEP = 8
_MANY = 4096
_INT = 16

_NONE, _FALSE, _TRUE, _INTEGER, _BYTES, _TEXT, _TUPLE, _ENUM, _RECORD, _SET = range(10)
_ENUM_NUMBER = {cls: number for number, cls in ENUMS.items()}
_RECORD_NUMBER = {cls: number for number, cls in RECORDS.items()}


class WireFault(KeyFault):
    """What came over the socket is not of the key service's protocol; the connection ends."""

    default_code = "CF-6321"

    def __init__(self, why: str) -> None:
        super().__init__(
            Text(f"This is not the protocol of the key service: {why}.", f"这不是密钥服务的协议（{why}）。"),
            do=Text(
                "Station and key service must be of the same version; else find out who is connected.",
                "制卡点与密钥服务须为同一版本；否则请查明连接者。",
            ),
        )


def wipe(buffer: bytearray | memoryview) -> None:
    """Overwrite with zeros."""
    memoryview(buffer)[:] = bytes(len(buffer))


def frame(value: Any) -> bytearray:
    """The value with its length before it. Raises :class:`WireFault` for what has no place in the protocol."""
    parts: list[Buffer | str] = []
    _write(value, parts, 0)
    size = sum(len(part) for part in parts)
    if size > MOST:
        raise WireFault("a frame is too large")
    whole = bytearray(HEAD + size)
    whole[:HEAD] = size.to_bytes(HEAD, "big")
    at = HEAD
    for part in parts:
        if isinstance(part, str):  # of ASCII; a PIN may be one: no copy of it is made on the way
            for offset, character in enumerate(part):
                whole[at + offset] = ord(character)
        else:
            whole[at : at + len(part)] = part
        at += len(part)
    return whole


def _write(value: Any, out: list[Buffer | str], depth: int) -> None:
    if depth > _DEEP:
        raise WireFault("values lie too deep")
    if value is None or value is False or value is True:
        out.append(bytes([_NONE if value is None else _TRUE if value else _FALSE]))
    elif type(value) is int:
        number = value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)
        if len(number) > _INT:
            raise WireFault("a number is too large")
        out.append(bytes([_INTEGER, len(number)]) + number)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        out += [bytes([_BYTES]) + len(value).to_bytes(4, "big"), value]
    elif type(value) is str:
        text: Buffer | str = value if len(value) < 64 and value.isascii() else _utf8(value)
        out += [bytes([_TEXT]) + len(text).to_bytes(4, "big"), text]
    elif type(value) is tuple:
        _write_many(_TUPLE, [_parts(one, depth) for one in value], out)
    elif type(value) is frozenset:
        _write_many(_SET, [[one] for one in sorted(b"".join(_flat(_parts(one, depth))) for one in value)], out)
    elif isinstance(value, enum.Enum) and type(value) in _ENUM_NUMBER:
        name = value.name.encode("ascii")
        out.append(bytes([_ENUM, _ENUM_NUMBER[type(value)], len(name)]) + name)
    elif type(value) in _RECORD_NUMBER:
        out.append(bytes([_RECORD, _RECORD_NUMBER[type(value)]]))
        for one in fields(value):
            _write(getattr(value, one.name), out, depth + 1)
    else:
        raise WireFault(f"a {type(value).__name__} has no place in it")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise WireFault("a text is not UTF-8") from None


def _parts(value: Any, depth: int) -> list[Buffer | str]:
    parts: list[Buffer | str] = []
    _write(value, parts, depth + 1)
    return parts


def _flat(parts: list[Buffer | str]) -> list[Buffer]:
    return [part.encode("ascii") if isinstance(part, str) else part for part in parts]


def _write_many(tag: int, many: list[list[Buffer | str]] | list[list[bytes]], out: list[Buffer | str]) -> None:
    if len(many) > _MANY:
        raise WireFault("there are too many values")
    out.append(bytes([tag]) + len(many).to_bytes(2, "big"))
    for one in many:
        out += one


def read(data: Buffer, kind: type[bytes] | type[bytearray] = bytes) -> Any:
    """The one value of a frame's body, byte strings as ``kind``; raises :class:`WireFault`."""
    reader = _Reader(memoryview(data), kind)
    value = reader.value(0)
    if reader.left:
        raise WireFault("bytes are left over")
    return value


class _Reader:
    """Reads values of one body, never beyond its end."""

    def __init__(self, view: memoryview, kind: type[bytes] | type[bytearray]) -> None:
        self._view, self._at = view, 0
        self._of: dict[int, Callable[[int], Any]] = {
            _NONE: lambda _: None,
            _FALSE: lambda _: False,
            _TRUE: lambda _: True,
            _INTEGER: self._integer,
            _BYTES: lambda _: kind(self._take(self._number(4))),
            _TEXT: self._text,
            _TUPLE: self._tuple,
            _ENUM: self._enum,
            _RECORD: self._record,
            _SET: self._set,
        }

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._view) - self._at

    def value(self, depth: int) -> Any:
        if depth > _DEEP:
            raise WireFault("values lie too deep")
        tag = self._number(1)
        if tag not in self._of:
            raise WireFault(f"there is no type {tag:02X}")
        return self._of[tag](depth)

    def _take(self, length: int) -> memoryview:
        if length > self.left:
            raise WireFault("a value goes beyond its frame")
        self._at += length
        return self._view[self._at - length : self._at]

    def _number(self, length: int) -> int:
        return int.from_bytes(self._take(length), "big")

    def _integer(self, _: int) -> int:
        length = self._number(1)
        value = int.from_bytes(self._take(length), "big", signed=True)
        if not 1 <= length <= _INT or length != (value.bit_length() + 8) // 8:
            raise WireFault("a number is not as short as it can be")
        return value

    def _text(self, _: int) -> str:
        try:
            return str(self._take(self._number(4)), "utf-8")
        except UnicodeDecodeError:
            raise WireFault("a text is not UTF-8") from None

    def _many(self) -> int:
        count = self._number(2)
        if count > _MANY:
            raise WireFault("there are too many values")
        return count

    def _tuple(self, depth: int) -> tuple[Any, ...]:
        return tuple(self.value(depth + 1) for _ in range(self._many()))

    def _set(self, depth: int) -> frozenset[Any]:
        values, before = [], b""
        for _ in range(self._many()):
            start = self._at
            values.append(self.value(depth + 1))
            spelling = bytes(self._view[start : self._at])
            if spelling <= before:
                raise WireFault("a set is not in order")
            before = spelling
        try:
            return frozenset(values)
        except TypeError:
            raise WireFault("a set holds what no set can") from None

    def _enum(self, _: int) -> enum.Enum:
        cls = ENUMS.get(self._number(1))
        name = bytes(self._take(self._number(1)))
        if cls is None or name.decode("latin-1") not in cls.__members__:
            raise WireFault("there is no such name in a list")
        return cls[name.decode("latin-1")]

    def _record(self, depth: int) -> Any:
        cls = RECORDS.get(self._number(1))
        if cls is None:
            raise WireFault("there is no such record")
        given = []
        for name, hint in hints_of(cls).items():
            given.append(self.value(depth + 1))
            if not fits(given[-1], hint):
                raise WireFault(f"{cls.__name__}.{name} is of another type")
        try:
            return cls(*given)
        except (KeyFault, ValueError) as wrong:
            raise WireFault(f"no {cls.__name__} has these values") from wrong
