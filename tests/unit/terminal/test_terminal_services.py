"""PIN, application block and card block at the counter."""

from __future__ import annotations

from typing import Literal

import pytest

from cardfab.apdu.link import CardAnswered
from cardfab.errors import InputRefused
from cardfab.simulator.chip import make_blank
from cardfab.terminal.card import pin_tries, verify_pin
from cardfab.terminal.identify import identify
from cardfab.terminal.read import read_card
from cardfab.terminal.reason import Denied, PinBlocked, PinWrong, RightMissing
from cardfab.terminal.services import block_application, block_card, change_pin, reload_pin, unblock_pin
from tests.unit.terminal.seats import PIN, REGION, Seat, issuer, of_city, present

Cipher = Literal["3DES", "SM4"]
NEW = "98765"


@pytest.fixture(params=["3DES", "SM4"])
def seat(request: pytest.FixtureRequest) -> Seat:
    cipher: Cipher = request.param
    made = present(make_blank(serial=7, region=REGION, version="2.0", algorithm=cipher), of_city(REGION))
    made.run(identify(made.card))
    return made


def _again(seat: Seat, city: str = REGION) -> Seat:
    again = present(seat.chip, of_city(city))
    again.run(identify(again.card))
    return again


def _block_pin(seat: Seat) -> None:
    for _ in range(6):
        with pytest.raises((PinWrong, PinBlocked)):
            seat.run(verify_pin(seat.card, "000000"))
    assert seat.run(pin_tries(seat.card)) == 0


def test_the_holder_changes_the_pin(seat: Seat) -> None:
    with pytest.raises(PinWrong):
        seat.run(change_pin(seat.card, NEW, PIN))
    seat.run(change_pin(seat.card, PIN, NEW))
    seat.run(verify_pin(seat.card, NEW))
    with pytest.raises(PinWrong):
        seat.run(verify_pin(seat.card, PIN))


@pytest.mark.parametrize("pin", ["123", "12345678901234567", "12a456", ""])
def test_what_is_no_pin_is_refused_before(seat: Seat, pin: str) -> None:
    asked = len(seat.wire.sent)
    for make in (
        lambda: change_pin(seat.card, PIN, pin),
        lambda: change_pin(seat.card, pin, PIN),
        lambda: reload_pin(seat.card, pin),
    ):
        with pytest.raises(InputRefused) as refused:
            make()
        assert not pin or pin not in str(refused.value)
    assert len(seat.wire.sent) == asked


def test_a_blocked_pin_is_unblocked_and_stays_the_same(seat: Seat) -> None:
    _block_pin(seat)
    with pytest.raises(PinBlocked):
        seat.run(verify_pin(seat.card, PIN))
    seat.run(unblock_pin(seat.card))
    assert seat.run(pin_tries(seat.card)) == 6
    seat.run(verify_pin(seat.card, PIN))


@pytest.mark.parametrize("pin", ["4321", "98765", "1234567890123456"])
def test_a_forgotten_pin_is_set_anew(seat: Seat, pin: str) -> None:
    _block_pin(seat)
    sent = len(seat.wire.sent)
    seat.run(reload_pin(seat.card, pin))
    packed = bytes.fromhex(pin + "F" * (len(pin) % 2))
    assert all(packed not in apdu for apdu in seat.wire.sent[sent:]), "it goes encrypted"
    seat.run(verify_pin(seat.card, pin))


def test_another_city_has_not_the_line_key(seat: Seat) -> None:
    """PUK and BK are the province's, STK is the city's: both are needed, and the card is not asked."""
    for city in ("440198", "650199"):
        other = _again(seat, city)
        asked = len(other.wire.sent)
        for make in (
            lambda card: unblock_pin(card),
            lambda card: reload_pin(card, NEW),
            lambda card: block_application(card, "DF04"),
            lambda card: block_card(card),
        ):
            with pytest.raises(RightMissing):
                make(other.card)
        assert len(other.wire.sent) == asked


@pytest.mark.parametrize("directory", ["DF01", "DF02", "DF03", "DF04", "DF07"])
def test_an_application_is_blocked_for_ever(seat: Seat, directory: str) -> None:
    seat.run(block_application(seat.card, directory))
    again = _again(seat)
    reading = again.run(read_card(again.card, pin=PIN))
    of_it = {one.denied for one in reading.files if one.directory == directory}
    rest = {one.denied for one in reading.files if one.directory != directory}
    assert of_it == {Denied.BLOCKED}
    assert Denied.BLOCKED not in rest


def test_a_card_is_blocked_for_ever(seat: Seat) -> None:
    seat.run(block_card(seat.card))
    again = present(seat.chip, issuer())
    with pytest.raises(CardAnswered) as answered:
        again.run(identify(again.card))
    assert answered.value.sw == 0x6A81
