"""Blanks by place. A movement is never changed; the balance is the sum, and the equation of the day follows from it.

opening = issued + spoiled + in doubt + remaining, where "in doubt" is everything that has left the stock and is neither
issued nor spoiled.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cardfab.errors import Text


class Place(enum.StrEnum):
    """Where a blank can be."""

    OUTSIDE = "supplier"
    STOCK = "stock"
    IN_WORK = "in-doubt"
    ISSUED = "issued"
    SPOILED = "spoiled"

    @property
    def text(self) -> Text:
        """The place for people."""
        return _PLACES[self]


_PLACES = {
    Place.OUTSIDE: Text("the supplier's", "供应方"),
    Place.STOCK: Text("stock", "库存"),
    Place.IN_WORK: Text("work", "在制"),
    Place.ISSUED: Text("issued cards", "已发卡"),
    Place.SPOILED: Text("spoiled cards", "废卡"),
}


@dataclass(frozen=True, slots=True)
class StockMovement:
    """``count`` blanks of ``stock`` go from one place to another, for a reason, by a person."""

    stock: str
    source: Place
    target: Place
    count: int
    reason: str

    def details(self) -> dict[str, str]:
        """The fields the audit record keeps of a movement."""
        return {"stock": self.stock, "from": str(self.source), "to": str(self.target), "count": str(self.count)}


@dataclass(frozen=True, slots=True)
class StockAccount:
    """The equation of one kind of blank."""

    stock: str
    opening: int
    issued: int
    spoiled: int
    in_doubt: int
    remaining: int

    @property
    def balanced(self) -> bool:
        """Whether nothing is missing and nothing is below zero."""
        parts = (self.issued, self.spoiled, self.in_doubt, self.remaining)
        return self.opening == sum(parts) and min(parts) >= 0


def account(stock: str, movements: Iterable[tuple[Place, Place, int]]) -> StockAccount:
    """Sum ``(source, target, count)`` of one stock; opening is all that came from outside less what went back there."""
    balance: dict[Place, int] = dict.fromkeys(Place, 0)
    for source, target, count in movements:
        balance[source] -= count
        balance[target] += count
    return StockAccount(
        stock=stock,
        opening=-balance[Place.OUTSIDE],
        issued=balance[Place.ISSUED],
        spoiled=balance[Place.SPOILED],
        in_doubt=balance[Place.IN_WORK],
        remaining=balance[Place.STOCK],
    )


def balances(accounts: Mapping[str, StockAccount]) -> bool:
    """Whether every account of a station balances."""
    return all(one.balanced for one in accounts.values())
