"""What no roll-back takes away, what gets its place in what order, and what happens where nothing can be written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from cardfab.audit import AuditEvent, CompactRange, root_of
from cardfab.store import Database, RecordChanged, RecordUnwritten

EventOf = Callable[[str], AuditEvent]


class Stopped(Exception):
    """What a test throws in the middle."""


def subjects(database: Database) -> list[str]:
    database.sequence()
    with database.reading() as tx:
        leaves = tx.audit.leaves()
        assert tx.audit.tree().root() == root_of(leaves)
        return [AuditEvent.decode(leaf).subject for leaf in leaves]


def beside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}-notes-*"))


def test_a_note_is_kept_when_its_transaction_is_not(database: Database, event_of: EventOf, path: Path) -> None:
    def act() -> None:
        with database.transaction("act") as tx:
            tx.audit.append(event_of("lost"))
            database.note(event_of("refusal"))
            assert len(beside(path)) == 1
            raise Stopped

    with pytest.raises(Stopped):
        act()
    assert subjects(database) == ["refusal"]
    assert beside(path) == []


def test_a_note_is_kept_once_when_its_transaction_is(database: Database, event_of: EventOf, path: Path) -> None:
    with database.transaction("act") as tx:
        database.note(event_of("intent"))
        tx.audit.append(event_of("act"))
    assert sorted(subjects(database)) == ["act", "intent"]
    assert beside(path) == []


def test_outside_of_a_transaction_it_has_its_own(open_database: Callable[..., Database], event_of: EventOf) -> None:
    seen: list[str] = []
    database = open_database(watch=seen.append)
    database.note(event_of("intent"), name="key.use sign")
    assert seen == ["before:commit:key.use sign", "after:commit:key.use sign"]
    assert subjects(open_database()) == ["intent"]


DIES = """
import os, signal, sys
from pathlib import Path
from datetime import UTC, datetime
from cardfab.audit import AuditEvent
from cardfab.store import Database

database = Database(Path(sys.argv[1]))
with database.transaction("act") as tx:
    database.note(AuditEvent(datetime(2026, 11, 22, tzinfo=UTC), "li", "one", "key.use", "dead", "intent"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.proof
def test_a_note_of_a_process_that_was_killed_is_taken_in(database: Database, path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIES, str(path)], check=False)
    assert died.returncode == -signal.SIGKILL
    [left] = beside(path)
    with left.open("ab") as out:
        out.write(b'{"action":"cut')  # a line without its end was never acknowledged
    database.flush()
    assert beside(path) == []
    assert subjects(database) == ["dead"]
    database.flush()
    assert subjects(database) == ["dead"]


def test_the_notes_of_a_living_process_are_its_own(
    open_database: Callable[..., Database], event_of: EventOf, path: Path
) -> None:
    one, other = open_database(), open_database()
    with one.transaction("act"):
        one.note(event_of("mine"))
        other.joins = list
        other.flush()
        assert len(beside(path)) == 1
    assert subjects(other) == ["mine"]


@pytest.mark.shows("no audit write, no operation (test)")
def test_no_audit_write_no_operation(database: Database, event_of: EventOf, path: Path) -> None:
    """The table takes nothing: the note is refused, the act beside it rolls back."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TRIGGER full BEFORE INSERT ON audit_pending BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(RecordUnwritten) as refused:
        database.note(event_of("intent"))
    assert (refused.value.exit_status, refused.value.code) == (5, "CF-5710")
    assert refused.value.do is not None

    def act() -> None:
        with database.transaction("act") as tx:
            tx.jobs.next_number("series", 1)
            tx.audit.append(event_of("act"))

    with pytest.raises(Exception, match="disk full"):
        act()
    with database.reading() as tx:
        assert tx.jobs.next_number("series", 1) == 1
    assert subjects(database) == []


def test_a_note_that_the_disk_refuses_inside_a_transaction(
    database: Database, event_of: EventOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with database.transaction("act"), pytest.raises(RecordUnwritten):
        database.note(event_of("intent"))


def test_a_note_of_which_the_disk_takes_a_part_is_refused_whole(
    database: Database, event_of: EventOf, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes behind it, when there is room again, does not stand behind half a leaf."""
    write, room = os.write, [7]

    def nearly_full(handle: int, data: bytes) -> int:
        if not room:
            return write(handle, data)
        if not (left := room.pop()):
            raise OSError(28, "No space left on device")
        room.append(0)
        return write(handle, bytes(data)[:left])

    monkeypatch.setattr(os, "write", nearly_full)
    with database.transaction("act"):
        with pytest.raises(RecordUnwritten):
            database.note(event_of("refused"))
        assert [file.read_bytes() for file in beside(path)] == [b""]
        database.note(event_of("kept"))
    monkeypatch.undo()
    assert subjects(database) == ["kept"]
    assert beside(path) == []


def test_outcomes_go_along_with_the_next_commit(open_database: Callable[..., Database], event_of: EventOf) -> None:
    database, due = open_database(), [event_of("outcome")]

    def joins() -> Sequence[AuditEvent]:
        taken = list(due)
        due.clear()
        return taken

    database.joins = joins

    def fails() -> None:
        with database.transaction("fails") as tx:
            tx.audit.append(event_of("lost"))
            tx.audit._connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(OperationalError):
        fails()
    with database.transaction("act") as tx:
        tx.audit.append(event_of("act"))
    due.append(event_of("last"))
    database.flush()
    assert subjects(database) == ["act", "outcome", "last"]


def test_an_outcome_stays_due_when_its_commit_does_not_come(
    open_database: Callable[..., Database], event_of: EventOf
) -> None:
    def watch(point: str) -> None:
        if point == "before:commit:stopped":
            raise Stopped

    database, due = open_database(watch=watch), [[event_of("outcome")]]
    database.joins = lambda: due.pop() if due else []
    with pytest.raises(Stopped), database.transaction("stopped"):
        pass
    with database.transaction("act"):
        pass
    assert subjects(database) == ["outcome"]


def test_the_order_of_a_stations_commits_is_kept(open_database: Callable[..., Database]) -> None:
    """Two stations, one sequencer that comes late: each station's own order stands, nothing is lost."""
    one, other = open_database(), open_database()
    at = datetime(2026, 11, 22, tzinfo=UTC)
    for number in range(20):
        for name, database in (("one", one), ("other", other)):
            database.note(AuditEvent(at, "li", name, "card.issue", f"{name}-{number}", "done"))
    said = subjects(open_database())
    for name in ("one", "other"):
        assert [word for word in said if word.startswith(f"{name}-")] == [f"{name}-{n}" for n in range(20)]


def test_who_finds_another_at_it_leaves_it_to_them(
    open_database: Callable[..., Database], event_of: EventOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardfab.store.database._HASTE", 50)
    holder, comer = open_database(), open_database()
    comer.note(event_of("waits"))
    with holder.transaction("holds"):
        comer.sequence(patient=False)
        with comer.reading() as tx:
            assert (tx.audit.waiting(), tx.audit.tree()) == (1, CompactRange())
    assert subjects(holder) == ["waits"]


def test_a_row_that_is_locked_is_passed_over(database: Database, event_of: EventOf) -> None:
    """Where rows are locked, the sequencer asks for the tree's row and skips it when another holds it."""
    from sqlalchemy.dialects import postgresql

    from cardfab.store import sequencer

    said: list[str] = []

    class Asked:
        def execute(self, statement: object) -> Asked:
            said.append(str(statement.compile(dialect=postgresql.dialect())))  # type: ignore[attr-defined]
            return self

        def one_or_none(self) -> None:
            return None

    assert sequencer.sequence(Asked(), None) is None  # type: ignore[arg-type]
    assert said[0].endswith("FOR UPDATE SKIP LOCKED")


@pytest.mark.parametrize("inside", [True, False])
def test_a_checkpoint_is_signed_over_what_its_transaction_added(
    open_database: Callable[..., Database], event_of: EventOf, inside: bool
) -> None:
    """With the commit of the act itself, or where others may write meanwhile, after it."""
    heard: list[bytes] = []
    points: list[str] = []
    database = open_database(watch=points.append)
    database.sequences_inside = inside
    database.signed = heard.append
    with database.transaction("act") as tx:
        tx.audit.append(event_of("one"), event_of("two"))
        tx.audit.sign_after(lambda tree: f"{tree.size}".encode())
    with database.reading() as tx:
        assert (tx.audit.checkpoints(), tx.audit.last_checkpoint()) == ([b"2"], b"2")
    assert heard == [b"2"]
    assert points == [f"{side}:commit:{name}" for name in ("act", "sequence")[: 2 - inside] for side in SIDES]


@pytest.mark.parametrize("inside", [True, False])
def test_events_of_a_step_may_wait_for_the_places_that_the_next_checkpoint_gives(
    open_database: Callable[..., Database], event_of: EventOf, inside: bool
) -> None:
    database = open_database()
    database.sequences_inside = inside
    for name in ("one", "two"):
        with database.transaction(name, places=False) as tx:
            tx.audit.append(event_of(name))
    with database.reading() as tx:
        assert (tx.audit.waiting(), tx.audit.tree().size) == (2, 0)
    with database.transaction("three", places=False) as tx:
        tx.audit.append(event_of("three"))
        tx.audit.sign_after(lambda tree: f"{tree.size}".encode())
    with database.reading() as tx:
        assert (tx.audit.waiting(), tx.audit.last_checkpoint()) == (0, b"3")
        assert [AuditEvent.decode(leaf).subject for leaf in tx.audit.leaves()] == ["one", "two", "three"]


SIDES = ("before", "after")


def test_a_record_that_was_set_back_stops_no_act_and_takes_no_place(
    database: Database, event_of: EventOf, path: Path
) -> None:
    with database.transaction("first") as tx:
        tx.audit.append(event_of("first"))
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE audit_tree SET size = 0, hashes = x''")
    with database.transaction("second") as tx:
        tx.jobs.next_number("series", 1)
        tx.audit.append(event_of("second"))
    with database.reading() as tx:
        assert (tx.audit.waiting(), len(tx.audit.leaves()), tx.jobs.next_number("series", 1)) == (1, 1, 2)
    database.sequence(patient=False)
    with pytest.raises(RecordChanged) as refused:
        database.sequence()
    assert refused.value.code == "CF-3701"
