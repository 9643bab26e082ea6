"""What waits for the issuer host, oldest first, and the notes of an adapter that goes through several messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from cardfab.store.hosttables import host_note, host_outbox
from cardfab.store.tables import inserted_id

Waiting = Literal["waiting", "done", "refused"]


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One thing to tell. ``sealed`` is empty once it was told; ``subject`` and ``key`` are keyed indexes."""

    id: int
    key: bytes
    subject: bytes
    token: str
    operation: str
    state: Waiting
    queued_at: str
    queued_by: str
    tries: int
    tried_at: str | None
    code: str | None
    ended_at: str | None
    sealed: bytes
    salt: bytes | None


class HostOutbox:
    """The outbox; rows of one subject are told in the order of their ids."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(
        self,
        *,
        key: bytes,
        subject: bytes,
        token: str,
        operation: str,
        at: str,
        by: str,
        sealed: bytes,
        salt: bytes,
    ) -> OutboxRow:
        """Have something wait."""
        done = self._connection.execute(
            insert(host_outbox).values(
                key=key, subject=subject, token=token, operation=operation, state="waiting", queued_at=at, queued_by=by,
                tries=0, sealed=sealed, salt=salt,
            )
        )  # fmt: skip
        return self.get(inserted_id(done))

    def get(self, row_id: int) -> OutboxRow:
        """A row by its id; raises LookupError."""
        found = self._connection.execute(select(host_outbox).where(host_outbox.c.id == row_id)).one_or_none()
        if found is None:
            raise LookupError(row_id)
        return _row(found._mapping)

    def about(self, key: bytes) -> OutboxRow | None:
        """The row about something."""
        found = self._connection.execute(select(host_outbox).where(host_outbox.c.key == key)).one_or_none()
        return None if found is None else _row(found._mapping)

    def open(self) -> tuple[OutboxRow, ...]:
        """What waits or was refused, oldest first."""
        wanted = select(host_outbox).where(host_outbox.c.state != "done").order_by(host_outbox.c.id)
        return tuple(_row(found._mapping) for found in self._connection.execute(wanted))

    def before(self, row: OutboxRow) -> tuple[OutboxRow, ...]:
        """What is not done of the same subject and came earlier."""
        return tuple(one for one in self.open() if one.subject == row.subject and one.id < row.id)

    def tried(self, row: OutboxRow, *, at: str, code: str | None) -> None:
        """It was tried and waits on."""
        values = {"state": "waiting", "tries": row.tries + 1, "tried_at": at, "code": code}
        self._connection.execute(update(host_outbox).where(host_outbox.c.id == row.id).values(**values))

    def refused(self, row: OutboxRow, *, at: str, code: str) -> None:
        """The host said no: somebody has to settle it."""
        values = {"state": "refused", "tries": row.tries + 1, "tried_at": at, "code": code}
        self._connection.execute(update(host_outbox).where(host_outbox.c.id == row.id).values(**values))

    def done(self, row: OutboxRow, *, at: str, code: str | None = None) -> None:
        """It is told; what it said is not kept here any longer."""
        values = {
            "state": "done", "tries": row.tries + 1, "tried_at": at, "ended_at": at, "code": code, "sealed": b"",
            "salt": None,
        }  # fmt: skip
        self._connection.execute(update(host_outbox).where(host_outbox.c.id == row.id).values(**values))


class HostNotes:
    """Notes by a keyed index."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, key: bytes, sealed: bytes, salt: bytes, *, at: str) -> None:
        """Write a note in place of the one there was. What nobody forgets is erased when its time is over."""
        self.drop(key)
        self._connection.execute(insert(host_note).values(key=key, sealed=sealed, salt=salt, ended_at=at))

    def get(self, key: bytes) -> tuple[bytes, bytes] | None:
        """A note and its salt."""
        found = self._connection.execute(select(host_note).where(host_note.c.key == key)).one_or_none()
        return None if found is None or found.salt is None else (found.sealed, found.salt)

    def drop(self, key: bytes) -> None:
        """Forget a note."""
        self._connection.execute(delete(host_note).where(host_note.c.key == key))


def _row(found: RowMapping) -> OutboxRow:
    return OutboxRow(**dict(found))
