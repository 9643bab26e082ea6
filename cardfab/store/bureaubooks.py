"""What a batch came to: sums for reconciliation, and what is named one by one.

The sums are SQL's: nothing here holds a row for every card. The job of a place is the newest of its request; those
before it were spoiled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)

from cardfab.production import IN_WORK, JobState, Place
from cardfab.store.bureautables import (
    bureau_box,
    bureau_fault,
    bureau_given_up,
    bureau_row,
    bureau_run,
)
from cardfab.store.places import apart, first_findings, newest_job
from cardfab.store.tables import issued_card, job, job_history, stock_movement

_AT_ONCE = 500
OUTSIDE_RUNS: Final = 0
"""The process of what was done to the batch's cards while no line of their station ran: jobs settled by hand."""


@dataclass(frozen=True, slots=True)
class PlaceSum:
    """Places of a box whose newest job is in one state (empty: they have none yet). Box 0: none is laid out yet."""

    box: int
    state: str
    left_out: bool
    count: int


@dataclass(frozen=True, slots=True)
class JobsSum:
    """Jobs of a box in one state, those that were made again too."""

    box: int
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class BlankSum:
    """Blanks of a box that went from one place of the stock to another in one process."""

    box: int
    process: int
    source: Place
    target: Place
    count: int


@dataclass(frozen=True, slots=True)
class CardSum:
    """Finished cards of a batch, and how many card numbers and chips they have."""

    cards: int
    numbers: int
    chips: int


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A place that is named: ``state`` of its job, or "left out"; who said so, when and why.

    ``why``: words, or JSON of en and zh.
    """

    place: int
    request_id: str
    job_id: int | None
    state: str
    why: str
    by: str
    at: str
    chip: str | None
    again: int | None
    """The job that makes its card again."""


@dataclass(frozen=True, slots=True)
class HourSum:
    """Cards that were finished or spoiled in one hour (``2026-11-21T08``, UTC)."""

    hour: str
    made: int
    spoiled: int


@dataclass(frozen=True, slots=True)
class SlotFaults:
    """Faults of one code at one slot."""

    slot: str
    code: str
    count: int


class BureauBooks:
    """What a batch came to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- sums ------------------------------------------------------------------------------------------------------

    def places(self, batch_id: int) -> tuple[PlaceSum, ...]:
        """The places of every box by what became of them."""
        row, state = _boxed(batch_id), func.coalesce(job.c.state, "")
        out = case((row.c.left_out.is_(None), 0), else_=1)
        rows = (
            select(row.c.box, state, out, func.count())
            .select_from(row.outerjoin(job, newest_job(row)))
            .group_by(row.c.box, state, out)
        )
        return tuple(PlaceSum(int(b), str(s), bool(o), int(n)) for b, s, o, n in self._connection.execute(rows))

    def jobs(self, batch_id: int) -> tuple[JobsSum, ...]:
        """Every job of the batch by box and state."""
        row = _boxed(batch_id)
        rows = select(row.c.box, job.c.state, func.count()).select_from(_jobs(row)).where(row.c.job_id.is_not(None))
        rows = rows.group_by(row.c.box, job.c.state)
        return tuple(JobsSum(int(b), str(s), int(n)) for b, s, n in self._connection.execute(rows))

    def blanks(self, batch_id: int) -> tuple[BlankSum, ...]:
        """What the movements of stock say of the batch's jobs, by box and by run of a line."""
        row, process = _boxed(batch_id), self._process(batch_id)
        moved = stock_movement.c
        rows = (
            select(row.c.box, process, moved.source, moved.target, func.sum(moved.count))
            .select_from(_jobs(row).join(stock_movement, moved.job_id == job.c.id))
            .where(row.c.job_id.is_not(None))
            .group_by(row.c.box, process, moved.source, moved.target)
        )
        return tuple(
            BlankSum(int(b), int(run), Place(source), Place(target), int(n))
            for b, run, source, target, n in self._connection.execute(rows)
        )

    def cards(self, batch_id: int) -> CardSum:
        """Finished cards, by the cards' own book."""
        card = issued_card.c
        found = self._connection.execute(
            select(func.count(), func.count(func.distinct(card.number_index)), func.count(func.distinct(card.chip)))
            .select_from(_jobs().join(issued_card, card.job_id == job.c.id))
            .where(*_of(batch_id))
        ).one()
        return CardSum(*map(int, found))

    def hours(self, batch_id: int) -> tuple[HourSum, ...]:
        """What was finished and what was spoiled, by hour."""
        hour, moved = func.substr(stock_movement.c.moved_at, 1, 13), stock_movement.c

        def into(place: Place) -> ColumnElement[int]:
            return func.sum(case((moved.target == place, moved.count), else_=0))

        rows = (
            select(hour, into(Place.ISSUED), into(Place.SPOILED))
            .select_from(_jobs().join(stock_movement, moved.job_id == job.c.id))
            .where(*_of(batch_id), moved.target.in_((Place.ISSUED, Place.SPOILED)))
            .group_by(hour)
            .order_by(hour)
        )
        return tuple(HourSum(str(at), int(made), int(spoiled)) for at, made, spoiled in self._connection.execute(rows))

    def faults(self, batch_id: int) -> tuple[SlotFaults, ...]:
        """Faults by slot and code."""
        fault = bureau_fault.c
        rows = (
            select(fault.slot, fault.code, func.count())
            .join(bureau_run, bureau_run.c.id == fault.run_id)
            .where(bureau_run.c.batch_id == batch_id)
            .group_by(fault.slot, fault.code)
            .order_by(fault.slot, fault.code)
        )
        return tuple(SlotFaults(str(slot), str(code), int(n)) for slot, code, n in self._connection.execute(rows))

    # -- what is named ---------------------------------------------------------------------------------------------

    def named(self, batch_id: int, *, received_by: str, received_at: str) -> Iterator[NamedRow]:
        """Every spoiled and doubtful card, every blank in work, every place left out; by place.

        ``received_by`` and ``received_at`` are of rows that were wrong when they came.
        """
        rows = _cards(batch_id, JobState.SPOILED, *sorted(IN_WORK)).order_by(bureau_row.c.place, job.c.id)
        for found in self._connection.execute(rows):
            yield NamedRow(*found)
        yield from self._left_out(batch_id, received_by, received_at)

    def _left_out(self, batch_id: int, received_by: str, received_at: str) -> Iterator[NamedRow]:
        given, wrong = bureau_given_up.c, first_findings(batch_id)
        at_once = and_(given.batch_id == bureau_row.c.batch_id, given.place == bureau_row.c.place)
        rows = (
            select(
                bureau_row.c.place, bureau_row.c.request_id, bureau_row.c.job_id, literal("left out"),
                func.coalesce(given.why, bureau_row.c.left_out), func.coalesce(given.by, received_by),
                func.coalesce(given.at, received_at), literal(None), literal(None), wrong.c.en, wrong.c.zh,
            )
            .select_from(bureau_row.outerjoin(bureau_given_up, at_once)
                         .outerjoin(wrong, wrong.c.place == bureau_row.c.place))
            .where(bureau_row.c.batch_id == batch_id, bureau_row.c.left_out.is_not(None))
            .order_by(bureau_row.c.place)
        )  # fmt: skip
        for *found, en, zh in self._connection.execute(rows):
            one = NamedRow(*found)
            yield one if en is None else replace(one, why=json.dumps({"en": en, "zh": zh}, ensure_ascii=False))

    def spoiled(self, batch_id: int) -> tuple[NamedRow, ...]:
        """Every spoiled card of the batch, in the order in which they were booked, whatever the clocks said."""
        rows = _cards(batch_id, JobState.SPOILED).order_by(job_history.c.id)
        return tuple(NamedRow(*found) for found in self._connection.execute(rows))

    def _process(self, batch_id: int) -> ColumnElement[int]:
        """The run in which a movement was made: the newest that its station had begun by then."""
        moved = stock_movement.c
        run = bureau_run.c
        wanted = select(run.id, run.station, run.begun_at).where(run.batch_id == batch_id)
        newest_first = self._connection.execute(wanted.order_by(run.begun_at.desc(), run.id.desc())).all()
        whens = [
            (and_(moved.moved_at >= begun, or_(moved.station == station, moved.station.startswith(station + "/"))), one)
            for one, station, begun in newest_first
        ]
        return case(*whens, else_=OUTSIDE_RUNS) if whens else literal(OUTSIDE_RUNS)


def _boxed(batch_id: int) -> Subquery:
    """The rows of a batch with their box: the newest that began at or before their place. 0 before the first."""
    row = bureau_row.c
    begun = apart(select(bureau_box.c.first, bureau_box.c.box).where(bureau_box.c.batch_id == batch_id), "begun")
    box = func.coalesce(func.max(begun.c.box).over(order_by=row.place, rows=(None, 0)), 0)
    rows = select(row.place, row.request_id, row.job_id, row.left_out, box.label("box"))
    rows = rows.select_from(bureau_row.outerjoin(begun, begun.c.first == row.place))
    return rows.where(row.batch_id == batch_id).subquery("boxed")


def _cards(batch_id: int, *states: JobState) -> Select[Any]:
    """Cards of the batch in some states as :class:`NamedRow` has them, each with what brought it to its state."""
    last = (
        select(func.max(job_history.c.id))
        .where(job_history.c.job_id == job.c.id, job_history.c.state == job.c.state)
        .correlate(job)
        .scalar_subquery()
    )
    again = job.alias("again")
    return (
        select(
            bureau_row.c.place, bureau_row.c.request_id, job.c.id, job.c.state,
            func.coalesce(job.c.reason, job_history.c.note, ""), func.coalesce(job_history.c.by, ""),
            job.c.changed_at, job.c.chip, again.c.id,
        )
        .select_from(_jobs().outerjoin(job_history, job_history.c.id == last)
                     .outerjoin(again, again.c.remake_of == job.c.id))
        .where(*_of(batch_id), job.c.state.in_(states))
    )  # fmt: skip


def _jobs(row: FromClause = bureau_row) -> Any:
    """Every job of rows, joined by the request that both name."""
    return job.join(row, row.c.request_id == job.c.request_id)


def _of(batch_id: int) -> tuple[ColumnElement[bool], ...]:
    """Rows of the batch that ever had a job: those of a refused batch may have come again in another."""
    return (bureau_row.c.batch_id == batch_id, bureau_row.c.job_id.is_not(None))


__all__ = [
    "OUTSIDE_RUNS", "BlankSum", "BureauBooks", "CardSum", "HourSum", "JobsSum", "NamedRow", "PlaceSum", "SlotFaults",
]  # fmt: skip
