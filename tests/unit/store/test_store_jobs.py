"""Jobs at rest: one open job a request, one job a chip, moves by compare-and-set, and every move kept."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from sqlalchemy.exc import IntegrityError

from cardfab.errors import CardfabError
from cardfab.production import OPEN_FOR_REQUEST, JobEvent, JobState, StateRefused
from cardfab.store import Database, JobRow, Jobs, JobUnknown, Move, RequestRow, tables

NewJob = Callable[..., JobRow]
REFUSED = (IntegrityError, CardfabError)
E = JobEvent
TO_STATE: dict[JobState, tuple[JobEvent, ...]] = {
    JobState.REQUESTED: (),
    JobState.APPROVED: (E.APPROVE,),
    JobState.PREPARED: (E.APPROVE, E.PREPARE),
    JobState.QUEUED: (E.APPROVE, E.PREPARE, E.QUEUE),
    JobState.CLAIMED: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM),
    JobState.ENCODING: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM, E.ENCODE),
    JobState.VERIFYING: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM, E.ENCODE, E.ENCODED),
    JobState.PRINTING: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM, E.ENCODE, E.ENCODED, E.PRINT),
    JobState.INSPECTED: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM, E.ENCODE, E.ENCODED, E.PRINT, E.PRINTED),
    JobState.DONE: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM, E.ENCODE, E.ENCODED, E.PRINT, E.PRINTED, E.ACCEPT),
    JobState.CANCELLED: (E.CANCEL,),
    JobState.SPOILED: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM, E.SPOIL),
    JobState.IN_DOUBT: (E.APPROVE, E.PREPARE, E.QUEUE, E.CLAIM, E.LOSE),
}


def _brought(jobs: Jobs, job: JobRow, events: tuple[JobEvent, ...], moved: Move) -> JobRow:
    for event in events:
        job = jobs.move(job, event, moved)
    return job


def test_a_job_comes_back_as_it_was_made(database: Database, new_job: NewJob) -> None:
    with database.transaction("make") as tx:
        made = new_job(tx, "R1")
        assert (made.state, made.doubt_from, made.stock, made.request_id) == (JobState.REQUESTED, None, "blank", "R1")
        assert (made.chip, made.printed, made.made_by, made.remake_of) == (None, False, "li", None)
    with database.reading() as tx:
        assert tx.jobs.get(made.id) == tx.jobs.find(str(made.id)) == tx.jobs.find("R1") == made


@pytest.mark.parametrize("state", JobState)
def test_a_request_has_one_open_job(database: Database, new_job: NewJob, moved: Move, state: JobState) -> None:
    with database.transaction("make") as tx:
        job = _brought(tx.jobs, new_job(tx, "R1"), TO_STATE[state], moved)
        assert job.state is state
    if state in (JobState.SPOILED, JobState.CANCELLED):
        with database.transaction("remake") as tx:
            second = new_job(tx, "R1", remake_of=job.id)
            assert (second.remake_of, tx.jobs.of_request("R1")) == (job.id, second)
        return
    with pytest.raises(REFUSED), database.transaction("twice") as tx:
        new_job(tx, "R1")
    with database.reading() as tx:
        assert tx.jobs.all() == (job,)


def test_open_states_in_the_database_are_those_of_production() -> None:
    """The condition of the index is text; here it is held against every state there is."""
    (index,) = [one for one in tables.job.indexes if one.name == "uq_job_request_open"]
    condition = str(index.dialect_options["sqlite"]["where"])
    named = {state for state in JobState if f"'{state}'" in condition}
    assert condition.startswith("state NOT IN")
    assert set(JobState) - named == OPEN_FOR_REQUEST


@pytest.mark.parametrize("end", [JobState.SPOILED, JobState.DONE, JobState.IN_DOUBT])
def test_a_chip_belongs_to_one_job_for_ever(database: Database, new_job: NewJob, moved: Move, end: JobState) -> None:
    claim, *rest = TO_STATE[end][3:]
    with database.transaction("first") as tx:
        job = _brought(tx.jobs, new_job(tx, "R1"), TO_STATE[JobState.QUEUED], moved)
        assert not tx.jobs.chip_is_known("00000001")
        job = tx.jobs.move(job, claim, moved, chip="00000001")
        assert _brought(tx.jobs, job, tuple(rest), moved).state is end
        assert tx.jobs.chip_is_known("00000001")
        second = _brought(tx.jobs, new_job(tx, "R2"), TO_STATE[JobState.QUEUED], moved)
    with pytest.raises(REFUSED), database.transaction("second") as tx:
        tx.jobs.move(second, claim, moved, chip="00000001")
    with database.reading() as tx:
        assert tx.jobs.get(second.id) == second


def test_jobs_without_a_chip_do_not_collide(database: Database, new_job: NewJob) -> None:
    with database.transaction("make") as tx:
        for request in ("R1", "R2", "R3"):
            assert new_job(tx, request).chip is None


def test_a_move_the_table_does_not_have(database: Database, new_job: NewJob, moved: Move) -> None:
    with database.transaction("make") as tx:
        job = new_job(tx, "R1")
        with pytest.raises(StateRefused, match="REQUESTED"):
            tx.jobs.move(job, JobEvent.PRINT, moved)
        assert tx.jobs.get(job.id) == job


def test_a_move_from_a_state_that_is_no_more(database: Database, new_job: NewJob, moved: Move) -> None:
    """Two programs read one job; the second that moves it is refused, though the table has the move."""
    with database.transaction("make") as tx:
        read = new_job(tx, "R1")
    with database.transaction("one") as tx:
        cancelled = tx.jobs.move(read, JobEvent.CANCEL, moved)
    with pytest.raises(StateRefused, match="another program"), database.transaction("two") as tx:
        tx.jobs.move(read, JobEvent.APPROVE, moved)
    with database.reading() as tx:
        assert tx.jobs.get(read.id) == cancelled
        assert [row.event for row in tx.jobs.history(read.id)] == ["request", "cancel"]


@pytest.mark.parametrize("state", [JobState.CLAIMED, JobState.ENCODING, JobState.VERIFYING, JobState.PRINTING])
def test_a_lost_job_remembers_where(database: Database, new_job: NewJob, moved: Move, state: JobState) -> None:
    settles = {
        JobState.CLAIMED: {JobEvent.UNTOUCHED: JobState.QUEUED},
        JobState.ENCODING: {JobEvent.INTACT: JobState.VERIFYING},
        JobState.VERIFYING: {JobEvent.INTACT: JobState.VERIFYING},
        JobState.PRINTING: {JobEvent.SEEN_GOOD: JobState.INSPECTED},
    }[state] | {JobEvent.SPOIL: JobState.SPOILED}
    with database.transaction("lose") as tx:
        job = _brought(tx.jobs, new_job(tx, "R1"), TO_STATE[state], moved)
        lost = tx.jobs.move(job, JobEvent.LOSE, moved)
        assert (lost.state, lost.doubt_from) == (JobState.IN_DOUBT, state)
    for event in JobEvent:
        with database.reading() as tx:
            read = tx.jobs.get(lost.id)
            if event in settles:
                settled = tx.jobs.move(read, event, moved)
                assert (settled.state, settled.doubt_from) == (settles[event], None)
            else:
                with pytest.raises(StateRefused):
                    tx.jobs.move(read, event, moved)


def test_every_move_is_kept_in_order(database: Database, new_job: NewJob) -> None:
    with database.transaction("moves") as tx:
        job = new_job(tx, "R1")
        for number, event in enumerate(TO_STATE[JobState.DONE]):
            job = tx.jobs.move(job, event, Move(f"t{number}", "wang", f"note {number}"))
        kept = tx.jobs.history(job.id)
    assert [(row.event, row.state) for row in kept] == [
        ("request", "REQUESTED"),
        *((str(event), str(target)) for event, target in zip(TO_STATE[JobState.DONE], _path(), strict=True)),
    ]
    assert [row.note for row in kept[1:]] == [f"note {number}" for number in range(9)]
    assert (kept[0].by, kept[1].by, kept[1].at, job.changed_at) == ("li", "wang", "t0", "t8")


def _path() -> list[JobState]:
    names = "APPROVED PREPARED QUEUED CLAIMED ENCODING VERIFYING PRINTING INSPECTED DONE"
    return [JobState(name) for name in names.split()]


def test_columns_of_a_move_are_kept_until_the_next(database: Database, new_job: NewJob, moved: Move) -> None:
    columns = {
        "sealed_card": b"sealed",
        "card_number_index": b"index",
        "plan_digest": b"digest",
        "feed_counter": 7,
        "printed": True,
        "reason": "why",
        "approved_by": "wang",
    }
    with database.transaction("moves") as tx:
        job = tx.jobs.move(new_job(tx, "R1"), JobEvent.APPROVE, moved, **columns)
        job = tx.jobs.move(job, JobEvent.PREPARE, moved)
    assert {name: getattr(job, name) for name in columns} == columns


def test_jobs_by_state_oldest_first(database: Database, new_job: NewJob, moved: Move) -> None:
    with database.transaction("make") as tx:
        jobs = [new_job(tx, f"R{number}") for number in range(4)]
        approved = [tx.jobs.move(job, JobEvent.APPROVE, moved) for job in jobs[1:3]]
        assert tx.jobs.all(JobState.APPROVED) == tuple(approved)
        assert tx.jobs.all(JobState.REQUESTED) == (jobs[0], jobs[3])
        assert tx.jobs.all(JobState.APPROVED, JobState.REQUESTED) == tx.jobs.all()
        ids = [job.id for job in tx.jobs.all()]
        assert all(first < second for first, second in pairwise(ids))


@pytest.mark.parametrize("name", ["0", "17", "R9", "", "²", "9" * 30, "-1", "' OR 1=1 --"])
def test_a_job_that_is_not_there(database: Database, name: str) -> None:
    with database.reading() as tx, pytest.raises(JobUnknown) as refused:
        tx.jobs.find(name)
    assert (refused.value.exit_status, refused.value.code) == (3, "CF-3120")


def test_a_request_id_may_be_digits_only(database: Database, new_job: NewJob) -> None:
    """The import takes such an id, so its job is found by it."""
    with database.transaction("make") as tx:
        job = new_job(tx, "2026112100001")
        assert tx.jobs.find("2026112100001") == job


def test_a_number_is_given_once(database: Database) -> None:
    with database.transaction("numbers") as tx:
        assert [tx.jobs.next_number("card:T", 41) for _ in range(3)] == [41, 42, 43]
        assert tx.jobs.next_number("pan:629999", 1) == 1
    with database.transaction("more") as tx:
        assert tx.jobs.next_number("card:T", 1) == 44


def test_a_job_needs_its_request_and_its_people(
    database: Database, new_request: Callable[..., RequestRow], moved: Move
) -> None:
    with pytest.raises(REFUSED), database.transaction("no request") as tx:
        tx.jobs.create("token", "R1", "blank", moved)
    with database.transaction("import") as tx:
        tx.requests.add([new_request("R1")])
    with pytest.raises(REFUSED), database.transaction("nobody") as tx:
        tx.jobs.create("token", "R1", "blank", Move("now", "nobody"))
