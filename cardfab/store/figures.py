"""Figures for whoever watches the station run: counts of what the database holds, and nothing of anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from cardfab.store.hosttables import host_outbox
from cardfab.store.peopletables import session
from cardfab.store.tables import host_journal, job, job_history


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a job: the state that it came to, and when."""

    id: int
    job_id: int
    at: str
    state: str


class Figures:
    """Counts, and what is counted on from a place."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def jobs(self) -> dict[str, int]:
        """Jobs by state; states without one are left out."""
        rows = self._connection.execute(select(job.c.state, func.count()).group_by(job.c.state))
        return {str(state): int(count) for state, count in rows}

    def steps(self, after: int) -> Sequence[Step]:
        """The moves of jobs behind a row, in order."""
        wanted = select(job_history.c.id, job_history.c.job_id, job_history.c.at, job_history.c.state)
        rows = self._connection.execute(wanted.where(job_history.c.id > after).order_by(job_history.c.id))
        return tuple(Step(*row) for row in rows)

    def host_outcomes(self) -> dict[tuple[str, str], int]:
        """Requests to the issuer host by operation and outcome."""
        columns = (host_journal.c.operation, host_journal.c.outcome)
        rows = self._connection.execute(select(*columns, func.count()).group_by(*columns))
        return {(str(operation), str(outcome)): int(count) for operation, outcome, count in rows}

    def host_waiting(self) -> tuple[int, str | None]:
        """How many messages wait for the host, and since when the oldest does."""
        wanted = select(func.count(), func.min(host_outbox.c.queued_at)).where(host_outbox.c.state == "waiting")
        count, oldest = self._connection.execute(wanted).one()
        return int(count), oldest

    def sessions(self, since: str) -> int:
        """Sessions in which something was done since a moment."""
        wanted = select(func.count()).select_from(session).where(session.c.last_at >= since)
        return int(self._connection.scalar(wanted) or 0)
