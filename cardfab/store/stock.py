"""Stock movements; the balance is their sum."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from cardfab.errors import StockFault, Text
from cardfab.production import Place, StockAccount, StockMovement, account
from cardfab.store.tables import stock_movement

_AT_ONCE = 500
"""Values in one question; databases take some thousands at most."""


class StockEmpty(StockFault):
    """Fewer blanks in a place than should leave it."""

    default_code = "CF-7100"


class Stock:
    """Movements of blanks, never changed once made."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def move(self, one: StockMovement, *, at: str, by: str, job_id: int | None = None) -> None:
        """Book a movement; raises :class:`StockEmpty` when the place has too few."""
        now = self.account(one.stock)
        held = {
            Place.STOCK: now.remaining,
            Place.IN_WORK: now.in_doubt,
            Place.ISSUED: now.issued,
            Place.SPOILED: now.spoiled,
        }
        if one.source is not Place.OUTSIDE and held[one.source] < one.count:
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
        values = {
            "stock": one.stock, "source": one.source, "target": one.target, "count": one.count, "reason": one.reason,
            "job_id": job_id, "moved_by": by, "moved_at": at,
        }  # fmt: skip
        self._connection.execute(insert(stock_movement).values(**values))

    def account(self, stock: str) -> StockAccount:
        """The equation of one kind of blank."""
        columns = (stock_movement.c.source, stock_movement.c.target, stock_movement.c.count)
        rows = self._connection.execute(select(*columns).where(stock_movement.c.stock == stock))
        return account(stock, ((Place(row.source), Place(row.target), int(row[2])) for row in rows))

    def of_jobs(self, jobs: Iterable[int]) -> StockAccount:
        """What became of the blanks that jobs took; ``remaining`` is below zero by those that are out of the stock."""
        wanted = sorted(jobs)
        columns = (stock_movement.c.source, stock_movement.c.target, stock_movement.c.count)
        rows: list[tuple[Place, Place, int]] = []
        for at in range(0, len(wanted), _AT_ONCE):
            some = select(*columns).where(stock_movement.c.job_id.in_(wanted[at : at + _AT_ONCE]))
            rows += [(Place(row.source), Place(row.target), int(row[2])) for row in self._connection.execute(some)]
        return account("", rows)

    def accounts(self) -> tuple[StockAccount, ...]:
        """Every stock, by name."""
        names = self._connection.scalars(select(stock_movement.c.stock).distinct().order_by(stock_movement.c.stock))
        return tuple(self.account(name) for name in names.all())
