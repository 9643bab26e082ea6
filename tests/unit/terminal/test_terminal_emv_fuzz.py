"""A card that answers nonsense: whatever byte is changed, cut off or put in, the terminal ends with a report."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cardfab.terminal.emv import EmvReport
from tests.unit.terminal.emv_cards import PRODUCTS, ScriptedCard, card_of, host_of, play, sample

RUNS = 300


def _broken(answer: str, dice: random.Random) -> str:
    """One answer with a byte flipped, cut, put in, or a length changed; the status word stays."""
    raw, word = bytearray.fromhex(answer[:-4]), answer[-4:]
    if not raw:
        return f"{dice.randrange(0x10000):04X}"
    at, how = dice.randrange(len(raw)), dice.randrange(5)
    if how == 0:
        raw[at] ^= 1 << dice.randrange(8)
    elif how == 1:
        del raw[at:]
    elif how == 2:
        raw.insert(at, dice.randrange(256))
    elif how == 3:
        raw[at] = dice.choice((0x00, 0x01, 0x7F, 0x81, 0xFF))
    else:
        raw = bytearray(dice.randbytes(dice.randrange(40)))
    return raw.hex().upper() + word


def _runs(name: str, transaction: dict[str, Any], dice: random.Random, count: int) -> list[EmvReport]:
    found = []
    whole = card_of(sample(name), transaction)
    places = [(group, command) for group in ("answers", "directory") for command in getattr(whole, group)]
    for _ in range(count):
        card = ScriptedCard(dict(whole.answers), dict(whole.directory))
        for group, command in dice.sample(places, dice.choice((1, 1, 2))):
            group_of = getattr(card, group)
            group_of[command] = _broken(group_of[command], dice)
        more = (
            {} if "qpboc" in transaction["path"] else {"capabilities": dice.choice((b"\xe0\xb8\xc8", b"\xe0\xb8\xc0"))}
        )
        found.append(play(name, transaction, host_of(name), card=card, **more)[0])
    return found


@pytest.mark.parametrize("name", PRODUCTS)
def test_nonsense_ends_in_a_report(name: str) -> None:
    dice = random.Random(f"cardfab emv {name}")
    transactions = sample(name)["transactions"]
    reports = [one for given in transactions for one in _runs(name, given, dice, RUNS // len(transactions))]
    assert all(isinstance(one, EmvReport) for one in reports)
    assert any(one.failed for one in reports)


@pytest.mark.proof
@pytest.mark.parametrize("name", PRODUCTS)
def test_much_nonsense_ends_in_a_report(name: str) -> None:
    dice = random.Random(f"cardfab emv, long, {name}")
    for given in sample(name)["transactions"]:
        _runs(name, given, dice, 1500)


def _nested(card: ScriptedCard, tag: str) -> ScriptedCard:
    """Every record holds this object alone."""
    card.answers = {
        c: f"70{len(tag) // 2:02X}{tag}9000" if c.startswith("00B2") else a for c, a in card.answers.items()
    }
    return card


@pytest.mark.parametrize(
    "tag", ["8700", "9F0700", "9F1400", "5F2400", "5F2500", "8E00", "9F4900", "8F00", "9F6C00", "9F1000"]
)
def test_an_empty_object_is_no_fault_of_the_terminal(tag: str) -> None:
    name = "debit-dual-rsa"
    given = sample(name)["transactions"][0]
    assert not play(name, given, None, card=_nested(card_of(sample(name), given), tag))[0].good
