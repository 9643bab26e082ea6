"""Blanks come in and are counted; every movement has a person and an audit line."""

from __future__ import annotations

from cardfab import audit
from cardfab.audit import AuditEvent
from cardfab.errors import StockFault, Text
from cardfab.production import Act, Place, StockAccount, StockMovement
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station.desk import Desk


class StockUnknown(StockFault):
    """No product is made from such blanks."""

    default_code = "CF-7120"


def receive(desk: Desk, stock: str, count: int) -> StockAccount:
    """Book blanks that were loaded; the stock's account afterwards."""
    desk.must(Act.STOCK)
    known = {load(desk.profiles, "products", name, Product).stock for name in desk.profiles.names("products")}
    if stock not in known:
        raise StockUnknown(
            Text(f"No product uses a stock '{stock}'.", f"没有产品使用库存“{stock}”。"),
            do=Text(f"Known: {', '.join(sorted(known))}.", f"已知库存：{'、'.join(sorted(known))}。"),
        )
    movement = StockMovement(stock, Place.OUTSIDE, Place.STOCK, count, "received")
    with desk.database.transaction("receive") as tx:
        tx.stock.move(movement, at=desk.at(), by=desk.person.login)
        tx.audit.append(desk.event("stock.move", desk.token(), "done", movement.details()))
        return tx.stock.account(stock)


def accounts(desk: Desk) -> tuple[StockAccount, ...]:
    """The equation of every stock."""
    with desk.database.reading() as tx:
        return tx.stock.accounts()


def off_the_record(desk: Desk) -> tuple[str, ...]:
    """Stocks whose books differ from the movements on record: the books were changed by hand (PCI PIN 30-3)."""
    desk.database.sequence()
    with desk.database.reading() as tx:
        books = {one.stock: one for one in tx.stock.accounts()}
        events = map(AuditEvent.decode, tx.audit.leaves())
        record = {one.stock: one for one in audit.account(events).stock}
    differ = []
    for stock in sorted(books.keys() | record.keys()):
        here, said = books.get(stock), record.get(stock)
        if here is None or said is None or here != _as_booked(said):
            differ.append(stock)
    return tuple(differ)


def _as_booked(said: audit.StockAccount) -> StockAccount:
    """An account of the record in the terms of the books, which take off the opening what went back."""
    opening = said.opening - said.returned
    return StockAccount(said.stock, opening, said.issued, said.spoiled, said.in_doubt, said.remaining)
