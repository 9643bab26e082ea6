"""Batches of the bureau and their rows. A row's request is sealed as a request of the station is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from cardfab.errors import InputRefused, Text
from cardfab.production import OUT_OF_USE, JobState
from cardfab.production.batches import BatchState, BatchStateRefused, BoxState, ShardState, batch_after
from cardfab.store.bulk import put
from cardfab.store.bureautables import bureau_batch, bureau_box, bureau_card, bureau_finding, bureau_row, bureau_shard
from cardfab.store.requests import BatchUnknown, RequestRow
from cardfab.store.tables import batch, issued_card, job, request

NUMBER: Final = "number:"
"""What stands before a batch's number where it must not be taken for a reference."""
WRONG: Final = "wrong"
"""Why a row that was judged wrong is left out; what is wrong with it are its findings."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class BureauBatchRow:
    """One batch as the database holds it; ``salt`` is None once its personal data was erased.

    The card of the row at ``place`` has the serial ``first_card + place - 1`` and the account ``first_account + place
    - 1``; both are None until the approval.
    """

    id: int
    token: str
    issuer: str
    reference: str
    state: BatchState
    rows: int
    wrong: int
    file_digest: str
    cover: str
    box_size: int
    shard_size: int
    first_card: int | None
    first_account: int | None
    issue_date: str | None
    received_by: str
    approved_by: str | None
    second: str | None
    digest: str | None
    ordered: str
    station: str
    changed_at: str
    product: str
    source: str
    salt: bytes | None

    @property
    def cards(self) -> int:
        """How many cards it comes to, wrong rows left out."""
        return self.rows - self.wrong

    @property
    def signer(self) -> str:
        """Who signed its file: subject of the certificate and its SHA-256; empty where nobody did."""
        by = json.loads(self.cover or "{}").get("signer")
        return f"{by['subject']}, SHA-256 {by['fingerprint']}" if by else ""


class SeveralBatches(InputRefused):
    """A name of a batch that means more than one: a reference is unique for its issuer alone."""

    default_code = "CF-3678"

    def __init__(self, said: str, found: Sequence[BureauBatchRow]) -> None:
        listed = [f"{one.id} ({one.issuer}, {one.reference})" for one in found]
        super().__init__(
            Text(f"'{said}' may be batch {' or '.join(listed)}.", f"“{said}”可能是批次 {' 或 '.join(listed)}。"),
            do=Text(
                f"Give the number: {NUMBER}{found[0].id} or {NUMBER}{found[1].id}.",
                f"请用编号：{NUMBER}{found[0].id} 或 {NUMBER}{found[1].id}。",
            ),
        )


@dataclass(frozen=True, slots=True)
class BureauRowRow:
    """One row of a batch, ``row`` as the file counts it. ``sealed`` is None of a wrong row, and when its job has it."""

    batch_id: int
    place: int
    row: int
    request_id: str
    token: str
    holder_index: bytes
    product: str
    category: str
    urgent: bool
    sealed: bytes | None
    job_id: int | None
    left_out: str | None
    salt: bytes | None

    def as_request(self) -> RequestRow:
        """The row as a request of the station: what the vault opens and seals for."""
        return RequestRow(
            id=self.request_id,
            token=self.token,
            batch_id=self.batch_id,
            holder_index=self.holder_index,
            product=self.product,
            category=self.category,
            urgent=self.urgent,
            sealed=self.sealed or b"",
            salt=self.salt if self.sealed else None,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row: ``row`` as the file counts it, without a value of the holder's."""

    place: int
    row: int
    request_id: str
    field: str
    reason: Text


_BATCH = tuple(one.name for one in fields(BureauBatchRow))
_ROW_COLUMNS = tuple(column.name for column in bureau_row.c)


class Batches:
    """Batches of the bureau and their rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- the batch -------------------------------------------------------------------------------------------------

    def open(self, batch_id: int, values: Mapping[str, Any]) -> None:
        """A batch that is being taken in; ``batch_id`` is that of :meth:`Requests.add_batch`."""
        self._connection.execute(
            insert(bureau_batch).values(id=batch_id, state=BatchState.RECEIVING, wrong=0, ordered="", **values)
        )

    def get(self, batch_id: int) -> BureauBatchRow:
        """One batch; raises :class:`BatchUnknown`."""
        found = self._connection.execute(_batches().where(bureau_batch.c.id == batch_id)).one_or_none()
        if found is None:
            raise _unknown(str(batch_id))
        return _batch(found)

    def find(self, said: str) -> BureauBatchRow:
        """The one batch of this number here or of this reference; ``number:N`` is the number and nothing else.

        Raises :class:`BatchUnknown`, :class:`SeveralBatches`.
        """
        named = _batches().where(_named(said)).order_by(bureau_batch.c.id).limit(3)
        found = [_batch(one) for one in self._connection.execute(named)]
        if len(found) > 1:
            raise SeveralBatches(said, found)
        if not found:
            raise _unknown(said)
        return found[0]

    def all(self, *states: BatchState) -> tuple[BureauBatchRow, ...]:
        """Batches in some states (all without any), oldest first."""
        rows = _batches().order_by(bureau_batch.c.id)
        if states:
            rows = rows.where(bureau_batch.c.state.in_(states))
        return tuple(_batch(found) for found in self._connection.execute(rows))

    def same(self, issuer: str, reference: str, file_digest: str) -> BureauBatchRow | None:
        """The batch that has this reference of the issuer, or that came of the same file and was not refused."""
        # A refused batch has no boxes any more, and has none when it is erased.
        state, boxes = bureau_batch.c.state, exists().where(bureau_box.c.batch_id == bureau_batch.c.id)
        made = and_(state != BatchState.REFUSED, or_(state != BatchState.ERASED, boxes))
        file = and_(bureau_batch.c.file_digest == file_digest, made)
        named = and_(bureau_batch.c.issuer == issuer, bureau_batch.c.reference == reference)
        found = self._connection.execute(_batches().where(or_(named, file)).order_by(bureau_batch.c.id)).first()
        return None if found is None else _batch(found)

    def has_file(self, issuer: str, file_digest: str) -> bool:
        """Whether a file of an issuer was taken in here, whatever became of it."""
        these = and_(bureau_batch.c.issuer == issuer, bureau_batch.c.file_digest == file_digest)
        return self._connection.scalar(select(bureau_batch.c.id).where(these).limit(1)) is not None

    def move(self, one: BureauBatchRow, target: BatchState, *, at: str, **columns: Any) -> BureauBatchRow:
        """The batch in its next state; raises BatchStateRefused when the table or another program forbids it."""
        batch_after(one.state, target)
        changed = self._connection.execute(
            update(bureau_batch)
            .where(bureau_batch.c.id == one.id, bureau_batch.c.state == one.state)
            .values(state=target, changed_at=at, **columns)
        )
        if changed.rowcount != 1:
            raise BatchStateRefused(
                Text(f"Batch {one.id} was changed by another program.", f"批次 {one.id} 已被其他程序改动。"),
                do=Text("'cardfab bureau status' shows it.", "可用 cardfab bureau status 查看。"),
            )
        return self.get(one.id)

    def change(self, batch_id: int, **columns: Any) -> None:
        """Set columns of a batch that are no state: what is ordered of its lines, its digest."""
        self._connection.execute(update(bureau_batch).where(bureau_batch.c.id == batch_id).values(**columns))

    # -- its rows --------------------------------------------------------------------------------------------------

    def put_rows(self, rows: Iterable[BureauRowRow]) -> int:
        """Add rows of a batch that is being taken in; how many."""
        columns = _ROW_COLUMNS
        given = (tuple(int(v) if isinstance(v := getattr(row, n), bool) else v for n in columns) for row in rows)
        return put(self._connection, bureau_row, columns, given)

    def row(self, batch_id: int, place: int) -> BureauRowRow:
        """One row; raises :class:`BatchUnknown` where there is none."""
        found = next(self.rows_of(batch_id, place, place, left_out=True), None)
        if found is None:
            raise BatchUnknown(Text(f"Batch {batch_id} has no row {place}.", f"批次 {batch_id} 没有第 {place} 行。"))
        return found

    def rows_of(
        self, batch_id: int, first: int = 1, last: int | None = None, *, left_out: bool = False
    ) -> Iterator[BureauRowRow]:
        """Rows by place, read as they are asked for; those of which no card is made only with ``left_out``."""
        wanted = select(bureau_row, batch.c.salt).join(batch, batch.c.id == bureau_row.c.batch_id)
        wanted = wanted.where(bureau_row.c.batch_id == batch_id)
        if last is not None:
            wanted = wanted.where(bureau_row.c.place <= last)
        if not left_out:
            wanted = wanted.where(bureau_row.c.left_out.is_(None))
        wanted = wanted.order_by(bureau_row.c.place).limit(_AT_ONCE)
        while some := self._connection.execute(wanted.where(bureau_row.c.place >= first)).all():
            for found in some:
                yield BureauRowRow(**{**found._mapping, "urgent": bool(found.urgent)})
            if len(some) < _AT_ONCE:
                return
            first = some[-1].place + 1

    def leave_out(self, batch_id: int, places: Sequence[int], why: str) -> None:
        """No card is made of these rows, and nothing of their holders is kept in them."""
        these = and_(bureau_row.c.batch_id == batch_id, bureau_row.c.place.in_(places))
        gone = {"left_out": why, "sealed": None, "holder_index": b""}
        self._connection.execute(update(bureau_row).where(these).values(**gone))

    # -- what is wrong with them -----------------------------------------------------------------------------------

    def put_findings(self, batch_id: int, found: Iterable[Finding]) -> None:
        """Keep what is wrong with rows."""
        columns = ("batch_id", "place", "row", "request_id", "field", "reason_en", "reason_zh")
        rows = (
            (batch_id, one.place, one.row, one.request_id, one.field, one.reason.en, one.reason.zh) for one in found
        )
        put(self._connection, bureau_finding, columns, rows)

    def findings(self, batch_id: int) -> Iterator[Finding]:
        """What is wrong with the rows of a batch, in the order of the file, read as it is asked for."""
        wanted = select(bureau_finding).where(bureau_finding.c.batch_id == batch_id)
        for one in self._streamed(wanted.order_by(bureau_finding.c.place, bureau_finding.c.id)):
            yield Finding(one.place, one.row, one.request_id, one.field, Text(one.reason_en, one.reason_zh))

    def twice(self, batch_id: int, column: str) -> Iterator[tuple[int, int, str, int]]:
        """Rows with what an earlier row of the batch has, by ``column``: (place, row, request id, row of the first)."""
        one, good = bureau_row.c[column], _good(bureau_row, batch_id)
        first = (
            select(
                one.label("said"), func.min(bureau_row.c.place).label("place"), func.min(bureau_row.c.row).label("row")
            )
            .where(good)
            .group_by(one)
            .having(func.count() > 1)
            .subquery()
        )
        wanted = (
            select(bureau_row.c.place, bureau_row.c.row, bureau_row.c.request_id, first.c.row.label("of"))
            .join(first, and_(first.c.said == one, first.c.place < bureau_row.c.place))
            .where(good)
            .order_by(bureau_row.c.place)
        )
        return ((found.place, found.row, found.request_id, found.of) for found in self._streamed(wanted))

    def known(self, batch_id: int) -> Iterator[tuple[int, int, str]]:
        """Rows whose request id is taken by a request of a station or by another batch: (place, row, request id)."""
        other = bureau_row.alias("other")
        taken = or_(
            exists().where(request.c.id == bureau_row.c.request_id),
            exists().where(
                other.c.request_id == bureau_row.c.request_id, other.c.batch_id != batch_id, other.c.left_out.is_(None)
            ),
        )
        return self._rows_where(batch_id, taken)

    def holders_in_work(self, batch_id: int) -> Iterator[tuple[int, int, str]]:
        """Rows for whose holder a card is being made already, here or in another batch: (place, row, request id).

        A place of a batch that is not closed waits for its card until that is made or given up, spoiled or not.
        """
        other = bureau_row.alias("other")
        # Values asked for, not tables joined: the one index that leads from a holder to rows is that of holders.
        state = select(bureau_batch.c.state).where(bureau_batch.c.id == other.c.batch_id).scalar_subquery()
        its_job = select(job.c.state).where(job.c.id == other.c.job_id).scalar_subquery()
        busy = or_(
            exists().where(
                other.c.holder_index == bureau_row.c.holder_index,
                other.c.batch_id != batch_id,
                other.c.left_out.is_(None),
                state.not_in((BatchState.REFUSED, BatchState.CLOSED, BatchState.ERASED)),
                func.coalesce(its_job, "") != JobState.DONE,
            ),
            exists().where(
                request.c.holder_index == bureau_row.c.holder_index,
                job.c.request_id == request.c.id,
                job.c.state.not_in((JobState.DONE, JobState.SPOILED, JobState.CANCELLED)),
            ),
        )
        return self._rows_where(batch_id, busy)

    def holders_with_card(self, batch_id: int, replacing: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        """Rows whose holder has a card in use, and category is none of ``replacing``: (place, row, request id)."""
        held = exists().where(
            issued_card.c.holder_index == bureau_row.c.holder_index, issued_card.c.state.not_in(OUT_OF_USE)
        )
        return self._rows_where(batch_id, and_(bureau_row.c.category.not_in(replacing), held))

    def _rows_where(self, batch_id: int, condition: ColumnElement[bool]) -> Iterator[tuple[int, int, str]]:
        wanted = select(bureau_row.c.place, bureau_row.c.row, bureau_row.c.request_id)
        wanted = wanted.where(_good(bureau_row, batch_id), condition)
        return ((one.place, one.row, one.request_id) for one in self._streamed(wanted.order_by(bureau_row.c.place)))

    def _streamed(self, wanted: Select[Any]) -> Iterator[Row[Any]]:
        """Rows as they are asked for, never all at once."""
        with self._connection.execute(wanted.execution_options(yield_per=_AT_ONCE)) as found:
            yield from found

    def tell_planner(self) -> None:
        """Let the database see how much was put: a server that still thinks a table empty looks at it row by row."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("ANALYZE bureau_row"))

    def wrong(self, batch_id: int) -> int:
        """How many rows are left out as wrong."""
        these = and_(bureau_row.c.batch_id == batch_id, bureau_row.c.left_out == WRONG)
        return self._connection.scalar(select(func.count()).select_from(bureau_row).where(these)) or 0

    def id_taken(self, request_id: str) -> bool:
        """Whether a request of a station or a row of a batch has this request id, made already or not."""
        here = and_(bureau_row.c.request_id == request_id, bureau_row.c.left_out.is_(None))
        taken = or_(exists().where(request.c.id == request_id), exists().where(here))
        return bool(self._connection.scalar(select(taken)))

    # -- what the decision makes of it -----------------------------------------------------------------------------

    def divide(self, one: BureauBatchRow, *, at: str) -> tuple[int, int]:
        """Make the shards and boxes of a batch; how many of each. What is left out takes no room in a box."""
        shards = [
            (one.id, number, first, min(first + one.shard_size - 1, one.rows), ShardState.WAITING, 0)
            for number, first in enumerate(range(1, one.rows + 1, one.shard_size), 1)
        ]
        columns = ("batch_id", "shard", "first", "last", "state", "tries")
        put(self._connection, bureau_shard, columns, shards)
        columns = ("batch_id", "box", "first", "last", "state", "changed_at")
        out = select(bureau_row.c.place).where(bureau_row.c.batch_id == one.id, bureau_row.c.left_out.is_not(None))
        gone = [place for (place,) in self._connection.execute(out.order_by(bureau_row.c.place))]
        boxes = [
            (one.id, number, first, last, BoxState.WAITING, at)
            for number, (first, last) in enumerate(boxed(one.rows, gone, one.box_size), 1)
        ]
        put(self._connection, bureau_box, columns, boxes)
        return len(shards), len(boxes)

    def remove_rows(self, batch_id: int, at_most: int = 10_000) -> int:
        """Remove some rows of a batch with the cards prepared of them; how many: 0 when none is left."""
        places = select(bureau_row.c.place).where(bureau_row.c.batch_id == batch_id).order_by(bureau_row.c.place)
        some = list(self._connection.scalars(places.limit(at_most)))
        for table in (bureau_card, bureau_row) if some else ():
            these = and_(table.c.batch_id == batch_id, table.c.place.between(some[0], some[-1]))
            self._connection.execute(delete(table).where(these))
        return len(some)

    def remove_division(self, batch_id: int) -> None:
        """Remove the shards and boxes of a batch of which nothing was made."""
        for table in (bureau_shard, bureau_box):
            self._connection.execute(delete(table).where(table.c.batch_id == batch_id))

    def remove(self, batch_id: int) -> None:
        """Remove a batch that has no rows any more, and that it was there."""
        self._connection.execute(delete(bureau_finding).where(bureau_finding.c.batch_id == batch_id))
        self._connection.execute(delete(bureau_batch).where(bureau_batch.c.id == batch_id))
        self._connection.execute(delete(batch).where(batch.c.id == batch_id))

    def refused_with_rows(self) -> tuple[int, ...]:
        """Refused batches whose rows are not removed yet."""
        wanted = select(bureau_batch.c.id).where(
            bureau_batch.c.state == BatchState.REFUSED, exists().where(bureau_row.c.batch_id == bureau_batch.c.id)
        )
        return tuple(self._connection.scalars(wanted.order_by(bureau_batch.c.id)))


def boxed(rows: int, left_out: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """The first and last place of each box of ``size`` cards, in order; ``left_out`` are the places without a card.

    Those before a card are in its box, those after the last card in the last box.
    """
    out, first, cards, place, left = iter((*left_out, rows + 1)), 1, 0, 0, rows - len(left_out)
    gap = next(out)
    while place < rows:
        take = min(size - cards, gap - 1 - place)
        place, cards = place + take, cards + take
        if cards == size:
            left -= size
            yield first, place if left else rows
            first, cards = place + 1, 0
        elif place + 1 == gap and gap <= rows:
            place, gap = gap, next(out)
    if cards:
        yield first, rows


def _named(said: str) -> ColumnElement[bool]:
    number = said.removeprefix(NUMBER)
    numbered = number.isascii() and number.isdecimal() and len(number) < 10
    as_number = bureau_batch.c.id == int(number) if numbered else false()
    return as_number if said != number else or_(as_number, bureau_batch.c.reference == said)


def _unknown(said: str) -> BatchUnknown:
    return BatchUnknown(
        Text(f"There is no batch {said} of an issuer.", f"没有发卡机构批次 {said}。"),
        do=Text("'cardfab bureau list' shows all.", "cardfab bureau list 可列出全部批次。"),
    )


def _good(table: Any, batch_id: int) -> ColumnElement[bool]:
    return and_(table.c.batch_id == batch_id, table.c.left_out.is_(None))


def _batches() -> Select[Any]:
    columns = [bureau_batch.c[name] for name in _BATCH if name in bureau_batch.c]
    return select(*columns, batch.c.source, batch.c.salt).join(batch, batch.c.id == bureau_batch.c.id)


def _batch(found: Row[Any]) -> BureauBatchRow:
    return BureauBatchRow(**{**found._mapping, "state": BatchState(found.state)})


__all__ = ["NUMBER", "WRONG", "Batches", "BureauBatchRow", "BureauRowRow", "Finding", "SeveralBatches", "boxed"]
