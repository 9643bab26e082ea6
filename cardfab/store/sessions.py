"""Who is signed in: one session a person, found by the digest of a random token that only the person's side keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cardfab.store.peopletables import session


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session. ``boot`` is the machine's boot in which the person was proved last."""

    login: str
    token_hash: bytes
    begun_at: str
    last_at: str
    origin: str
    boot: str


class Sessions:
    """The sessions of the station."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, one: SessionRow) -> bool:
        """Keep a session in place of the person's former one; whether there was one."""
        ended = self.end(one.login)
        values = {name: getattr(one, name) for name in SessionRow.__slots__}
        self._connection.execute(insert(session).values(**values))
        return ended

    def of(self, login: str) -> SessionRow | None:
        """The session of a person."""
        row = self._connection.execute(select(session).where(session.c.login == login)).one_or_none()
        return None if row is None else SessionRow(**dict(row._mapping))

    def touch(self, login: str, **columns: Any) -> None:
        """Keep that the person acted, or was proved again."""
        self._connection.execute(update(session).where(session.c.login == login).values(**columns))

    def end(self, login: str) -> bool:
        """End a person's session; whether there was one."""
        return self._connection.execute(delete(session).where(session.c.login == login)).rowcount > 0
