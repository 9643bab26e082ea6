"""A database of before the sequencer, with leaves and checkpoints: upgraded, it verifies with those checkpoints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, text

from cardfab.audit import (
    AuditEvent,
    Checkpoint,
    CompactRange,
    VerifierKey,
    hash_leaf,
    sign_checkpoint,
    verify_export,
    write_export,
)
from cardfab.crypto import ed25519_public, ed25519_sign
from cardfab.store import Database, database

SEED = bytes(range(32))
LOG = "cardfab/old"
KEY = VerifierKey(LOG, ed25519_public(SEED))
WHEN = datetime(2026, 11, 21, 8, tzinfo=UTC)


def sign(message: bytes) -> bytes:
    return ed25519_sign(SEED, message)


LEAVES = [
    AuditEvent(WHEN + timedelta(minutes=n), "li", "old", "card.issue", f"t{n}", "done").encode() for n in range(2500)
]
SIZES = (3, 1100, 2500)
HEADS = [
    sign_checkpoint(Checkpoint.at(WHEN, LOG, n, CompactRange().extend(LEAVES[:n]).root()), KEY, sign) for n in SIZES
]


def at_version(engine: Engine, version: str, *, down: bool = False) -> None:
    with engine.begin() as connection:
        (command.downgrade if down else command.upgrade)(database._config(connection), version)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file at version 0002, written as that version wrote it."""
    path = tmp_path / "station.db"
    engine = create_engine(f"sqlite:///{path}")
    at_version(engine, "0002")
    tree = CompactRange().extend(LEAVES)
    with engine.begin() as raw:
        raw.execute(
            text("INSERT INTO audit_leaf VALUES (:position, :leaf)"),
            [{"position": n, "leaf": leaf} for n, leaf in enumerate(LEAVES)],
        )
        raw.execute(
            text("INSERT INTO audit_checkpoint VALUES (:size, :note)"),
            [{"size": size, "note": note} for size, note in zip(SIZES, HEADS, strict=True)],
        )
        raw.execute(
            text("INSERT INTO audit_tree VALUES (1, :size, :hashes)"), {"size": 2500, "hashes": b"".join(tree.hashes)}
        )
    engine.dispose()
    return path


def test_old_leaves_keep_their_places_and_their_checkpoints(old: Path) -> None:
    upgraded = Database(old)
    upgraded.upgrade()
    more = AuditEvent(WHEN + timedelta(days=3), "li", "old", "card.issue", "new", "done")
    with upgraded.transaction("goes on") as tx:
        tx.audit.append(more)
        tx.audit.sign_after(lambda tree: sign_checkpoint(Checkpoint.at(WHEN, LOG, tree.size, tree.root()), KEY, sign))
    with upgraded.reading() as tx:
        stored, checkpoints = tx.audit.stored(), tx.audit.checkpoints()
    upgraded.close()
    leaves = [one.leaf for one in stored]
    assert leaves == [*LEAVES, more.encode()]
    assert [one.hash for one in stored] == [hash_leaf(leaf) for leaf in leaves]
    export = write_export(LOG, [str(KEY)], checkpoints, leaves, [one.hash for one in stored])
    report = verify_export(export, [str(KEY)], witnessed=HEADS)
    assert (report.events, report.checkpoints, report.witnessed) == (2501, 4, 3)


@pytest.mark.proof
def test_the_way_back_keeps_them_too_unless_one_waits(old: Path) -> None:
    upgraded = Database(old)
    upgraded.upgrade()
    engine = create_engine(f"sqlite:///{old}")
    at_version(engine, "0003", down=True)
    waiting = AuditEvent(WHEN, "li", "old", "card.issue", "waits", "done")
    upgraded.note(waiting)
    with pytest.raises(RuntimeError, match="wait for their index"):
        at_version(engine, "0002", down=True)
    with engine.begin() as raw:
        raw.execute(text("DELETE FROM audit_pending"))
    at_version(engine, "0002", down=True)
    with engine.begin() as raw:
        assert list(raw.execute(text("SELECT leaf FROM audit_leaf ORDER BY position")).scalars()) == LEAVES
    engine.dispose()
    upgraded.close()


def test_an_empty_record_has_its_row(tmp_path: Path) -> None:
    """The sequencer locks the tree's one row, so that it must be there before the first leaf."""
    fresh = Database(tmp_path / "fresh.db")
    fresh.upgrade()
    fresh.note(AuditEvent(WHEN, "li", "new", "card.issue", "first", "done"))
    fresh.sequence()
    with fresh.reading() as tx:
        assert tx.audit.tree().size == 1
    fresh.close()
