"""What a batch of the bureau has come to, in sums: for who watches it. Nothing of a holder, and no row one by one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, case, func, select

from cardfab.store.batches import Batches
from cardfab.store.boxes import RunRow
from cardfab.store.bureautables import (
    bureau_batch,
    bureau_box,
    bureau_fault,
    bureau_remake,
    bureau_row,
    bureau_run,
    bureau_sample,
    bureau_shard,
    bureau_slot,
)
from cardfab.store.requests import BatchUnknown
from cardfab.store.tables import batch, job

_Line = TypeVar("_Line")


@dataclass(frozen=True, slots=True)
class BatchHead:
    """A batch as a list shows it. ``rows`` and ``wrong`` as they were counted when the file was taken in."""

    id: int
    issuer: str
    reference: str
    state: str
    rows: int
    wrong: int
    box_size: int
    ordered: str
    received_by: str
    approved_by: str | None
    changed_at: str


@dataclass(frozen=True, slots=True)
class JobSum:
    """Jobs of a batch in one state: how many, how many that came to it since a moment, and the last that did."""

    state: str
    count: int
    lately: int
    last_at: str | None


@dataclass(frozen=True, slots=True)
class ShardSum:
    """Shards in one state: how many, the rows in them, those that ended since a moment, their processor seconds."""

    state: str
    count: int
    rows: int
    rows_lately: int
    cost: float


@dataclass(frozen=True, slots=True)
class SlotLine:
    """One slot of a run, with the box that it works on; its times in seconds; ``taken_out`` JSON of code, en, zh."""

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
    box: int | None


@dataclass(frozen=True, slots=True)
class FaultSum:
    """Faults of one code: how many, at which slots, and the words of one of them (JSON of code, en, zh)."""

    code: str
    why: str
    count: int
    slots: int


@dataclass(frozen=True, slots=True)
class BoxLine:
    """One box of a batch."""

    box: int
    first: int
    last: int
    state: str
    slot: str | None
    changed_at: str


@dataclass(frozen=True, slots=True)
class RemakeLine:
    """A card that is to be made again: asked for, approved, made."""

    job_id: int
    place: int
    asked_by: str
    asked_at: str
    approved_by: str | None
    second: str | None
    new_job_id: int | None
    new_state: str | None


class BureauFigures:
    """Sums over batches of the bureau."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heads(self, offset: int = 0, limit: int = 100) -> tuple[BatchHead, ...]:
        """Batches, newest first."""
        rows = self._heads().order_by(bureau_batch.c.id.desc()).offset(offset).limit(limit)
        return tuple(BatchHead(*found) for found in self._connection.execute(rows))

    def count(self) -> int:
        """How many batches there are."""
        return int(self._connection.scalar(select(func.count()).select_from(bureau_batch)) or 0)

    def any(self) -> bool:
        """Whether a batch was ever taken in."""
        return self._connection.scalar(select(bureau_batch.c.id).limit(1)) is not None

    def head(self, batch_id: int) -> BatchHead | None:
        """One batch; None where there is none of this number."""
        found = self._connection.execute(self._heads().where(bureau_batch.c.id == batch_id)).one_or_none()
        return None if found is None else BatchHead(*found)

    def named(self, name: str) -> BatchHead | None:
        """A batch as :meth:`Batches.find` names it; None where there is none. Raises SeveralBatches."""
        try:
            return self.head(Batches(self._connection).find(name).id)
        except BatchUnknown:
            return None

    def source(self, batch_id: int) -> str:
        """The name of the file that the batch came in."""
        return str(self._connection.scalar(select(batch.c.source).where(batch.c.id == batch_id)) or "")

    def left_out(self, batch_id: int) -> int:
        """Rows of which no card is made: wrong ones, and those given up."""
        return self._rows(batch_id, bureau_row.c.left_out.is_not(None))

    def without_job(self, batch_id: int) -> int:
        """Rows of which a card is to be made, whose job was not made yet."""
        return self._rows(batch_id, bureau_row.c.left_out.is_(None), bureau_row.c.job_id.is_(None))

    def jobs(self, batch_id: int, since: str) -> tuple[JobSum, ...]:
        """Jobs of the batch by state, remakes too."""
        lately = func.sum(case((job.c.changed_at >= since, 1), else_=0))
        rows = (
            select(job.c.state, func.count(), lately, func.max(job.c.changed_at))
            .join(bureau_row, bureau_row.c.request_id == job.c.request_id)
            # A row that was left out when it came may have the request id of another, whose card is no card of it.
            .where(bureau_row.c.batch_id == batch_id, bureau_row.c.job_id.is_not(None))
            .group_by(job.c.state)
            .order_by(job.c.state)
        )
        return tuple(
            JobSum(str(state), int(count), int(new), last) for state, count, new, last in self._connection.execute(rows)
        )

    def shards(self, batch_id: int, since: str) -> tuple[ShardSum, ...]:
        """Shards of the batch by state."""
        size = bureau_shard.c.last - bureau_shard.c.first + 1
        lately = func.sum(case((bureau_shard.c.ended_at >= since, size), else_=0))
        cost = func.coalesce(func.sum(bureau_shard.c.cost), 0.0)
        rows = (
            select(bureau_shard.c.state, func.count(), func.sum(size), lately, cost)
            .where(bureau_shard.c.batch_id == batch_id)
            .group_by(bureau_shard.c.state)
        )
        return tuple(
            ShardSum(str(state), int(count), int(size), int(new), float(cost))
            for state, count, size, new, cost in self._connection.execute(rows)
        )

    def box_states(self, batch_id: int) -> dict[str, int]:
        """Boxes by state."""
        rows = (
            select(bureau_box.c.state, func.count())
            .where(bureau_box.c.batch_id == batch_id)
            .group_by(bureau_box.c.state)
        )
        return {str(state): int(count) for state, count in self._connection.execute(rows)}

    def boxes(self, batch_id: int, offset: int = 0, limit: int = 100) -> tuple[BoxLine, ...]:
        """Boxes of the batch, in order."""
        rows = select(*_columns(BoxLine, bureau_box)).where(bureau_box.c.batch_id == batch_id)
        return self._lines(BoxLine, rows.order_by(bureau_box.c.box).offset(offset).limit(limit))

    def runs(self, batch_id: int, limit: int = 20) -> tuple[RunRow, ...]:
        """Runs of lines on the batch, newest first."""
        rows = select(*_columns(RunRow, bureau_run)).where(bureau_run.c.batch_id == batch_id)
        return self._lines(RunRow, rows.order_by(bureau_run.c.id.desc()).limit(limit))

    def slots(self, *run_ids: int) -> tuple[SlotLine, ...]:
        """Slots of some runs, by run and name."""
        at_work = (
            select(func.min(bureau_box.c.box))
            .where(
                bureau_box.c.run_id == bureau_slot.c.run_id,
                bureau_box.c.slot == bureau_slot.c.slot,
                bureau_box.c.state == "IN_WORK",
            )
            .scalar_subquery()
        )
        wanted = [bureau_slot.c[one.name] for one in fields(SlotLine) if one.name != "box"]
        rows = select(*wanted, at_work).where(bureau_slot.c.run_id.in_(run_ids))
        return self._lines(SlotLine, rows.order_by(bureau_slot.c.run_id, bureau_slot.c.slot))

    def faults(self, batch_id: int, limit: int = 12) -> tuple[FaultSum, ...]:
        """Faults of the batch by code, the most frequent first."""
        rows = (
            select(
                bureau_fault.c.code,
                func.min(bureau_fault.c.why),
                func.count(),
                func.count(func.distinct(bureau_fault.c.slot)),
            )
            .join(bureau_run, bureau_run.c.id == bureau_fault.c.run_id)
            .where(bureau_run.c.batch_id == batch_id)
            .group_by(bureau_fault.c.code)
            .order_by(func.count().desc(), bureau_fault.c.code)
            .limit(limit)
        )
        return self._lines(FaultSum, rows)

    def samples(self, batch_id: int) -> dict[str, int]:
        """Samples for quality control by outcome; of those not looked at yet the outcome is empty."""
        outcome = bureau_sample.c.outcome
        rows = select(outcome, func.count()).where(bureau_sample.c.batch_id == batch_id).group_by(outcome)
        return {str(name or ""): int(count) for name, count in self._connection.execute(rows)}

    def remakes(self, batch_id: int, limit: int = 100) -> tuple[RemakeLine, ...]:
        """What is to be made again, by place."""
        wanted = [bureau_remake.c[one.name] for one in fields(RemakeLine) if one.name != "new_state"]
        rows = (
            select(*wanted, job.c.state)
            .outerjoin(job, job.c.id == bureau_remake.c.new_job_id)
            .where(bureau_remake.c.batch_id == batch_id)
            .order_by(bureau_remake.c.place, bureau_remake.c.job_id)
            .limit(limit)
        )
        return self._lines(RemakeLine, rows)

    def _heads(self) -> Select[Any]:
        return select(*_columns(BatchHead, bureau_batch))

    def _rows(self, batch_id: int, *conditions: Any) -> int:
        wanted = select(func.count()).select_from(bureau_row).where(bureau_row.c.batch_id == batch_id, *conditions)
        return int(self._connection.scalar(wanted) or 0)

    def _lines(self, kind: type[_Line], rows: Select[Any]) -> tuple[_Line, ...]:
        return tuple(kind(*found) for found in self._connection.execute(rows))


def _columns(kind: Any, table: Any) -> list[Any]:
    return [table.c[one.name] for one in fields(kind)]


__all__ = [
    "BatchHead", "BoxLine", "BureauFigures", "FaultSum", "JobSum", "RemakeLine", "ShardSum", "SlotLine",
]  # fmt: skip
