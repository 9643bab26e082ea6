"""Where every printed number lies by the audit record alone, to be held against the books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cardfab.audit import AuditEvent
from cardfab.production.serials import SerialRange, SerialsRefused, cards, unlisted
from cardfab.store import Transaction

_Number = tuple[str, int, int]


class NumbersOnRecord:
    """Places by stock and number, as the events leave them one after the other."""

    def __init__(self) -> None:
        self._places: dict[str, dict[_Number, str]] = {}

    def watching(self, events: Iterable[AuditEvent]) -> Iterator[AuditEvent]:
        """The same events, each noted on the way."""
        for event in events:
            if event.outcome == "done":
                self._note(event)
            yield event

    def _note(self, event: AuditEvent) -> None:
        said = event.details
        try:
            if event.action == "stock.serial":
                places = self._places.setdefault(said["in"], {})
                (one,), (other,) = (tuple(_numbers(unlisted(said[name]))) for name in ("booked", "seen"))
                places[one], places[other] = places.get(other, ""), places.get(one, "")
            elif "serials" in said:
                places = self._places.setdefault(said["stock"], {})
                places.update(dict.fromkeys(_numbers(unlisted(said["serials"])), said["to"]))
        except (KeyError, ValueError, SerialsRefused):
            self._places.setdefault(said.get("stock", ""), {})["", 0, 0] = "unread"  # such a record proves nothing

    def differ(self, tx: Transaction) -> set[str]:
        """The stocks whose books say otherwise."""
        return {
            stock
            for stock in self._places.keys() | set(tx.stock.names())
            if not self._same(tx, stock, self._places.get(stock, {}))
        }

    def _same(self, tx: Transaction, stock: str, said: dict[_Number, str]) -> bool:
        booked = tx.stock.serials.places(stock)
        return sum(map(cards, booked.values())) == len(said) and all(
            said.get(number) == place for place, ranges in booked.items() for number in _numbers(ranges)
        )


def _numbers(ranges: Iterable[SerialRange]) -> Iterator[_Number]:
    for one in ranges:
        for number in range(one.first, one.last + 1):
            yield one.prefix, one.digits, number
