"""Services of the counter: who was served, by which document, who checked it, what came of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from cardfab.errors import InputRefused, Text
from cardfab.store.tables import card_service, inserted_id

ServiceOutcome = Literal["begun", "done", "refused", "doubt", "settled"]
"""``settled``: it was in doubt, and a person has looked what became of it."""


class ServiceUnknown(InputRefused):
    """No service has such a receipt."""

    default_code = "CF-3151"


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service. ``begun`` is at work, or cut off: then it is in doubt, and the card is to be read back."""

    id: int
    token: str
    receipt: str
    service: str
    card_index: bytes
    holder_index: bytes | None
    document: str
    document_index: bytes
    relation: str
    checked_by: str
    approved_by: str | None
    begun_at: str
    ended_at: str | None
    outcome: ServiceOutcome
    reason: str | None
    sealed: bytes | None
    salt: bytes | None


_NAMES = tuple(one.name for one in fields(ServiceRow))


class Services:
    """The book of services."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(
        self,
        *,
        token: str,
        receipt: str,
        service: str,
        card_index: bytes,
        holder_index: bytes | None,
        document: str,
        document_index: bytes,
        relation: str,
        checked_by: str,
        approved_by: str | None,
        begun_at: str,
    ) -> ServiceRow:
        """Book a service before anything is done to a card; receipts are given once."""
        values = {name: value for name, value in locals().items() if name in _NAMES}
        done = self._connection.execute(insert(card_service).values(**values, outcome="begun"))
        return self._get(card_service.c.id == inserted_id(done), receipt)

    def end(
        self,
        service_id: int,
        outcome: ServiceOutcome,
        at: str,
        *,
        reason: str | None = None,
        sealed: bytes | None = None,
        salt: bytes | None = None,
    ) -> None:
        """Book what came of it."""
        values = {"outcome": outcome, "ended_at": at, "reason": reason, "sealed": sealed, "salt": salt}
        self._connection.execute(update(card_service).where(card_service.c.id == service_id).values(**values))

    def move(self, service_id: int, was: ServiceOutcome, outcome: ServiceOutcome, **columns: str) -> bool:
        """Change the outcome of a service that nobody else has changed meanwhile; whether it was."""
        at = (card_service.c.id == service_id) & (card_service.c.outcome == was)
        return self._connection.execute(update(card_service).where(at).values(outcome=outcome, **columns)).rowcount == 1

    def keep(self, service_id: int, sealed: bytes, salt: bytes) -> None:
        """Keep a paper of a service that is not ended yet; its end writes it once more."""
        values = {"sealed": sealed, "salt": salt}
        self._connection.execute(update(card_service).where(card_service.c.id == service_id).values(**values))

    def by_receipt(self, receipt: str) -> ServiceRow:
        """The service of a receipt; raises :class:`ServiceUnknown`."""
        return self._get(card_service.c.receipt == receipt, receipt)

    def of_card(self, card_index: bytes, *, service: str | None = None) -> tuple[ServiceRow, ...]:
        """What was done for a card, oldest first."""
        rows = select(card_service).where(card_service.c.card_index == card_index).order_by(card_service.c.id)
        if service is not None:
            rows = rows.where(card_service.c.service == service)
        return tuple(ServiceRow(**dict(found._mapping)) for found in self._connection.execute(rows))

    def with_outcome(self, outcome: ServiceOutcome, *, newest: int | None = None) -> tuple[ServiceRow, ...]:
        """Every service that stands so, oldest first; with ``newest`` only among so many of all."""
        rows = select(card_service).where(card_service.c.outcome == outcome).order_by(card_service.c.id)
        if newest is not None:
            last = self._connection.scalar(select(func.max(card_service.c.id))) or 0
            rows = rows.where(card_service.c.id > last - newest)
        return tuple(ServiceRow(**dict(found._mapping)) for found in self._connection.execute(rows))

    def all(self, *, last: int | None = None) -> tuple[ServiceRow, ...]:
        """Every service, or the newest ones, newest first."""
        rows = select(card_service).order_by(card_service.c.id.desc()).limit(last)
        return tuple(ServiceRow(**dict(found._mapping)) for found in self._connection.execute(rows))

    def _get(self, condition: Any, name: str) -> ServiceRow:
        found = self._connection.execute(select(card_service).where(condition)).one_or_none()
        if found is None:
            raise ServiceUnknown(
                Text(f"There is no receipt {name}.", f"没有回执 {name}。"),
                do=Text("Read the number from the receipt, as HZ202611220001.", "请核对回执编号，如 HZ202611220001。"),
            )
        return ServiceRow(**dict(found._mapping))
