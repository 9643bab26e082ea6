"""Boxes, the runs of lines and their slots, faults, samples.

Every claim is a compare-and-set inside a transaction, and one transaction writes at a time in the whole database: two
lines never have the same box, two slots neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, exists, func, insert, literal, select, update

from cardfab.production import JobEvent, JobState
from cardfab.production.batches import BoxState
from cardfab.store.bulk import put
from cardfab.store.bureautables import (
    bureau_box,
    bureau_card,
    bureau_fault,
    bureau_row,
    bureau_run,
    bureau_sample,
    bureau_slot,
)
from cardfab.store.jobs import Move
from cardfab.store.places import newest_job
from cardfab.store.tables import inserted_id, job, job_history, request

_ENDED: Final = (JobState.SPOILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class BoxRow:
    """A box: places ``first`` to ``last`` of a batch, and whose it is or was."""

    batch_id: int
    box: int
    first: int
    last: int
    state: BoxState
    run_id: int | None
    slot: str | None
    changed_at: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """One process of one line. ``held``: what holds it now, JSON of code, en, zh; ``how`` it ended."""

    id: int
    batch_id: int
    line: str
    station: str
    begun_by: str
    begun_at: str
    seen_at: str
    held: str | None
    ended_at: str | None
    how: str | None


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A slot of a run. ``busy`` and ``own`` in seconds; ``state`` as :class:`cardfab.bureau.slot.SlotState`;
    ``taken_out`` JSON of code, en, zh.
    """

    run_id: int
    slot: str
    reader: str
    made: int
    spoiled: int
    doubtful: int
    faults: int
    busy: float
    own: float
    state: str
    taken_out: str | None


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault of a slot; ``job_id`` None: of no card. ``why``: JSON of code, en, zh."""

    run_id: int
    slot: str
    job_id: int | None
    code: str
    why: str
    at: str


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A card that was chosen for quality control. ``outcome``: "good" where it was read back as it must be, "spoiled";
    None: neither is known yet. ``by`` whose run it was, ``at`` when that was known.
    """

    job_id: int
    batch_id: int
    rule: str
    outcome: str | None
    by: str | None
    at: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a box and the newest job for it: None where none was made yet."""

    place: int
    request_id: str
    product: str
    job_id: int | None
    state: JobState | None
    doubt_from: JobState | None = None
    station: str | None = None


_BOX, _RUN, _SLOT, _FAULT, _SAMPLE = (
    [table.c[one.name] for one in fields(of)]
    for table, of in (
        (bureau_box, BoxRow), (bureau_run, RunRow), (bureau_slot, SlotRow), (bureau_fault, FaultRow),
        (bureau_sample, SampleRow),
    )
)  # fmt: skip
_OPEN = job.c.state.not_in(_ENDED)
"""Written as the partial index on open jobs has it, so that it is used."""


class Boxes:
    """Boxes, the runs of lines and their slots, faults, samples."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- boxes -----------------------------------------------------------------------------------------------------

    def of(self, batch_id: int, *states: BoxState) -> tuple[BoxRow, ...]:
        """The boxes of a batch in some states (all without any), in order."""
        wanted = select(*_BOX).where(bureau_box.c.batch_id == batch_id).order_by(bureau_box.c.box)
        if states:
            wanted = wanted.where(bureau_box.c.state.in_(states))
        return tuple(map(_box, self._connection.execute(wanted)))

    def holding(self, batch_id: int, place: int) -> tuple[int, ...]:
        """The box that a place is in; none before the approval."""
        inside = and_(bureau_box.c.batch_id == batch_id, bureau_box.c.first <= place, bureau_box.c.last >= place)
        return tuple(self._connection.scalars(select(bureau_box.c.box).where(inside)))

    def claim(self, batch_id: int, run_id: int, slot: str, *, at: str, last_first: bool = False) -> BoxRow | None:
        """The next box that waits, now this slot's; None where none waits."""
        box = bureau_box.c.box
        order = box.desc() if last_first else box
        waiting = and_(bureau_box.c.batch_id == batch_id, bureau_box.c.state == BoxState.WAITING)
        found = self._connection.execute(select(*_BOX).where(waiting).order_by(order).limit(1)).one_or_none()
        if found is None:
            return None
        values = {"state": BoxState.IN_WORK, "run_id": run_id, "slot": slot, "changed_at": at}
        self._connection.execute(update(bureau_box).where(waiting, box == found.box).values(**values))
        return _box(found, **values)

    def leave(self, one: BoxRow, state: BoxState, *, at: str) -> bool:
        """A slot has done what it can with its box; False where the box is no longer its own."""
        mine = and_(bureau_box.c.run_id == one.run_id, bureau_box.c.slot == one.slot)
        own = and_(_this(one), mine, bureau_box.c.state == BoxState.IN_WORK)
        return self._connection.execute(update(bureau_box).where(own).values(state=state, changed_at=at)).rowcount == 1

    def free(self, batch_id: int, runs: Sequence[int], *, at: str) -> int:
        """Boxes in work of these runs wait again; how many."""
        theirs = and_(bureau_box.c.batch_id == batch_id, bureau_box.c.run_id.in_(runs))
        held = update(bureau_box).where(theirs, bureau_box.c.state == BoxState.IN_WORK)
        return self._connection.execute(held.values(state=BoxState.WAITING, changed_at=at)).rowcount

    def to_reopen(self, batch_id: int) -> tuple[int, ...]:
        """Full boxes with a card that waits to be made (again). Looks at every job of the batch: not in a hurry."""
        queued = and_(_job_of_row(), job.c.state == JobState.QUEUED, _OPEN)
        inside = and_(
            bureau_row.c.batch_id == bureau_box.c.batch_id,
            bureau_row.c.place.between(bureau_box.c.first, bureau_box.c.last),
        )
        wanted = (
            select(bureau_box.c.box)
            .distinct()
            .select_from(job)
            .join(bureau_row, queued)
            .join(bureau_box, inside)
            .where(bureau_box.c.batch_id == batch_id, bureau_box.c.state == BoxState.FULL)
            .order_by(bureau_box.c.box)
        )
        return tuple(self._connection.scalars(wanted))

    def reopen(self, batch_id: int, boxes: Sequence[int], *, at: str) -> int:
        """Full boxes wait again; how many."""
        full = and_(bureau_box.c.batch_id == batch_id, bureau_box.c.state == BoxState.FULL)
        again = update(bureau_box).where(full, bureau_box.c.box.in_(boxes))
        return self._connection.execute(again.values(state=BoxState.WAITING, changed_at=at)).rowcount

    # -- places and their jobs -------------------------------------------------------------------------------------

    def places(self, batch_id: int, first: int, last: int) -> tuple[Place, ...]:
        """The places of a box in order, rows that were left out not among them, each with its newest job."""
        wanted = (
            select(
                bureau_row.c.place, bureau_row.c.request_id, bureau_row.c.product,
                job.c.id, job.c.state, job.c.doubt_from, job.c.station,
            )
            .outerjoin_from(bureau_row, job, newest_job())
            .where(_rows(batch_id, first, last), bureau_row.c.left_out.is_(None))
            .order_by(bureau_row.c.place)
        )  # fmt: skip
        return tuple(
            Place(place, request_id, product, job_id, _state(state), _state(doubt), station)
            for place, request_id, product, job_id, state, doubt, station in self._connection.execute(wanted)
        )

    def doubtful(self, batch_id: int, station: str) -> tuple[tuple[int, str | None], ...]:
        """Jobs of a batch in doubt at a station, with the slot that claimed them: (job, slot). Their boxes may be
        another's by now.
        """
        wanted = (
            select(job.c.id, job.c.slot)
            .join_from(job, bureau_row, and_(_job_of_row(), _OPEN))
            .where(bureau_row.c.batch_id == batch_id, job.c.state == JobState.IN_DOUBT, job.c.station == station)
            .order_by(job.c.id)
        )
        return tuple((job_id, slot) for job_id, slot in self._connection.execute(wanted))

    def bring(
        self, one: BoxRow, stock: Mapping[str, str], moves: Mapping[JobEvent | None, Move], token: Callable[[], str]
    ) -> int:
        """Prepared rows of a box become requests with queued jobs, as the station has them; how many.

        What was brought before stays as it is. ``stock`` by product; ``moves`` by event (None: the entering): who did
        it when, kept as the job's history; ``token`` gives a new job's token.
        """
        row = bureau_row.c
        open_rows = and_(row.job_id.is_(None), row.left_out.is_(None), row.sealed.is_not(None))
        open_rows = and_(_rows(one.batch_id, one.first, one.last), open_rows)
        new = and_(open_rows, exists().where(_card_of_row()).correlate(bureau_row))
        names = [column.name for column in request.c]
        wanted = [row.request_id if name == "id" else row[name] for name in names]
        self._connection.execute(insert(request).from_select(names, select(*wanted).where(new)))
        self._put_jobs(open_rows, stock, moves, token)
        mine = and_(new, job.c.request_id == bureau_row.c.request_id, _OPEN)
        for event, move in moves.items():
            kept = {
                "job_id": job.c.id, "at": literal(move.at), "by": literal(move.by),
                "event": literal(str(event or "request")), "state": literal(str(_AFTER[event])),
                "note": literal(move.note),
            }  # fmt: skip
            rows = select(*kept.values()).select_from(bureau_row).join(job, mine).order_by(bureau_row.c.place)
            self._connection.execute(insert(job_history).from_select(list(kept), rows))
        moved = exists().where(_card_of_row(), open_rows).correlate(bureau_card)
        self._connection.execute(update(bureau_card).where(moved).values(sealed=None))  # their jobs have them now
        found = select(job.c.id).where(job.c.request_id == bureau_row.c.request_id, _OPEN).scalar_subquery()
        return self._connection.execute(update(bureau_row).where(new).values(job_id=found, sealed=None)).rowcount

    def _put_jobs(
        self,
        open_rows: ColumnElement[bool],
        stock: Mapping[str, str],
        moves: Mapping[JobEvent | None, Move],
        token: Callable[[], str],
    ) -> None:
        columns = (
            "token", "request_id", "state", "stock", "sealed_card", "card_number_index", "made_by", "approved_by",
            "changed_at",
        )  # fmt: skip
        asked, approved, queued = moves[None], moves[JobEvent.APPROVE], moves[JobEvent.QUEUE]
        wanted = select(
            bureau_row.c.request_id, bureau_row.c.product, bureau_card.c.sealed, bureau_card.c.number_index
        ).join_from(bureau_row, bureau_card, _card_of_row())
        rows = self._connection.execute(wanted.where(open_rows).order_by(bureau_row.c.place)).all()
        values = (
            (token(), request_id, JobState.QUEUED, stock[product], sealed, index, asked.by, approved.by, queued.at)
            for request_id, product, sealed, index in rows
        )
        put(self._connection, job, columns, values)

    def count(self, batch_id: int) -> Mapping[JobState | None, int]:
        """How many places of a batch have their newest job in which state; None: no job yet."""
        wanted = (
            select(job.c.state, func.count())
            .outerjoin_from(bureau_row, job, newest_job())
            .where(bureau_row.c.batch_id == batch_id, bureau_row.c.left_out.is_(None))
            .group_by(job.c.state)
        )
        return {_state(state): int(count) for state, count in self._connection.execute(wanted)}

    # -- runs, slots, faults, samples ------------------------------------------------------------------------------

    def begin_run(self, batch_id: int, line: str, station: str, slots: Mapping[str, str], *, at: str, by: str) -> int:
        """A line begins; ``slots`` are their readers by name. The number of the run."""
        values = {
            "batch_id": batch_id, "line": line, "station": station, "begun_by": by, "begun_at": at, "seen_at": at,
        }  # fmt: skip
        run_id = inserted_id(self._connection.execute(insert(bureau_run).values(**values)))
        rows = [{"run_id": run_id, "slot": slot, "reader": reader} for slot, reader in slots.items()]
        if rows:
            self._connection.execute(insert(bureau_slot), rows)
        return run_id

    def runs(self, batch_id: int | None = None) -> tuple[RunRow, ...]:
        """The runs of a batch, or all, oldest first."""
        wanted = select(*_RUN).order_by(bureau_run.c.id)
        if batch_id is not None:
            wanted = wanted.where(bureau_run.c.batch_id == batch_id)
        return tuple(RunRow(*found) for found in self._connection.execute(wanted))

    def open_runs(self, station: str) -> tuple[RunRow, ...]:
        """The runs of a station that have not ended."""
        wanted = select(*_RUN).where(bureau_run.c.station == station, bureau_run.c.ended_at.is_(None))
        return tuple(RunRow(*found) for found in self._connection.execute(wanted.order_by(bureau_run.c.id)))

    def seen(self, run_id: int, *, at: str, held: str | None, slots: Sequence[SlotRow]) -> None:
        """The line lives, and its slots stand so."""
        self._connection.execute(_SEEN, {"run": run_id, "seen_at": at, "held": held})
        values = [{name: getattr(one, name) for name in _COUNTED} | {"run": run_id, "name": one.slot} for one in slots]
        if values:
            self._connection.execute(_STANDS, values)

    def end_run(self, run_id: int, how: str, *, at: str) -> None:
        """The run is over."""
        over = update(bureau_run).where(bureau_run.c.id == run_id, bureau_run.c.ended_at.is_(None))
        self._connection.execute(over.values(ended_at=at, seen_at=at, how=how, held=None))

    def slots(self, run_id: int) -> tuple[SlotRow, ...]:
        """The slots of a run, in the order of the line."""
        wanted = select(*_SLOT).where(bureau_slot.c.run_id == run_id).order_by(bureau_slot.c.slot)
        return tuple(SlotRow(*found) for found in self._connection.execute(wanted))

    def add_faults(self, faults: Sequence[FaultRow]) -> None:
        """Keep faults."""
        rows = [{one.name: getattr(fault, one.name) for one in fields(FaultRow)} for fault in faults]
        if rows:
            self._connection.execute(insert(bureau_fault), rows)

    def faults(self, batch_id: int) -> tuple[FaultRow, ...]:
        """Every fault in the runs of a batch, oldest first."""
        wanted = select(*_FAULT).join(bureau_run, bureau_run.c.id == bureau_fault.c.run_id)
        rows = wanted.where(bureau_run.c.batch_id == batch_id).order_by(bureau_fault.c.id)
        return tuple(FaultRow(*found) for found in self._connection.execute(rows))

    def add_sample(self, job_id: int, batch_id: int, rule: str, *, at: str) -> None:
        """A card is a sample; nothing happens where it is one already."""
        known = select(bureau_sample.c.job_id).where(bureau_sample.c.job_id == job_id)
        if self._connection.scalar(known) is None:
            values = {"job_id": job_id, "batch_id": batch_id, "rule": rule, "at": at}
            self._connection.execute(insert(bureau_sample).values(**values))

    def judge_sample(self, job_id: int, outcome: str, *, by: str, at: str) -> None:
        """What came of a sample."""
        mine = update(bureau_sample).where(bureau_sample.c.job_id == job_id)
        self._connection.execute(mine.values(outcome=outcome, by=by, at=at))

    def samples(self, batch_id: int) -> tuple[SampleRow, ...]:
        """The samples of a batch, by job."""
        wanted = select(*_SAMPLE).where(bureau_sample.c.batch_id == batch_id).order_by(bureau_sample.c.job_id)
        return tuple(SampleRow(*found) for found in self._connection.execute(wanted))


_COUNTED = ("made", "spoiled", "doubtful", "faults", "busy", "own", "state", "taken_out")
# Made once: a line says every second how it stands.
_SEEN = update(bureau_run).where(bureau_run.c.id == bindparam("run"))
_STANDS = update(bureau_slot).where(bureau_slot.c.run_id == bindparam("run"), bureau_slot.c.slot == bindparam("name"))
_AFTER: Final[Mapping[JobEvent | None, JobState]] = {
    None: JobState.REQUESTED,
    JobEvent.APPROVE: JobState.APPROVED,
    JobEvent.PREPARE: JobState.PREPARED,
    JobEvent.QUEUE: JobState.QUEUED,
}


def _this(one: BoxRow) -> ColumnElement[bool]:
    return and_(bureau_box.c.batch_id == one.batch_id, bureau_box.c.box == one.box)


def _rows(batch_id: int, first: int, last: int) -> ColumnElement[bool]:
    return and_(bureau_row.c.batch_id == batch_id, bureau_row.c.place.between(first, last))


def _job_of_row() -> ColumnElement[bool]:
    """A row that was left out may have its request's id from another."""
    return and_(bureau_row.c.request_id == job.c.request_id, bureau_row.c.left_out.is_(None))


def _card_of_row() -> ColumnElement[bool]:
    return and_(bureau_card.c.batch_id == bureau_row.c.batch_id, bureau_card.c.place == bureau_row.c.place)


def _state(value: str | None) -> JobState | None:
    return None if value is None else JobState(value)


def _box(found: Row[Any], **changed: Any) -> BoxRow:
    values = {**found._mapping, **changed}
    return BoxRow(**{**values, "state": BoxState(values["state"])})


__all__ = ["BoxRow", "Boxes", "FaultRow", "Place", "RunRow", "SampleRow", "SlotRow"]
