"""Card risk management over contact: what the card answers to GENERATE AC, and what it remembers of it.

The bits of 9F52, 9F56 and CVR as the facts list them; order and effects after JR/T 0025 part 5. Velocity is checked
where the card would approve off line, that is where the terminal asks for a TC.
"""

from __future__ import annotations

from cardfab.simulator.chip import paylog
from cardfab.simulator.chip.carddata import (
    AMOUNT,
    BLOCKED,
    COUNTERS,
    COUNTRY,
    CURRENCY,
    HISTORY,
    LOG,
    CardData,
    Changes,
    packed,
)
from cardfab.simulator.chip.cryptogram import AAC, ARQC, TC
from cardfab.simulator.chip.transaction import Transaction

NO_LIMIT = 0xFF
INCOMPLETE, ISSUER_FAILED, PIN_BLOCKED, STATIC_FAILED = 0x80, 0x08, 0x02, 0x01  # history byte 1
SCRIPT_FAILED, DYNAMIC_FAILED = 0x08, 0x04  # history byte 2
UNABLE = (b"Y3", b"Z3")


def _passed(data: CardData, tag: int, count: int) -> bool:
    """Whether a count is over its limit; FF or no limit: not checked."""
    limit = data.tag(tag)
    return len(limit) == 1 and limit[0] != NO_LIMIT and count > limit[0]


def since_online(data: CardData) -> int:
    """Transactions since the last one on line, this one with them."""
    return int.from_bytes(data.atc) - int.from_bytes(data.tag(0x9F13))


def cash_allows(data: CardData, tx: Transaction) -> bool:
    """Single limit, balance and reset threshold of the e-cash."""
    rest = data.amount(0x9F79) - tx.amount
    return tx.amount <= data.amount(0x9F78) and rest >= max(0, data.amount(0x9F6D))


def _velocity(data: CardData, tx: Transaction) -> bool:
    """The lower limits: 9F58, 9F53, 9F72, 9F54; of e-cash its own."""
    if tx.cash:
        return not cash_allows(data, tx)
    abroad = tx.values.get(0x9F1A) != data.tag(0x9F57)
    foreign = not tx.domestic(data)
    return (
        _passed(data, 0x9F58, since_online(data))
        or (foreign and _passed(data, 0x9F53, data.count(CURRENCY) + 1))
        or (abroad and _passed(data, 0x9F72, data.count(COUNTRY) + 1))
        or (not foreign and data.has(0x9F54) and data.count(AMOUNT) + tx.amount > data.amount(0x9F54))
    )


def first(data: CardData, tx: Transaction, wished: int) -> int:
    """The answer to the first GENERATE AC; says in ``tx`` whether a velocity limit was passed."""
    action = data.default_action
    if data.blocked or wished == AAC or (tx.pin_before and action[1] & 0x44):
        return AAC
    if wished == ARQC:
        return ARQC
    tx.velocity = _velocity(data, tx)
    online = (
        tx.velocity
        or tx.history[0] & INCOMPLETE
        or (tx.history[0] & ISSUER_FAILED and action[0] & 0x80)
        or (tx.new and action[0] & 0x02)
        or (tx.pin_before and action[1] & 0x20)
        or (tx.history[1] & SCRIPT_FAILED and action[1] & 0x08)
    )
    return ARQC if online else TC


def second(data: CardData, tx: Transaction, wished: int) -> int:
    """The answer to the second: what the issuer says, unless its authentication or an upper limit forbids it."""
    action = data.default_action
    if wished == AAC or data.blocked:
        return AAC
    if not tx.unable:
        mandatory = data.tag(0x9F56)[:1] >= b"\x80"
        forbidden = (tx.issuer_failed and action[0] & 0x40) or (tx.not_authenticated and mandatory and action[0] & 0x20)
        return AAC if forbidden else TC
    passed = _passed(data, 0x9F59, since_online(data)) or (
        tx.domestic(data) and data.has(0x9F5C) and data.count(AMOUNT) + tx.amount > data.amount(0x9F5C)
    )
    forbidden = tx.cash or passed or (tx.new and action[0] & 0x01) or (tx.pin_before and action[1] & 0x10)
    return AAC if forbidden else TC


def information(data: CardData, tx: Transaction, kind: int) -> int:
    """9F27: the kind, and for a refusal whether an advice is wanted and why."""
    if kind != AAC:
        return kind
    action = data.default_action[0]
    exhausted = tx.pin_failed and data.pin_exhausted
    unproven = tx.issuer_failed or tx.not_authenticated
    advice = action & 0x10 or (exhausted and action & 0x08) or (unproven and action & 0x04)
    reason = 0x03 if tx.issuer_failed else 0x02 if exhausted else 0x00
    return kind | 0x08 | reason if advice else kind


def _approved(data: CardData, tx: Transaction) -> Changes:
    """Counters of what was approved off line, or the e-cash balance."""
    if tx.cash:
        return {data.tag_cell(0x9F79): packed(data.amount(0x9F79) - tx.amount)}
    changes: Changes = {}
    if tx.domestic(data):
        total = min(data.count(AMOUNT) + tx.amount, 10**12 - 1)
        changes[data.kept_cell(AMOUNT)] = packed(total)
    else:
        changes[data.kept_cell(CURRENCY)] = bytes((min(data.count(CURRENCY) + 1, 0xFF),))
    if tx.values.get(0x9F1A) != data.tag(0x9F57):
        changes[data.kept_cell(COUNTRY)] = bytes((min(data.count(COUNTRY) + 1, 0xFF),))
    return changes


def after_first(data: CardData, tx: Transaction, kind: int, log: dict[int, bytes]) -> Changes:
    """What the first answer leaves behind: an on-line one is not completed yet."""
    one, two = tx.history
    if kind == ARQC:
        return {data.kept_cell(HISTORY): bytes((one | INCOMPLETE, two))}
    if kind == TC:
        return _approved(data, tx) | paylog.written(data, LOG, log)
    verification = (tx.values.get(0x95) or b"\x00")[0]
    one |= STATIC_FAILED if verification & 0x40 else 0
    two |= DYNAMIC_FAILED if verification & 0x0C else 0
    changes: Changes = {data.kept_cell(HISTORY): bytes((one, two))} if bytes((one, two)) != tx.history else {}
    if tx.pin_before and data.default_action[1] & 0x04 and not data.blocked:
        changes = {data.kept_cell(BLOCKED): b"\x02", data.kept_cell(HISTORY): bytes((one | PIN_BLOCKED, two))}
    return changes


def after_second(data: CardData, tx: Transaction, kind: int, log: dict[int, bytes]) -> Changes:
    """What the second leaves behind; the issuer's word, where it is its own, begins the counters anew."""
    changes = paylog.written(data, LOG, log) if kind == TC else {}
    if tx.unable:
        return changes | (_approved(data, tx) if kind == TC else {})
    one, two = data.history
    scripts = SCRIPT_FAILED if tx.script_failed else 0
    mandatory = data.tag(0x9F56)[:1] >= b"\x80"
    if tx.issuer_failed or (tx.not_authenticated and mandatory):
        history = bytes((one & ~INCOMPLETE | ISSUER_FAILED, two | scripts))
        return changes | {data.kept_cell(HISTORY): history}
    changes |= {data.kept_cell(name): None for name in COUNTERS}
    changes[data.tag_cell(0x9F13)] = data.atc
    changes[data.kept_cell(HISTORY)] = bytes((one & PIN_BLOCKED, scripts))
    return changes
