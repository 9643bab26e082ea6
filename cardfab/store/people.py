"""People of the station."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from cardfab.errors import StockFault, Text
from cardfab.production import Person, Role
from cardfab.store.tables import person


class PersonUnknown(StockFault):
    """No person of that login."""

    default_code = "CF-7410"


class People:
    """Named people and their roles."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, one: Person) -> None:
        """Add a person; a login is used once."""
        if self._connection.scalar(select(person.c.login).where(person.c.login == one.login)):
            raise StockFault(Text(f"There is a person '{one.login}' already.", f"用户“{one.login}”已存在。"))
        roles = ",".join(sorted(one.roles))
        self._connection.execute(insert(person).values(login=one.login, name=one.name, roles=roles))

    def get(self, login: str) -> Person:
        """The person of a login; raises :class:`PersonUnknown`."""
        row = self._connection.execute(select(person).where(person.c.login == login)).one_or_none()
        if row is None:
            raise PersonUnknown(
                Text(f"There is no person '{login}' at this station.", f"本制卡点没有用户“{login}”。"),
                do=Text("'cardfab user list' shows who is there.", "cardfab user list 可查看人员。"),
            )
        return Person(row.login, row.name, frozenset(Role(role) for role in row.roles.split(",") if role))

    def all(self) -> tuple[Person, ...]:
        """Everybody, by login."""
        logins = self._connection.scalars(select(person.c.login).order_by(person.c.login)).all()
        return tuple(self.get(login) for login in logins)
