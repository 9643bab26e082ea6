"""What the issuer's host is told of cards that were made: account, check values, certificates, expiry.

JSON lines; no secret is in them. The account number is masked unless somebody authorised asked for it whole, and then
the certificates of the chips go along: an ICC certificate holds the account number (in clear with SM2, and to everybody
who has the issuer's public key with RSA), so that a masked file has their digests only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cardfab.apdu.tlv import TlvError, parse
from cardfab.keys import Sealed
from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.profile.financial import FinancialApplication

FORM = "cardfab issuer hand-over 1"
_CHECK_VALUES = {"8000": "3DES", "8400": "SM4"}
_SECRETS = ("AC", "SMI", "SMC")


@dataclass(frozen=True, slots=True)
class MadeCard:
    """One card for the file. ``chip`` is the chip's serial, ``state`` that of the card in the books."""

    request: str
    product: str
    pan: str = field(repr=False)
    expiry: str
    chip: str
    state: str
    groupings: tuple[DataGrouping, ...] = field(repr=False)


def host_lines(cards: Iterable[tuple[MadeCard, FinancialApplication]], about: Mapping[str, str], *, whole: bool) -> str:
    """The file: a head that says what it is, then a line a card. ``whole``: account numbers and certificates whole."""
    head = {"form": FORM, "accounts": "whole" if whole else "masked", **about}
    rows = [head, *(_row(card, application, whole) for card, application in cards)]
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)


def masked(pan: str) -> str:
    """The first six digits and the last four (PCI DSS, 3.4.1)."""
    return f"{pan[:6]}{'*' * (len(pan) - 10)}{pan[-4:]}"


def _row(card: MadeCard, application: FinancialApplication, whole: bool) -> dict[str, Any]:
    return {
        "request": card.request,
        "product": card.product,
        "application": application.aid.hex().upper(),
        "pan": card.pan if whole else masked(card.pan),
        "psn": application.psn,
        "expires": card.expiry,
        "chip": card.chip,
        "state": card.state,
        "service_code": application.service_code,
        "key_index": application.iad[1],
        "cryptogram_version": application.iad[2],
        "kcvs": dict(_kcvs(card.groupings)),
        "certificates": list(_certificates(card.groupings, application, whole)),
    }


def _kcvs(groupings: Iterable[DataGrouping]) -> Iterator[tuple[str, dict[str, str]]]:
    for one in groupings:
        if one.dgi in _CHECK_VALUES and isinstance(one.value, Sealed):
            values = (kcv.hex().upper() for kcv in one.value.kcvs)
            yield _CHECK_VALUES[one.dgi], dict(zip(_SECRETS, values, strict=False))


def _certificates(
    groupings: Iterable[DataGrouping], application: FinancialApplication, whole: bool
) -> Iterator[dict[str, str]]:
    """Of each path that has any: authority, issuer certificate, ICC certificate."""
    records = {one.dgi: one.value for one in groupings if isinstance(one.value, bytes)}
    for path in application.ways:
        objects: dict[int, bytes] = {}
        for dgi in path.records:
            objects |= {one.tag: one.value for one in _inside(records.get(dgi, b""))}
        if 0x90 not in objects:
            continue
        row = {"path": path.name, "algorithm": path.algorithm, "authority": objects.get(0x8F, b"").hex().upper()}
        for name, tag in (("issuer", 0x90), ("icc", 0x9F46)):
            if tag in objects:
                row[f"{name}_sha256"] = hashlib.sha256(objects[tag]).hexdigest().upper()
                if whole:
                    row[name] = objects[tag].hex().upper()
        yield row


def _inside(record: bytes) -> Iterator[Any]:
    try:
        for outer in parse(record):
            yield from outer.children
    except TlvError:
        return
