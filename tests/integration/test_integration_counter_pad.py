"""Holders' PINs by pin pad or at the reader: which of them a card of each generation takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardfab.apdu.pinentry import PinFeatures
from cardfab.simulator.pinpad import Prompt, TrainingPad
from cardfab.station.counter import medical
from cardfab.station.counter.pinentry import NoPinEntry, PinDesk, way_of
from cardfab.station.counter.pins import change_pin, reset_pin
from cardfab.station.counter.presented import Presented
from cardfab.station.pinpad import LinePad
from tests.counter_place import PIN, Place, other_card, pki_pin_is

NEXT = "864209"
KEYS = PinFeatures(verify=1, modify=2)


def with_pad(here: Presented, *pins: str) -> Presented:
    """The card at a counter with a pad at which somebody presses ``pins``."""
    presses = list(pins)

    def press(_prompt: Prompt) -> str:
        return presses.pop(0)

    desk = replace(here.counter.desk, pin_pad=LinePad(TrainingPad(press).answer))
    here.counter = replace(here.counter, desk=desk)
    return here


@pytest.mark.proof
def test_a_third_generation_card_gets_one_pin_by_the_pad(place: Place) -> None:
    place = other_card(place, version="3.0")
    with place.card() as here:
        change_pin(with_pad(here, PIN, NEXT, NEXT), place.holder(), PinDesk(), PinDesk())
    assert pki_pin_is(place, NEXT)
    with place.card() as here:
        reset_pin(with_pad(here, PIN, PIN), place.holder(), PinDesk())
    assert pki_pin_is(place, PIN)
    with place.card() as here:
        done = medical.recover(with_pad(here, PIN), place.holder(), PinDesk())
    assert done.receipt.done
    assert [(service, outcome) for service, outcome, _ in place.services()] == [
        ("pin-change", "done"), ("pin-reset", "done"), ("recover", "done"),
    ]  # fmt: skip


def test_the_profile_says_which_way(place: Place) -> None:
    """A reader with keys comes first where the profile lets it; for what it cannot do the pad is left, or nothing."""
    with place.card() as here:
        second = here.card.application.pin_entry
    with other_card(place, version="3.0").card() as here:
        third = here.card.application.pin_entry
    ways = [(rules, use) for rules in (second, third) for use in ("verify", "change", "reset")]
    assert [way_of(rules, use, KEYS, pad=True) for rules, use in ways] == [  # type: ignore[arg-type]
        "reader", "reader", "pad", "reader", "pad", "pad",
    ]  # fmt: skip
    assert [way_of(rules, use, KEYS, pad=False) for rules, use in ways] == [  # type: ignore[arg-type]
        "reader", "reader", None, "reader", None, None,
    ]  # fmt: skip
    assert {way_of(rules, use, PinFeatures(), pad=True) for rules, use in ways} == {"pad"}  # type: ignore[arg-type]


def test_where_nothing_can_be_entered_the_card_is_not_touched(place: Place) -> None:
    with place.card() as here, pytest.raises(NoPinEntry):
        reset_pin(here, place.holder(), PinDesk())
    assert place.services() == [("pin-reset", "refused", "CF-5644")]
