"""Loss, replacement and blocks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cardfab.errors import InputRefused
from cardfab.production import CardState
from cardfab.simulator.cardfile import save_chip
from cardfab.simulator.chip import make_blank
from cardfab.simulator.host import Mood
from cardfab.station.counter import medical
from cardfab.station.counter.activation import activate
from cardfab.station.counter.blocking import block_application, block_card
from cardfab.station.counter.finding import card_of, card_of_holder
from cardfab.station.counter.loss import Confirmed, NotConfirmed, report_loss
from cardfab.station.counter.presented import CardBlocked, NotServed
from cardfab.station.counter.reading import read, verify
from cardfab.station.counter.release import due
from cardfab.station.counter.replace import NotReplaceable, replace_card
from cardfab.station.counter.service import SecondNeeded
from cardfab.station.devices import Devices
from cardfab.station.hostdesk import HostAbsent, HostInDoubt, HostRefused
from cardfab.station.intake import approve as approve_request
from cardfab.station.issue import issue
from tests.counter_place import PIN, TODAY, Place, Wire
from tests.integration.conftest import PLAIN


def lose(place: Place, **more: Any) -> dict[str, object]:
    with place.counter() as counter:
        subject = card_of(counter.desk, PLAIN)
        return report_loss(counter, subject, place.holder(), Confirmed(True, subject.card_number[-4:]), **more).values


@pytest.mark.proof
@pytest.mark.shows("report of loss: black list at once, two confirmations, host (proof)")
def test_a_loss_is_confirmed_twice_and_listed_at_once(place: Place) -> None:
    place.activated()
    with place.counter() as counter:
        subject = card_of_holder(counter.desk, place.number)
        for confirmed in (Confirmed(False, subject.card_number[-4:]), Confirmed(True, "0000")):
            with pytest.raises(NotConfirmed):
                report_loss(counter, subject, place.holder(), confirmed)
    assert place.state() is CardState.ACTIVATED
    assert lose(place)["host"] == "done"
    assert place.state() is CardState.LOST
    with place.card() as here:
        assert here.listed
        assert not verify(here)[0].good
        with pytest.raises(NotServed):
            medical.load(here, place.holder(), PIN, 1)
        assert read(here).reading.values["SSSE/EF06/08"] == place.number
    assert place.services()[-1] == ("load", "refused", "CF-7640")


@pytest.mark.parametrize("played", ["silent-after", "garbled"])
def test_a_host_that_did_it_without_answering_is_asked_for_the_status(place: Place, played: str) -> None:
    place.activated()
    assert place.host is not None
    place.host.mood = Mood({"loss": played})
    assert lose(place)["host"] == "done"
    assert place.host.heard.count("loss") == 1
    assert place.host.heard[-1] == "status"


@pytest.mark.proof
def test_an_unknown_outcome_is_never_repeated_blindly(place: Place) -> None:
    """No answer and no status: in doubt, the list holds. The next try asks for the status before anything else."""
    place.activated()
    assert place.host is not None
    place.host.mood = Mood({"loss": "silent-before", "status": "silent-before"})
    with pytest.raises(HostInDoubt):
        lose(place)
    assert place.services()[-1][:2] == ("lost", "doubt")
    with place.card() as here:
        assert here.listed
    place.host.mood = Mood()
    place.host.heard.clear()
    assert lose(place)["host"] == "done"
    asked = [one for one in place.host.heard if one in ("status", "loss")]
    assert asked == ["status", "loss"]
    with place.counter() as counter, counter.desk.database.reading() as tx:
        losses = [row for row in tx.host.all() if row.operation == "loss"]
    assert [(row.tries, row.outcome) for row in losses] == [(2, "done")]
    assert lose(place)["host"] == "done"
    assert place.host.heard.count("loss") == 1  # answered from the journal


def test_a_refusal_of_the_host_is_told_and_the_list_holds(place: Place) -> None:
    place.activated()
    assert place.host is not None
    place.host.mood = Mood({"loss": "region_denied"})
    assert lose(place)["host"] == "refused:region_denied"
    assert place.state() is CardState.LOST


@pytest.mark.proof
def test_a_loss_without_a_host(place: Place) -> None:
    place.host = None
    assert lose(place)["host"] == "none"
    with place.counter() as counter, pytest.raises(HostAbsent):
        replace_card(counter, card_of(counter.desk, PLAIN), place.holder(), "loss")


@pytest.mark.proof
@pytest.mark.shows("replacement takes balance and records from the issuer host and counts the seven days (proof)")
def test_a_lost_card_is_replaced_with_the_hosts_balance(place: Place) -> None:
    place.activated().pay(2_345)
    with place.counter() as counter, pytest.raises(NotReplaceable) as early:
        replace_card(counter, card_of(counter.desk, PLAIN), place.holder(), "loss")
    assert early.value.code == "CF-7631"
    lose(place)
    with place.counter() as counter:
        subject = card_of(counter.desk, PLAIN)
        done = replace_card(counter, subject, place.holder(), "loss")
        with pytest.raises(NotReplaceable) as twice:
            replace_card(counter, subject, place.holder(), "loss")
    assert twice.value.code == "CF-7632"
    assert done.values["due"] == (TODAY.date() + timedelta(days=7)).isoformat()
    account_: Mapping[str, Any] = done.values["account"]  # type: ignore[assignment]
    assert (account_["balance"], len(account_["records"])) == (10_000, 2)
    request = str(done.values["request"])
    with place.counter("trainee") as counter:
        assert [one.request for one in due(counter.desk).replacements] == [request]
        approve_request(counter.desk, [request])
        new = make_blank(serial=4712)
        wire = Wire(new)

        def connect() -> Wire:
            wire.reset()
            return wire

        job = issue(counter.desk, Devices(connect, None), request).job.id
    save_chip(new, place.folder / "two.card")
    second = Place(place.folder, place.folder / "two.card", place.host, place.number)
    with second.card() as here:
        said = activate(here, place.holder(), PIN).values
    assert said["replaces"] is True
    assert second.balance() == 10_000
    assert (place.state(), second.state(job)) == (CardState.REPLACED, CardState.ACTIVATED)
    with place.counter() as counter:
        assert due(counter.desk).replacements == ()
    [replaced] = place.events("card.replaced")
    assert replaced.details["request"] == request


@pytest.mark.proof
def test_a_refused_replacement_is_recorded(place: Place) -> None:
    place.activated()
    lose(place)
    assert place.host is not None
    place.host.mood = Mood({"check": "dead"})
    with place.counter() as counter, pytest.raises(HostRefused) as refused:
        replace_card(counter, card_of(counter.desk, PLAIN), place.holder(), "loss")
    assert refused.value.host_code == "dead"
    assert place.services()[-1] == ("replace", "refused", "CF-7700")


@pytest.mark.proof
def test_an_order_that_was_cut_off_at_the_host_is_taken_up_again(place: Place) -> None:
    place.activated()
    lose(place)
    assert place.host is not None
    place.host.mood = Mood({"apply": "silent-after", "status": "silent-before"})
    with place.counter() as counter, pytest.raises(HostInDoubt):
        replace_card(counter, card_of(counter.desk, PLAIN), place.holder(), "loss")
    place.host.mood = Mood()
    with place.counter() as counter:
        done = replace_card(counter, card_of(counter.desk, PLAIN), place.holder(), "loss")
    assert done.values["due"] == "2026-11-29"
    assert place.host.heard.count("apply") == 1
    assert [one[:2] for one in place.services()[-2:]] == [("replace", "doubt"), ("replace", "done")]


def test_a_block_needs_a_second_person_and_is_for_good(place: Place) -> None:
    with place.card() as here:
        with pytest.raises(SecondNeeded):
            block_card(here, place.holder(), "found in the street")
        with pytest.raises(InputRefused):
            block_card(here, place.holder("supervisor"), "")
        done = block_card(here, place.holder("supervisor"), "found in the street")
    assert done.receipt.approved_by == "supervisor"
    assert place.state() is CardState.BLOCKED
    with pytest.raises(CardBlocked), place.card():
        pass
    with place.counter() as counter, counter.desk.database.reading() as tx:
        assert len(tx.black_list.all()) == 1
    assert place.events("counter.block-card")[0].details["approved_by"] == "supervisor"


@pytest.mark.proof
def test_one_application_is_blocked_and_the_others_go_on(place: Place) -> None:
    place.activated()
    with place.card() as here:
        with pytest.raises(InputRefused, match="DF99"):
            block_application(here, place.holder("supervisor"), "DF99", "fraud")
        block_application(here, place.holder("supervisor"), "DF04", "fraud")
    with place.card() as here:
        found = read(here).reading
        assert {address for address, why in found.denied.items() if why.name == "BLOCKED"} >= {"DF04/EF05"}
        assert found.values["SSSE/EF06/08"] == place.number
    assert place.state() is CardState.ACTIVATED
