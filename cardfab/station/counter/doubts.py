"""Services in doubt: those of which nothing later says what became of the card, and the end of a doubt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cardfab.errors import StockFault, Text
from cardfab.production import Act
from cardfab.station.counter.kinds import Kind
from cardfab.station.desk import Desk
from cardfab.store import ServiceRow, Transaction

_PINS: Final = frozenset({Kind.PIN_CHANGE, Kind.PIN_RESET, Kind.PIN_UNBLOCK})
_END: Final = frozenset({Kind.BLOCK_CARD, Kind.REPLACE})
"""After these it does not matter any more what the card holds."""
_TOLD_BY: Final = {
    **dict.fromkeys(_PINS, _PINS | {Kind.RECOVER}),
    Kind.HAND_OVER: frozenset({Kind.ACTIVATE}),
    Kind.LOAD: frozenset({Kind.RECOVER}),
    Kind.PURCHASE: frozenset({Kind.RECOVER}),
}
"""What else but the same service, done later for the card, shows what became of it."""


class NoDoubt(StockFault):
    """The service is not in doubt, or somebody else has settled it."""

    default_code = "CF-7651"

    def __init__(self, receipt: str) -> None:
        super().__init__(
            Text(f"The service {receipt} is not in doubt.", f"业务 {receipt} 不存疑。"),
            do=Text("'cardfab card doubt' shows those that are.", "cardfab card doubt 可查看存疑业务。"),
        )


def doubts(tx: Transaction, *, newest: int | None = None) -> tuple[ServiceRow, ...]:
    """The services in doubt, oldest first; not those that were done again since, or told by another.

    ``newest``: only among so many of all services, where an answer must not take long.
    """
    found = tx.services.with_outcome("doubt", newest=newest)
    return tuple(row for row in found if not _told(row, tx.services.of_card(row.card_index)))


def in_doubt(desk: Desk, card: bytes | None = None) -> tuple[ServiceRow, ...]:
    """The same, at one moment; of one card, where its index is given."""
    with desk.database.reading() as tx:
        if card is None:
            return doubts(tx)
        rows = tx.services.of_card(card)
        return tuple(row for row in rows if row.outcome == "doubt" and not _told(row, rows))


def settle_doubt(desk: Desk, receipt: str) -> ServiceRow:
    """A person has looked what became of a service, and nothing more is to be done. Raises :class:`NoDoubt`."""
    desk.must(Act.READ)
    with desk.database.transaction("service settled") as tx:
        row = tx.services.by_receipt(receipt.strip().upper())
        if not tx.services.move(row.id, "doubt", "settled"):
            raise NoDoubt(row.receipt)
        details = {"receipt": row.receipt, "service": row.service, "code": row.reason or ""}
        tx.audit.append(desk.event("counter.doubt", row.token, "done", details))
        desk.checkpoint(tx)
    return row


def _told(row: ServiceRow, of_card: Iterable[ServiceRow]) -> bool:
    kind = Kind(row.service)
    enough = _TOLD_BY.get(kind, frozenset()) | _END | {kind}
    return any(later.id > row.id and later.outcome == "done" and later.service in enough for later in of_card)


__all__ = ["NoDoubt", "doubts", "in_doubt", "settle_doubt"]
