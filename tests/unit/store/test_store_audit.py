"""The audit record at rest: it grows in the transaction of its act, and its tree is the tree of its leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from cardfab.audit import AuditEvent
from cardfab.audit.merkle import EMPTY_ROOT, hash_leaf, root_of
from cardfab.production import JobEvent
from cardfab.store import Database, JobRow, Move, RecordChanged
from cardfab.store.sequencer import sequence
from cardfab.store.tables import audit_leaf, audit_tree

EventOf = Callable[[str], AuditEvent]


def test_an_empty_record(database: Database, event_of: EventOf) -> None:
    with database.transaction("nothing") as tx:
        assert (tx.audit.tree().size, tx.audit.tree().root(), list(tx.audit.leaves())) == (0, EMPTY_ROOT, [])
        tx.audit.append()
        assert tx.audit.waiting() == 0
        tx.audit.append(event_of("first"))
        assert (tx.audit.waiting(), tx.audit.tree().size) == (1, 0)
    with database.reading() as tx:
        assert (tx.audit.waiting(), tx.audit.tree().size) == (0, 1)


@given(batches=st.lists(st.integers(0, 9), max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_tree_is_the_tree_of_the_leaves(database: Database, event_of: EventOf, batches: list[int]) -> None:
    made: list[bytes] = []
    with database.reading() as tx:  # rolled back, so that each example begins with nothing
        for batch in batches:
            events = [event_of(f"t{len(made) + offset}") for offset in range(batch)]
            made += [event.encode() for event in events]
            tx.audit.append(*events)
            tx.audit.put()
            sequence(tx.audit._connection, None)
            grown = tx.audit.tree()
            assert (grown.size, grown.root()) == (len(made), root_of(made))
        assert list(tx.audit.leaves()) == made
        assert [(one.position, one.leaf, one.hash) for one in tx.audit.stored()] == [
            (place, leaf, hash_leaf(leaf)) for place, leaf in enumerate(made)
        ]


def test_it_grows_from_one_transaction_to_the_next(database: Database, event_of: EventOf) -> None:
    for number in range(5):
        with database.transaction("act") as tx:
            tx.audit.append(event_of(f"t{number}"))
    with database.reading() as tx:
        leaves = list(tx.audit.leaves())
        places = tx.audit._connection.scalars(select(audit_leaf.c.position).order_by(audit_leaf.c.position))
        assert places.all() == list(range(5))
        assert [AuditEvent.decode(leaf).subject for leaf in leaves] == [f"t{number}" for number in range(5)]
        assert tx.audit.tree().root() == root_of(leaves)


def test_no_act_without_its_entry_and_no_entry_without_its_act(
    database: Database, event_of: EventOf, new_job: Callable[..., JobRow], moved: Move
) -> None:
    with database.transaction("make") as tx:
        job = new_job(tx, "R1")
        tx.audit.append(event_of("kept"))
    with database.reading() as tx:
        tree = tx.audit.tree()

    def act() -> None:
        with database.transaction("act") as tx:
            tx.jobs.move(job, JobEvent.APPROVE, moved)
            tx.audit.append(event_of("lost"), event_of("too"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        act()
    with database.reading() as tx:
        assert tx.jobs.get(job.id) == job
        assert tx.audit.tree() == tree
        assert len(tx.audit.leaves()) == 1


def test_a_place_in_the_record_is_taken_once(database: Database, event_of: EventOf) -> None:
    """A tree that was set back would write over a leaf: the database refuses that."""
    with database.transaction("act") as tx:
        tx.audit.append(event_of("first"))
    with database.transaction("set back") as tx:
        tx.audit._connection.execute(update(audit_tree).values(size=0, hashes=b""))
    with database.transaction("again") as tx:
        tx.audit.append(event_of("second"))
    with pytest.raises(RecordChanged):
        database.sequence()
    with database.reading() as tx:
        assert tx.audit.leaves() == [event_of("first").encode()]


def test_checkpoints_one_a_size(database: Database, event_of: EventOf) -> None:
    with database.transaction("checkpoints") as tx:
        tx.audit.append(event_of("one"), event_of("two"))
        for size, note in ((2, b"two"), (1, b"one"), (2, b"two again")):
            tx.audit.add_checkpoint(size, note)
        assert list(tx.audit.checkpoints()) == [b"one", b"two"]
