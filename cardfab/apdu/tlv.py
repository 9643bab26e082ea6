"""Three encodings of tagged data: BER-TLV, the card's own T(1) L(1) V records, and data groupings (DGI).

Order and repeats are kept; what does not parse raises :class:`TlvError` with the offset of the element that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cardfab.errors import InputRefused, Text


class TlvError(InputRefused):
    """Tagged data that does not parse or cannot be encoded; ``offset`` in bytes from the start of what was parsed."""

    default_code = "CF-3102"

    def __init__(self, en: str, zh: str, *, offset: int = 0) -> None:
        super().__init__(
            Text(f"Tagged data is wrong at offset {offset}: {en}.", f"TLV 数据在偏移 {offset} 处有误：{zh}。"),
            do=Text("Check where this data comes from.", "请检查该数据的来源。"),
        )
        self.offset = offset


@dataclass(frozen=True, slots=True, init=False)
class Tlv:
    """One BER-TLV data object (ISO/IEC 7816-4, 6.3): the tag as the number of its 1 to 4 bytes, such as 0x9F0C."""

    tag: int
    value: bytes

    def __init__(self, tag: int | bytes, value: bytes) -> None:
        number = int.from_bytes(tag, "big") if isinstance(tag, bytes) else tag
        raw = _number(number)
        if number <= 0 or _tag_end(raw, 0) != len(raw) or len(raw) > 4:
            raise TlvError(f"{raw.hex().upper()} is no BER tag", f"{raw.hex().upper()} 不是 BER 标签")
        object.__setattr__(self, "tag", number)
        object.__setattr__(self, "value", bytes(value))

    @property
    def constructed(self) -> bool:
        """Whether the value is itself BER-TLV (bit 6 of the first tag byte)."""
        return bool(_number(self.tag)[0] & 0x20)

    @property
    def children(self) -> tuple[Tlv, ...]:
        """The objects inside a constructed one; none in a primitive one."""
        return parse(self.value) if self.constructed else ()

    def to_bytes(self) -> bytes:
        return _number(self.tag) + _length(len(self.value)) + self.value


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big") if value >= 0 else b"\x00"


def _length(n: int) -> bytes:
    if n < 0x80:
        return bytes([n])
    raw = _number(n)
    if len(raw) > 4:
        raise TlvError("the length takes more than four bytes", "长度超过四字节")
    return bytes([0x80 | len(raw)]) + raw


def _cut(data: bytes, start: int, end: int, element: int) -> bytes:
    if end > len(data):
        raise TlvError(f"{end - len(data)} bytes are missing", f"缺少 {end - len(data)} 字节", offset=element)
    return data[start:end]


def _tag_end(data: bytes, start: int) -> int:
    """The offset behind a tag: after a first byte xxx11111 more follow while bit 8 is set."""
    end = start + 1
    if data[start] & 0x1F == 0x1F:
        while end < len(data) and data[end] & 0x80:
            end += 1
        end += 1
    return end


def _read_length(data: bytes, at: int, element: int) -> tuple[int, int]:
    """A BER length and the offset behind it."""
    first = _cut(data, at, at + 1, element)[0]
    if first < 0x80:
        return first, at + 1
    if not 0x81 <= first <= 0x84:
        raise TlvError(f"length byte {first:02X} is not allowed", f"不允许的长度字节 {first:02X}", offset=element)
    end = at + 1 + (first & 0x7F)
    return int.from_bytes(_cut(data, at + 1, end, element), "big"), end


def parse(data: bytes, *, filler: bool = False) -> tuple[Tlv, ...]:
    """Every object in order, repeats kept; ``filler`` skips 00 and FF between objects (ISO 7816-4, 6.1)."""
    return tuple(_objects(data, filler))


def _objects(data: bytes, filler: bool) -> Iterator[Tlv]:
    at = 0
    while at < len(data):
        if filler and data[at] in (0x00, 0xFF):
            at += 1
            continue
        tag = _cut(data, at, _tag_end(data, at), at)
        if len(tag) > 4 or tag[0] == 0:
            raise TlvError(f"{tag.hex().upper()} is no BER tag", f"{tag.hex().upper()} 不是 BER 标签", offset=at)
        length, start = _read_length(data, at + len(tag), at)
        yield Tlv(tag, _cut(data, start, start + length, at))
        at = start + length


def encode(objects: Iterable[Tlv]) -> bytes:
    """The objects one after the other, each with the shortest length field."""
    return b"".join(item.to_bytes() for item in objects)


def find(objects: Iterable[Tlv], *path: int) -> Tlv | None:
    """The first object at the end of ``path``, a tag for each level; ``find(fci, 0x6F, 0xA5, 0x88)``."""
    head, *rest = path
    for item in objects:
        if item.tag == head and (found := find(item.children, *rest) if rest else item) is not None:
            return found
    return None


@dataclass(frozen=True, slots=True)
class CardRecord:
    """A record or item of a social-security file: T(1) L(1) V (LD/T 32 part 3; the V2.0 file structure, 7)."""

    tag: int
    value: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.tag <= 0xFF or len(self.value) > 0xFF:
            raise TlvError("tag and length of a record are one byte each", "记录的标签和长度各为一字节")

    def to_bytes(self) -> bytes:
        return bytes((self.tag, len(self.value))) + self.value


def parse_records(data: bytes) -> tuple[CardRecord, ...]:
    """T(1) L(1) V one after the other, to the end."""
    found: list[CardRecord] = []
    at = 0
    while at < len(data):
        tag, length = _cut(data, at, at + 2, at)
        found.append(CardRecord(tag, _cut(data, at + 2, at + 2 + length, at)))
        at += 2 + length
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Dgi:
    """A data grouping of EMV CPS 1.1, 2.2: identifier of 2 bytes, length of 1 byte (to 254) or FF and 2 bytes."""

    id: int
    value: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.id <= 0xFFFF or len(self.value) > 0xFFFF:
            raise TlvError("a data grouping has an identifier of two bytes", "数据分组标识为两字节")

    def to_bytes(self) -> bytes:
        n = len(self.value)
        length = bytes([n]) if n < 0xFF else b"\xff" + n.to_bytes(2, "big")
        return self.id.to_bytes(2, "big") + length + self.value


def parse_dgis(data: bytes) -> tuple[Dgi, ...]:
    """Data groupings one after the other, to the end."""
    found: list[Dgi] = []
    at = 0
    while at < len(data):
        head = _cut(data, at, at + 3, at)
        start, length = at + 3, head[2]
        if length == 0xFF:
            length, start = int.from_bytes(_cut(data, start, start + 2, at), "big"), start + 2
        found.append(Dgi(int.from_bytes(head[:2], "big"), _cut(data, start, start + length, at)))
        at = start + length
    return tuple(found)
