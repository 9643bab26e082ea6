"""The audit record at rest: leaves, the compact range of their tree, and signed checkpoints.

Appending happens in the transaction of the act it records: no audit write, no operation.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from cardfab.audit import AuditEvent, CompactRange
from cardfab.store.tables import audit_checkpoint, audit_leaf, audit_tree

_HASH = 32


class AuditRecord:
    """Append-only events and the checkpoints over them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, *events: AuditEvent) -> CompactRange:
        """Add events in order; the tree that they make."""
        tree = self.tree()
        leaves = [event.encode() for event in events]
        for offset, leaf in enumerate(leaves):
            self._connection.execute(insert(audit_leaf).values(position=tree.size + offset, leaf=leaf))
        grown = tree.extend(leaves)
        values = {"size": grown.size, "hashes": b"".join(grown.hashes)}
        if self._connection.execute(update(audit_tree).values(**values)).rowcount == 0:
            self._connection.execute(insert(audit_tree).values(id=1, **values))
        return grown

    def tree(self) -> CompactRange:
        """The tree as it stands."""
        found = self._connection.execute(select(audit_tree.c.size, audit_tree.c.hashes)).one_or_none()
        if found is None:
            return CompactRange()
        hashes = tuple(found.hashes[at : at + _HASH] for at in range(0, len(found.hashes), _HASH))
        return CompactRange(found.size, hashes)

    def leaves(self) -> Sequence[bytes]:
        """Every leaf, in order."""
        return self._connection.scalars(select(audit_leaf.c.leaf).order_by(audit_leaf.c.position)).all()

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint; one a size."""
        known = select(audit_checkpoint.c.size).where(audit_checkpoint.c.size == size)
        if self._connection.scalar(known) is None:
            self._connection.execute(insert(audit_checkpoint).values(size=size, note=note))

    def checkpoints(self) -> Sequence[bytes]:
        """Every signed checkpoint, by size."""
        return self._connection.scalars(select(audit_checkpoint.c.note).order_by(audit_checkpoint.c.size)).all()
