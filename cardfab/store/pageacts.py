"""Forms of the pages that are done once: by the key that the page gave the form, and where the act led."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Connection, ForeignKey, String, Table, delete, insert, select, update

from cardfab.store.tables import metadata

page_act = Table(
    "page_act",
    metadata,
    # Random, of the page that held the form.
    Column("key", String, primary_key=True),
    Column("login", String, ForeignKey("person.login"), nullable=False),
    Column("at", String, nullable=False),
    # The address of the page afterwards; NULL: begun, and nobody knows yet what came of it.
    Column("led_to", String),
)


@dataclass(frozen=True, slots=True)
class PageAct:
    """A form that was sent; ``led_to`` is None while nobody knows what came of it."""

    key: str
    login: str
    led_to: str | None


class PageActs:
    """The forms of the last days."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, key: str, login: str, at: str, *, forget: str) -> PageAct | None:
        """Keep that a form's act begins; what was kept of it before, else None. Older ones than ``forget`` go."""
        row = self._connection.execute(select(page_act).where(page_act.c.key == key)).one_or_none()
        if row is not None:
            return PageAct(row.key, row.login, row.led_to)
        self._connection.execute(delete(page_act).where(page_act.c.at < forget))
        self._connection.execute(insert(page_act).values(key=key, login=login, at=at))
        return None

    def end(self, key: str, led_to: str) -> None:
        """The act is done."""
        self._connection.execute(update(page_act).where(page_act.c.key == key).values(led_to=led_to))

    def drop(self, key: str) -> None:
        """The act changed nothing: the form may be sent again."""
        self._connection.execute(delete(page_act).where(page_act.c.key == key))
