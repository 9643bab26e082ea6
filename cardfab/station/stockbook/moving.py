"""What every movement of the stock book needs: which cards, who counted them, one transaction with its audit line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardfab.errors import StockFault, Text
from cardfab.production import Act, Person, Place, StockMovement
from cardfab.production.serials import SerialRange, cards, joined
from cardfab.production.stock import premade
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station.counter.clock import here_and_now
from cardfab.station.desk import Desk
from cardfab.station.people import second_person
from cardfab.store import Transaction
from cardfab.store.stockdays import DayRow

MOST = 1_000_000
"""Cards in one movement."""


class StockUnknown(StockFault):
    """No product is made from such blanks."""

    default_code = "CF-7120"


class CountsDiffer(StockFault):
    """Two people counted, and not the same."""

    default_code = "CF-7110"


class TwoNeeded(StockFault):
    """A second person counts too."""

    default_code = "CF-7111"


class Untold(StockFault):
    """What was to be said was not: how many, which, or why."""

    default_code = "CF-7121"


class DayUnclosed(StockFault):
    """The books of an earlier day are still open."""

    default_code = "CF-7131"


@dataclass(frozen=True, slots=True)
class Goods:
    """Cards of a stock: how many, and the numbers of those that have one."""

    stock: str
    count: int
    serials: tuple[SerialRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """What two people counted, each by themselves. ``second`` is a login; its password is asked at the desk."""

    mine: int
    second: str | None = None
    theirs: int | None = None


def stocks(desk: Desk) -> tuple[str, ...]:
    """Every stock that a product names, and that of its cards made ahead."""
    blank = {load(desk.profiles, "products", name, Product).stock for name in desk.profiles.names("products")}
    return tuple(sorted(blank | {premade(name) for name in blank}))


def require_stock(desk: Desk, stock: str) -> None:
    """Raise :class:`StockUnknown` unless a product names it."""
    known = stocks(desk)
    if stock not in known:
        raise StockUnknown(
            Text(f"No product uses a stock '{stock}'.", f"没有产品使用库存“{stock}”。"),
            do=Text(f"Known: {', '.join(known)}.", f"已知库存：{'、'.join(known)}。"),
        )


def goods(desk: Desk, stock: str, count: int | None, serials: Sequence[SerialRange] = ()) -> Goods:
    """The cards as they were named; numbers alone say how many. Raises :class:`StockUnknown`, :class:`Untold`."""
    require_stock(desk, stock)
    numbers = joined(serials)
    told = cards(numbers) if numbers else None
    how_many = told if count is None else count
    if how_many is None or not 0 < how_many <= MOST:
        raise Untold(
            Text("How many cards was not said.", "未说明卡片张数。"),
            do=Text("Give their number, or the first and the last printed number.", "请给出张数，或起号与止号。"),
        )
    if told is not None and told != how_many:
        raise CountsDiffer(
            Text(
                f"The numbers given are of {told} cards, not of {how_many}.",
                f"所给号段共 {told} 张，与 {how_many} 张不符。",
            ),
            do=Text("Look at the first and the last number.", "请核对起号与止号。"),
        )
    return Goods(stock, how_many, numbers)


def two(desk: Desk, wanted: Goods, counts: Counts) -> Person:
    """The second person, proved here, who counted the same. Raises :class:`TwoNeeded`, :class:`CountsDiffer`."""
    if counts.second is None or counts.theirs is None:
        raise TwoNeeded(
            Text("A second person counts these cards too.", "须由第二人同时清点这些卡片。"),
            do=Text(
                "Name them and what they counted: '--second LOGIN --second-count N'.",
                "请指明第二人及其清点数：--second 登录名 --second-count 张数。",
            ),
        )
    second = second_person(desk, counts.second, Act.COUNT)
    if not wanted.count == counts.mine == counts.theirs:
        differ = CountsDiffer(
            Text(
                f"The counts differ: {wanted.count} to be moved, '{desk.person.login}' counted {counts.mine}, "
                f"'{second.login}' {counts.theirs}. Nothing was booked.",
                f"清点不符：应为 {wanted.count} 张，“{desk.person.login}”清点 {counts.mine} 张，"
                f"“{second.login}”清点 {counts.theirs} 张。未记账。",
            ),
            do=Text("Count again, each by yourselves.", "请两人各自重新清点。"),
        )
        said = {"first": str(counts.mine), "second": str(counts.theirs), "wanted": str(wanted.count)}
        desk.refused(differ, act=Act.COUNT, of=wanted.stock, second_login=second.login, **said)
        raise differ
    return second


def reason_of(words: str) -> str:
    """A reason as it is kept. Raises :class:`Untold` where there is none."""
    kept = " ".join(words.split())[:200]
    if not kept:
        raise Untold(
            Text("The reason was not said.", "未说明原因。"),
            do=Text("Say in a few words what happened.", "请简要说明原因。"),
        )
    return kept


def book(
    desk: Desk,
    tx: Transaction,
    movement: StockMovement,
    *,
    second: str | None = None,
    note: str | None = None,
    subject: str | None = None,
) -> StockMovement:
    """Book a movement and its audit line, in a transaction that has begun; the movement with its numbers."""
    moved = tx.stock.move(
        movement, at=desk.at(), by=desk.person.login, station=desk.station, second=second, note=note or None
    )
    said = moved.details() | {"reason": moved.reason}
    if second:
        said["second"] = second
    if note:
        said["note"] = note
    tx.audit.append(desk.event("stock.move", subject or desk.token(), "done", said))
    return moved


def move(
    desk: Desk, name: str, wanted: Goods, source: Place, target: Place, reason: str, *, second: str | None = None,
    note: str | None = None, subject: str | None = None,
) -> StockMovement:  # fmt: skip
    """One movement in a transaction of its own."""
    movement = StockMovement(wanted.stock, source, target, wanted.count, reason, wanted.serials)
    with desk.database.transaction(name) as tx:
        return book(desk, tx, movement, second=second, note=note, subject=subject)


def unclosed(desk: Desk, tx: Transaction) -> DayRow | None:
    """The day that is still open although another has begun."""
    day = tx.stock.days.open()
    return day if day is not None and day.day < here_and_now(desk).date() else None


def require_day(desk: Desk) -> None:
    """What the vault gives and takes waits until an earlier day is closed. Raises :class:`DayUnclosed`, DayClosed."""
    with desk.database.reading() as tx:
        earlier = unclosed(desk, tx)
        tx.stock.days.require_open(desk.at())
    if earlier is not None:
        raise DayUnclosed(
            Text(f"The stock book of {earlier.name} is not closed yet.", f"{earlier.name} 的库存账尚未日结。"),
            do=Text("Close it first: 'cardfab stock close'.", "请先日结：cardfab stock close。"),
        )


__all__ = [
    "MOST",
    "Counts",
    "CountsDiffer",
    "DayUnclosed",
    "Goods",
    "StockUnknown",
    "TwoNeeded",
    "Untold",
    "book",
    "goods",
    "move",
    "reason_of",
    "require_day",
    "require_stock",
    "stocks",
    "two",
    "unclosed",
]
