"""A batch as people watch it: what its sums come to, its rate and its end, who is at work, who was taken out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardfab.errors import Text
from cardfab.production import Person, Role
from cardfab.production.batches import BatchState
from cardfab.station.bureauview import BureauBatchUnknown, Cards, making_of, speed, text_of, view, words_of
from cardfab.store import Database
from cardfab.store.boxes import RunRow
from cardfab.store.bureaufigures import JobSum
from tests.bureau_seen import REFERENCE, fill

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Three batches: at work, waiting for its line, being prepared."""
    made = Database(Path(tmp_path_factory.mktemp("bureau")) / "station.db")
    made.upgrade()
    with made.transaction("people") as tx:
        for login in ("operator", "supervisor"):
            tx.people.add(Person(login, login, frozenset({Role.OPERATOR})))
    fill(made, NOW)
    fill(made, NOW, state=BatchState.PREPARED, reference="second")
    fill(made, NOW, state=BatchState.APPROVED, reference="third")
    return made


def test_the_cards_of_a_batch_add_up_to_its_places(database: Database) -> None:
    found = view(database, REFERENCE, NOW)
    cards = found.cards
    assert cards == Cards(places=39, good=24, spoiled=1, doubtful=1, at_work=3, waiting=10, left_out=1)
    assert cards.good + cards.spoiled + cards.doubtful + cards.at_work + cards.waiting == cards.places
    assert (cards.used, cards.good_share) == (26, 0.96)
    assert found.boxes == {"FULL": 2, "IN_WORK": 1, "WAITING": 1}
    assert [(slot.line.slot, slot.state) for slot in found.slots] == [
        ("slot-1", "works"), ("slot-2", "works"), ("slot-3", "works"), ("slot-4", "out"),
    ]  # fmt: skip
    assert found.slots[3].line.box == 3
    assert text_of(found.slots[3].line.taken_out) == Text(
        "Three faults one after another. [CF-5400]", "连续三次故障。 [CF-5400]"
    )
    assert [(one.code, one.count, one.slots) for one in found.faults] == [("CF-5400", 4, 1), ("CF-4101", 2, 1)]
    assert [words_of(one.why).zh for one in found.faults] == ["The reader found no chip.", "芯片无应答。"]
    assert [one["why"] for one in found.value()["faults"]][1] == "The chip does not answer."
    assert found.samples == {"": 1, "good": 1}
    assert found.value()["cards"]["yield"] == 0.96


def test_the_rate_is_of_late_and_the_end_follows_from_it(database: Database) -> None:
    found = view(database, "1", NOW)
    assert found.making.an_hour == pytest.approx(25 / 300 * 3600)  # 25 ended in the five minutes since it began
    assert found.making.end == NOW + timedelta(seconds=13 / (25 / 300))
    silent = view(database, "1", NOW + timedelta(minutes=2))
    assert not silent.alive
    assert silent.making.an_hour is None
    assert {slot.state for slot in silent.slots} == {"gone", "out"}


def test_a_long_run_is_measured_over_the_last_minutes_only() -> None:
    cards = Cards(places=1000, good=700, spoiled=0, doubtful=0, at_work=0, waiting=300, left_out=0)
    jobs = [JobSum("DONE", 700, 100, None), JobSum("IN_DOUBT", 9, 9, None)]
    begun = (NOW - timedelta(hours=3)).isoformat()
    run = RunRow(1, 1, "hall", "s", "operator", begun, NOW.isoformat(), None, None, None)
    assert making_of(cards, jobs, [run], NOW).an_hour == pytest.approx(600)
    assert making_of(cards, jobs, [run], NOW).end == NOW + timedelta(minutes=30)
    assert making_of(cards, jobs, [], NOW).an_hour is None
    assert speed(5, 10, timedelta(seconds=3), NOW).an_hour is None, "too soon to tell"
    assert speed(5, 0, timedelta(minutes=1), NOW).end is None, "nothing is left"


def test_how_far_the_data_is(database: Database) -> None:
    third = view(database, "third", NOW)
    assert third.preparation is not None
    assert (third.preparation.done, third.preparation.shards, third.preparation.rows_done) == (1, 4, 10)
    assert third.preparation.seconds_a_card == pytest.approx(0.05)
    assert third.preparing.an_hour == pytest.approx(60)
    assert third.cards.waiting == 39
    done = view(database, "second", NOW)
    assert done.preparing.end is None


def test_a_batch_that_is_not_there_is_refused(database: Database) -> None:
    with pytest.raises(BureauBatchUnknown, match="There is no batch 99"):
        view(database, "99", NOW)
    assert text_of("plain words") == words_of("plain words") == Text("plain words", "plain words")
    assert text_of(None) == words_of(None) == Text("", "")
    assert words_of('{"en": "gone", "zh": "没有"}') == text_of('{"en": "gone", "zh": "没有"}') == Text("gone", "没有")
    for odd in ("12", "[]", '{"en": "only"}'):
        assert words_of(odd) == Text(odd, odd)
