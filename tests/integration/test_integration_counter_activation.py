"""Activation, its terms, and who is served: documents, agents, duties."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import pytest

from cardfab.errors import InDoubt, InputRefused
from cardfab.production import CardState, NotAllowed, NotTheHolder, identity
from cardfab.production.people import SamePerson
from cardfab.simulator.cardfile import load_chip
from cardfab.station.counter import medical
from cardfab.station.counter.activation import ActiveAlready, TooLate, activate
from cardfab.station.counter.finding import card_of
from cardfab.station.counter.pending import Unsettled
from cardfab.station.counter.pins import change_pin
from cardfab.station.counter.presented import NotServed
from cardfab.station.counter.release import NotRestricted, due, release
from cardfab.station.counter.service import Shown
from tests.counter_place import NEW, PIN, TODAY, Place, another
from tests.integration.conftest import PLAIN


@pytest.mark.shows("activation: the old account's balance moved on activation (test)")
def test_activation_moves_the_old_balance_and_is_recorded(place: Place) -> None:
    with place.card() as here:
        done = activate(here, place.holder(), PIN)
    assert place.state() is CardState.ACTIVATED
    assert done.values["amount"] == place.balance() == 12_345
    assert done.receipt.document is not None
    assert done.receipt.document.last_digits == place.number[-4:]
    assert [event.outcome for event in place.events("counter.activate")] == ["intent", "done"]
    assert place.services() == [("activate", "done", None)]
    assert place.host is not None
    assert place.host.heard.count("activate") == place.host.heard.count("move_balance") == 1


def test_nothing_is_left_to_activate(place: Place) -> None:
    place.activated()
    with place.card() as here, pytest.raises(ActiveAlready):
        activate(here, place.holder(), PIN)
    assert place.services()[-1] == ("activate", "refused", "CF-7622")
    assert place.balance() == 12_345


@pytest.mark.shows("a card must be activated within half a year of issue (test)")
@pytest.mark.parametrize(("months_later", "late"), [(date(2027, 5, 22), False), (date(2027, 5, 23), True)])
def test_half_a_year(place: Place, months_later: date, late: bool) -> None:
    place.now = datetime.combine(months_later, TODAY.timetz())
    if not late:
        place.activated()
        return
    with place.card() as here, pytest.raises(TooLate, match="2027-05-22"):
        activate(here, place.holder(), PIN)
    assert place.state() is CardState.RESTRICTED
    assert place.services() == [("activate", "refused", "CF-7620")]
    assert len(place.events("card.restrict")) == 1


@pytest.mark.proof
@pytest.mark.shows("release by a named person (proof)")
def test_a_supervisor_releases_and_the_card_is_activated(place: Place) -> None:
    place.now = TODAY + timedelta(days=300)
    with place.counter() as counter:
        assert [(one.state, one.days < 0) for one in due(counter.desk).cards] == [(CardState.RESTRICTED, True)]
        with pytest.raises(NotAllowed):
            release(counter, card_of(counter.desk, PLAIN), place.holder(), "was ill")
    with place.counter("supervisor") as counter:
        subject = card_of(counter.desk, PLAIN)
        with pytest.raises(InputRefused):
            release(counter, subject, place.holder(), "  ")
        done = release(counter, subject, place.holder(), "was ill")
        with pytest.raises(NotRestricted):
            release(counter, subject, place.holder(), "again")
    assert done.values["until"] == (place.now.date() + timedelta(days=30)).isoformat()
    [_, released, *_] = place.events("counter.release")
    assert (released.actor, released.details["reason"]) == ("supervisor", "was ill")
    place.activated()
    assert place.state() is CardState.ACTIVATED


@pytest.mark.proof
def test_a_card_has_no_account_before_its_activation_and_none_after_its_term(place: Place) -> None:
    with place.card() as here, pytest.raises(NotServed) as early:
        medical.load(here, place.holder(), PIN, 100)
    place.now = TODAY + timedelta(days=300)
    with place.card() as here, pytest.raises(NotServed) as late:
        change_pin(here, place.holder(), PIN, NEW)
    place.now = TODAY + timedelta(days=366 * 10)
    with place.card() as here, pytest.raises(NotServed) as ended:
        change_pin(here, place.holder(), PIN, NEW)
    assert [one.value.code for one in (early, late, ended)] == ["CF-7644", "CF-7643", "CF-7641"]
    assert place.state() is CardState.EXPIRED
    assert len(place.events("card.expire")) == 1


def test_cards_coming_due_are_listed_before_they_are_late(place: Place) -> None:
    with place.counter() as counter:
        assert due(counter.desk).cards == ()
        assert [one.days for one in due(counter.desk, 365).cards] == [181]
    place.now = TODAY + timedelta(days=160)
    with place.counter() as counter:
        [card] = due(counter.desk).cards
    assert (card.state, card.days) == (CardState.MADE, 21)


@pytest.mark.proof
def test_an_activation_that_was_cut_off_is_taken_up_again(place: Place) -> None:
    """The card goes at CREDIT FOR LOAD: the host has given the balance, the card has it or not; never twice."""
    for cut in ({"cut_before": 0x2A}, {"cut_after": 0x2A}):
        with place.card(**cut) as here, pytest.raises(InDoubt) as doubt:
            activate(here, place.holder(), PIN)
        assert doubt.value.code == "CF-9300"
        with place.card() as here, pytest.raises(Unsettled):
            activate(here, place.holder(), PIN)
        with place.card() as here:
            medical.recover(here, place.holder(), PIN)
        if cut == {"cut_after": 0x2A}:
            with place.card() as here, pytest.raises(ActiveAlready):
                activate(here, place.holder(), PIN)
    assert place.balance() == 12_345


@pytest.mark.shows("each with identity check of the holder recorded (test)")
def test_another_persons_document_is_refused_and_recorded(place: Place) -> None:
    with place.card() as here:
        before = dict(load_chip(place.file).memory.cells)
        with pytest.raises(NotTheHolder):
            change_pin(here, another(here.counter.desk), PIN, NEW)
    assert load_chip(place.file).memory.cells == before
    [intent, refused] = place.events("counter.pin-change")
    assert (refused.outcome, refused.details["code"], intent.details["document"]) == ("refused", "CF-7600", "id-card")
    assert place.services() == [("pin-change", "refused", "CF-7600")]
    assert place.number not in json.dumps([dict(e.details) for e in (intent, refused)])


def test_an_agent_of_a_grown_up_needs_a_second_person(place: Place) -> None:
    with place.card() as here:
        agent = another(here.counter.desk).identity
        agent = identity(agent.document, agent.number, "son")
        if int(place.number[6:10]) > 2010:
            pytest.fail("the example is a child")
        with pytest.raises(NotTheHolder) as refused:
            change_pin(here, Shown(agent), PIN, NEW)
        assert refused.value.code == "CF-7601"
        with pytest.raises(SamePerson):  # who serves is no second person
            change_pin(here, Shown(agent, "operator"), PIN, NEW)
        with pytest.raises(NotAllowed):
            change_pin(here, Shown(agent, "auditor"), PIN, NEW)
        done = change_pin(here, Shown(agent, "supervisor"), PIN, NEW)
    assert done.receipt.approved_by == "supervisor"
    assert done.receipt.document is not None
    assert done.receipt.document.bearer == "son"


def test_who_lacks_the_duty_serves_nobody(place: Place) -> None:
    with place.card("supervisor") as here, pytest.raises(NotAllowed):
        change_pin(here, place.holder(), PIN, NEW)
    assert place.services() == []
