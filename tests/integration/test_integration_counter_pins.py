"""The holder's PIN at the counter, on the card and in its certificate application."""

from __future__ import annotations

import pytest

from cardfab.errors import InDoubt, InputRefused
from cardfab.keys import KeyUnknown, SoftKeyStore
from cardfab.station.counter import medical
from cardfab.station.counter.pins import change_pin, reset_pin, unblock
from cardfab.terminal.reason import PinBlocked, PinWrong, RightMissing
from tests.counter_place import NEW, PIN, Place, other_card, pki_pin_is


@pytest.mark.proof
def test_the_holder_changes_the_pin(place: Place) -> None:
    with place.card() as here:
        change_pin(here, place.holder(), PIN, NEW)
    with place.card() as here:
        with pytest.raises(PinWrong) as wrong:
            change_pin(here, place.holder(), PIN, "1111")
        assert wrong.value.tries == 5
        change_pin(here, place.holder(), NEW, PIN)
    assert place.services() == [
        ("pin-change", "done", None), ("pin-change", "refused", "CF-4510"), ("pin-change", "done", None),
    ]  # fmt: skip
    place.activated()


@pytest.mark.shows("a PIN of 3 or 17 digits refused before a card is touched (test)")
@pytest.mark.parametrize("digits", ["123", "1" * 17, "12a456", ""])
def test_digits_that_cannot_be_a_pin(place: Place, digits: str) -> None:
    with place.card() as here:
        sent = place.sent
        for ask in (
            lambda: change_pin(here, place.holder(), PIN, digits),
            lambda: reset_pin(here, place.holder(), digits),
        ):
            with pytest.raises(InputRefused, match="PIN"):
                ask()
        assert place.sent == sent > 0
    assert place.services() == []


@pytest.mark.proof
def test_a_blocked_pin_is_unblocked_or_reset_by_the_document(place: Place) -> None:
    def spend() -> None:
        with place.card() as here:
            for _ in range(6):
                with pytest.raises((PinWrong, PinBlocked)):
                    change_pin(here, place.holder(), "999999", NEW)
            with pytest.raises(PinBlocked):
                change_pin(here, place.holder(), PIN, NEW)

    spend()
    with place.card() as here:
        unblock(here, place.holder())
        change_pin(here, place.holder(), PIN, NEW)
    with place.card() as here:
        reset_pin(here, place.holder(), PIN)
    place.activated()
    assert [one for one in place.services() if one[0] in ("pin-unblock", "pin-reset")] == [
        ("pin-unblock", "done", None), ("pin-reset", "done", None),
    ]  # fmt: skip


# -- the certificate application of a third-generation card ------------------------------------------------------------


@pytest.fixture
def third(place: Place) -> Place:
    return other_card(place, version="3.0")


@pytest.mark.proof
@pytest.mark.shows("3.x: PIN moved to the PKI application, and kept the same by PIN change and reset (proof)")
def test_change_and_reset_reach_the_certificate_application(third: Place) -> None:
    with third.card() as here:
        done = change_pin(here, third.holder(), PIN, NEW)
        assert done.values["certificates"] == "same PIN"
        medical.load(here, third.holder(), NEW, 500)
    assert pki_pin_is(third, NEW)
    assert not pki_pin_is(third, PIN)
    with third.card() as here:
        reset_pin(here, third.holder(), "4321")
    assert pki_pin_is(third, "4321")
    assert [one[1] for one in third.services()] == ["done", "done", "done"]


CUTS = [
    {"cut_before": bytes.fromhex("00A404000C504B49")},
    {"cut_before": bytes.fromhex("845E0181")},
    {"cut_after": bytes.fromhex("845E0181")},
]


@pytest.mark.proof
@pytest.mark.parametrize("cut", CUTS, ids=["before SELECT", "before the change", "after the change"])
@pytest.mark.parametrize("by", ["recover", "change", "reset"])
def test_a_torn_second_write_is_told_and_made_good(third: Place, cut: dict[str, bytes], by: str) -> None:
    with third.card(**cut) as here, pytest.raises(InDoubt, match="may still have the old one") as torn:
        change_pin(here, third.holder(), PIN, NEW)
    assert (torn.value.code, torn.value.exit_status) == ("CF-9320", 9)
    assert pki_pin_is(third, NEW) is ("cut_after" in cut)
    now = NEW if by == "recover" else "97531"
    with third.card() as here:
        if by == "recover":
            done = medical.recover(here, third.holder(), NEW)
            assert done.values["certificates"] == "same PIN"
        elif by == "change":
            change_pin(here, third.holder(), NEW, now)
        else:
            reset_pin(here, third.holder(), now)
    assert pki_pin_is(third, now)
    with third.card() as here:
        again = medical.recover(here, third.holder(), now)
    assert "certificates" not in again.values, "nothing is left to make good"
    assert third.services()[0] == ("pin-change", "doubt", "CF-9320")


@pytest.mark.proof
def test_a_torn_first_write_leaves_one_pin(third: Place) -> None:
    """Whether the card took the new PIN nobody knows: the PIN that it takes now becomes the other's."""
    for cut, pin in (({"cut_before": b"\x80\x5e"}, PIN), ({"cut_after": b"\x80\x5e"}, NEW)):
        with third.card(**cut) as here, pytest.raises(InDoubt):
            change_pin(here, third.holder(), PIN, NEW)
        with third.card() as here:
            medical.recover(here, third.holder(), pin)
        assert pki_pin_is(third, pin)


def test_a_reset_that_could_not_reach_it_is_refused_before(third: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_self: SoftKeyStore, label: str, *_: object, **__: object) -> None:
        raise KeyUnknown(label)

    monkeypatch.setattr(SoftKeyStore, "pki_reset", unknown)
    with third.card() as here:
        sent = third.sent
        with pytest.raises(RightMissing, match="certificates"):
            reset_pin(here, third.holder(), NEW)
        assert third.sent == sent
    assert third.services() == [("pin-reset", "refused", "CF-6240")]
