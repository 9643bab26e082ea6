"""The black list: cards that no terminal may accept, by the keyed index of their number."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from cardfab.store.tables import black_list


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One card on the list; the number lies sealed. ``ended_at`` is None while it holds."""

    id: int
    card_index: bytes
    reason: str
    listed_at: str
    listed_by: str
    ended_at: str | None
    ended_by: str | None
    sealed: bytes
    salt: bytes | None


class BlackList:
    """Cards listed here; the issuer host keeps the list of the region."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, card_index: bytes, reason: str, *, at: str, by: str, sealed: bytes, salt: bytes) -> bool:
        """List a card; False when it is on the list already."""
        if self.get(card_index) is not None:
            return False
        values = {
            "card_index": card_index, "reason": reason, "listed_at": at, "listed_by": by, "sealed": sealed,
            "salt": salt,
        }  # fmt: skip
        self._connection.execute(insert(black_list).values(**values))
        return True

    def get(self, card_index: bytes) -> ListedRow | None:
        """The open entry of a card."""
        wanted = select(black_list).where(black_list.c.card_index == card_index, black_list.c.ended_at.is_(None))
        found = self._connection.execute(wanted).one_or_none()
        return None if found is None else ListedRow(**dict(found._mapping))

    def end(self, card_index: bytes, *, at: str, by: str) -> bool:
        """Take a card off the list; the entry stays on record. False when it was not listed."""
        done = self._connection.execute(
            update(black_list)
            .where(black_list.c.card_index == card_index, black_list.c.ended_at.is_(None))
            .values(ended_at=at, ended_by=by)
        )
        return done.rowcount == 1

    def all(self) -> tuple[ListedRow, ...]:
        """Every card on the list now, oldest first."""
        rows = select(black_list).where(black_list.c.ended_at.is_(None)).order_by(black_list.c.id)
        return tuple(ListedRow(**dict(found._mapping)) for found in self._connection.execute(rows))
