"""What the payment application accepts as a data grouping, and when all of them together make it usable.

EMV CPS 1.1 chapter 3; JR/T 0025 personalisation as collected in the facts: DGI 9102 to 9208, SSrr, 0D01, 0E01,
8000/9000, 8400/9400, 8201 to 8205, 8501/8502, 8010/9010, and the files of the extended qPBOC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.simulator.chip import dynamic, tlv, word
from cardfab.simulator.chip.message import expect
from cardfab.simulator.chip.word import Refused

FCI, CONTACTLESS_FCI, GPO, IAD, SM_IAD, TAGS, MORE_TAGS = 0x9102, 0x9103, 0x9104, 0x9200, 0x9201, 0x0D01, 0x0E01
KEYS, KCVS, SM_KEYS, SM_KCVS, PIN, PIN_TRIES = 0x8000, 0x9000, 0x8400, 0x9400, 0x8010, 0x9010
CRT = (0x8201, 0x8202, 0x8203, 0x8204, 0x8205)  # q^-1 mod p, d mod q-1, d mod p-1, q, p
SM_GPOS = (0x9105, 0x9204, 0x9208)
GPOS = (GPO, 0x9203, 0x9105, 0x9204)
QPBOC_GPOS = (0x9207, 0x9208)
CASH_TAGS = (0x9F51, 0x9F77, 0x9F78, 0x9F79)  # what e-cash and qPBOC calculate with
SECRET = frozenset({KEYS, SM_KEYS, PIN, 0x8011, *CRT, 0x8402, 0x8501, 0x8502, 0x8020, 0x8021, 0x8420})
LONGEST_RECORD = 254

Stored = Mapping[int, bytes]

LENGTHS = {
    **dict.fromkeys((0x9F53, 0x9F56, 0x9F58, 0x9F59, 0x9F72, 0x5F34, 0xDF61), 1),
    **dict.fromkeys((0x9F13, 0x9F36, 0x9F51, 0x9F52, 0x9F57, 0x9F6C, 0x9F76, 0xDF71), 2),
    **dict.fromkeys((0x9F68, 0x9F73), 4),
    **dict.fromkeys((0x9F54, 0x9F5C, 0x9F5D, 0x9F6B, 0x9F6D, 0x9F75, 0x9F77, 0x9F78, 0x9F79), 6),
    **dict.fromkeys((0xDF62, 0xDF63, 0xDF72, 0xDF76, 0xDF77, 0xDF78, 0xDF79), 6),
}
"""Internal data that have one length; a wrong one is 6A80."""


def is_record(dgi: int) -> bool:
    """SSrr with SFI 01 to 1E; 0D01 and 0E01 are internal data."""
    return 0x01 <= dgi >> 8 <= 0x1E and dgi & 0xFF != 0 and dgi not in (TAGS, MORE_TAGS)


def _parsed(value: bytes) -> list[tlv.Element]:
    try:
        return tlv.deep(value)
    except tlv.Malformed:
        raise Refused(word.WRONG_DATA) from None


def _right(condition: bool) -> None:
    expect(condition, word.WRONG_DATA)


def _record(dgi: int, value: bytes) -> None:
    _right(0 < len(value) <= LONGEST_RECORD)
    if dgi >> 8 <= 10:  # EMV book 3, 5.3: SFI 1 to 10 hold one template 70
        _right(value[0] == 0x70)
        _parsed(value)
        _right(len(tlv.parse(value)) == 1)


def _fci(value: bytes) -> None:
    """A5, or the whole 6F{84, A5}."""
    _parsed(value)
    outer = tlv.parse(value)
    if [tag for tag, _ in outer] == [0x6F]:
        _right([tag for tag, _ in tlv.parse(outer[0][1])] == [0x84, 0xA5])
    else:
        _right([tag for tag, _ in outer] == [0xA5])


def _processing_options(value: bytes, *tags: int) -> None:
    elements = _parsed(value)
    _right(sorted(tag for tag, _ in elements) == sorted(tags))
    _right(elements[0][0] == 0x82)
    found = dict(elements)
    _right(len(found[0x82]) == 2 and len(found[0x94]) >= 4 and len(found[0x94]) % 4 == 0)
    if 0x9F10 in found:
        _prefix(found[0x9F10])


def _issuer_data(value: bytes) -> None:
    elements = _parsed(value)
    _right([tag for tag, _ in elements] == [0x9F10])
    _prefix(elements[0][1])


def _prefix(data: bytes) -> None:
    _right(8 <= len(data) <= 32 and data[0] == 0x07 and data[3] == 0x03)


def _internal(value: bytes) -> None:
    for tag, content in _parsed(value):
        _right(len(content) == LENGTHS.get(tag, len(content)))
        _right(LENGTHS.get(tag) != 6 or content.hex().isdecimal())  # amounts, n 12


def check_values(algorithm: Algorithm, keys: bytes) -> bytes:
    """Three bytes for each of the 16-byte keys: the left ones of a block of zeros enciphered."""
    parts = (keys[at : at + 16] for at in range(0, len(keys), 16))
    return b"".join(encrypt_ecb(algorithm, key, bytes(algorithm.block))[:3] for key in parts)


def _kcvs(algorithm: Algorithm, keys: bytes, value: bytes) -> None:
    _right(len(keys) == 48 and value == check_values(algorithm, keys))


def _pin_block(value: bytes) -> None:
    """Format 2: 2, length 4 to 12, digits, F. ISO 9564-1."""
    digits = value.hex()
    count = int(digits[1], 16) if len(value) == 8 else 0
    _right(4 <= count <= 12 and digits[0] == "2")
    _right(digits[2 : 2 + count].isdecimal() and set(digits[2 + count :]) <= {"f"})


def tries(value: bytes) -> tuple[int, int]:
    """Try counter and limit of DGI 9010: two bytes, or 9F17 01 PTC followed by the limit; raises 6A80."""
    raw = value[3:] if value.startswith(b"\x9f\x17\x01") else value
    _right(len(raw) == 2)
    _right(raw[0] == raw[1] <= 15)
    return raw[0], raw[1]


def _pin_tries(value: bytes, stored: Stored) -> None:
    """A limit of 00 means that there is no off-line PIN; any other counts for the PIN that came before."""
    _right(tries(value)[1] == 0 or PIN in stored)


def check(dgi: int, value: bytes, stored: Stored) -> None:
    """Refuse a grouping that is wrong by itself (6A80) or unknown (6A88). ``value`` is in the clear."""
    known: dict[int, Callable[[], object]] = {
        FCI: lambda: _fci(value),
        0x9103: lambda: _fci(value),
        IAD: lambda: _issuer_data(value),
        SM_IAD: lambda: _issuer_data(value),
        TAGS: lambda: _internal(value),
        MORE_TAGS: lambda: _internal(value),
        KEYS: lambda: _right(len(value) == 48),
        SM_KEYS: lambda: _right(len(value) == 48),
        KCVS: lambda: _kcvs(Algorithm.TDES, stored.get(KEYS, b""), value),
        SM_KCVS: lambda: _kcvs(Algorithm.SM4, stored.get(SM_KEYS, b""), value),
        0x9003: lambda: _kcvs(Algorithm.SM4, stored.get(SM_KEYS, b""), value),
        PIN: lambda: _pin_block(value),
        0x8011: lambda: _pin_block(value),
        PIN_TRIES: lambda: _pin_tries(value, stored),
        **{gpo: lambda: _processing_options(value, 0x82, 0x94) for gpo in GPOS},
        **{gpo: lambda: _processing_options(value, 0x82, 0x94, 0x9F10) for gpo in QPBOC_GPOS},
        **{
            plain: lambda: _right(bool(value))
            for plain in (*CRT, 0x8402, 0x8501, 0x8502, 0x8020, 0x8021, 0x8420, 0x9020, 0x9021, 0x9420, 0xA001, 0xA004)
        },
    }
    if is_record(dgi):
        _record(dgi, value)
    elif dgi in known:
        known[dgi]()
    else:
        raise Refused(word.NOT_FOUND)


def listed(afl: bytes) -> list[int]:
    """The record DGIs that an AFL names; raises 6A80 where it is no AFL. EMV book 3, 10.2."""
    found: list[int] = []
    for at in range(0, len(afl), 4):
        sfi, first, last, signed = afl[at : at + 4]
        _right(sfi & 0x07 == 0 and 1 <= sfi >> 3 <= 30 and 1 <= first <= last and signed <= last - first + 1)
        found += [(sfi >> 3) << 8 | record for record in range(first, last + 1)]
    return found


def _data(stored: Stored, gpo: int) -> dict[int, bytes]:
    """The data objects of a path: those of the GPO and of its records up to SFI 10."""
    found = dict(tlv.parse(stored[gpo]))
    for dgi in listed(found[0x94]):
        _right(dgi in stored)
        if dgi >> 8 <= 10:
            found.update(tlv.deep(stored[dgi]))
    return found


def _path(stored: Stored, gpo: int) -> None:
    """A path that can be used: its records, its DOLs over contact, the key that its AIP speaks of."""
    found = _data(stored, gpo)
    _right(gpo in QPBOC_GPOS or {0x8C, 0x8D} <= found.keys())
    if found[0x82][0] & 0x21:  # DDA, CDA
        _right(any(dgi in stored for dgi in ((0x8501, 0x8402) if gpo in SM_GPOS else CRT)))
    if gpo not in (GPO, 0x9105):
        _right(set(CASH_TAGS) <= {tag for tag, _ in internal(stored)})
    if gpo in QPBOC_GPOS:
        pdol = dict(tlv.deep(stored.get(CONTACTLESS_FCI, b""))).get(0x9F38, b"")
        try:
            _right(0x9F66 in dict(tlv.list_of(pdol)))
        except tlv.Malformed:
            raise Refused(word.WRONG_DATA) from None


def check_payment(stored: Stored) -> None:
    """The last block of the payment application: 6A80 unless it could be used now."""
    _right(all(dgi in stored for dgi in (FCI, GPO, IAD, KEYS, KCVS)))
    if any(dgi in stored for dgi in SM_GPOS):
        _right(all(dgi in stored for dgi in (SM_IAD, SM_KEYS)))
    _right(SM_KEYS not in stored or SM_KCVS in stored or 0x9003 in stored)
    if PIN in stored or PIN_TRIES in stored:
        _pin_tries(stored.get(PIN_TRIES, b""), stored)
    if any(dgi in stored for dgi in CRT):
        _right(all(dgi in stored for dgi in CRT) and dynamic.related([stored[dgi] for dgi in CRT]))
    _right(0x8501 not in stored or sm2_private(stored[0x8501]))
    for gpo in (*GPOS, *QPBOC_GPOS):
        if gpo in stored:
            _path(stored, gpo)
    known = {tag for tag, _ in internal(stored)}
    for entry, form in ((0x9F4D, 0x9F4F), (0xDF4D, 0xDF4F)):
        place = dict(tlv.deep(stored[FCI])).get(entry)
        _right(place is None or (len(place) == 2 and 11 <= place[0] <= 30 and form in known))


def sm2_private(value: bytes) -> bool:
    """Whether this is d with its padding 80 00*7."""
    return len(value) == 40 and value[32:] == b"\x80" + bytes(7)


def without_related(stored: Stored) -> list[tuple[int, bytes, bytes]]:
    """Each record that holds 9F69: its DGI, the record without, the 9F69, which the card gives anew each time."""
    found: list[tuple[int, bytes, bytes]] = []
    for dgi, value in stored.items():
        inside = tlv.parse(tlv.parse(value)[0][1]) if is_record(dgi) and dgi >> 8 <= 10 else []
        related = dict(inside).get(0x9F69)
        if related is not None:
            rest = b"".join(tlv.build(tag, one) for tag, one in inside if tag != 0x9F69)
            found.append((dgi, tlv.build(0x70, rest), related))
    return found


def check_environment(stored: Stored) -> None:
    """The last block of the payment system environment: its FCI and the directory it names."""
    _right(FCI in stored)
    named = dict(tlv.deep(stored[FCI])).get(0x88)
    _right(named is None or (len(named) == 1 and any(is_record(dgi) and dgi >> 8 == named[0] for dgi in stored)))


def internal(stored: Stored) -> list[tlv.Element]:
    """The data objects of 0D01 and 0E01 in order."""
    return [element for dgi in (TAGS, MORE_TAGS) for element in tlv.parse(stored.get(dgi, b""))]
