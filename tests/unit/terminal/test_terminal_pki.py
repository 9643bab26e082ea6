"""The PIN of the certificate application, set behind that of the card."""

from __future__ import annotations

import pytest

from cardfab.apdu import pki as commands
from cardfab.apdu.link import CardAnswered
from cardfab.errors import InputRefused
from cardfab.profile.card import CardProfile, Pki
from cardfab.profile.loader import load
from cardfab.simulator.chip import make_blank
from cardfab.terminal.identify import identify
from cardfab.terminal.pki import manager, set_pki_pin
from cardfab.terminal.reason import RightMissing
from tests.unit.terminal.seats import PIN, PROFILES, REGION, Seat, issuer, of_city, present

NEW = "8642097531864"


@pytest.fixture(scope="module")
def pki() -> Pki:
    found = load(PROFILES, "cards", "training-ssc3", CardProfile).pki
    assert found is not None
    return found


def _changed_manager(seat: Seat, pki: Pki) -> None:
    """As personalisation leaves the card."""
    where = seat.card.region, seat.card.historical
    seat.run(commands.enter(pki.ddf, pki.adf))
    seat.run(commands.verify(issuer().pki_pin(pki.manager_before, *where), commands.MANAGER))
    seat.run(commands.change_manager_pin(issuer().pki_pin(pki.manager_before, *where, new=pki.manager)))


@pytest.fixture
def seat(pki: Pki) -> Seat:
    made = present(make_blank(serial=7, region=REGION, version="3.0"), issuer(), "ssc-v3")
    made.run(identify(made.card))
    _changed_manager(made, pki)
    return made


def _proved(seat: Seat, pki: Pki, pin: str) -> bool:
    assert seat.run(commands.enter(pki.ddf, pki.adf))
    try:
        seat.run(commands.verify(issuer().holder_pin(pin), commands.USER))
    except CardAnswered:
        return False
    return True


@pytest.mark.parametrize("new", ["4321", "98765", "1234567890123456", NEW])
def test_the_holder_changes_it(seat: Seat, pki: Pki, new: str) -> None:
    assert seat.run(set_pki_pin(seat.card, pki, issuer(), new, old=PIN))
    assert _proved(seat, pki, new)
    assert not _proved(seat, pki, PIN)
    packed = bytes.fromhex(new + "F" * (len(new) % 2))
    assert all(packed not in apdu for apdu in seat.wire.sent), "it goes encrypted"
    assert bytes.fromhex("845E0181") in [apdu[:4] for apdu in seat.wire.sent]
    assert not seat.card.directory


def test_the_manager_sets_it_without_the_old_one(seat: Seat, pki: Pki) -> None:
    assert seat.run(set_pki_pin(seat.card, pki, issuer(), NEW))
    assert _proved(seat, pki, NEW)
    heads = [apdu[:4].hex().upper() for apdu in seat.wire.sent]
    assert "845E0281" in heads
    assert "845E0181" not in heads


@pytest.mark.parametrize("wrong_tries", [0, 6])
def test_another_old_pin_is_set_right_by_the_manager(seat: Seat, pki: Pki, wrong_tries: int) -> None:
    """The application has fallen behind the card, or its tries are spent."""
    for _ in range(wrong_tries):
        assert not _proved(seat, pki, "999999")
    assert seat.run(set_pki_pin(seat.card, pki, issuer(), NEW, old="111111"))
    assert _proved(seat, pki, NEW)


def test_who_does_not_hold_the_managers_pin(seat: Seat, pki: Pki) -> None:
    city = of_city(REGION)
    sent = len(seat.wire.sent)
    with pytest.raises(RightMissing):
        manager(seat.card, pki, city, NEW)
    assert len(seat.wire.sent) == sent
    with pytest.raises(RightMissing):
        seat.run(set_pki_pin(seat.card, pki, city, NEW))
    assert seat.run(set_pki_pin(seat.card, pki, city, NEW, old=PIN))
    assert _proved(seat, pki, NEW)


def test_a_card_without_the_application(pki: Pki) -> None:
    seat = present(make_blank(serial=7, region=REGION, version="2.0"), issuer())
    seat.run(identify(seat.card))
    assert not seat.run(set_pki_pin(seat.card, pki, issuer(), NEW, old=PIN))


@pytest.mark.parametrize("digits", ["123", "1" * 17, "12a456"])
def test_what_is_no_pin_is_refused_before(seat: Seat, pki: Pki, digits: str) -> None:
    sent = len(seat.wire.sent)
    with pytest.raises(InputRefused):
        set_pki_pin(seat.card, pki, issuer(), digits, old=PIN)
    assert len(seat.wire.sent) == sent
