"""Cards by place. A movement is never changed; the balance is the sum, and the equation of the day follows from it.

opening = issued + spoiled + in doubt + remaining, where "in doubt" is everything that has left the stock and is neither
issued nor spoiled; what lies in the vault, was used for tests, was destroyed or is missing has a part of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.production.serials import SerialRange, listed


class Place(enum.StrEnum):
    """Where a card can be. OUTSIDE and FOUND are no places of the outlet: what came from there was not in the books."""

    OUTSIDE = "supplier"
    FOUND = "found"
    VAULT = "vault"
    STOCK = "stock"
    IN_WORK = "in-doubt"
    ISSUED = "issued"
    SPOILED = "spoiled"
    TESTED = "tested"
    MISSING = "missing"
    DESTROYED = "destroyed"

    @property
    def text(self) -> Text:
        """The place for people."""
        return _PLACES[self]


_PLACES = {
    Place.OUTSIDE: Text("the supplier's", "供应方"),
    Place.FOUND: Text("found, not in the books", "盘盈"),
    Place.VAULT: Text("the vault", "库房"),
    Place.STOCK: Text("the machine", "机内"),
    Place.IN_WORK: Text("work", "在制"),
    Place.ISSUED: Text("issued cards", "已发卡"),
    Place.SPOILED: Text("spoiled cards", "废卡"),
    Place.TESTED: Text("test cards", "测试卡"),
    Place.MISSING: Text("missing cards", "盘亏"),
    Place.DESTROYED: Text("destroyed cards", "已销毁卡"),
}
WITHOUT = frozenset({Place.OUTSIDE, Place.FOUND})
"""What holds no cards of the books."""
COUNTED = (Place.STOCK, Place.VAULT, Place.SPOILED, Place.TESTED)
"""Where a person finds cards to count."""
_PREMADE = "/premade"


def premade(stock: str) -> str:
    """The stock of the cards that are made ahead from blanks of ``stock``, kept apart from them."""
    return stock + _PREMADE


def stock_text(stock: str) -> Text:
    """A stock for people."""
    blank = stock.removesuffix(_PREMADE)
    return Text(f"{blank}, made ahead", f"{blank}（预制卡）") if is_premade(stock) else Text(stock, stock)


def is_premade(stock: str) -> bool:
    """Whether no job takes its blank from there."""
    return stock.endswith(_PREMADE)


@dataclass(frozen=True, slots=True)
class StockMovement:
    """``count`` cards of ``stock`` go from one place to another, for a reason, by a person.

    ``serials``: the numbers of those that have one. ``seen``: a person read them from the cards; else they are those
    that were next by order. ``bare``: the cards have no number, whatever else lies there.
    """

    stock: str
    source: Place
    target: Place
    count: int
    reason: str
    serials: tuple[SerialRange, ...] = ()
    seen: bool = True
    bare: bool = False

    def details(self) -> dict[str, str]:
        """The fields the audit record keeps of a movement."""
        kept = {"stock": self.stock, "from": str(self.source), "to": str(self.target), "count": str(self.count)}
        if self.serials:
            kept |= {"serials": listed(self.serials), "serials_by": "sight" if self.seen else "order"}
        return kept


@dataclass(frozen=True, slots=True)
class StockAccount:
    """The equation of one kind of card. ``remaining`` lies at the machine, ``spoiled`` in the box."""

    stock: str
    opening: int
    issued: int
    spoiled: int
    in_doubt: int
    remaining: int
    vault: int = 0
    tested: int = 0
    missing: int = 0
    destroyed: int = 0

    @property
    def parts(self) -> tuple[int, ...]:
        """Everything that the opening became."""
        return (
            self.issued, self.spoiled, self.in_doubt, self.remaining,
            self.vault, self.tested, self.missing, self.destroyed,
        )  # fmt: skip

    @property
    def balanced(self) -> bool:
        """Whether nothing is missing from the sum and nothing is below zero."""
        return self.opening == sum(self.parts) and min(self.parts) >= 0


def holdings(movements: Iterable[tuple[Place, Place, int]]) -> dict[Place, int]:
    """How many cards each place holds after ``(source, target, count)``; below zero: so many came from there."""
    balance: dict[Place, int] = dict.fromkeys(Place, 0)
    for source, target, count in movements:
        balance[source] -= count
        balance[target] += count
    return balance


def account(stock: str, movements: Iterable[tuple[Place, Place, int]]) -> StockAccount:
    """Sum ``(source, target, count)`` of one stock; opening is all that came from outside less what went back there."""
    balance = holdings(movements)
    return StockAccount(
        stock=stock,
        opening=-sum(balance[place] for place in WITHOUT),
        issued=balance[Place.ISSUED],
        spoiled=balance[Place.SPOILED],
        in_doubt=balance[Place.IN_WORK],
        remaining=balance[Place.STOCK],
        vault=balance[Place.VAULT],
        tested=balance[Place.TESTED],
        missing=balance[Place.MISSING],
        destroyed=balance[Place.DESTROYED],
    )


def balances(accounts: Mapping[str, StockAccount]) -> bool:
    """Whether every account of a station balances."""
    return all(one.balanced for one in accounts.values())
