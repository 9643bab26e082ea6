"""Every intent has an outcome, every blank is somewhere."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.audit import AuditEvent, Outcome, Places, account

WHEN = datetime(2026, 11, 21, tzinfo=UTC)


def act(action: str, subject: str, outcome: Outcome, **details: str) -> AuditEvent:
    return AuditEvent(WHEN, "li.wei", "station-1", action, subject, outcome, details)


def move(source: str, target: str, count: int = 1, stock: str = "ssc", outcome: Outcome = "done") -> AuditEvent:
    return act("stock.move", "-", outcome, **{"stock": stock, "from": source, "to": target, "count": str(count)})


def test_intents_meet_their_outcomes_by_subject_and_act() -> None:
    log = [
        act("job.intent", "a", "intent"),
        act("job.intent", "b", "intent"),
        act("key.use", "a", "intent"),
        act("key.use", "a", "done"),
        act("job.outcome", "a", "failed"),
        act("user.login", "-", "refused"),
    ]
    found = account(log)
    assert (found.intents, found.settled, found.findings) == (3, 2, ())
    assert [(one.index, one.event) for one in found.in_doubt] == [(1, log[1])]


def test_of_two_open_intents_the_earlier_stays_in_doubt() -> None:
    log = [act("job.intent", "a", "intent"), act("job.intent", "a", "intent"), act("job.outcome", "a", "done")]
    assert [one.index for one in account(log).in_doubt] == [0]


def test_an_outcome_without_intent_is_a_finding() -> None:
    found = account([act("job.outcome", "a", "done")])
    assert not found.balanced
    assert "Entry 0" in found.findings[0].en
    assert "job" in found.findings[0].zh


def test_stock_adds_up() -> None:
    log = [
        move("supplier", "vault", 100),
        move("vault", "hopper", 20),
        move("hopper", "in-doubt"),
        move("in-doubt", "issued"),
        move("hopper", "spoiled", outcome="failed"),
        move("hopper", "in-doubt"),
        move("vault", "supplier", 5),
        move("hopper", "issued", outcome="refused"),  # refused: nothing moved
        move("supplier", "vault", 3, stock="bank"),
        act("stock.count", "-", "done", stock="ssc", counted="92"),  # names a stock, moves nothing
    ]
    bank, ssc = account(log).stock
    assert (ssc.opening, ssc.issued, ssc.spoiled, ssc.in_doubt, ssc.remaining, ssc.returned) == (100, 1, 1, 1, 92, 5)
    assert ssc.opening == ssc.issued + ssc.spoiled + ssc.in_doubt + ssc.remaining + ssc.returned
    assert (bank.stock, bank.opening, bank.remaining) == ("bank", 3, 3)
    assert account(log).balanced


def test_other_names_of_places_may_be_given() -> None:
    log = [move("factory", "blank", 2), move("blank", "finished")]
    (ssc,) = account(log, Places(outside="factory", issued="finished")).stock
    assert (ssc.opening, ssc.issued, ssc.remaining, ssc.balanced) == (2, 1, 1, True)


def test_a_card_from_nowhere_does_not_balance() -> None:
    found = account([move("supplier", "hopper"), move("hopper", "issued"), move("hopper", "issued")])
    assert not found.balanced
    assert not found.stock[0].balanced
    assert "Entry 2" in found.findings[0].en


@pytest.mark.parametrize(
    "details",
    [
        {"stock": "ssc", "from": "a", "to": "b"},
        {"stock": "ssc", "from": "a", "count": "1"},
        {"stock": "ssc", "from": "a", "to": "b", "count": "0"},
        {"stock": "ssc", "from": "a", "to": "b", "count": "-1"},
        {"stock": "ssc", "from": "a", "to": "b", "count": "1.0"},
        {"stock": "ssc", "from": "a", "to": "a", "count": "1"},
    ],
)
def test_a_movement_that_cannot_be_read_is_a_finding(details: dict[str, str]) -> None:
    found = account([act("stock.move", "-", "done", **details)])
    assert (len(found.findings), found.stock, found.balanced) == (1, (), False)


@given(st.lists(st.tuples(st.sampled_from(["hopper", "in-doubt"]), st.sampled_from(["issued", "spoiled", "in-doubt"]))))
def test_nothing_is_lost_or_made_by_moving(moves: list[tuple[str, str]]) -> None:
    log = [move("supplier", "hopper", 50)] + [move(a, b) for a, b in moves if a != b]
    (ssc,) = account(log).stock
    assert 50 == ssc.opening == ssc.issued + ssc.spoiled + ssc.in_doubt + ssc.remaining


def test_an_empty_log_is_in_order() -> None:
    assert account([]).balanced
