"""What a batch came to: sums for reconciliation, and what is named one by one.

The sums are SQL's: nothing here holds a row for every card. The job of a place is its newest (``bureau_row.job_id``);
those before it were spoiled, and are found by their request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)

from cardfab.production import IN_WORK, JobState, Place
from cardfab.store.bureautables import (
    bureau_fault,
    bureau_finding,
    bureau_given_up,
    bureau_row,
    bureau_run,
)
from cardfab.store.tables import issued_card, job, job_history, stock_movement

_AT_ONCE = 500
OUTSIDE_RUNS: Final = 0
"""The process of what was done to the batch's cards while no line of their station ran: jobs settled by hand."""


@dataclass(frozen=True, slots=True)
class PlaceSum:
    """Places of a box whose newest job is in one state (empty: they have none yet)."""

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
    """A place that is named: ``state`` of its job, or "left out"; who said so, when and why."""

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

    def places(self, batch_id: int, box_size: int) -> tuple[PlaceSum, ...]:
        """The places of every box by what became of them."""
        box, state = _box(box_size), func.coalesce(job.c.state, "")
        out = case((bureau_row.c.left_out.is_(None), 0), else_=1)
        rows = (
            select(box, state, out, func.count())
            .select_from(bureau_row.outerjoin(job, job.c.id == bureau_row.c.job_id))
            .where(bureau_row.c.batch_id == batch_id)
            .group_by(box, state, out)
        )
        return tuple(PlaceSum(int(b), str(s), bool(o), int(n)) for b, s, o, n in self._connection.execute(rows))

    def jobs(self, batch_id: int, box_size: int) -> tuple[JobsSum, ...]:
        """Every job of the batch by box and state."""
        box = _box(box_size)
        rows = select(box, job.c.state, func.count()).select_from(_jobs()).where(*_of(batch_id))
        rows = rows.group_by(box, job.c.state)
        return tuple(JobsSum(int(b), str(s), int(n)) for b, s, n in self._connection.execute(rows))

    def blanks(self, batch_id: int, box_size: int) -> tuple[BlankSum, ...]:
        """What the movements of stock say of the batch's jobs, by box and by run of a line."""
        box, process = _box(box_size), self._process(batch_id)
        moved = stock_movement.c
        rows = (
            select(box, process, moved.source, moved.target, func.sum(moved.count))
            .select_from(_jobs().join(stock_movement, moved.job_id == job.c.id))
            .where(*_of(batch_id))
            .group_by(box, process, moved.source, moved.target)
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
        last = (
            select(func.max(job_history.c.id))
            .where(job_history.c.job_id == job.c.id, job_history.c.state == job.c.state)
            .correlate(job)
            .scalar_subquery()
        )
        again = job.alias("again")
        rows = (
            select(
                bureau_row.c.place, bureau_row.c.request_id, job.c.id, job.c.state,
                func.coalesce(job.c.reason, job_history.c.note, ""), func.coalesce(job_history.c.by, ""),
                job.c.changed_at, job.c.chip, again.c.id,
            )
            .select_from(_jobs().outerjoin(job_history, job_history.c.id == last)
                         .outerjoin(again, again.c.remake_of == job.c.id))
            .where(*_of(batch_id), job.c.state.in_((JobState.SPOILED, *sorted(IN_WORK))))
            .order_by(bureau_row.c.place, job.c.id)
        )  # fmt: skip
        for found in self._connection.execute(rows):
            yield NamedRow(*found)
        yield from self._left_out(batch_id, received_by, received_at)

    def _left_out(self, batch_id: int, received_by: str, received_at: str) -> Iterator[NamedRow]:
        why = (
            select(func.min(bureau_finding.c.field + ": " + bureau_finding.c.reason_en))
            .where(bureau_finding.c.batch_id == bureau_row.c.batch_id, bureau_finding.c.place == bureau_row.c.place)
            .correlate(bureau_row)
            .scalar_subquery()
        )
        given = bureau_given_up.c
        at_once = and_(given.batch_id == bureau_row.c.batch_id, given.place == bureau_row.c.place)
        rows = (
            select(
                bureau_row.c.place, bureau_row.c.request_id, bureau_row.c.job_id, literal("left out"),
                func.coalesce(given.why, why, bureau_row.c.left_out), func.coalesce(given.by, received_by),
                func.coalesce(given.at, received_at), literal(None), literal(None),
            )
            .select_from(bureau_row.outerjoin(bureau_given_up, at_once))
            .where(bureau_row.c.batch_id == batch_id, bureau_row.c.left_out.is_not(None))
            .order_by(bureau_row.c.place)
        )  # fmt: skip
        for found in self._connection.execute(rows):
            yield NamedRow(*found)

    def spoiled(self, batch_id: int) -> tuple[NamedRow, ...]:
        """Every spoiled card of the batch, by place."""
        found = self.named(batch_id, received_by="", received_at="")
        return tuple(one for one in found if one.state == JobState.SPOILED)

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


def _box(box_size: int) -> ColumnElement[int]:
    """The box of a place; boxes are filled in the order of the file."""
    return (bureau_row.c.place - 1) // box_size + 1


def _jobs() -> Any:
    """Every job of rows, joined by the request that both name."""
    return job.join(bureau_row, bureau_row.c.request_id == job.c.request_id)


def _of(batch_id: int) -> tuple[ColumnElement[bool], ...]:
    """Rows of the batch that ever had a job: those of a refused batch may have come again in another."""
    return (bureau_row.c.batch_id == batch_id, bureau_row.c.job_id.is_not(None))


__all__ = [
    "OUTSIDE_RUNS", "BlankSum", "BureauBooks", "CardSum", "HourSum", "JobsSum", "NamedRow", "PlaceSum", "SlotFaults",
]  # fmt: skip
