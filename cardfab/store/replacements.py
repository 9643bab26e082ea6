"""Replacements ordered at the counter: the old card, the request of the new one, the day it is due."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from cardfab.store.tables import replacement


@dataclass(frozen=True, slots=True)
class ReplacementRow:
    """One order; days are ISO 8601. ``sealed`` is what the host said of the old card."""

    id: int
    token: str
    old_index: bytes
    old_job_id: int | None
    request_id: str
    reason: str
    ordered_on: str
    due_on: str
    ordered_by: str
    done_on: str | None
    sealed: bytes | None
    salt: bytes | None


class Replacements:
    """The book of replacements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def order(
        self,
        *,
        token: str,
        old_index: bytes,
        old_job_id: int | None,
        request_id: str,
        reason: str,
        ordered_on: str,
        due_on: str,
        ordered_by: str,
        sealed: bytes | None,
        salt: bytes | None,
    ) -> ReplacementRow:
        """Book an order; a request replaces one card."""
        values = {name: value for name, value in locals().items() if name != "self"}
        self._connection.execute(insert(replacement).values(**values))
        found = self.of_request(request_id)
        if found is None:
            raise LookupError("the order just booked is not there")
        return found

    def of_request(self, request_id: str) -> ReplacementRow | None:
        """The order that a request belongs to."""
        return self._first(replacement.c.request_id == request_id)

    def open_for(self, old_index: bytes) -> ReplacementRow | None:
        """The order of an old card that is not done yet."""
        return self._first((replacement.c.old_index == old_index) & replacement.c.done_on.is_(None))

    def done(self, request_id: str, on: str) -> None:
        """The new card was given to its holder."""
        self._connection.execute(update(replacement).where(replacement.c.request_id == request_id).values(done_on=on))

    def open(self) -> tuple[ReplacementRow, ...]:
        """What is not done yet, the most urgent first."""
        rows = select(replacement).where(replacement.c.done_on.is_(None)).order_by(replacement.c.due_on)
        return tuple(ReplacementRow(**dict(found._mapping)) for found in self._connection.execute(rows))

    def _first(self, condition: object) -> ReplacementRow | None:
        wanted = select(replacement).where(condition).order_by(replacement.c.id.desc()).limit(1)  # type: ignore[arg-type]
        found = self._connection.execute(wanted).one_or_none()
        return None if found is None else ReplacementRow(**dict(found._mapping))
