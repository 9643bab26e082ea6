"""One database, and the one way to change it: a transaction that is announced before and after its commit.

SQLite: write-ahead log, ``synchronous=FULL`` (a commit that returned is on the disk), ``BEGIN IMMEDIATE`` (two stations
on one file queue up instead of failing half-way).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event

from cardfab.errors import InputRefused, Text
from cardfab.store.transaction import Transaction
from cardfab.watch import Watch, unwatched

_MIGRATIONS = Path(__file__).parent / "migrations"


class DatabaseRefused(InputRefused):
    """The database is missing, newer or older than this program."""

    default_code = "CF-3700"


def _pragmas(raw: Any, record: object) -> None:
    raw.isolation_level = None  # pysqlite must not open transactions of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        raw.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


class Database:
    """An open database. ``watch`` stands before and after every commit."""

    def __init__(self, path: Path, *, watch: Watch = unwatched) -> None:
        self.path = path
        self._watch = watch
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _pragmas)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def transaction(self, name: str) -> Iterator[Transaction]:
        """Everything inside happens together or not at all."""
        with self._engine.connect() as connection:
            with connection.begin() as begun:
                yield Transaction(connection)
                self._watch(f"before:commit:{name}")
                begun.commit()
            self._watch(f"after:commit:{name}")

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A look at one moment; nothing is kept of what is changed inside."""
        with self._engine.connect() as connection, connection.execution_options(reading=True).begin() as begun:
            yield Transaction(connection)
            begun.rollback()

    def upgrade(self) -> None:
        """Bring the schema to this program's version, creating it where there is none."""
        with self._engine.begin() as connection:
            command.upgrade(_config(connection), "head")

    def require_current(self) -> None:
        """Raise :class:`DatabaseRefused` unless the schema is this program's."""
        with self._engine.connect() as connection:
            here = MigrationContext.configure(connection).get_current_revision()
            head = ScriptDirectory.from_config(_config(connection)).get_current_head()
        if here != head:
            raise DatabaseRefused(
                Text(
                    f"The database {self.path.name} is at version {here}, this program needs {head}.",
                    f"数据库 {self.path.name} 的版本为 {here}，本程序需要 {head}。",
                ),
                do=Text(
                    "Run 'cardfab doctor --upgrade' after a backup.", "请先备份，再运行 cardfab doctor --upgrade。"
                ),
            )

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
