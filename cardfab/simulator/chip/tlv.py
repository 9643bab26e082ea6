"""BER-TLV as the chip reads and writes it: an ordered list of (tag, value). ISO 7816-4 5.2.2; EMV book 3 annex B."""

from __future__ import annotations

Element = tuple[int, bytes]


class Malformed(ValueError):
    """Bytes that are not whole data objects."""


def _tag(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    tag, at = first, at + 1
    if first & 0x1F != 0x1F:
        return tag, at
    while True:
        tag, more, at = tag << 8 | data[at], data[at] & 0x80, at + 1
        if not more:
            return tag, at
        if tag > 0xFFFF:
            raise Malformed("a tag of more than three bytes")


def _length(data: bytes, at: int) -> tuple[int, int]:
    first, at = data[at], at + 1
    if first < 0x80:
        return first, at
    count = first & 0x7F
    if count not in (1, 2):
        raise Malformed("a length of this form is not used on cards")
    octets = data[at : at + count]
    if len(octets) != count:
        raise Malformed("cut in the length")
    return int.from_bytes(octets), at + count


def parse(data: bytes) -> list[Element]:
    """All data objects of ``data`` in order; raises :class:`Malformed` when it does not end with the last one."""
    found: list[Element] = []
    at = 0
    try:
        while at < len(data):
            tag, at = _tag(data, at)
            length, at = _length(data, at)
            if at + length > len(data):
                raise Malformed("cut in the value")
            found.append((tag, data[at : at + length]))
            at += length
    except IndexError:
        raise Malformed("cut in the header") from None
    return found


def first(data: bytes) -> tuple[Element, bytes]:
    """The first data object and what follows it; raises :class:`Malformed` where it is not whole."""
    try:
        tag, at = _tag(data, 0)
        length, at = _length(data, at)
    except IndexError:
        raise Malformed("cut in the header") from None
    if at + length > len(data):
        raise Malformed("cut in the value")
    return (tag, data[at : at + length]), data[at + length :]


def deep(data: bytes) -> list[Element]:
    """:func:`parse`, templates followed by what is inside them."""
    found: list[Element] = []
    for tag, value in parse(data):
        found.append((tag, value))
        if constructed(tag):
            found += deep(value)
    return found


def constructed(tag: int) -> bool:
    """Whether the first tag byte has b6 set."""
    return bool(tag.to_bytes((tag.bit_length() + 7) // 8 or 1)[0] & 0x20)


def build(tag: int, value: bytes) -> bytes:
    """One data object with the shortest length."""
    n = len(value)
    length = bytes((n,)) if n < 0x80 else bytes((0x81, n)) if n < 0x100 else b"\x82" + n.to_bytes(2)
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1) + length + value


def list_of(dol: bytes) -> list[tuple[int, int]]:
    """A data object list (PDOL, CDOL, DDOL): (tag, length) in order; raises :class:`Malformed`."""
    found: list[tuple[int, int]] = []
    at = 0
    try:
        while at < len(dol):
            tag, at = _tag(dol, at)
            found.append((tag, dol[at]))
            at += 1
    except IndexError:
        raise Malformed("cut in a data object list") from None
    return found


def tags(data: bytes) -> list[int]:
    """A tag list (5C); raises :class:`Malformed`."""
    found: list[int] = []
    at = 0
    try:
        while at < len(data):
            tag, at = _tag(data, at)
            found.append(tag)
    except IndexError:
        raise Malformed("cut in a tag list") from None
    return found


def spread(dol: bytes, values: bytes) -> dict[int, bytes]:
    """The values of a data object list by tag; raises :class:`Malformed` when the lengths do not add up."""
    found: dict[int, bytes] = {}
    at = 0
    for tag, length in list_of(dol):
        found[tag] = values[at : at + length]
        at += length
    if at != len(values):
        raise Malformed("the values do not fill the list")
    return found
