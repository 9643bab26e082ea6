"""Jobs. A job moves by an event of the state table, by compare-and-set, and every move is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from cardfab.errors import InputRefused, Text
from cardfab.production import JobEvent, JobState, StateRefused, after
from cardfab.store.tables import inserted_id, job, job_history, number


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job as the database holds it."""

    id: int
    token: str
    request_id: str
    remake_of: int | None
    state: JobState
    doubt_from: JobState | None
    stock: str
    sealed_card: bytes | None
    card_number_index: bytes | None
    plan_digest: bytes | None
    chip: str | None
    feed_counter: int | None
    printed: bool
    reason: str | None
    made_by: str
    approved_by: str | None
    changed_at: str
    station: str | None = None
    """Whose hands the blank is in, from the claim on; None: nobody's, or of before there were several stations."""
    slot: str | None = None
    """The slot of a line there that has it; None: no slot's."""

    def is_of(self, station: str) -> bool:
        """Whether a station may say what became of the blank: nobody else has it in hand."""
        return self.station in (None, station)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One move of a job."""

    at: str
    by: str
    event: str
    state: str
    note: str


@dataclass(frozen=True, slots=True)
class Move:
    """Who moved a job when, and what is noted beside it."""

    at: str
    by: str
    note: str = ""


class JobUnknown(InputRefused):
    """No such job, or no open job of such a request."""

    default_code = "CF-3120"


class Jobs:
    """Jobs, their history, and the number series."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, token: str, request_id: str, stock: str, move: Move, *, remake_of: int | None = None) -> JobRow:
        """A job in REQUESTED. The database refuses a second open job of one request."""
        values = {
            "token": token, "request_id": request_id, "stock": stock, "state": JobState.REQUESTED,
            "made_by": move.by, "changed_at": move.at, "remake_of": remake_of,
        }  # fmt: skip
        job_id = inserted_id(self._connection.execute(insert(job).values(**values)))
        self._keep(job_id, "request", JobState.REQUESTED, move)
        return self.get(job_id)

    def get(self, job_id: int) -> JobRow:
        """One job; raises :class:`JobUnknown`."""
        return _found(self._connection.execute(_BY_ID, {"wanted": job_id}).one_or_none(), str(job_id))

    def of_request(self, request_id: str) -> JobRow:
        """The newest job of a request; raises :class:`JobUnknown`."""
        newest = select(job.c.id).where(job.c.request_id == request_id).order_by(job.c.id.desc()).limit(1)
        return self._one(job.c.id == newest.scalar_subquery(), request_id)

    def find(self, name: str) -> JobRow:
        """A job by its number or its request's id, which may be digits too: the number goes first."""
        number = int(name) if re.fullmatch(r"[0-9]{1,9}", name) else None
        known = None if number is None else self._connection.scalar(_KNOWN, {"wanted": number})
        return self.of_request(name) if known is None else self.get(known)

    def every_of(self, request_id: str) -> tuple[JobRow, ...]:
        """All jobs of a request, oldest first: the spoiled ones and what was made again."""
        rows = select(job).where(job.c.request_id == request_id).order_by(job.c.id)
        return tuple(_row(found) for found in self._connection.execute(rows))

    def all(self, *states: JobState) -> tuple[JobRow, ...]:
        """Jobs in some states (all without any), oldest first."""
        rows = select(job).order_by(job.c.id)
        if states:
            rows = rows.where(job.c.state.in_(states))
        return tuple(_row(found) for found in self._connection.execute(rows))

    def newest(self, *states: JobState, offset: int, limit: int) -> tuple[JobRow, ...]:
        """Some jobs in some states (of all without any), the newest first."""
        rows = select(job).order_by(job.c.id.desc()).offset(offset).limit(limit)
        if states:
            rows = rows.where(job.c.state.in_(states))
        return tuple(_row(found) for found in self._connection.execute(rows))

    def count(self, *states: JobState) -> int:
        """How many jobs are in some states."""
        wanted = select(func.count()).select_from(job).where(job.c.state.in_(states))
        return int(self._connection.scalar(wanted) or 0)

    def move(self, one: JobRow, event: JobEvent, move: Move, **columns: Any) -> JobRow:
        """Take an event; the new row. Raises :class:`StateRefused` when the table or another program forbids it."""
        target = after(one.state, event, doubt_from=one.doubt_from)
        doubt_from = one.state if event is JobEvent.LOSE else None
        values = {"state": target, "doubt_from": doubt_from, "changed_at": move.at, **columns}
        at = {"wanted": one.id, "was": one.state}
        changed = self._connection.execute(_MOVED, {**values, **at})
        if changed.rowcount != 1:
            raise StateRefused(
                Text(f"Job {one.id} was changed by another program.", f"作业 {one.id} 已被其他程序改动。"),
                do=Text("Show it with 'cardfab job show'.", "请用 cardfab job show 查看。"),
            )
        self._keep(one.id, str(event), target, move)
        return self.get(one.id)

    def history(self, job_id: int) -> tuple[HistoryRow, ...]:
        """Every move of a job, oldest first."""
        wanted = [job_history.c[field.name] for field in fields(HistoryRow)]
        rows = select(*wanted).where(job_history.c.job_id == job_id).order_by(job_history.c.id)
        return tuple(HistoryRow(*found) for found in self._connection.execute(rows))

    def chip_is_known(self, chip: str) -> bool:
        """Whether a job has touched this chip before."""
        return self._connection.scalar(_OF_CHIP, {"wanted": chip}) is not None

    def next_number(self, series: str, first: int) -> int:
        """The next number of a series; a number is given once, used or not."""
        last = self._connection.scalar(_LAST, {"wanted": series})
        if last is None:
            self._connection.execute(insert(number).values(series=series, last=first))
            return first
        self._connection.execute(_COUNTED, {"wanted": series, "now": last + 1})
        return int(last) + 1

    def take_numbers(self, series: str, first: int, count: int) -> int:
        """So many numbers of a series in a row; the first of them. They are given once, used or not."""
        start = self.next_number(series, first)
        self._connection.execute(update(number).where(number.c.series == series).values(last=start + count - 1))
        return start

    def skip_numbers(self, count: int) -> None:
        """Take so many numbers of every series as given: they may have been, by books that are lost."""
        self._connection.execute(update(number).values(last=number.c.last + count))

    def _one(self, condition: Any, name: str) -> JobRow:
        return _found(self._connection.execute(select(job).where(condition)).one_or_none(), name)

    def _keep(self, job_id: int, event: str, state: JobState, move: Move) -> None:
        values = {"job_id": job_id, "at": move.at, "by": move.by, "event": event, "state": state, "note": move.note}
        self._connection.execute(_HISTORY, values)


# Made once: a statement that is built anew is spelled out anew for each card.
_BY_ID = select(job).where(job.c.id == bindparam("wanted"))
_KNOWN = select(job.c.id).where(job.c.id == bindparam("wanted"))
_OF_CHIP = select(job.c.id).where(job.c.chip == bindparam("wanted"))
_HISTORY = insert(job_history)
_LAST = select(number.c.last).where(number.c.series == bindparam("wanted"))
_COUNTED = update(number).where(number.c.series == bindparam("wanted")).values(last=bindparam("now"))
_MOVED = update(job).where(job.c.id == bindparam("wanted"), job.c.state == bindparam("was"))


def _found(found: Row[Any] | None, name: str) -> JobRow:
    if found is None:
        raise JobUnknown(
            Text(f"There is no job for {name}.", f"没有 {name} 的作业。"),
            do=Text("'cardfab job list' shows all.", "cardfab job list 可查看全部作业。"),
        )
    return _row(found)


def _row(found: Row[Any]) -> JobRow:
    values = dict(found._mapping)
    doubt_from = values["doubt_from"]
    return JobRow(
        **{
            **values,
            "state": JobState(values["state"]),
            "doubt_from": JobState(doubt_from) if doubt_from else None,
            "printed": bool(values["printed"]),
        }
    )
