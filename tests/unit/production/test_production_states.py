"""The two state tables, every state by every event, against a second writing of them."""

from __future__ import annotations

import pytest

from cardfab.production import (
    CARD_TABLE,
    IN_WORK,
    INTERRUPTIBLE,
    JOB_TABLE,
    OPEN_FOR_REQUEST,
    CardState,
    JobEvent,
    JobState,
    StateRefused,
    after,
    card_after,
)

# The table of docs/architecture.md: state, event, next state.
JOB = """
REQUESTED  approve -> APPROVED   | cancel -> CANCELLED
APPROVED   prepare -> PREPARED   | cancel -> CANCELLED
PREPARED   queue -> QUEUED       | cancel -> CANCELLED
QUEUED     claim -> CLAIMED      | cancel -> CANCELLED
CLAIMED    encode -> ENCODING    | spoil -> SPOILED | lose -> IN_DOUBT | untouched -> QUEUED
ENCODING   encoded -> VERIFYING  | spoil -> SPOILED | lose -> IN_DOUBT
VERIFYING  print -> PRINTING     | spoil -> SPOILED | lose -> IN_DOUBT | finish_unprinted -> DONE
PRINTING   printed -> INSPECTED  | spoil -> SPOILED | lose -> IN_DOUBT
INSPECTED  accept -> DONE        | spoil -> SPOILED
IN_DOUBT   untouched -> QUEUED   | spoil -> SPOILED | intact -> VERIFYING | seen_good -> INSPECTED
"""
CARD = """
MADE -> HANDED_OVER RESTRICTED UNCOLLECTED LOST BLOCKED REPLACED EXPIRED
HANDED_OVER -> ACTIVATED RESTRICTED LOST BLOCKED REPLACED EXPIRED
ACTIVATED -> LOST BLOCKED REPLACED EXPIRED
RESTRICTED -> HANDED_OVER LOST BLOCKED REPLACED EXPIRED
LOST -> BLOCKED REPLACED HANDED_OVER ACTIVATED
BLOCKED -> REPLACED
EXPIRED -> BLOCKED REPLACED
UNCOLLECTED -> DESTROYED
"""
# The state a job in doubt was interrupted in, and the settlements that reading back allows from there.
SETTLES = {
    JobState.CLAIMED: {JobEvent.UNTOUCHED, JobEvent.SPOIL},
    JobState.ENCODING: {JobEvent.INTACT, JobEvent.SPOIL},
    JobState.VERIFYING: {JobEvent.INTACT, JobEvent.SPOIL},
    JobState.PRINTING: {JobEvent.SEEN_GOOD, JobEvent.SPOIL},
}


def _jobs() -> dict[tuple[JobState, JobEvent], JobState]:
    found = {}
    for line in JOB.strip().splitlines():
        state, _, moves = line.partition(" ")
        for move in moves.split("|"):
            event, _, target = move.strip().partition(" -> ")
            found[JobState[state], JobEvent[event.upper()]] = JobState[target.strip()]
    return found


EXPECTED = _jobs()


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("event", JobEvent)
def test_every_move_of_a_job(state: JobState, event: JobEvent) -> None:
    if state is JobState.IN_DOUBT:
        return  # below, by where it was interrupted
    target = EXPECTED.get((state, event))
    if target is not None:
        assert after(state, event) is target
        return
    with pytest.raises(StateRefused, match=state) as refused:
        after(state, event)
    assert refused.value.code == "CF-1100"
    assert state in refused.value.what.zh


@pytest.mark.parametrize("doubt_from", [None, *JobState])
@pytest.mark.parametrize("event", JobEvent)
def test_every_settlement_of_a_job_in_doubt(doubt_from: JobState | None, event: JobEvent) -> None:
    allowed = SETTLES.get(doubt_from, {JobEvent.SPOIL}) if doubt_from else {JobEvent.SPOIL}
    if event in allowed:
        assert after(JobState.IN_DOUBT, event, doubt_from=doubt_from) is EXPECTED[JobState.IN_DOUBT, event]
        return
    with pytest.raises(StateRefused):
        after(JobState.IN_DOUBT, event, doubt_from=doubt_from)


def test_a_card_seen_in_print_is_not_printed_again() -> None:
    """From doubt in PRINTING there is no way, of any length, back to PRINTING."""
    start = after(JobState.IN_DOUBT, JobEvent.SEEN_GOOD, doubt_from=JobState.PRINTING)
    assert JobState.PRINTING not in _reach(start)
    with pytest.raises(StateRefused):
        after(JobState.IN_DOUBT, JobEvent.INTACT, doubt_from=JobState.PRINTING)


def test_a_blank_that_may_have_been_written_is_not_used_again() -> None:
    for doubt_from in (JobState.ENCODING, JobState.VERIFYING, JobState.PRINTING):
        with pytest.raises(StateRefused):
            after(JobState.IN_DOUBT, JobEvent.UNTOUCHED, doubt_from=doubt_from)
    for state in (JobState.ENCODING, JobState.VERIFYING, JobState.PRINTING, JobState.INSPECTED):
        assert JobState.QUEUED not in JOB_TABLE[state].values()


def _reach(start: JobState) -> set[JobState]:
    found, waiting = {start}, [start]
    while waiting:
        for target in JOB_TABLE[waiting.pop()].values():
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


def test_the_sets_of_states() -> None:
    final = {state for state in JobState if not JOB_TABLE[state]}
    assert final == {JobState.DONE, JobState.SPOILED, JobState.CANCELLED}
    before_a_blank = {JobState.REQUESTED, JobState.APPROVED, JobState.PREPARED, JobState.QUEUED}
    assert set(JobState) - final - before_a_blank == IN_WORK
    losable = {state for state in JobState if JobEvent.LOSE in JOB_TABLE[state]}
    assert losable == INTERRUPTIBLE
    assert set(JobState) - {JobState.SPOILED, JobState.CANCELLED} == OPEN_FOR_REQUEST


def test_cancelling_is_for_jobs_without_a_blank_and_spoiling_for_those_with_one() -> None:
    for state in JobState:
        assert (JobEvent.CANCEL in JOB_TABLE[state]) == (state in set(JobState) - IN_WORK and bool(JOB_TABLE[state]))
        assert (JobEvent.SPOIL in JOB_TABLE[state]) == (state in IN_WORK)


def test_every_move_of_a_card() -> None:
    expected = {
        CardState[line.split(" -> ")[0]]: {CardState[name] for name in line.split(" -> ")[1].split()}
        for line in CARD.strip().splitlines()
    }
    for state in CardState:
        for target in CardState:
            if target in expected.get(state, set()):
                assert card_after(state, target) is target
            else:
                with pytest.raises(StateRefused, match=f"{state} cannot become {target}"):
                    card_after(state, target)
    assert CARD_TABLE.keys() == set(CardState)
