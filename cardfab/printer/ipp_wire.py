"""IPP messages as bytes (RFC 8010, RFC 8011): attributes out, attributes in. It neither sends nor waits."""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

VERSION: Final = (2, 0)


class Operation(enum.IntEnum):
    """RFC 8011, 5.4.15."""

    PRINT_JOB = 0x0002
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_PRINTER_ATTRIBUTES = 0x000B


class Tag(enum.IntEnum):
    """Delimiters and the value tags that are sent (RFC 8010, 3.5)."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    COLLECTION = 0x34
    COLLECTION_END = 0x37
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME = 0x49
    MEMBER = 0x4A


Value = int | bool | str | bytes
Attributes = Mapping[str, tuple[Value, ...]]
_NUMBERS = (Tag.INTEGER, Tag.ENUM)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a request, with one value or several."""

    tag: Tag
    name: str
    values: tuple[int | bool | str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: status code, and the attributes of each group in order. Collections are left out."""

    status: int
    request: int
    groups: tuple[tuple[int, Attributes], ...]

    @property
    def good(self) -> bool:
        """Whether it was carried out (RFC 8011, B.1: 0000 to 00FF)."""
        return self.status < 0x100

    def group(self, tag: Tag) -> Attributes:
        """The attributes of the first group of that kind; empty where there is none."""
        return next((attributes for found, attributes in self.groups if found == tag), {})


class AnswerBroken(ValueError):
    """Bytes that are no IPP answer."""


def request(
    operation: Operation, number: int, uri: str, attributes: Sequence[Attribute], job: Sequence[Attribute]
) -> bytes:
    """A request without its document; ``attributes`` stand behind charset, language and printer-uri."""
    made = bytearray(struct.pack(">BBHI", *VERSION, operation, number))
    made.append(Tag.OPERATION)
    first = (
        Attribute(Tag.CHARSET, "attributes-charset", ("utf-8",)),
        Attribute(Tag.LANGUAGE, "attributes-natural-language", ("en",)),
        Attribute(Tag.URI, "printer-uri", (uri,)),
    )
    for attribute in (*first, *attributes):
        made += _encoded(attribute)
    if job:
        made.append(Tag.JOB)
        for attribute in job:
            made += _encoded(attribute)
    made.append(Tag.END)
    return bytes(made)


def _encoded(attribute: Attribute) -> bytes:
    made, name = bytearray(), attribute.name.encode("ascii")
    for value in attribute.values:
        if attribute.tag in _NUMBERS:
            data = struct.pack(">i", value)
        elif attribute.tag is Tag.BOOLEAN:
            data = bytes([bool(value)])
        else:
            data = str(value).encode("utf-8")
        made += struct.pack(">BH", attribute.tag, len(name)) + name + struct.pack(">H", len(data)) + data
        name = b""  # a further value of the same attribute has no name
    return bytes(made)


def parse(data: bytes) -> Answer:
    """Read an answer; raises :class:`AnswerBroken`."""
    if len(data) < 9:
        raise AnswerBroken("an answer has at least nine bytes")
    _, _, status, number = struct.unpack(">BBHI", data[:8])
    groups: list[tuple[int, dict[str, tuple[Value, ...]]]] = []
    at, name, depth = 8, "", 0
    while at < len(data):
        tag = data[at]
        at += 1
        if tag == Tag.END:
            return Answer(status, number, tuple(groups))
        if tag < 0x10:
            groups.append((tag, {}))
            continue
        found, at = _field(data, at)
        value, at = _field(data, at)
        if tag == Tag.COLLECTION_END:
            depth -= 1
        elif not depth and found:
            name = found.decode("ascii", "replace")
        if tag == Tag.COLLECTION:
            depth += 1
        if depth or tag == Tag.COLLECTION_END:
            continue
        if not groups or not name:
            raise AnswerBroken("a value stands outside of a group")
        known = groups[-1][1]
        known[name] = (*known.get(name, ()), _decoded(tag, value))
    raise AnswerBroken("the answer has no end")


def _field(data: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[at : at + 2], "big")
    end = at + 2 + length
    if end > len(data):
        raise AnswerBroken("the answer ends inside a field")
    return data[at + 2 : end], end


def _decoded(tag: int, value: bytes) -> Value:
    if tag in _NUMBERS and len(value) == 4:
        return int.from_bytes(value, "big", signed=True)
    if tag == Tag.BOOLEAN and len(value) == 1:
        return bool(value[0])
    if 0x40 <= tag <= 0x4A:
        return value.decode("utf-8", "replace")
    return value
