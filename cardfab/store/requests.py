"""Requests at rest: sealed, found by a keyed index of the holder's number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from cardfab.errors import InputRefused, Text
from cardfab.store.tables import batch, inserted_id, request


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request: what is open, and the sealed rest with the salt of its batch (None once erased)."""

    id: str
    token: str
    batch_id: int
    holder_index: bytes
    product: str
    category: str
    urgent: bool
    sealed: bytes
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One file that was imported: its name, how many requests it had, when and by whom it came in."""

    id: int
    source: str
    rows: int
    imported_at: str
    imported_by: str


class BatchUnknown(InputRefused):
    """No batch of that number."""

    default_code = "CF-3111"


class RequestUnknown(InputRefused):
    """No request of that id."""

    default_code = "CF-3110"


_COLUMNS = tuple(column.name for column in request.c)


class Requests:
    """Batches and their requests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_batch(self, source: str, rows: int, salt: bytes, *, at: str, by: str) -> int:
        """Open a batch; its id."""
        values = {"source": source, "rows": rows, "salt": salt, "imported_at": at, "imported_by": by}
        done = self._connection.execute(insert(batch).values(**values))
        return inserted_id(done)

    def add(self, rows: Sequence[RequestRow]) -> None:
        """Add the requests of one batch."""
        for row in rows:
            values = {name: getattr(row, name) for name in _COLUMNS}
            self._connection.execute(insert(request).values(**values))

    def batches(self) -> tuple[BatchRow, ...]:
        """Every batch, oldest first."""
        wanted = [batch.c[name] for name in BatchRow.__slots__]
        return tuple(BatchRow(*found) for found in self._connection.execute(select(*wanted).order_by(batch.c.id)))

    def batch(self, batch_id: int) -> BatchRow:
        """One batch; raises :class:`BatchUnknown`."""
        for one in self.batches():
            if one.id == batch_id:
                return one
        raise BatchUnknown(
            Text(f"There is no batch {batch_id}.", f"没有批次 {batch_id}。"),
            do=Text("'cardfab request report' lists all.", "cardfab request report 可列出全部批次。"),
        )

    def of_batch(self, batch_id: int) -> tuple[RequestRow, ...]:
        """The requests of a batch, by id."""
        rows = _rows().where(request.c.batch_id == batch_id).order_by(request.c.id)
        return tuple(_row(found) for found in self._connection.execute(rows))

    def get(self, request_id: str) -> RequestRow:
        """One request; raises :class:`RequestUnknown`."""
        found = self._connection.execute(_BY_ID, {"wanted": request_id}).one_or_none()
        if found is None:
            raise RequestUnknown(
                Text(f"There is no request {request_id}.", f"没有申请 {request_id}。"),
                do=Text("'cardfab request list' shows all.", "cardfab request list 可查看全部申请。"),
            )
        return _row(found)

    def all(self) -> tuple[RequestRow, ...]:
        """Every request, by id."""
        return tuple(_row(found) for found in self._connection.execute(_rows().order_by(request.c.id)))

    def ids(self) -> frozenset[str]:
        """The ids in use."""
        return frozenset(self._connection.scalars(select(request.c.id)))

    def of_holder(self, holder_index: bytes) -> tuple[RequestRow, ...]:
        """All requests of one holder."""
        return tuple(
            _row(one) for one in self._connection.execute(_rows().where(request.c.holder_index == holder_index))
        )

    def erase_batch(self, batch_id: int) -> None:
        """Destroy the salt: nothing sealed in the batch opens again."""
        self._connection.execute(update(batch).where(batch.c.id == batch_id).values(salt=None))


def _rows() -> Select[Any]:
    return select(request, batch.c.salt).join(batch, batch.c.id == request.c.batch_id)


_BY_ID = _rows().where(request.c.id == bindparam("wanted"))  # made once, and not spelled out anew for each card


def _row(found: Row[Any]) -> RequestRow:
    values = dict(found._mapping)
    if not values["sealed"]:  # erased, though others of its batch are not
        values["salt"] = None
    return RequestRow(**{**values, "urgent": bool(values["urgent"])})
