"""What the card will answer to GET PROCESSING OPTIONS, before there is a card.

Contact paths answer with what 9104 holds. Contactless paths answer with a cryptogram and the data of the transaction,
of which the lengths are known ahead (facts on PBOC debit, ``qpboc_gpo_response``; the order may differ by applet).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cardfab.apdu.tlv import Tlv, TlvError, encode, parse
from cardfab.keys import Sealed
from cardfab.profile.financial import FinancialApplication, PathEntry

LARGEST_ANSWER = 256
_ARQC = ("82", "9F36", "57", "9F10", "9F26", "9F63", "5F34", "9F6C", "9F5D", "5F20")
_TC = ("82", "94", "9F36", "9F26", "9F10", "57", "5F34", "9F4B", "9F6C", "9F5D")
_IDD = {1: 5, 2: 5, 3: 10, 4: 10, 5: 5, 6: 5}
"""Bytes of the value by the id of the issuer's discretionary data; id 06 is a guess."""
SM2_DYNAMIC = 69


@dataclass(frozen=True, slots=True)
class PredictedGpo:
    """``answer`` of a contact path, whole; of a contactless one the lengths with ARQC and with TC, in bytes."""

    answer: bytes | None
    arqc: int = 0
    tc: int = 0


def predicted_gpo(
    application: FinancialApplication, groupings: Mapping[str, bytes | Sealed]
) -> dict[str, PredictedGpo]:
    """By the name of the path."""
    clear = {dgi: value for dgi, value in groupings.items() if isinstance(value, bytes)}
    return {path.name: _one(application, path, clear) for path in application.ways if path.gpo in clear}


def _one(application: FinancialApplication, path: PathEntry, clear: Mapping[str, bytes]) -> PredictedGpo:
    gpo = {one.tag: one.value for one in _parsed(clear[path.gpo])}
    if not path.contactless:
        content = gpo.get(0x82, b"") + gpo.get(0x94, b"")
        return PredictedGpo(Tlv(0x80, content).to_bytes())  # format 1: EMV book 3, 6.5.8.4
    have = dict(_lengths(clear, path))
    have |= {tag: len(value) for tag, value in gpo.items()}
    have[0x9F10] = _iad(gpo.get(0x9F10, b""))
    have |= {0x9F36: 2, 0x9F26: 8, 0x9F4B: _dynamic(application, path, clear)}
    if not have.get(0x9F68) or not _byte(clear, 0x9F68) & 0x01:
        have.pop(0x9F5D, None)  # 9F68 byte 1 b1: the available amount is given
    return PredictedGpo(None, _size(_ARQC, have), _size(_TC, have))


def _size(tags: tuple[str, ...], have: Mapping[int, int]) -> int:
    present = [(int(tag, 16), have[int(tag, 16)]) for tag in tags if have.get(int(tag, 16))]
    return len(Tlv(0x77, encode(Tlv(tag, bytes(length)) for tag, length in present)).to_bytes())


def _lengths(clear: Mapping[str, bytes], path: PathEntry) -> Iterator[tuple[int, int]]:
    """Of everything on the card: the answer takes 57, 5F20, 9F63 from records that this path need not read."""
    for dgi, value in clear.items():
        objects = _parsed(value)
        if len(objects) == 1 and objects[0].tag == 0x70:
            objects = _parsed(objects[0].value)
        yield from ((one.tag, len(one.value)) for one in objects if dgi in ("0D01", "0E01") or int(dgi[:2], 16) <= 30)


def _byte(clear: Mapping[str, bytes], tag: int) -> int:
    found = [one.value for dgi in ("0D01", "0E01") for one in _parsed(clear.get(dgi, b"")) if one.tag == tag]
    return found[0][0] if found and found[0] else 0


def _iad(prefix: bytes) -> int:
    """The length of 9F10 once the card has filled it: behind the fixed part stand length, id, value and a MAC."""
    if len(prefix) < 10:
        return len(prefix)
    return 10 + _IDD.get(prefix[9], 5) + 4


def _dynamic(application: FinancialApplication, path: PathEntry, clear: Mapping[str, bytes]) -> int:
    if path.algorithm == "SM2":
        return SM2_DYNAMIC
    bits = application.issuer.icc_bits
    return bits // 8 if bits <= 1024 else 0  # a longer 9F4B goes into a record


def _parsed(data: bytes) -> tuple[Tlv, ...]:
    try:
        return parse(data)
    except TlvError:
        return ()
