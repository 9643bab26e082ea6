"""What must be settled after a restore before the station issues again."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sqlalchemy import Connection, insert, select, update

from cardfab.store.stationtables import restore_check


@dataclass(frozen=True, slots=True)
class RestoreCheck:
    """One thing to be settled. ``expected`` and ``found`` are what the books and the world say, as text."""

    thing: str
    subject: str
    expected: str
    begun_at: str
    settled_at: str | None = None
    settled_by: str | None = None
    found: str | None = None


# Made once: a statement that is built anew is spelled out anew for each card.
_BLOCKED = select(restore_check.c.thing).where(restore_check.c.settled_at.is_(None)).limit(1)


class Restores:
    """The things to be settled; open ones block issuing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, one: RestoreCheck) -> None:
        """Something to be settled."""
        values = {field.name: getattr(one, field.name) for field in fields(one)}
        self._connection.execute(insert(restore_check).values(**values))

    def open(self) -> tuple[RestoreCheck, ...]:
        """What is not settled."""
        return tuple(one for one in self.all() if one.settled_at is None)

    def all(self) -> tuple[RestoreCheck, ...]:
        """Everything since the last restore, settled or not."""
        rows = select(restore_check).order_by(restore_check.c.thing, restore_check.c.subject)
        return tuple(RestoreCheck(**dict(row._mapping)) for row in self._connection.execute(rows))

    def blocked(self) -> bool:
        """Whether anything is open."""
        return self._connection.scalar(_BLOCKED) is not None

    def settle(self, thing: str, subject: str, found: str, *, at: str, by: str) -> None:
        """It agrees."""
        at_it = (restore_check.c.thing == thing) & (restore_check.c.subject == subject)
        values = {"settled_at": at, "settled_by": by, "found": found}
        self._connection.execute(update(restore_check).where(at_it).values(**values))

    def clear(self) -> None:
        """Forget an earlier restore."""
        self._connection.execute(restore_check.delete())
