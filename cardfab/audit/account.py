"""Whether the record adds up: every intent has an outcome, every blank is somewhere (PCI PIN 30-3, bureau practice)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cardfab.audit.event import AuditEvent
from cardfab.errors import Text

_MOVE = frozenset({"stock", "from", "to", "count"})
_COUNT = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Places:
    """Names of the places that mean a fate; every other place holds blanks that remain.

    What came from ``found`` was in no book before: it opens the account as what came from ``outside`` does.
    """

    outside: str = "supplier"
    issued: str = "issued"
    spoiled: str = "spoiled"
    in_doubt: str = "in-doubt"
    found: str = "found"
    tested: str = "tested"
    missing: str = "missing"
    destroyed: str = "destroyed"


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An intent on record without an outcome; ``index`` is its place in the log, from 0."""

    index: int
    event: AuditEvent


@dataclass(frozen=True, slots=True)
class StockAccount:
    """One product's cards: ``opening`` came in from outside, ``returned`` went back there.

    ``held``: how many each place holds by name, those that remain place by place.
    """

    stock: str
    opening: int
    returned: int
    issued: int
    spoiled: int
    in_doubt: int
    remaining: int
    tested: int = 0
    missing: int = 0
    destroyed: int = 0
    held: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def balanced(self) -> bool:
        """opening = issued + spoiled + in doubt + remaining + returned + ..., and nothing below zero."""
        parts = (
            self.issued, self.spoiled, self.in_doubt, self.remaining, self.returned,
            self.tested, self.missing, self.destroyed,
        )  # fmt: skip
        return self.opening == sum(parts) and min(parts) >= 0


@dataclass(frozen=True, slots=True)
class Accounts:
    """Intents and stock of a whole log. ``findings`` say what cannot be right, by entry number from 0."""

    intents: int
    settled: int
    in_doubt: tuple[OpenIntent, ...]
    stock: tuple[StockAccount, ...]
    findings: tuple[Text, ...]

    @property
    def balanced(self) -> bool:
        """Whether every product's stock adds up and nothing impossible is on record."""
        return not self.findings and all(one.balanced for one in self.stock)


def account(events: Iterable[AuditEvent], places: Places | None = None) -> Accounts:
    """Pair intents with outcomes and sum the movements of stock, from the log's first entry on.

    An intent is settled by the next event of the same subject and act that is no intent; the act is the action without
    a last ``.intent`` or ``.outcome``. Of two open intents of one act the later is settled first: the earlier is what a
    power cut left; uses of a key are of one act where they have one label and one ``act``. An event that was not
    refused and carries ``stock``, ``from``, ``to`` and ``count`` moved cards.
    """
    intents, stock = _Intents(), _Stock(places or Places())
    for index, event in enumerate(events):
        intents.enter(index, event)
        stock.enter(index, event)
    still = tuple(sorted((one for ones in intents.open.values() for one in ones), key=lambda one: one.index))
    return Accounts(
        intents.seen, intents.seen - len(still), still, stock.accounts(), (*intents.findings, *stock.findings)
    )


class _Intents:
    def __init__(self) -> None:
        self.open: dict[tuple[str, str, str, str], list[OpenIntent]] = {}
        self.seen = 0
        self.findings: list[Text] = []

    def enter(self, index: int, event: AuditEvent) -> None:
        act = event.action.removesuffix(".intent").removesuffix(".outcome")
        # Uses of several keys for one card go on side by side: each outcome is of its own key and act.
        of = (event.details.get("label", ""), event.details.get("act", "")) if act == "key.use" else ("", "")
        key = (event.subject, act, *of)
        if event.outcome == "intent":
            self.seen += 1
            self.open.setdefault(key, []).append(OpenIntent(index, event))
        elif waiting := self.open.get(key):
            waiting.pop()
            if not waiting:
                del self.open[key]
        elif event.action.endswith(".outcome"):
            self.findings.append(
                Text(
                    f"Entry {index}: an outcome of {act} without its intent.",
                    f"第 {index} 条：{act} 有结果，但没有对应的意图记录。",
                )
            )


class _Stock:
    def __init__(self, places: Places) -> None:
        self._places = places
        self._held: dict[str, dict[str, int]] = {}
        self._in: dict[str, int] = {}
        self._back: dict[str, int] = {}
        self.findings: list[Text] = []

    def enter(self, index: int, event: AuditEvent) -> None:
        details = event.details
        if event.outcome == "refused" or not ("stock" in details and ("from" in details or "to" in details)):
            return
        count = details.get("count", "")
        if not details.keys() >= _MOVE or not _COUNT.fullmatch(count) or details["from"] == details["to"]:
            self.findings.append(
                Text(f"Entry {index}: this movement of stock cannot be read.", f"第 {index} 条：库存移动无法识别。")
            )
            return
        self._move(index, details["stock"], details["from"], details["to"], int(count))

    def _move(self, index: int, stock: str, source: str, target: str, count: int) -> None:
        held = self._held.setdefault(stock, {})
        outside = (self._places.outside, self._places.found)
        if source in outside:
            self._in[stock] = self._in.get(stock, 0) + count
        else:
            held[source] = held.get(source, 0) - count
            if held[source] < 0:
                self.findings.append(
                    Text(
                        f"Entry {index}: {count} of {stock} leave {source}, which has not so many.",
                        f"第 {index} 条：{stock} 从 {source} 移出 {count}，超过结存。",
                    )
                )
        if target in outside:
            self._back[stock] = self._back.get(stock, 0) + count
        else:
            held[target] = held.get(target, 0) + count

    def accounts(self) -> tuple[StockAccount, ...]:
        return tuple(self._account(stock) for stock in sorted(self._held))

    def _account(self, stock: str) -> StockAccount:
        places, held = self._places, dict(self._held[stock])
        names = (places.issued, places.spoiled, places.in_doubt, places.tested, places.missing, places.destroyed)
        issued, spoiled, in_doubt, tested, missing, destroyed = (held.pop(fate, 0) for fate in names)
        return StockAccount(
            stock,
            opening=self._in.get(stock, 0),
            returned=self._back.get(stock, 0),
            issued=issued,
            spoiled=spoiled,
            in_doubt=in_doubt,
            remaining=sum(held.values()),
            tested=tested,
            missing=missing,
            destroyed=destroyed,
            held={place: count for place, count in self._held[stock].items() if count},
        )
