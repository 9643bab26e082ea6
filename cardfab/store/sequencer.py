"""Gives waiting leaves their places: one at a time is at it, whoever comes meanwhile leaves it to them.

The lock is the one row of ``audit_tree``: where the database locks rows (PostgreSQL), it is tried and not waited for
(``SKIP LOCKED``); SQLite has one writer, and its transaction is the lock.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cardfab.audit import CompactRange, hash_leaf
from cardfab.store.audit import AuditRecord, MakeNote, tree_of
from cardfab.store.tables import audit_leaf, audit_pending, audit_tree

_AT_ONCE = 5000
# Made once: a statement that is built anew is spelled out anew for each card.
_LOCKED = select(audit_tree.c.size, audit_tree.c.hashes).with_for_update(skip_locked=True)
_WAITING = select(audit_pending.c.id, audit_pending.c.leaf).order_by(audit_pending.c.id).limit(_AT_ONCE)
_GONE = delete(audit_pending).where(audit_pending.c.id == bindparam("gone"))
_PLACED = insert(audit_leaf)
_GROWN = update(audit_tree).values(size=bindparam("now"), hashes=bindparam("head"))


def sequence(connection: Connection, note: MakeNote | None) -> bytes | None:
    """Place what waits, in the order of its commits, and sign the head if ``note`` is given; the new checkpoint.

    Nothing is done when somebody else is at it.
    """
    row = connection.execute(_LOCKED).one_or_none()
    if row is None:
        return None
    tree = tree_of(row.size, row.hashes)
    more = True
    while more and (rows := connection.execute(_WAITING).all()):
        tree = _place(connection, tree, [row.leaf for row in rows])
        # By their ids, each: a station may have committed one with a lower id meanwhile.
        connection.execute(_GONE, [{"gone": row.id} for row in rows])
        more = len(rows) == _AT_ONCE
    if note is None or not tree.size:
        return None
    signed = note(tree)
    AuditRecord(connection).add_checkpoint(tree.size, signed)
    return signed


def _place(connection: Connection, tree: CompactRange, leaves: list[bytes]) -> CompactRange:
    placed = [
        {"position": position, "leaf": leaf, "hash": hash_leaf(leaf)}
        for position, leaf in enumerate(leaves, start=tree.size)
    ]
    connection.execute(_PLACED, placed)
    grown = tree.extend(leaves)
    connection.execute(_GROWN, {"now": grown.size, "head": b"".join(grown.hashes)})
    return grown
