"""Blanks come in and are counted; every movement has a person and an audit line."""

from __future__ import annotations

from cardfab import audit
from cardfab.audit import AuditEvent
from cardfab.errors import Text
from cardfab.production import Act, Place, StockAccount, StockMovement
from cardfab.station.desk import Desk
from cardfab.station.stockbook.moving import StockUnknown, TwoNeeded, book, require_stock
from cardfab.station.stockbook.proving import NumbersOnRecord


def receive(desk: Desk, stock: str, count: int) -> StockAccount:
    """Book blanks that were loaded at a training station; the stock's account afterwards.

    The way in that two people count is :func:`cardfab.station.stockbook.acts.receive_goods`.
    """
    desk.must(Act.STOCK)
    require_stock(desk, stock)
    if not desk.training:
        raise TwoNeeded(
            Text("At a real station two people count what comes in.", "正式制卡点入库须由两人清点。"),
            do=Text("Receive it with the delivery note and a second person.", "请凭送货单并由第二人共同办理入库。"),
        )
    with desk.database.transaction("receive") as tx:
        book(desk, tx, StockMovement(stock, Place.OUTSIDE, Place.STOCK, count, "received"))
        return tx.stock.account(stock)


def accounts(desk: Desk) -> tuple[StockAccount, ...]:
    """The equation of every stock."""
    with desk.database.reading() as tx:
        return tx.stock.accounts()


def off_the_record(desk: Desk) -> tuple[str, ...]:
    """Stocks whose books differ from the movements on record: the books were changed by hand (PCI PIN 30-3)."""
    desk.database.sequence()
    with desk.database.reading() as tx:
        books = {name: (tx.stock.account(name).opening, _holds(tx.stock.held(name))) for name in tx.stock.names()}
        numbers = NumbersOnRecord()
        events = numbers.watching(map(AuditEvent.decode, tx.audit.leaves()))
        record = {one.stock: (one.opening - one.returned, dict(one.held)) for one in audit.account(events).stock}
        differ = numbers.differ(tx)
    return tuple(
        stock
        for stock in sorted(books.keys() | record.keys() | differ)
        if stock in differ or books.get(stock) != record.get(stock)
    )


def _holds(held: dict[Place, int]) -> dict[str, int]:
    """As the record counts: by name, without what is empty and what lies outside."""
    return {str(place): count for place, count in held.items() if count and place not in (Place.OUTSIDE, Place.FOUND)}


__all__ = ["StockUnknown", "accounts", "off_the_record", "receive"]
