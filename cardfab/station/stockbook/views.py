"""What people see of the stock book, each as much as they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.production import Act, Place
from cardfab.production.day import DayLine
from cardfab.production.serials import SerialRange, listed
from cardfab.production.stock import holdings
from cardfab.station.counter.clock import in_china
from cardfab.station.desk import Desk
from cardfab.station.stockbook.moving import unclosed
from cardfab.store import Transaction
from cardfab.store.stockdays import CountRow, DayJob, DayRow, DifferenceRow, MovementRow

_OWN_WORDS = {
    one.en: one
    for one in (
        Text("received", "入库"),
        Text("drawn", "领用"),
        Text("put back", "退回库房"),
        Text("claimed", "制卡取用"),
        Text("issued", "成卡"),
        Text("not fed", "未进卡，退回"),
        Text("found in the printer", "机内遗留卡"),
        Text("printer test", "打印测试"),
        Text("printer test, not fed", "打印测试未进卡"),
    )
}
"""Reasons that the station itself books with."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A movement with what the vault and the machine held after it."""

    row: MovementRow
    vault: int
    machine: int

    @property
    def what(self) -> Text:
        """From where to where."""
        source, target = self.row.source.text, self.row.target.text
        return Text(f"{source.en} → {target.en}", f"{source.zh} → {target.zh}")

    @property
    def time(self) -> str:
        """As the counter says it."""
        return f"{in_china(self.row.at):%Y-%m-%d %H:%M}"

    @property
    def numbers(self) -> str:
        """The printed numbers, with a star where they went by order."""
        return numbers_of(self.row)

    @property
    def people(self) -> str:
        """Who, and with whom."""
        return self.row.by if self.row.second is None else f"{self.row.by} / {self.row.second}"

    @property
    def why(self) -> Text:
        """The reason, the job, the note."""
        reason = _OWN_WORDS.get(self.row.reason, Text(self.row.reason, self.row.reason))
        more = [self.row.note or "", "" if self.row.job_id is None else f"#{self.row.job_id}"]
        rest = "".join(f" · {part}" for part in more if part)
        return Text(reason.en + rest, reason.zh + rest)


@dataclass(frozen=True, slots=True)
class Book:
    """The book of one stock: places with what they hold, numbers by place, movements oldest first."""

    stock: str
    held: Mapping[Place, int]
    numbers: Mapping[Place, tuple[SerialRange, ...]]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Closed:
    """Everything that was kept of a closed day."""

    day: DayRow
    lines: tuple[tuple[DayLine, Mapping[Place, int]], ...]
    counts: Mapping[str, CountRow]
    differences: tuple[DifferenceRow, ...]
    jobs: tuple[DayJob, ...]
    moves: tuple[MovementRow, ...]


def numbers_of(row: MovementRow) -> str:
    """The printed numbers of a movement, with a star where they went by order."""
    return listed(row.serials) + ("" if row.seen or not row.serials else " *")


def may_see_book(desk: Desk) -> bool:
    """Whether the person sees more than what lies at the machine."""
    return desk.person.may(Act.STOCK) or desk.person.may(Act.EXPORT_AUDIT)


def must_see_book(desk: Desk) -> None:
    """Raise NotAllowed unless the person keeps the stock or checks it."""
    if not may_see_book(desk):
        desk.must(Act.STOCK)


def at_machine(desk: Desk) -> tuple[tuple[str, int], ...]:
    """What an operator sees: the cards left at the machine, by stock."""
    with desk.database.reading() as tx:
        return tuple((name, tx.stock.held(name)[Place.STOCK]) for name in tx.stock.names())


def holds(desk: Desk) -> tuple[tuple[str, Mapping[Place, int]], ...]:
    """What every place holds, by stock."""
    must_see_book(desk)
    with desk.database.reading() as tx:
        return tuple((name, tx.stock.held(name)) for name in tx.stock.names())


def book_of(desk: Desk, stock: str, most: int = 500) -> Book:
    """The book of one stock, its newest ``most`` movements."""
    must_see_book(desk)
    with desk.database.reading() as tx:
        held = tx.stock.held(stock)
        rows = tx.stock.days.movements(stock, most=most)
        return Book(stock, held, tx.stock.serials.places(stock), tuple(_entries(held, rows)))


def closed_day(desk: Desk, name: str) -> Closed:
    """A closed day by its name or the number of its paper. Raises DayUnknown."""
    must_see_book(desk)
    with desk.database.reading() as tx:
        day = tx.stock.days.get(name)
        return _closed(tx, day)


def _closed(tx: Transaction, day: DayRow) -> Closed:
    days = tx.stock.days
    moves = tuple(one for one in days.movements(day_id=day.id, most=5000) if one.job_id is None)
    return Closed(day, days.lines(day.id), days.counts(day.id), days.differences(day.id), days.jobs(day.id), moves)


def days_of(desk: Desk) -> tuple[DayRow, ...]:
    """The newest days, the open one first."""
    must_see_book(desk)
    with desk.database.reading() as tx:
        return tx.stock.days.all()


@dataclass(frozen=True, slots=True)
class Today:
    """How the book stands: the open day, or the one that was closed last; ``late``: an earlier day is still open."""

    day: DayRow | None
    last: DayRow | None
    late: bool

    @property
    def warning(self) -> Text | None:
        """What is said at the start of work."""
        if not self.late or self.day is None:
            return None
        name = self.day.name
        return Text(
            f"The stock book of {name} is not closed: close it before cards are drawn.",
            f"{name} 的库存账尚未日结：请先日结，再领用卡片。",
        )


def today(desk: Desk) -> Today:
    """How the book stands; no figure."""
    with desk.database.reading() as tx:
        return Today(tx.stock.days.open(), tx.stock.days.last_closed(), unclosed(desk, tx) is not None)


def _entries(held: Mapping[Place, int], rows: tuple[MovementRow, ...]) -> Iterator[Entry]:
    """Balances forward: what was held before the first row is what is held now less what moved since."""
    moved = holdings((row.source, row.target, row.count) for row in rows)
    vault, machine = held[Place.VAULT] - moved[Place.VAULT], held[Place.STOCK] - moved[Place.STOCK]
    for row in rows:
        vault += _by(row, Place.VAULT)
        machine += _by(row, Place.STOCK)
        yield Entry(row, vault, machine)


def _by(row: MovementRow, place: Place) -> int:
    return (row.count if row.target is place else 0) - (row.count if row.source is place else 0)


__all__ = [
    "Book",
    "Closed",
    "Entry",
    "Today",
    "at_machine",
    "book_of",
    "closed_day",
    "days_of",
    "holds",
    "may_see_book",
    "must_see_book",
    "numbers_of",
    "today",
]
