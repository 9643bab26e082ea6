"""A transaction: all or nothing, announced before and after its commit, one writer at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cardfab.audit import AuditEvent
from cardfab.production import JobEvent, JobState, Place, StockMovement
from cardfab.store import Database, JobRow, Move, Transaction

NOW = "2026-11-21T08:00:00.000Z"
RECEIVED = StockMovement("blank", Place.OUTSIDE, Place.STOCK, 10, "delivery")
TAKEN = StockMovement("blank", Place.STOCK, Place.IN_WORK, 1, "claim")


class Stopped(Exception):
    """What a test throws in the middle."""


def _everything(tx: Transaction, new_job: Callable[..., JobRow], event: AuditEvent, moved: Move) -> None:
    """One write through every repository."""
    job = new_job(tx, "R1")
    tx.jobs.move(job, JobEvent.APPROVE, moved, approved_by="wang")
    tx.stock.move(RECEIVED, at=NOW, by="wang")
    tx.stock.move(TAKEN, at=NOW, by="li", job_id=job.id)
    tx.audit.append(event)
    tx.audit.add_checkpoint(1, b"note")
    tx.jobs.next_number("card:T", 1)
    tx.requests.erase_batch(1)
    tx.temporary_cards.add("L1", "R1", "2026-11-21", "2027-01-20", "li")


def _seen(database: Database) -> tuple[object, ...]:
    with database.reading() as tx:
        return (
            tx.jobs.all(),
            tx.requests.all(),
            tx.stock.accounts(),
            tx.audit.tree(),
            tx.audit.leaves(),
            tx.audit.checkpoints(),
            tx.temporary_cards.all(),
        )


Writes = Callable[[Transaction], object]


def _and_stop(writes: Writes, tx: Transaction) -> None:
    writes(tx)
    raise Stopped


@pytest.fixture
def writes(new_job: Callable[..., JobRow], event_of: Callable[[str], AuditEvent], moved: Move) -> Writes:
    return lambda tx: _everything(tx, new_job, event_of("token"), moved)


def test_everything_is_kept(database: Database, writes: Writes) -> None:
    with database.transaction("act") as tx:
        writes(tx)
    with database.reading() as tx:
        assert tx.jobs.of_request("R1").state is JobState.APPROVED
        assert tx.stock.account("blank").remaining == 9
        assert tx.audit.tree().size == len(tx.audit.leaves()) == 1
        assert tx.requests.get("R1").salt is None
        assert tx.jobs.next_number("card:T", 1) == 2


def test_an_error_inside_keeps_nothing(database: Database, writes: Writes) -> None:
    before = _seen(database)
    with pytest.raises(Stopped), database.transaction("act") as tx:
        _and_stop(writes, tx)
    assert _seen(database) == before


def test_a_statement_that_the_database_refuses_takes_the_others_with_it(database: Database, writes: Writes) -> None:
    before = _seen(database)

    def act(tx: Transaction) -> None:
        writes(tx)
        tx.stock.move(TAKEN, at=NOW, by="nobody")

    with pytest.raises(Exception, match=r"(?i)foreign key"), database.transaction("act") as tx:
        act(tx)
    assert _seen(database) == before


def test_what_stops_before_the_commit_keeps_nothing(open_database: Callable[..., Database], writes: Writes) -> None:
    def watch(point: str) -> None:
        if point.startswith("before:"):
            raise Stopped

    before = _seen(database := open_database(watch=watch))
    with pytest.raises(Stopped), database.transaction("act") as tx:
        writes(tx)
    assert _seen(database) == before


def test_what_stops_after_the_commit_keeps_everything(open_database: Callable[..., Database], writes: Writes) -> None:
    def watch(point: str) -> None:
        if point.startswith("after:"):
            raise Stopped

    database = open_database(watch=watch)
    with pytest.raises(Stopped), database.transaction("act") as tx:
        writes(tx)
    assert _seen(database) == _seen(open_database())
    with open_database().reading() as tx:
        assert len(tx.jobs.all()) == 1


def test_the_watch_stands_around_each_commit(
    open_database: Callable[..., Database], new_job: Callable[..., JobRow]
) -> None:
    seen: list[tuple[str, int]] = []
    other = open_database()

    def watch(point: str) -> None:
        with other.reading() as tx:
            seen.append((point, len(tx.jobs.all())))

    database = open_database(watch=watch)
    with database.transaction("first") as tx:
        new_job(tx, "R1")
    with database.reading() as tx:
        tx.jobs.all()
    with pytest.raises(Stopped), database.transaction("second") as tx:
        _and_stop(lambda tx: new_job(tx, "R2"), tx)
    with database.transaction("third") as tx:
        new_job(tx, "R3")
    assert seen == [
        ("before:commit:first", 0),
        ("after:commit:first", 1),
        ("before:commit:third", 1),
        ("after:commit:third", 2),
    ]


def test_reading_keeps_nothing(database: Database, writes: Writes) -> None:
    before = _seen(database)
    with database.reading() as tx:
        writes(tx)
        assert len(tx.jobs.all()) == 1
    assert _seen(database) == before


def test_reading_sees_one_moment(open_database: Callable[..., Database], writes: Writes) -> None:
    reader, writer = open_database(), open_database()
    with reader.reading() as before:
        assert before.jobs.all() == ()
        with writer.transaction("act") as tx:
            writes(tx)
        assert before.jobs.all() == ()
        assert before.audit.tree().size == 0
    with reader.reading() as after:
        assert len(after.jobs.all()) == 1


WRITER = """
import sys
from pathlib import Path
from cardfab.audit import AuditEvent
from cardfab.production import Place, StockMovement
from cardfab.store import Database
from datetime import datetime, UTC

path, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
database = Database(path)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(rounds):
    with database.transaction(name) as tx:
        number = tx.jobs.next_number("series", 1)
        one = StockMovement("blank", Place.STOCK, Place.IN_WORK, 1, name)
        tx.stock.move(one, at="2026-11-21T08:00:00.000Z", by="li")
        event = AuditEvent(datetime(2026, 11, 21, tzinfo=UTC), "li", name, "card.issue", f"n{number}", "done")
        tx.audit.append(event)
    print(number, flush=True)
database.close()
"""


@pytest.mark.proof
def test_two_processes_queue_up(database: Database, path: Path) -> None:
    """Two writers on one file: no number twice, no leaf lost, no blank taken that is not there, nobody fails."""
    rounds = 12
    with database.transaction("delivery") as tx:
        tx.stock.move(StockMovement("blank", Place.OUTSIDE, Place.STOCK, 2 * rounds, "delivery"), at=NOW, by="wang")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name, str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    drawn = [writer.communicate("go\n", timeout=60)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(int(number) for numbers in drawn for number in numbers) == list(range(1, 2 * rounds + 1))
    with database.reading() as tx:
        assert tx.jobs.next_number("series", 1) == 2 * rounds + 1
        assert (tx.stock.account("blank").remaining, tx.stock.account("blank").in_doubt) == (0, 2 * rounds)
        assert len(tx.audit.leaves()) == tx.audit.tree().size == 2 * rounds


def test_a_writer_waits_for_the_other(open_database: Callable[..., Database], new_job: Callable[..., JobRow]) -> None:
    """The lock is taken at the start, so that nothing read inside can be old when it is written."""
    first, second = open_database(), open_database()
    with second._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    with first.transaction("first") as tx:
        new_job(tx, "R1")
        with pytest.raises(Exception, match="locked"), second.transaction("second"):
            pytest.fail("two writers at one time")
