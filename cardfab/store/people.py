"""People of the station, and what their logins are proved by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from cardfab.errors import StockFault, Text
from cardfab.production import Person, Role
from cardfab.store.peopletables import access, access_review
from cardfab.store.tables import person


class PersonUnknown(StockFault):
    """No person of that login."""

    default_code = "CF-7410"


@dataclass(frozen=True, slots=True)
class Access:
    """What a login is proved by, and how it stands. ``hash`` is None where there is no password."""

    hash: str | None = None
    set_at: str | None = None
    once: bool = False
    failed: int = 0
    locked_until: str | None = None
    disabled_at: str | None = None
    last_login: str | None = None


class People:
    """Named people, their roles and their access."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, one: Person) -> None:
        """Add a person; a login is used once."""
        if self.find(one.login) is not None:
            raise StockFault(Text(f"There is a person '{one.login}' already.", f"用户“{one.login}”已存在。"))
        self._connection.execute(insert(person).values(login=one.login, name=one.name, roles=_kept(one)))

    def find(self, login: str) -> Person | None:
        """The person of a login, None when there is none."""
        row = self._connection.execute(select(person).where(person.c.login == login)).one_or_none()
        if row is None:
            return None
        return Person(row.login, row.name, frozenset(Role(role) for role in row.roles.split(",") if role))

    def get(self, login: str) -> Person:
        """The person of a login; raises :class:`PersonUnknown`."""
        found = self.find(login)
        if found is None:
            raise PersonUnknown(
                Text(f"There is no person '{login}' at this station.", f"本制卡点没有用户“{login}”。"),
                do=Text("'cardfab user list' shows who is there.", "cardfab user list 可查看人员。"),
            )
        return found

    def all(self) -> tuple[Person, ...]:
        """Everybody, by login."""
        logins = self._connection.scalars(select(person.c.login).order_by(person.c.login)).all()
        return tuple(self.get(login) for login in logins)

    def set_roles(self, one: Person) -> None:
        """Keep the person's roles."""
        self._connection.execute(update(person).where(person.c.login == one.login).values(roles=_kept(one)))

    def access(self, login: str) -> Access:
        """How a login stands; one that was never touched has no password and no bad attempt."""
        row = self._connection.execute(select(access).where(access.c.login == login)).one_or_none()
        if row is None:
            return Access()
        values = {name: value for name, value in row._mapping.items() if name != "login"}
        return Access(**{**values, "once": bool(row.once)})

    def change(self, login: str, **columns: Any) -> None:
        """Change how a login stands."""
        if self._connection.execute(update(access).where(access.c.login == login).values(**columns)).rowcount == 0:
            self._connection.execute(insert(access).values(login=login, **columns))

    def reviewed(self, *, at: str, by: str, people: int) -> None:
        """Keep that somebody looked at who has access."""
        self._connection.execute(insert(access_review).values(at=at, by=by, people=people))

    def last_review(self) -> str | None:
        """When that was last; None for never."""
        found: str | None = self._connection.scalar(select(func.max(access_review.c.at)))
        return found


def _kept(one: Person) -> str:
    return ",".join(sorted(one.roles))
