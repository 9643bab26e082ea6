"""Temporary cards that were issued."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from cardfab.store.tables import temporary_card


@dataclass(frozen=True, slots=True)
class TemporaryRow:
    """One temporary card; dates are ISO 8601 days."""

    number: str
    request_id: str
    valid_from: str
    valid_until: str
    issued_by: str


class TemporaryCards:
    """The book of temporary cards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, number: str, request_id: str, valid_from: str, valid_until: str, issued_by: str) -> None:
        """Book one; a number is used once."""
        values = {
            "number": number, "request_id": request_id, "valid_from": valid_from, "valid_until": valid_until,
            "issued_by": issued_by,
        }  # fmt: skip
        self._connection.execute(insert(temporary_card).values(**values))

    def all(self) -> tuple[TemporaryRow, ...]:
        """Every temporary card, by number."""
        rows = self._connection.execute(select(temporary_card).order_by(temporary_card.c.number))
        return tuple(TemporaryRow(**dict(found._mapping)) for found in rows)
