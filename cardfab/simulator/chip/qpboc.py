"""qPBOC: the whole decision in GET PROCESSING OPTIONS, fDDA, and the balance with the last record. JR/T 0025 part 12.

Bits of 9F66, 9F68 and 9F6C as the facts list them.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.simulator.chip import groupings, paylog, tlv
from cardfab.simulator.chip.carddata import AMOUNT, CURRENCY, LOG, CardData, Changes, packed
from cardfab.simulator.chip.cryptogram import AAC, ARQC, TC
from cardfab.simulator.chip.dynamic import Signer, dynamic_number
from cardfab.simulator.chip.risk import NO_LIMIT, cash_allows
from cardfab.simulator.chip.transaction import Transaction

SIGNATURE_RECORD = 0x0601  # where 9F4B goes that is too long for the answer
LONGEST_INLINE = 128
ONLINE_PIN, SIGNATURE = 0x80, 0x40  # 9F6C byte 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Kind of cryptogram, 9F6C, the balance and the cumulative amount there will be."""

    kind: int
    qualifiers: bytes
    balance: int
    cumulative: int


def decide(data: CardData, tx: Transaction) -> Verdict:
    """Card risk management; says in ``tx`` whether an e-cash limit was passed."""
    reader = tx.values[0x9F66]
    process = data.tag(0x9F68).ljust(4, b"\x00")
    qualifiers = data.tag(0x9F6C).ljust(2, b"\x00")
    balance, cumulative, domestic = data.amount(0x9F79), data.count(AMOUNT), tx.domestic(data)
    offline_only, prepaid = reader[0] & 0x08, process[1] & 0x80

    def online(changed: bytes = qualifiers) -> Verdict:
        other_interface = process[0] & 0x02 and reader[0] & 0x10  # card prefers contact for it, and so can the reader
        possible = not (offline_only or prepaid or other_interface)
        return Verdict(ARQC if possible else AAC, changed, balance, cumulative)

    declined = Verdict(AAC, qualifiers, balance, cumulative)
    if data.blocked or (not domestic and process[1] & 0x40):
        return declined
    if tx.new and process[0] & 0x10:
        return declined if offline_only and process[1] & 0x20 else online()
    method = _cardholder(data, tx, reader, process, domestic)
    if method is None:
        return declined
    qualifiers = bytes((qualifiers[0] & 0x3F | method, qualifiers[1]))
    if reader[1] & 0x80 or method == ONLINE_PIN or (data.pin_exhausted and process[0] & 0x08):
        return online(qualifiers)
    if not domestic:
        limit = data.tag(0x9F53) or bytes((NO_LIMIT,))
        few = limit[0] == NO_LIMIT or data.count(CURRENCY) < limit[0]
        allowed = process[0] & 0x04 and few
        return Verdict(TC, qualifiers, balance, cumulative) if allowed else online(qualifiers)
    low = cash_allows(data, tx)
    under = cumulative + tx.amount <= data.amount(0x9F54)
    from_cash, counted = {0x40: (low and under,) * 2, 0x20: (low, under and not low)}.get(
        process[0] & 0x60, (bool(process[0] & 0x80) and low, False)
    )
    if from_cash or counted:
        return Verdict(TC, qualifiers, balance - tx.amount * from_cash, cumulative + tx.amount * counted)
    tx.velocity = bool(process[0] & 0xE0)
    return online(qualifiers)


def _cardholder(data: CardData, tx: Transaction, reader: bytes, process: bytes, domestic: bool) -> int | None:
    """What 9F6C asks for: on-line PIN, signature or 0; None where one is needed and none is common."""
    over = domestic and data.has(0x9F6B) and tx.amount > data.amount(0x9F6B)
    if not (over or reader[1] & 0x40 or (not domestic and process[2] & 0x20)):
        return 0
    if reader[0] & 0x04 and process[2] & (0x80 if domestic else 0x40):
        return ONLINE_PIN
    return SIGNATURE if reader[0] & 0x02 and process[2] & 0x10 else None


def _related_data(data: CardData, tx: Transaction, qualifiers: bytes, random: bytes) -> bytes:
    """9F69 anew: version 01, 4 random bytes, 9F6C, DF61 or 00; empty for fDDA 00."""
    version01 = tx.values[0x9F66][3] & 0x80 and tx.options.get(0x9F08, b"") >= b"\x00\x30" and data.has(0x9F69)
    if not version01:
        return b""
    return b"\x01" + random + qualifiers + (data.tag(0xDF61)[:1] or b"\x00")


def offline(data: CardData, tx: Transaction, verdict: Verdict, signer: Signer | None, random: bytes) -> bytes:
    """fDDA (empty without a key for it); what is due with the last record stays in ``tx``."""
    related = _related_data(data, tx, verdict.qualifiers, random)
    terminal = tx.values[0x9F37]
    if related:
        terminal += tx.values[0x9F02] + tx.values[0x5F2A] + related
    signature = b""
    if signer is not None and tx.options[0x82][0] & 0x20:
        signature = signer.sign(dynamic_number(data.atc), terminal)
    listed = groupings.listed(tx.options[0x94])
    tx.last_record = listed[-1] if listed else 0
    if related:
        tx.appended[tx.last_record] = tlv.build(0x9F69, related)
    tx.commit = _committed(data, tx, verdict)
    return signature


def _committed(data: CardData, tx: Transaction, verdict: Verdict) -> Changes:
    """Balance, or the count of foreign ones, and the log record."""
    if tx.domestic(data):
        changes: Changes = {data.tag_cell(0x9F79): packed(verdict.balance)}
        if verdict.cumulative != data.count(AMOUNT):
            changes[data.kept_cell(AMOUNT)] = packed(verdict.cumulative)
    else:
        changes = {data.kept_cell(CURRENCY): bytes((min(data.count(CURRENCY) + 1, 0xFF),))}
    if data.tag(0x9F68).ljust(4, b"\x00")[1] & 0x10:
        known = {**tx.values, 0x9F36: data.atc, 0x9F27: bytes((TC,))}
        changes |= paylog.written(data, LOG, known)
    return changes


def available(data: CardData) -> bytes:
    """9F5D as GET DATA gives it."""
    return packed(data.offline_amount(data.amount(0x9F79), data.count(AMOUNT)))


def _built(parts: list[tuple[int, bytes]]) -> bytes:
    return tlv.build(0x77, b"".join(tlv.build(tag, value) for tag, value in parts if value))


def answer(
    data: CardData, tx: Transaction, verdict: Verdict, cryptogram: bytes, issuer_data: bytes, signature: bytes
) -> bytes:
    """The answer, format 2, in the order of the facts (``records``, ``qpboc_gpo_response``)."""
    first = data.tag(0x9F68)[:1] or b"\x00"
    spendable = packed(data.offline_amount(verdict.balance, verdict.cumulative)) if first[0] & 0x01 else b""
    track, number = data.wherever(0x57), data.tag(0x5F34)
    if verdict.kind != TC:
        return _built(
            [
                (0x82, tx.options[0x82]),
                (0x9F36, data.atc),
                (0x57, track),
                (0x9F10, issuer_data),
                (0x9F26, cryptogram),
                (0x9F63, data.wherever(0x9F63)),
                (0x5F34, number),
                (0x9F6C, verdict.qualifiers),
                (0x9F5D, spendable),
                (0x5F20, data.wherever(0x5F20)),
            ]
        )
    locator = tx.options[0x94]
    if len(signature) > LONGEST_INLINE:  # the signature goes into a record, with 9F5D
        moved = tlv.build(0x9F4B, signature) + (tlv.build(0x9F5D, spendable) if spendable else b"")
        tx.appended[SIGNATURE_RECORD] = moved
        if SIGNATURE_RECORD not in groupings.listed(locator):
            locator = bytes.fromhex("30010100") + locator
        signature = spendable = b""
    return _built(
        [
            (0x82, tx.options[0x82]),
            (0x94, locator),
            (0x9F36, data.atc),
            (0x9F26, cryptogram),
            (0x9F10, issuer_data),
            (0x57, track),
            (0x5F34, number),
            (0x9F4B, signature),
            (0x9F6C, verdict.qualifiers),
            (0x9F5D, spendable),
        ]
    )
