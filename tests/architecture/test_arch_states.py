"""The state tables: every state has a way out or is an end, and every state can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import pytest

from cardfab.production import (
    CARD_TABLE,
    INTERRUPTIBLE,
    JOB_TABLE,
    CardState,
    JobEvent,
    JobState,
    StateRefused,
    after,
)
from cardfab.production.temporary import TEMPORARY_TABLE, TemporaryState

Moves = Mapping[StrEnum, frozenset[StrEnum]]
JOB: Moves = {state: frozenset(events.values()) for state, events in JOB_TABLE.items()}
TABLES: dict[str, tuple[Moves, StrEnum, set[StrEnum]]] = {
    "job": (JOB, JobState.REQUESTED, {JobState.DONE, JobState.SPOILED, JobState.CANCELLED}),
    "card": (CARD_TABLE, CardState.MADE, {CardState.REPLACED, CardState.DESTROYED}),
    "temporary card": (TEMPORARY_TABLE, TemporaryState.ISSUED, {TemporaryState.RETURNED, TemporaryState.REVOKED}),
}


def _reached(moves: Moves, start: StrEnum) -> set[StrEnum]:
    found, waiting = {start}, [start]
    while waiting:
        for target in moves[waiting.pop()] - found:
            found.add(target)
            waiting.append(target)
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_state_has_a_way_out_or_is_an_end(name: str) -> None:
    moves, _, ends = TABLES[name]
    assert {state for state in moves if not moves[state]} == ends


@pytest.mark.parametrize("name", TABLES)
def test_every_state_is_in_the_table_and_can_be_reached(name: str) -> None:
    moves, start, _ = TABLES[name]
    assert set(moves) == set(type(start))
    assert _reached(moves, start) == set(type(start))


@pytest.mark.parametrize("name", TABLES)
def test_every_state_leads_to_an_end(name: str) -> None:
    moves, _, ends = TABLES[name]
    for state in moves:
        assert _reached(moves, state) & ends


def test_every_event_happens_somewhere() -> None:
    assert {event for events in JOB_TABLE.values() for event in events} == set(JobEvent)


@pytest.mark.parametrize("doubt_from", sorted(INTERRUPTIBLE))
def test_doubt_has_a_way_out_wherever_it_came_from(doubt_from: JobState) -> None:
    """As the table is used: with the state that was interrupted. Spoiling is always one way, and never the only one."""
    ways = set()
    for event in JobEvent:
        try:
            ways.add(after(JobState.IN_DOUBT, event, doubt_from=doubt_from))
        except StateRefused:
            continue
    assert JobState.SPOILED in ways
    assert len(ways) == 2
