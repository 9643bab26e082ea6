"""Blanks come in and are counted; every movement has a person and an audit line."""

from __future__ import annotations

from cardfab.production import Act, Place, StockAccount, StockMovement
from cardfab.station.desk import Desk


def receive(desk: Desk, stock: str, count: int) -> StockAccount:
    """Book blanks that were loaded; the stock's account afterwards."""
    desk.person.must(Act.STOCK)
    movement = StockMovement(stock, Place.OUTSIDE, Place.STOCK, count, "received")
    with desk.database.transaction("receive") as tx:
        tx.stock.move(movement, at=desk.at(), by=desk.person.login)
        tx.audit.append(desk.event("stock.move", desk.token(), "done", movement.details()))
        return tx.stock.account(stock)


def accounts(desk: Desk) -> tuple[StockAccount, ...]:
    """The equation of every stock."""
    with desk.database.reading() as tx:
        return tx.stock.accounts()
