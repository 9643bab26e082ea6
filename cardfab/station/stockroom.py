"""Blanks come in and are counted; every movement has a person and an audit line."""

from __future__ import annotations

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
    desk.person.must(Act.STOCK)
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
