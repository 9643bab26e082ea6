"""The audit record at rest: leaves in the transaction of their act, their place in the tree a moment later.

Appending touches no row that another station touches: a leaf waits without an index until the sequencer
(:mod:`cardfab.store.sequencer`) gives it one. No audit write, no operation: both are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, LargeBinary, bindparam, cast, delete, func, insert, select, update

from cardfab.audit import AuditEvent, CompactRange
from cardfab.store.tables import audit_checkpoint, audit_known, audit_leaf, audit_pending, audit_tree

_HASH = 32
# Cast, so that a value that somebody put there as text is read as its bytes, and found to be wrong.
_LEAF, _KEPT, _NOTE = (
    cast(column, LargeBinary) for column in (audit_leaf.c.leaf, audit_leaf.c.hash, audit_checkpoint.c.note)
)

# Made once: a statement that is built anew is spelled out anew for each card.
_WAIT = insert(audit_pending)
_SIGNED = select(audit_checkpoint.c.size).where(audit_checkpoint.c.size == bindparam("at"))
_SIGN = insert(audit_checkpoint)

MakeNote = Callable[[CompactRange], bytes]
"""Signs the head of a tree: the signed note's bytes."""


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """A leaf at its place, with the hash that it had when it got there."""

    position: int
    leaf: bytes
    hash: bytes


class AuditRecord:
    """Append-only events and the checkpoints over them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[dict[str, str | bytes]] = []
        self.grown = False
        self.note: MakeNote | None = None

    def append(self, *events: AuditEvent) -> None:
        """Add events in order. They get their places after the commit; per station the order of commits is kept."""
        if events:
            self.grown = True
            self._waiting += [{"station": event.station, "leaf": event.encode()} for event in events]

    def put(self) -> None:
        """Write what was added, all at once; whoever commits calls this before, and whoever looks at what waits."""
        if self._waiting:
            self._connection.execute(_WAIT, self._waiting)
            self._waiting = []

    def sign_after(self, note: MakeNote) -> None:
        """Ask for a checkpoint over this transaction's events, signed when they have their places."""
        self.note = note

    def tree(self) -> CompactRange:
        """The tree as it stands; what waits is not in it."""
        row = self._connection.execute(select(audit_tree.c.size, audit_tree.c.hashes)).one_or_none()
        return CompactRange() if row is None else tree_of(row.size, row.hashes)

    def waiting(self) -> int:
        """How many leaves have no place yet."""
        self.put()
        return self._connection.scalar(select(func.count()).select_from(audit_pending)) or 0

    def leaves(self) -> Sequence[bytes]:
        """Every leaf that has its place, in order."""
        return self._connection.scalars(select(_LEAF).order_by(audit_leaf.c.position)).all()

    def stored(self, since: int = 0) -> Sequence[StoredLeaf]:
        """The leaves from a place on, each with its kept hash."""
        wanted = select(audit_leaf.c.position, _LEAF.label("leaf"), _KEPT.label("hash"))
        rows = self._connection.execute(wanted.where(audit_leaf.c.position >= since).order_by(audit_leaf.c.position))
        return tuple(StoredLeaf(row.position, row.leaf, row.hash) for row in rows)

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a signed checkpoint; one a size."""
        if self._connection.scalar(_SIGNED, {"at": size}) is None:
            self._connection.execute(_SIGN, {"size": size, "note": note})

    def replace_checkpoint(self, size: int, note: bytes) -> None:
        """Put the same checkpoint with more signatures in the place of the one of that size."""
        at = audit_checkpoint.c.size == size
        self._connection.execute(update(audit_checkpoint).where(at).values(note=note))

    def checkpoints(self) -> Sequence[bytes]:
        """Every signed checkpoint, by size."""
        return self._connection.scalars(select(_NOTE).order_by(audit_checkpoint.c.size)).all()

    def last_checkpoint(self) -> bytes | None:
        """The newest signed checkpoint."""
        wanted = select(_NOTE).order_by(audit_checkpoint.c.size.desc()).limit(1)
        return self._connection.scalar(wanted)

    def known(self, station: str, thing: str) -> str | None:
        """The digest of a thing that the record spoke of last."""
        at = (audit_known.c.station == station) & (audit_known.c.thing == thing)
        return self._connection.scalar(select(audit_known.c.digest).where(at))

    def learn(self, station: str, thing: str, digest: str) -> None:
        """Keep what the record says of a thing now."""
        at = (audit_known.c.station == station) & (audit_known.c.thing == thing)
        self._connection.execute(delete(audit_known).where(at))
        self._connection.execute(insert(audit_known).values(station=station, thing=thing, digest=digest))


def tree_of(size: int, hashes: bytes) -> CompactRange:
    """The tree of a row of ``audit_tree``."""
    return CompactRange(size, tuple(hashes[at : at + _HASH] for at in range(0, len(hashes), _HASH)))
