"""Stock movements; the balance is their sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, bindparam, func, insert, select

from cardfab.errors import StockFault, Text
from cardfab.production import Place, StockAccount, StockMovement, account
from cardfab.production.serials import SerialsRefused, cards
from cardfab.production.stock import WITHOUT, holdings
from cardfab.store.serials import Serials
from cardfab.store.stockbooktables import movement_serial
from cardfab.store.stockdays import Days
from cardfab.store.tables import inserted_id, stock_movement

_AT_ONCE = 500
"""Values in one question; databases take some thousands at most."""


_ADDED: WeakKeyDictionary[Engine, dict[str, tuple[int, Counter[tuple[str, str]]]]] = WeakKeyDictionary()
"""By database and stock: up to which movement they are added up, and the sums by source and target."""
_ROW = stock_movement.c
_SINCE = (
    select(_ROW.source, _ROW.target, func.sum(_ROW.count), func.max(_ROW.id))
    .where(_ROW.stock == bindparam("stock"), _ROW.id > bindparam("until"))
    .group_by(_ROW.source, _ROW.target)
)
_MOVEMENT = insert(stock_movement)
_NUMBERS = insert(movement_serial)


class StockEmpty(StockFault):
    """Fewer blanks in a place than should leave it."""

    default_code = "CF-7100"


class Stock:
    """Movements of cards, never changed once made."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._moved = False
        self.serials = Serials(connection)
        self.days = Days(connection)

    def move(
        self,
        one: StockMovement,
        *,
        at: str,
        by: str,
        job_id: int | None = None,
        station: str | None = None,
        second: str | None = None,
        note: str | None = None,
    ) -> StockMovement:
        """Book a movement, made at a station; the same with the numbers of the cards that moved.

        Numbers that are not told are those next by order: the job's own, else the lowest of the place. ``second`` is
        who counted too, ``note`` the delivery note. Raises :class:`StockEmpty` when the place has too few,
        SerialsRefused, SerialElsewhere, DayClosed.
        """
        day = self.days.current(at, by, settles=one.source is Place.IN_WORK)
        held = holdings(self._newest(one.stock))
        if one.source not in WITHOUT and held[one.source] < one.count:
            raise StockEmpty(
                Text(
                    f"Stock '{one.stock}' has {held[one.source]} blanks in {one.source.text.en}; {one.count} wanted.",
                    f"“{one.stock}”的{one.source.text.zh}只有 {held[one.source]} 张，需要 {one.count} 张。",
                ),
                do=Text(
                    "Book the blanks you loaded with 'cardfab stock receive'.",
                    "请用 cardfab stock receive 登记已装入的空白卡。",
                ),
            )
        one = self._numbered(one, job_id)
        values = {
            "stock": one.stock, "source": one.source, "target": one.target, "count": one.count, "reason": one.reason,
            "job_id": job_id, "moved_by": by, "moved_at": at, "station": station, "second": second, "note": note,
            "day_id": day,
        }  # fmt: skip
        self._moved = True
        movement = inserted_id(self._connection.execute(_MOVEMENT, values))
        for part in one.serials:
            kept = {"prefix": part.prefix, "digits": part.digits, "first": part.first, "last": part.last}
            self._connection.execute(_NUMBERS, {"movement_id": movement, "seen": int(one.seen), **kept})
        self.serials.move(one.stock, one.serials, one.source, one.target, job_id)
        return one

    def held(self, stock: str) -> dict[Place, int]:
        """How many cards each place holds."""
        return holdings(self._sums(stock))

    def account(self, stock: str) -> StockAccount:
        """The equation of one kind of blank."""
        return account(stock, self._sums(stock))

    def of_jobs(self, jobs: Iterable[int]) -> StockAccount:
        """What became of the blanks that jobs took; ``remaining`` is below zero by those that are out of the stock."""
        wanted = sorted(jobs)
        columns = (stock_movement.c.source, stock_movement.c.target, stock_movement.c.count)
        rows: list[tuple[Place, Place, int]] = []
        for at in range(0, len(wanted), _AT_ONCE):
            some = select(*columns).where(stock_movement.c.job_id.in_(wanted[at : at + _AT_ONCE]))
            rows += [(Place(row.source), Place(row.target), int(row[2])) for row in self._connection.execute(some)]
        return account("", rows)

    def names(self) -> tuple[str, ...]:
        """Every stock that ever had a card."""
        names = self._connection.scalars(select(stock_movement.c.stock).distinct().order_by(stock_movement.c.stock))
        return tuple(names.all())

    def accounts(self) -> tuple[StockAccount, ...]:
        """Every stock, by name."""
        row = stock_movement.c
        sums = select(row.stock, row.source, row.target, func.sum(row.count)).group_by(
            row.stock, row.source, row.target
        )
        found: dict[str, list[tuple[Place, Place, int]]] = {}
        for stock, source, target, count in self._connection.execute(sums):
            found.setdefault(stock, []).append((Place(source), Place(target), int(count)))
        return tuple(account(stock, found[stock]) for stock in sorted(found))

    def _sums(self, stock: str) -> tuple[tuple[Place, Place, int], ...]:
        """All movements of a stock, those between the same two places as one."""
        row = stock_movement.c
        sums = select(row.source, row.target, func.sum(row.count)).where(row.stock == stock)
        found = self._connection.execute(sums.group_by(row.source, row.target))
        return tuple((Place(source), Place(target), int(count)) for source, target, count in found)

    def _newest(self, stock: str) -> Iterable[tuple[Place, Place, int]]:
        """The same for who is about to move: what was added up before is not added up again.

        Who writes is alone and sees every movement, and movements are never changed. What this transaction moved
        itself may yet be undone, so it is not kept.
        """
        engine = self._connection.engine
        kept = _ADDED.setdefault(engine, {})
        until, sums = kept.get(stock, (0, Counter()))
        rows = self._connection.execute(_SINCE, {"stock": stock, "until": until}).all()
        sums = sums.copy()
        for source, target, count, newest in rows:
            sums[source, target] += int(count)
            until = max(until, int(newest))
        if rows and not self._moved:
            kept[stock] = until, sums
        return [(Place(source), Place(target), count) for (source, target), count in sums.items()]

    def _numbered(self, one: StockMovement, job_id: int | None) -> StockMovement:
        """The movement with the numbers that go along: those told, else those next by order."""
        if one.serials:
            if (told := cards(one.serials)) != one.count:
                raise SerialsRefused(
                    Text(
                        f"{told} numbers were given for {one.count} cards.",
                        f"给出 {told} 个号码，而卡片为 {one.count} 张。",
                    ),
                    do=Text("Give the number of every card.", "请给出每张卡的号码。"),
                )
            return one
        if one.bare or one.source in WITHOUT:
            return one
        return replace(one, serials=self.serials.next(one.stock, one.source, one.count, job_id), seen=False)


__all__ = ["Stock", "StockEmpty"]
