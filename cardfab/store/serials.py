"""Which numbers lie where: one row a range and place, split when a part of it goes elsewhere.

Two ranges of a stock never have a number in common; the database refuses it (migration 0008).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, insert, or_, select

from cardfab.errors import StockFault, Text
from cardfab.production.serials import SerialRange, cards, joined, lowest
from cardfab.production.stock import WITHOUT, Place
from cardfab.store.stockbooktables import stock_serial


class SerialElsewhere(StockFault):
    """A number is not where it should be taken from, or is in the books already."""

    default_code = "CF-7102"


class Serials:
    """Ranges by stock and place."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def at(self, stock: str, place: Place) -> tuple[SerialRange, ...]:
        """The numbers of a place, lowest first."""
        return joined(one for one, _, _ in self._rows(stock, stock_serial.c.place == place))

    def places(self, stock: str) -> dict[Place, tuple[SerialRange, ...]]:
        """The numbers of every place that has any."""
        found: dict[Place, list[SerialRange]] = {}
        for one, place, _ in self._rows(stock):
            found.setdefault(place, []).append(one)
        return {place: joined(ranges) for place, ranges in found.items()}

    def of_job(self, job_id: int) -> tuple[SerialRange, ...]:
        """The number of the card that a job took; none where the cards have none."""
        return tuple(SerialRange(*one) for one in self._connection.execute(_OF_JOB, {"wanted": job_id}))

    def where(self, stock: str, wanted: Iterable[SerialRange]) -> dict[Place, tuple[SerialRange, ...]]:
        """Which of some numbers are in the books, by place."""
        found: dict[Place, list[SerialRange]] = {}
        for one in wanted:
            for other, place, _ in self._rows(stock, _meets(one)):
                if (part := one.within(other)) is not None:
                    found.setdefault(place, []).append(part)
        return {place: joined(parts) for place, parts in found.items()}

    def next(self, stock: str, place: Place, count: int, job_id: int | None) -> tuple[SerialRange, ...]:
        """Those that go next: the job's own where it has one in work, else the lowest that no job holds."""
        if place is Place.IN_WORK and job_id is not None:
            return self.of_job(job_id)
        every = self._found(_AT_PLACE, {"stock": stock, "place": place})
        free = [one for one in every if one[2] is None]
        held = [one for one in every if one[2] is not None]
        some = lowest((one for one, _, _ in free), count)
        return some + lowest((one for one, _, _ in held), count - cards(some))

    def move(
        self, stock: str, wanted: Iterable[SerialRange], source: Place, target: Place, job_id: int | None = None
    ) -> None:
        """Take numbers from a place and put them into another. Raises :class:`SerialElsewhere`.

        What comes from outside must not be in the books, but as sent back to the supplier before.
        """
        for one in wanted:
            there = self.where(stock, (one,))
            if source in WITHOUT:
                known = {place: parts for place, parts in there.items() if place is not Place.OUTSIDE}
                if known:
                    raise _elsewhere(stock, *next(iter(known.items())))
            elif cards(there.get(source, ())) != one.count:
                missing = one if not there.get(source) else _first_missing(one, there[source])
                place = next((place for place, parts in there.items() if any(missing.overlaps(p) for p in parts)), None)
                raise _elsewhere(stock, place, (missing,), wanted_at=source)
            self._cut(stock, one)
            keeps = job_id if target in _OF_JOBS else None
            self._put(stock, one, target, keeps)

    def exchange(self, stock: str, one: SerialRange, other: SerialRange) -> None:
        """Two numbers change places, and the jobs that hold them. Raises :class:`SerialElsewhere`."""
        rows = [tuple(self._rows(stock, _meets(each))) for each in (one, other)]
        for each, found in zip((one, other), rows, strict=True):
            if not found:
                raise _elsewhere(stock, None, (each,))
        ((_, place, job), *_), ((_, other_place, other_job), *_) = rows
        for each in (one, other):
            self._cut(stock, each)
        self._put(stock, one, other_place, other_job)
        self._put(stock, other, place, job)

    def _cut(self, stock: str, one: SerialRange) -> None:
        row = stock_serial.c
        for other, place, job_id in tuple(self._rows(stock, _meets(one))):
            same = and_(
                row.stock == stock, row.prefix == other.prefix, row.digits == other.digits, row.first == other.first
            )
            self._connection.execute(delete(stock_serial).where(same))
            for left in other.without(one):
                self._insert(stock, left, place, job_id)

    def _put(self, stock: str, put: SerialRange, place: Place, job_id: int | None) -> None:
        """Beside its neighbours of the same place it becomes one range with them."""
        one = put
        row = stock_serial.c
        if job_id is None:
            beside = and_(
                row.place == place,
                row.job_id.is_(None),
                row.prefix == one.prefix,
                row.digits == one.digits,
                or_(row.last == one.first - 1, row.first == one.last + 1),
            )
            for other, _, _ in tuple(self._rows(stock, beside)):
                here = and_(row.stock == stock, row.prefix == other.prefix, row.digits == other.digits)
                self._connection.execute(delete(stock_serial).where(here, row.first == other.first))
                one = joined((one, other))[0]
        self._insert(stock, one, place, job_id)

    def _insert(self, stock: str, one: SerialRange, place: Place, job_id: int | None) -> None:
        values = {"prefix": one.prefix, "digits": one.digits, "first": one.first, "last": one.last}
        self._connection.execute(insert(stock_serial).values(stock=stock, place=place, job_id=job_id, **values))

    def _rows(
        self, stock: str, condition: ColumnElement[bool] | None = None
    ) -> tuple[tuple[SerialRange, Place, int | None], ...]:
        return self._found(_RANGES if condition is None else _RANGES.where(condition), {"stock": stock})

    def _found(
        self, wanted: Select[Any], values: Mapping[str, object]
    ) -> tuple[tuple[SerialRange, Place, int | None], ...]:
        return tuple(
            (SerialRange(one[0], int(one[1]), int(one[2]), int(one[3])), Place(one[4]), one[5])
            for one in self._connection.execute(wanted, values)
        )


# Made once: a statement that is built anew is spelled out anew for each card.
_ROW = stock_serial.c
_RANGES = (
    select(_ROW.prefix, _ROW.digits, _ROW.first, _ROW.last, _ROW.place, _ROW.job_id)
    .where(_ROW.stock == bindparam("stock"))
    .order_by(_ROW.prefix, _ROW.digits, _ROW.first)
)
_AT_PLACE = _RANGES.where(_ROW.place == bindparam("place"))
_OF_JOB = select(_ROW.prefix, _ROW.digits, _ROW.first, _ROW.last).where(_ROW.job_id == bindparam("wanted"))

_OF_JOBS = frozenset({Place.IN_WORK, Place.ISSUED, Place.SPOILED})
"""Where the number still says which job's card it is."""


def _meets(one: SerialRange) -> ColumnElement[bool]:
    row = stock_serial.c
    return and_(row.prefix == one.prefix, row.digits == one.digits, row.first <= one.last, row.last >= one.first)


def _first_missing(wanted: SerialRange, there: Iterable[SerialRange]) -> SerialRange:
    left: tuple[SerialRange, ...] = (wanted,)
    for part in there:
        left = tuple(rest for one in left for rest in one.without(part))
    return left[0]


def _elsewhere(
    stock: str, place: Place | None, parts: tuple[SerialRange, ...], wanted_at: Place | None = None
) -> SerialElsewhere:
    number = parts[0]
    if place is None:
        what = Text(f"{number} is not in the books of '{stock}'.", f"“{stock}”的台账中没有 {number}。")
    else:
        what = Text(f"{number} of '{stock}' is among {place.text.en}.", f"“{stock}”的 {number} 在“{place.text.zh}”中。")
    return SerialElsewhere(
        what if wanted_at is None else Text(
            f"{what.en} It was to be taken from {wanted_at.text.en}.", f"{what.zh}不在“{wanted_at.text.zh}”。"
        ),
        do=Text("Read the numbers from the cards once more.", "请再次核对卡片上的号码。"),
    )  # fmt: skip


__all__ = ["SerialElsewhere", "Serials"]
