"""Many rows at once into a table: by COPY on PostgreSQL, by one prepared statement on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table

_AT_ONCE = 100
"""Rows of a statement: a prepared card is some 10 kB."""


def put(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Add rows, read one by one; how many. Constraints hold as for any insert. Memory does not grow with the rows."""
    names = [table.c[name].name for name in columns]  # a name that is no column is refused here
    if connection.dialect.name == "postgresql":
        return _copied(connection, table.name, names, rows)
    marks = ",".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({','.join(map(_quoted, names))}) VALUES ({marks})"  # noqa: S608
    raw: Any = connection.connection.driver_connection
    count, some = 0, []
    for row in rows:
        some.append(tuple(row))
        if len(some) == _AT_ONCE:
            raw.executemany(statement, some)
            count, some = count + len(some), []
    raw.executemany(statement, some)
    return count + len(some)


def _copied(connection: Connection, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    raw: Any = connection.connection.driver_connection
    statement = f"COPY {table} ({','.join(map(_quoted, names))}) FROM STDIN"
    count = 0
    with raw.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _quoted(name: str) -> str:
    return f'"{name}"'
