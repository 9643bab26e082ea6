"""A blind count: a person says what lies there before the books say what should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardfab.errors import StockFault, Text
from cardfab.production import Act, Place
from cardfab.production.day import COUNTED, Difference, differences
from cardfab.station.desk import Desk
from cardfab.station.stockbook.moving import MOST, Untold
from cardfab.store import Transaction
from cardfab.store.stockdays import CountRow, DayRow


class NotCounted(StockFault):
    """A place was not counted, or cards moved since."""

    default_code = "CF-7132"


class NothingOpen(StockFault):
    """No day is open: nothing moved since the last close."""

    default_code = "CF-7136"


@dataclass(frozen=True, slots=True)
class Compared:
    """The newest counts against the books. ``waiting``: stocks that are to be counted, or counted again."""

    day: DayRow
    differences: tuple[Difference, ...]
    waiting: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether everything was counted and nothing differs."""
        return not self.differences and not self.waiting


def open_day(tx: Transaction) -> DayRow:
    """The day that is open; raises :class:`NothingOpen`."""
    day = tx.stock.days.open()
    if day is None:
        raise NothingOpen(
            Text(
                "No day is open: nothing was moved since the last close.",
                "当前没有开启的营业日：日结后未发生库存业务。",
            ),
            do=Text("There is nothing to close.", "无需日结。"),
        )
    return day


def to_count(desk: Desk) -> tuple[str, ...]:
    """The stocks that a person counts, each at every place of :data:`COUNTED`; no figure."""
    desk.must(Act.STOCK)
    with desk.database.reading() as tx:
        return _to_count(tx)


def _to_count(tx: Transaction) -> tuple[str, ...]:
    return tx.stock.names()


def count(desk: Desk, counted: Mapping[str, Mapping[Place, int]]) -> Compared:
    """Keep what was counted; then, and only then, what differs. Every place of a stock is counted, if with 0."""
    desk.must(Act.STOCK)
    with desk.database.transaction("count") as tx:
        day = open_day(tx)
        known = _to_count(tx)
        for stock, places in counted.items():
            _require_whole(stock, places, known)
            expected = {place: held for place, held in tx.stock.held(stock).items() if place in COUNTED}
            kept = {place: places[place] for place in COUNTED}
            newest = tx.stock.days.newest(stock)
            tx.stock.days.keep_count(day.id, CountRow(stock, desk.at(), desk.person.login, newest, kept, expected))
            said = {"stock": stock} | {f"counted_{place}": str(number) for place, number in kept.items()}
            said |= {f"booked_{place}": str(number) for place, number in expected.items()}
            tx.audit.append(desk.event("stock.count", desk.token(), "done", said))
        return compare(tx)


def compared(desk: Desk) -> Compared:
    """As the counts are now."""
    desk.must(Act.STOCK)
    with desk.database.reading() as tx:
        return compare(tx)


def compare(tx: Transaction) -> Compared:
    """The newest counts of the open day against the books; a count is old once a card of its stock has moved."""
    day = open_day(tx)
    counts = tx.stock.days.counts(day.id)
    waiting: list[str] = []
    found: list[Difference] = []
    for stock in _to_count(tx):
        one = counts.get(stock)
        if one is None or one.after != tx.stock.days.newest(stock):
            waiting.append(stock)
            continue
        expected = {(stock, place): number for place, number in one.expected.items()}
        found += differences(expected, {(stock, place): number for place, number in one.counted.items()})
    return Compared(day, tuple(found), tuple(waiting))


def require_counted(found: Compared) -> None:
    """Raise :class:`NotCounted` where a count is missing or old."""
    if found.waiting:
        names = ", ".join(found.waiting)
        raise NotCounted(
            Text(f"Not counted, or moved since: {names}.", f"尚未清点，或清点后又有变动：{names}。"),
            do=Text("Count it now: 'cardfab stock count'.", "请现在清点：cardfab stock count。"),
        )


def _require_whole(stock: str, places: Mapping[Place, int], known: tuple[str, ...]) -> None:
    if stock not in known:
        raise Untold(
            Text(f"Stock '{stock}' has no cards in the books.", f"库存“{stock}”在台账中没有卡片。"),
            do=Text(f"To be counted: {', '.join(known)}.", f"应清点：{'、'.join(known)}。"),
        )
    if any(not 0 <= places.get(place, -1) <= MOST for place in COUNTED):
        raise Untold(
            Text(
                f"Stock '{stock}': every place is counted, an empty one with 0.",
                f"“{stock}”：每处均须清点，没有卡片的填 0。",
            ),
            do=Text("Fill in the missing figure.", "请补填。"),
        )


__all__ = [
    "Compared",
    "NotCounted",
    "NothingOpen",
    "compare",
    "compared",
    "count",
    "open_day",
    "require_counted",
    "to_count",
]
