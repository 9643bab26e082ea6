"""The journal of the issuer host: every request before it is sent, every answer before the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select, update

from cardfab.store.tables import host_journal, inserted_id

HostOutcome = Literal["asked", "done", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One request. ``asked`` without an answer is what a power cut left, and means the same as ``unknown``."""

    id: int
    request_id: str
    operation: str
    key: bytes
    subject: str
    asked_at: str
    asked_by: str
    tries: int
    outcome: HostOutcome
    code: str | None
    answered_at: str | None
    sealed: bytes | None
    salt: bytes | None


class HostJournal:
    """Requests to the host, by the keyed index of what they are about."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, request_id: str, operation: str, key: bytes, subject: str, *, at: str, by: str) -> JournalRow:
        """Book a request before it is sent."""
        values = {
            "request_id": request_id, "operation": operation, "key": key, "subject": subject, "asked_at": at,
            "asked_by": by, "tries": 1, "outcome": "asked",
        }  # fmt: skip
        done = self._connection.execute(insert(host_journal).values(**values))
        return self._get(inserted_id(done))

    def ask_again(self, row: JournalRow, *, at: str, by: str) -> JournalRow:
        """Book another try of the same request."""
        values = {"tries": row.tries + 1, "outcome": "asked", "asked_at": at, "asked_by": by}
        self._connection.execute(update(host_journal).where(host_journal.c.id == row.id).values(**values))
        return self._get(row.id)

    def answer(
        self,
        row: JournalRow,
        outcome: HostOutcome,
        *,
        at: str,
        code: str | None = None,
        sealed: bytes | None = None,
        salt: bytes | None = None,
    ) -> JournalRow:
        """Book what came of it."""
        values = {"outcome": outcome, "answered_at": at, "code": code, "sealed": sealed, "salt": salt}
        self._connection.execute(update(host_journal).where(host_journal.c.id == row.id).values(**values))
        return self._get(row.id)

    def newest(self, key: bytes) -> JournalRow | None:
        """The newest request about something."""
        wanted = select(host_journal).where(host_journal.c.key == key).order_by(host_journal.c.id.desc()).limit(1)
        found = self._connection.execute(wanted).one_or_none()
        return None if found is None else JournalRow(**dict(found._mapping))

    def open(self) -> tuple[JournalRow, ...]:
        """Requests whose outcome is not known, oldest first."""
        wanted = select(host_journal).where(host_journal.c.outcome.in_(("asked", "unknown")))
        rows = self._connection.execute(wanted.order_by(host_journal.c.id))
        return tuple(JournalRow(**dict(found._mapping)) for found in rows)

    def all(self) -> tuple[JournalRow, ...]:
        """Every request, oldest first."""
        rows = self._connection.execute(select(host_journal).order_by(host_journal.c.id))
        return tuple(JournalRow(**dict(found._mapping)) for found in rows)

    def _get(self, row_id: int) -> JournalRow:
        found = self._connection.execute(select(host_journal).where(host_journal.c.id == row_id)).one()
        return JournalRow(**dict(found._mapping))
