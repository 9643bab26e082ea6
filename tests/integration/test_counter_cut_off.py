"""A service of the counter that dies with the program: found by the next one, in doubt, on record, and led out of."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from multiprocessing import get_context

import pytest

from cardfab.audit import AuditEvent, account
from cardfab.errors import InputRefused
from cardfab.keys.label import Usage
from cardfab.production import NotAllowed, Person, Role
from cardfab.station.counter.advice import advice
from cardfab.station.counter.cutoff import CUT_OFF, end_cut_off
from cardfab.station.counter.doubts import NoDoubt, in_doubt, settle_doubt
from cardfab.station.counter.finding import card_of
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.pins import reset_pin
from cardfab.station.counter.service import serving
from cardfab.station.recovery import find_interrupted
from cardfab.store import Database
from tests.counter_place import NEW, Place
from tests.integration.conftest import PLAIN, World


def _dies(place: Place, kind: Kind) -> None:
    with place.counter() as counter:
        subject = card_of(counter.desk, PLAIN)
        with serving(counter, kind, subject, place.holder()):
            os.kill(os.getpid(), signal.SIGKILL)


def cut_off(place: Place, kind: Kind = Kind.PIN_RESET) -> None:
    """A program of this station dies by ``kill -9`` in the middle of a service."""
    child = get_context("fork").Process(target=_dies, args=(place, kind))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL


def open_intents(database: Database) -> set[str]:
    database.sequence()
    with database.reading() as tx:
        events = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
    return {one.event.action for one in account(events).in_doubt}


@pytest.mark.proof
def test_a_service_that_died_is_in_doubt_until_it_is_done_again(place: Place) -> None:
    place.activated()
    cut_off(place)
    with place.counter() as counter:
        desk = counter.desk
        assert open_intents(desk.database) == {"counter.pin-reset"}
        assert find_interrupted(desk) == ()
        [row] = in_doubt(desk)
        assert (row.service, row.outcome, row.reason) == ("pin-reset", "doubt", CUT_OFF)
        assert row.ended_at is not None
        assert open_intents(desk.database) == set()
        assert end_cut_off(desk) == ()
        assert not list(place.folder.glob("*-service-*"))
    [_, ended] = place.events("counter.pin-reset")
    assert (ended.outcome, ended.subject) == ("failed", row.token)
    assert ended.details == {"receipt": row.receipt, "code": CUT_OFF, "why": "the program was cut off"}
    with place.card() as here:
        reset_pin(here, place.holder(), NEW)
        assert in_doubt(here.counter.desk) == ()
    assert place.services()[1:] == [("pin-reset", "doubt", CUT_OFF), ("pin-reset", "done", None)]


@pytest.mark.proof
def test_a_service_at_work_and_one_of_another_station_are_left_alone(place: Place) -> None:
    with place.counter() as counter, place.counter() as second:
        with serving(counter, Kind.HAND_OVER, card_of(counter.desk, PLAIN), place.holder()):
            assert end_cut_off(counter.desk) == end_cut_off(second.desk) == ()
        assert place.services() == [("hand-over", "done", None)]
    cut_off(place)
    with place.counter() as counter:
        elsewhere = replace(counter.desk, station="outlet-99")
        assert end_cut_off(elsewhere) == ()
        [found] = end_cut_off(counter.desk)
        assert found.service == "pin-reset"


def test_what_was_begun_long_before_is_found_in_a_long_record(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cardfab.station.counter.cutoff._SPAN", 1)
    monkeypatch.setattr("cardfab.station.counter.cutoff._WIDER", 2)
    cut_off(place)
    with place.counter() as counter:
        for _ in range(20):
            counter.desk.database.note(counter.desk.event("test.noise", counter.desk.token(), "done", {}))
        assert len(end_cut_off(counter.desk)) == 1


def _reads(place: Place) -> None:
    with place.card() as here:
        keys = here.counter.desk.keys
        label = next(info.label for info in keys.infos() if info.usage is Usage.CARD_ROOT)
        keys.card_key(label, here.card.region, here.card.historical)
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.proof
def test_key_uses_that_died_get_their_outcome_when_nobody_else_lives(place: Place) -> None:
    database = Database(place.folder / "station.db")
    with place.counter():
        child = get_context("fork").Process(target=_reads, args=(place,))
        child.start()
        child.join(120)
        assert open_intents(database) == {"key.use"}
        with place.counter():
            assert open_intents(database) == {"key.use"}, "the other one lives, and may have them in work"
    with place.counter():
        assert open_intents(database) == set()
    database.close()
    last = place.events("key.use")[-1]
    assert (last.outcome, last.details["code"]) == ("failed", CUT_OFF)
    assert last.details["label"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError])
def test_a_service_that_a_defect_or_a_person_stops_is_in_doubt_at_once(place: Place, stop: type[BaseException]) -> None:
    with (
        place.counter() as counter,
        pytest.raises(stop),
        serving(counter, Kind.UPDATE, card_of(counter.desk, PLAIN), place.holder()),
    ):
        raise stop
    assert place.services() == [("update", "doubt", CUT_OFF)]
    assert [one.outcome for one in place.events("counter.update")] == ["intent", "failed"]


def test_a_person_settles_a_doubt_once(place: Place) -> None:
    cut_off(place, Kind.UPDATE)
    with place.counter() as counter:
        desk = counter.desk
        [row] = end_cut_off(desk)
        with pytest.raises(NotAllowed):
            settle_doubt(replace(desk, person=Person("auditor", "A", frozenset({Role.AUDITOR}))), row.receipt)
        settle_doubt(desk, row.receipt.lower())
        assert in_doubt(desk) == ()
        with pytest.raises(NoDoubt):
            settle_doubt(desk, row.receipt)
        with pytest.raises(InputRefused):
            settle_doubt(desk, "HZ0")
    [told] = place.events("counter.doubt")
    assert (told.subject, told.actor, told.details["service"]) == (row.token, "operator", "update")
    assert place.services() == [("update", "settled", CUT_OFF)]


@pytest.mark.parametrize("kind", list(Kind))
def test_every_service_in_doubt_has_an_advice(kind: Kind) -> None:
    said = advice(kind)
    assert said.en.endswith(".")
    assert said.zh.endswith("。")


@pytest.mark.proof
def test_the_command_line_says_what_was_cut_off_and_what_to_do(place: Place) -> None:
    cut_off(place, Kind.STATEMENT)
    station = World(place.folder)
    said = station.cli("--json", "card", "doubt")
    assert "was cut off" in said.err
    [one] = said.json()["items"]
    assert (one["service"], one["reason"]) == ("statement", CUT_OFF)
    assert one["do"] == advice(Kind.STATEMENT).en
    assert "was cut off" not in station.cli("card", "doubt").err
    assert one["receipt"] in station.cli("--lang", "zh", "card", "doubt").out
    assert station.cli("card", "doubt", "--settled", one["receipt"]).exit == 0
    assert station.cli("--json", "card", "doubt").json() == {"items": []}
    assert station.cli("card", "doubt", "--settled", one["receipt"]).exit == 7
