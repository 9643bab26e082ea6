"""The medical account at the counter: what was counted since the last statement, and transactions under way."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from cardfab.store.tables import inserted_id, medical_count, medical_pending


@dataclass(frozen=True, slots=True)
class CountRow:
    """The newest load and purchase, by the card's own numbers, at the last clearing; -1 for none."""

    card_index: bytes
    loads: int
    purchases: int
    cleared_at: str
    cleared_by: str


@dataclass(frozen=True, slots=True)
class PendingRow:
    """One load or purchase, booked before the command that moves money. ``outcome`` is None while it is not known."""

    id: int
    service_id: int
    card_index: bytes
    kind: str
    begun_at: str
    settled_at: str | None
    outcome: str | None
    sealed: bytes
    salt: bytes | None


class Medical:
    """The clearing of each card (one never seen was never cleared), and the transactions made here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, card_index: bytes) -> CountRow | None:
        """The last clearing of a card."""
        wanted = select(medical_count).where(medical_count.c.card_index == card_index)
        found = self._connection.execute(wanted).one_or_none()
        return None if found is None else CountRow(**dict(found._mapping))

    def clear(self, card_index: bytes, loads: int, purchases: int, *, at: str, by: str) -> None:
        """Count from these counters on."""
        self._connection.execute(delete(medical_count).where(medical_count.c.card_index == card_index))
        values = {
            "card_index": card_index, "loads": loads, "purchases": purchases, "cleared_at": at, "cleared_by": by,
        }  # fmt: skip
        self._connection.execute(insert(medical_count).values(**values))

    def begin(self, service_id: int, card_index: bytes, kind: str, *, at: str, sealed: bytes, salt: bytes) -> int:
        """Book a transaction before it can have happened; its id."""
        values = {
            "service_id": service_id, "card_index": card_index, "kind": kind, "begun_at": at, "sealed": sealed,
            "salt": salt,
        }  # fmt: skip
        return inserted_id(self._connection.execute(insert(medical_pending).values(**values)))

    def settle(self, pending_id: int, outcome: str, at: str) -> None:
        """Book what came of it."""
        values = {"outcome": outcome, "settled_at": at}
        self._connection.execute(update(medical_pending).where(medical_pending.c.id == pending_id).values(**values))

    def transactions(self, card_index: bytes) -> tuple[PendingRow, ...]:
        """Everything made here with a card, oldest first."""
        wanted = select(medical_pending).where(medical_pending.c.card_index == card_index)
        rows = self._connection.execute(wanted.order_by(medical_pending.c.id))
        return tuple(PendingRow(**dict(found._mapping)) for found in rows)
