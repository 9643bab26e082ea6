"""What a card says of itself: production life cycle, key information, card recognition data.

CPLC: GlobalPlatform card mapping guidelines; key information template: GPC 2.3.1, 11.3.3.1; card recognition: GPC
2.3.1, H.2. Parsers take the data object with its tag or its value alone, and raise :class:`TlvError`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from cardfab.apdu.commands import get_data
from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.tlv import Tlv, TlvError, find, parse

_ABSENT = (0x6A88, 0x6A82, 0x6A86, 0x6D00)


@dataclass(frozen=True, slots=True)
class Cplc:
    """Card production life cycle, every field as it lies on the card, in its order."""

    ic_fabricator: bytes
    ic_type: bytes
    operating_system_id: bytes
    operating_system_date: bytes
    operating_system_level: bytes
    ic_fabrication_date: bytes
    ic_serial_number: bytes
    ic_batch: bytes
    module_fabricator: bytes
    module_packaging_date: bytes
    icc_manufacturer: bytes
    ic_embedding_date: bytes
    pre_personalizer: bytes
    pre_personalization_date: bytes
    pre_personalization_equipment: bytes
    personalizer: bytes
    personalization_date: bytes
    personalization_equipment: bytes

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Field names and values in hex."""
        return tuple((f.name.replace("_", " "), getattr(self, f.name).hex().upper()) for f in fields(self))


_CPLC_SIZES = (2, 2, 2, 2, 2, 2, 4, 2, 2, 2, 2, 2, 2, 2, 4, 2, 2, 4)


def _value(data: bytes, tag: int) -> bytes:
    """The value where ``data`` is exactly one object of that tag, else ``data``."""
    try:
        objects = parse(data)
    except TlvError:
        return data
    return objects[0].value if len(objects) == 1 and objects[0].tag == tag else data


def parse_cplc(data: bytes) -> Cplc:
    """42 bytes, with or without 9F7F 2A before them."""
    raw = data[3:] if data[:3] == b"\x9f\x7f\x2a" else data
    if len(raw) != sum(_CPLC_SIZES):
        raise TlvError(f"CPLC has {len(raw)} bytes, not 42", f"CPLC 为 {len(raw)} 字节，应为 42")
    parts, at = [], 0
    for size in _CPLC_SIZES:
        parts.append(raw[at : at + size])
        at += size
    return Cplc(*parts)


@dataclass(frozen=True, slots=True)
class KeyInformation:
    """One key of a security domain: identifier, version, and type and length of each component."""

    key_id: int
    version: int
    components: tuple[tuple[int, int], ...]

    @property
    def words(self) -> str:
        """Types and lengths for people; an unknown type as its number."""
        return ", ".join(
            f"{_KEY_TYPES.get(kind, f'type {kind:02X}')} {length} bytes" for kind, length in self.components
        )


_KEY_TYPES = {0x80: "DES", 0x82: "DES CBC", 0x85: "TLS PSK", 0x88: "AES", 0x90: "HMAC-SHA1", 0xA0: "RSA exponent",
              0xA1: "RSA modulus", 0xB0: "EC public", 0xB1: "EC private", 0xF0: "EC parameters"}  # fmt: skip


def parse_key_information(data: bytes) -> tuple[KeyInformation, ...]:
    """The key information template E0, or its C0 objects: KID KVN, then type and length of each component.

    In the extended form (table 11-26) a component is FF, its type, two bytes of length; usage and access follow.
    """
    return tuple(_key(item) for item in parse(_value(data, 0xE0)) if item.tag == 0xC0)


def _key(item: Tlv) -> KeyInformation:
    raw = item.value
    if len(raw) < 2:
        raise TlvError("key information is too short", "密钥信息过短")
    at = 2
    components: list[tuple[int, int]] = []
    while at < len(raw):
        extended = raw[at] == 0xFF
        if not extended and components and raw[2] == 0xFF:
            break  # usage and access of the extended form
        size = 4 if extended else 2
        if at + size > len(raw):
            raise TlvError("key information ends within a component", "密钥信息在组件中途结束", offset=at)
        if extended:
            components.append((raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], "big")))
        else:
            components.append((raw[at], raw[at + 1]))
        at += size
    return KeyInformation(raw[0], raw[1], tuple(components))


@dataclass(frozen=True, slots=True)
class Scheme:
    """A secure channel protocol that a card offers, and its option i."""

    scp: int
    i: int

    def __str__(self) -> str:
        return f"SCP{self.scp:02X} i={self.i:02X}"


@dataclass(frozen=True, slots=True)
class CardRecognition:
    """Card recognition data: version of GlobalPlatform, protocols, and details of configuration and chip as OIDs."""

    version: str
    schemes: tuple[Scheme, ...]
    configuration: str
    chip: str


def _oid(raw: bytes) -> tuple[int, ...]:
    """The arcs of an OBJECT IDENTIFIER (X.690, 8.19)."""
    arcs, value = [], 0
    for byte in raw:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    if not arcs or raw[-1] & 0x80:
        raise TlvError("an OID that ends too early", "OID 不完整")
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - 40 * first, *arcs[1:])


_GLOBALPLATFORM = (1, 2, 840, 114283)


def _dotted(arcs: tuple[int, ...]) -> str:
    return ".".join(map(str, arcs))


def parse_card_recognition(data: bytes) -> CardRecognition:
    """Tag 66, which holds 73; what is missing is empty."""
    inner = parse(_value(_value(data, 0x66), 0x73))
    oids = [(item.tag, _oid(o.value)) for item in inner if item.tag != 0x06 for o in item.children if o.tag == 0x06]
    version = next((_dotted(arcs[5:]) for tag, arcs in oids if tag == 0x60 and arcs[:5] == (*_GLOBALPLATFORM, 2)), "")
    schemes = tuple(
        Scheme(arcs[5], arcs[6])
        for tag, arcs in oids
        if tag == 0x64 and arcs[:5] == (*_GLOBALPLATFORM, 4) and len(arcs) == 7
    )
    detail = {tag: _dotted(arcs) for tag, arcs in reversed(oids)}
    return CardRecognition(version, schemes, detail.get(0x65, ""), detail.get(0x66, ""))


def _optional(tag: int) -> Exchange[bytes | None]:
    command = get_data(tag)
    response = expect((yield command), command, *_ABSENT)
    return response.data if response.sw.ok else None


def get_cplc() -> Exchange[Cplc | None]:
    """GET DATA 9F7F; None where the card has none."""
    data = yield from _optional(0x9F7F)
    return None if data is None else parse_cplc(data)


def get_key_information() -> Exchange[tuple[KeyInformation, ...] | None]:
    """GET DATA 00E0; None where the card does not tell."""
    data = yield from _optional(0x00E0)
    return None if data is None else parse_key_information(data)


def get_card_recognition() -> Exchange[CardRecognition | None]:
    """GET DATA 0066; None where the card does not tell."""
    data = yield from _optional(0x0066)
    return None if data is None or find(parse(data), 0x66) is None else parse_card_recognition(data)
