"""A whole database as lines of JSON, and back into an empty one: of either kind, of any version of the schema.

All of it is of one moment. A line is ``{"table": ..., "rows": [[...], ...]}`` with at most some hundred rows, and the
first line of a table has its columns; bytes are ``{"b": base64}``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from alembic import command
from sqlalchemy import Connection, MetaData, Table, bindparam, func, insert, select, text, update

from cardfab.errors import InputRefused, Text
from cardfab.store.database import Database, config_of

_AT_ONCE = 500
_OWN = "alembic_version"


class NotEmpty(InputRefused):
    """Something is in the database already."""

    default_code = "CF-3706"


def dump(database: Database) -> Iterator[bytes]:
    """The lines; the database may be at work meanwhile."""
    with database.looking() as connection:
        for table in _tables(connection):
            names = [column.name for column in table.columns]
            yield _line({"table": table.name, "columns": names})
            rows = connection.execute(select(table).order_by(*table.primary_key.columns))
            while some := rows.fetchmany(_AT_ONCE):
                yield _line({"table": table.name, "rows": [[_out(value) for value in row] for row in some]})


def load(database: Database, version: str, lines: Iterable[bytes]) -> None:
    """Fill an empty database: the schema of that version, the rows, then this program's schema. All or nothing."""
    if database.version() is not None:
        raise NotEmpty(
            Text("There is something in the database already.", "数据库非空。"),
            do=Text("Restore into an empty one.", "请恢复到空数据库。"),
        )
    with database.filling() as connection:
        command.upgrade(config_of(connection), version)
        tables = {table.name: table for table in _tables(connection)}
        for table in reversed(list(tables.values())):  # what migrations put there is in the lines too
            connection.execute(table.delete())
        later = _insert(connection, tables, lines)
        for table, values in later:
            connection.execute(table, values)
        _follow_series(connection, tables)
        command.upgrade(config_of(connection), "head")
    database.require_current()


def _insert(connection: Connection, tables: dict[str, Table], lines: Iterable[bytes]) -> list[tuple[Any, Any]]:
    """Rows as they come; what points into its own table is set when all of its rows are there."""
    columns: dict[str, Sequence[str]] = {}
    later: list[tuple[Any, Any]] = []
    for line in lines:
        said = json.loads(line)
        name = said["table"]
        if "columns" in said:
            columns[name] = said["columns"]
            continue
        table = tables[name]
        rows = [{key: _in(value) for key, value in zip(columns[name], row, strict=True)} for row in said["rows"]]
        for own in (key.parent for key in table.foreign_keys if key.column.table is table):
            [key] = table.primary_key.columns
            wanted = [{"_key": row[key.name], "_to": row[own.name]} for row in rows if row[own.name] is not None]
            if wanted:
                later.append((update(table).where(key == bindparam("_key")).values({own: bindparam("_to")}), wanted))
            rows = [{**row, own.name: None} for row in rows]
        connection.execute(insert(table), rows)
    return later


def _follow_series(connection: Connection, tables: dict[str, Table]) -> None:
    """PostgreSQL gives keys from series of its own, which know nothing of rows that came with theirs."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables.values():
        for column in table.primary_key.columns:
            series = connection.scalar(select(func.pg_get_serial_sequence(f'"{table.name}"', column.name)))
            if series is not None:
                newest = connection.scalar(select(func.max(column))) or 0
                connection.execute(text("SELECT setval(:series, :to, :used)"),
                                   {"series": series, "to": max(newest, 1), "used": newest > 0})  # fmt: skip


def _tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _OWN]


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _out(value: object) -> object:
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes | memoryview) else value


def _in(value: Any) -> Any:
    return base64.b64decode(value["b"]) if isinstance(value, dict) else value
