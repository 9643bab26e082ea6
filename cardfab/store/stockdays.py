"""Business days of the stock book: one is open at most; one that was closed is never opened again.

A day is of the date in China. It begins with the first movement after the last close; a second one of the same date is
begun by a person. What settles a job that was in doubt at the close belongs to the next day, whenever it is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, or_, select, update

from cardfab.errors import StockFault, Text
from cardfab.production.day import DayLine, Difference, day_line
from cardfab.production.serials import SerialRange
from cardfab.production.stock import Place
from cardfab.store.stockbooktables import (
    movement_serial,
    stock_count,
    stock_day,
    stock_day_job,
    stock_day_line,
    stock_difference,
)
from cardfab.store.tables import inserted_id, stock_movement

# Made once: a statement that is built anew is spelled out anew for each card.
_OPEN = select(stock_day).where(stock_day.c.is_open == 1)
_CLOSED_LAST = select(stock_day).where(stock_day.c.closed_at.is_not(None)).order_by(stock_day.c.id.desc()).limit(1)

_CHINA = timezone(timedelta(hours=8))


_MOVEMENT = (
    stock_movement.c.id,
    stock_movement.c.stock,
    stock_movement.c.source,
    stock_movement.c.target,
    stock_movement.c.count,
    stock_movement.c.reason,
    stock_movement.c.job_id,
    stock_movement.c.moved_by,
    stock_movement.c.moved_at,
    stock_movement.c.second,
    stock_movement.c.note,
    stock_movement.c.day_id,
)


class DayClosed(StockFault):
    """The books of today are signed; what comes now is of another day."""

    default_code = "CF-7130"


class DayUnknown(StockFault):
    """No such day was closed."""

    default_code = "CF-7135"


@dataclass(frozen=True, slots=True)
class DayRow:
    """A business day. ``paper``: the number of the paper that was signed of it."""

    id: int
    day: date
    run: int
    opened_at: str
    opened_by: str
    closed_at: str | None
    closed_by: str | None
    second: str | None
    paper: str | None

    @property
    def name(self) -> str:
        """``2026-11-22``, the second of a date ``2026-11-22/2``."""
        return self.day.isoformat() if self.run == 1 else f"{self.day.isoformat()}/{self.run}"


@dataclass(frozen=True, slots=True)
class CountRow:
    """What a person counted of a stock, by place, and what the books said at that moment."""

    stock: str
    at: str
    by: str
    after: int
    counted: Mapping[Place, int]
    expected: Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference that was settled with a reason and a second name."""

    stock: str
    place: Place
    expected: int
    counted: int
    reason: str
    second: str


@dataclass(frozen=True, slots=True)
class DayJob:
    """A job whose blank was neither issued nor spoiled when the day was closed."""

    job_id: int
    stock: str
    state: str


@dataclass(frozen=True, slots=True)
class MovementRow:
    """One movement as the book shows it."""

    id: int
    stock: str
    source: Place
    target: Place
    count: int
    reason: str
    job_id: int | None
    by: str
    at: str
    second: str | None
    note: str | None
    day_id: int | None
    serials: tuple[SerialRange, ...] = ()
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Closing:
    """What is kept of a day that is closed, in one transaction."""

    paper: str
    lines: Sequence[DayLine]
    counted: Mapping[str, Mapping[Place, int]]
    jobs: Iterable[DayJob]
    differences: Sequence[tuple[Difference, str]] = ()
    second: str | None = None


def date_of(at: str) -> date:
    """The business date of a moment of the books."""
    return datetime.fromisoformat(at).astimezone(_CHINA).date()


class Days:
    """Days, counts and the movements of a day."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def current(self, at: str, by: str, *, settles: bool = False) -> int:
        """The open day, begun now where none is. Raises :class:`DayClosed` unless what is booked ``settles`` a job."""
        day = self.open()
        if day is None:
            today, last = date_of(at), self.last_closed()
            if last is not None and last.day >= today and not settles:
                raise _closed(last)
            return self.begin(max(today, last.day) if last else today, at=at, by=by)
        return day.id

    def require_open(self, at: str) -> None:
        """Raise :class:`DayClosed` where a card that is begun now would be of a day that is closed."""
        last = self.last_closed()
        if self.open() is None and last is not None and last.day >= date_of(at):
            raise _closed(last)

    def open(self) -> DayRow | None:
        """The day that is open."""
        return self._one(_OPEN)

    def last_closed(self) -> DayRow | None:
        """The day that was closed last."""
        return self._one(_CLOSED_LAST)

    def begin(self, day: date, *, at: str, by: str) -> int:
        """Open a day; the database refuses a second one."""
        run = self._connection.scalar(select(func.count()).where(stock_day.c.day == day.isoformat())) or 0
        values = {"day": day.isoformat(), "run": run + 1, "is_open": 1, "opened_at": at, "opened_by": by}
        return inserted_id(self._connection.execute(insert(stock_day).values(**values)))

    def get(self, name: str) -> DayRow:
        """A closed day by its name or the number of its paper. Raises :class:`DayUnknown`."""
        day, _, run = name.partition("/")
        named = (stock_day.c.day == day) & (stock_day.c.run == (int(run) if run.isdecimal() else 1))
        found = self._one(select(stock_day).where(or_(named, stock_day.c.paper == name)))
        if found is None or found.closed_at is None:
            raise DayUnknown(
                Text(f"No day {name[:40]} was closed.", f"没有已日结的 {name[:40]}。"),
                do=Text("'cardfab stock days' shows those that were.", "cardfab stock days 可查看已日结的日期。"),
            )
        return found

    def all(self, most: int = 60) -> tuple[DayRow, ...]:
        """The newest days, the last first."""
        rows = select(stock_day).order_by(stock_day.c.id.desc()).limit(most)
        return tuple(_day(row) for row in self._connection.execute(rows))

    def line(self, stock: str, day_id: int) -> DayLine:
        """The equation of a stock on a day, from its movements."""
        row = stock_movement.c
        columns = select(row.source, row.target, func.sum(row.count)).where(row.stock == stock)
        groups = columns.group_by(row.source, row.target)
        before = groups.where(or_(row.day_id.is_(None), row.day_id < day_id))
        return day_line(stock, self._moved(before), self._moved(groups.where(row.day_id == day_id)))

    def newest(self, stock: str) -> int:
        """The number of the stock's newest movement; 0 where there is none."""
        newest = select(func.max(stock_movement.c.id)).where(stock_movement.c.stock == stock)
        return self._connection.scalar(newest) or 0

    def keep_count(self, day_id: int, one: CountRow) -> None:
        """Keep a count; the newest one of a stock is what the close goes by."""
        values = {
            "day_id": day_id, "stock": one.stock, "at": one.at, "by": one.by, "after": one.after,
            "counted": json.dumps(one.counted), "expected": json.dumps(one.expected),
        }  # fmt: skip
        self._connection.execute(insert(stock_count).values(**values))

    def counts(self, day_id: int) -> dict[str, CountRow]:
        """The newest count of each stock on a day."""
        rows = select(stock_count).where(stock_count.c.day_id == day_id).order_by(stock_count.c.id)
        return {
            row.stock: CountRow(row.stock, row.at, row.by, row.after, _places(row.counted), _places(row.expected))
            for row in self._connection.execute(rows)
        }

    def close(self, day_id: int, one: Closing, *, at: str, by: str) -> None:
        """Keep the figures as they are signed, and end the day. The database lets a day be closed once."""
        for line in one.lines:
            figures, counted = json.dumps(asdict(line)), json.dumps(one.counted.get(line.stock, {}))
            values = {"day_id": day_id, "stock": line.stock, "figures": figures, "counted": counted}
            self._connection.execute(insert(stock_day_line).values(**values))
        for job in one.jobs:
            self._connection.execute(insert(stock_day_job).values(day_id=day_id, **asdict(job)))
        for difference, reason in one.differences:
            kept = {**asdict(difference), "day_id": day_id, "reason": reason, "second": one.second}
            self._connection.execute(insert(stock_difference).values(**kept))
        ended = update(stock_day).where(stock_day.c.id == day_id, stock_day.c.is_open == 1)
        values = {"is_open": None, "closed_at": at, "closed_by": by, "second": one.second, "paper": one.paper}
        if self._connection.execute(ended.values(**values)).rowcount != 1:
            raise _closed(None)

    def lines(self, day_id: int) -> tuple[tuple[DayLine, Mapping[Place, int]], ...]:
        """The figures of a closed day, and what was counted, by stock."""
        rows = select(stock_day_line).where(stock_day_line.c.day_id == day_id).order_by(stock_day_line.c.stock)
        found = self._connection.execute(rows)
        return tuple((DayLine(**json.loads(row.figures)), _places(row.counted)) for row in found)

    def jobs(self, day_id: int) -> tuple[DayJob, ...]:
        """The jobs in doubt or in work when a day was closed."""
        row = stock_day_job.c
        wanted = select(row.job_id, row.stock, row.state).where(row.day_id == day_id).order_by(row.job_id)
        return tuple(DayJob(*one) for one in self._connection.execute(wanted))

    def differences(self, day_id: int) -> tuple[DifferenceRow, ...]:
        """What differed on a day, and why."""
        row = stock_difference.c
        columns = (row.stock, row.place, row.expected, row.counted, row.reason, row.second)
        wanted = select(*columns).where(row.day_id == day_id).order_by(row.id)
        return tuple(DifferenceRow(one[0], Place(one[1]), *one[2:]) for one in self._connection.execute(wanted))

    def movements(
        self, stock: str | None = None, *, day_id: int | None = None, most: int = 500
    ) -> tuple[MovementRow, ...]:
        """Movements of a stock or of all, of a day or of all, the newest ``most``, oldest first."""
        row = stock_movement.c
        wanted = select(*_MOVEMENT).order_by(row.id.desc()).limit(most)
        if stock is not None:
            wanted = wanted.where(row.stock == stock)
        if day_id is not None:
            wanted = wanted.where(row.day_id == day_id)
        return self._movements(wanted)

    def noted(self, note: str) -> tuple[MovementRow, ...]:
        """Movements that name a paper."""
        return self._movements(select(*_MOVEMENT).where(stock_movement.c.note == note))

    def _movements(self, wanted: Select[Any]) -> tuple[MovementRow, ...]:
        found = list(self._connection.execute(wanted))
        serials = self._serials([one[0] for one in found])
        return tuple(
            replace(_movement(one), serials=numbers, seen=seen)
            for one in reversed(found)
            for numbers, seen in [serials.get(one[0], ((), True))]
        )

    def _serials(self, movements: Sequence[int]) -> dict[int, tuple[tuple[SerialRange, ...], bool]]:
        row = movement_serial.c
        found: dict[int, tuple[tuple[SerialRange, ...], bool]] = {}
        for at in range(0, len(movements), 500):
            some = select(movement_serial).where(row.movement_id.in_(movements[at : at + 500])).order_by(row.id)
            for one in self._connection.execute(some):
                part = SerialRange(one.prefix, one.digits, int(one.first), int(one.last))
                found[one.movement_id] = ((*found.get(one.movement_id, ((), True))[0], part), bool(one.seen))
        return found

    def _moved(self, wanted: Select[Any]) -> tuple[tuple[Place, Place, int], ...]:
        return tuple((Place(one[0]), Place(one[1]), int(one[2])) for one in self._connection.execute(wanted))

    def _one(self, wanted: Select[Any]) -> DayRow | None:
        found = self._connection.execute(wanted).one_or_none()
        return None if found is None else _day(found)


def _day(row: Row[Any]) -> DayRow:
    return DayRow(
        row.id, date.fromisoformat(row.day), row.run, row.opened_at, row.opened_by,
        row.closed_at, row.closed_by, row.second, row.paper,
    )  # fmt: skip


def _movement(row: Row[Any]) -> MovementRow:
    number, stock, source, target, *rest = tuple(row)
    return MovementRow(number, stock, Place(source), Place(target), *rest)


def _places(text: str) -> dict[Place, int]:
    return {Place(place): int(count) for place, count in json.loads(text).items()}


def _closed(day: DayRow | None) -> DayClosed:
    name = "" if day is None else f" {day.name}"
    return DayClosed(
        Text(f"The stock book of the day{name} is closed.", f"库存账{name} 已日结。"),
        do=Text(
            "A supervisor opens a new day: 'cardfab stock open'; tomorrow it opens by itself.",
            "请由主管开启新的营业日：cardfab stock open；次日自动开启。",
        ),
    )


__all__ = [
    "Closing",
    "CountRow",
    "DayClosed",
    "DayJob",
    "DayRow",
    "DayUnknown",
    "Days",
    "DifferenceRow",
    "MovementRow",
    "date_of",
]
