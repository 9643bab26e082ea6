"""The queue's tables: made at the first use, brought up by the library's own migrations, in a schema of their own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final, LiteralString

import psycopg
from procrastinate.schema import SchemaManager

from cardfab.bureau.workers.places import SCHEMA, WorkersRefused
from cardfab.errors import Text

_LOCK: Final = 0x63617264776B72
"""The advisory lock of who makes or changes the tables: "cardwkr" in ASCII."""


def path_options(server: Mapping[str, Any]) -> dict[str, Any]:
    """The same server, with the queue's schema as the only one that names are looked for in."""
    more = f"-c search_path={SCHEMA} -c synchronous_commit=on"
    return {**server, "options": f"{server['options']} {more}" if "options" in server else more}


def migrations() -> tuple[str, ...]:
    """The library's migrations by name, in their order."""
    folder = resources.files("procrastinate.sql") / "migrations"
    return tuple(sorted(one.name.removesuffix(".sql") for one in folder.iterdir() if one.name.endswith(".sql")))


def ensure(server: Mapping[str, Any]) -> tuple[str, ...]:
    """Make the tables, or bring them up; what was applied, empty where nothing was to do.

    One program at a time, each migration in a transaction of its own with the note that it was done. Raises
    :class:`~cardfab.bureau.workers.places.WorkersRefused` for tables of a newer program.
    """
    known = migrations()
    with psycopg.connect(**path_options(server), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # given up with the connection
        here = _version(connection)
        if here is None:
            with connection.transaction():
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
                connection.execute(SchemaManager.get_schema())
                connection.execute("CREATE TABLE cardfab_schema (applied text NOT NULL)")
                connection.execute("INSERT INTO cardfab_schema VALUES (%s)", [known[-1]])
            return ("schema",)
        if here not in known:
            raise _newer(here)
        due = known[known.index(here) + 1 :]
        for name in due:
            with connection.transaction():
                connection.execute(_migration(name))
                connection.execute("UPDATE cardfab_schema SET applied = %s", [name])
        return due


def _version(connection: psycopg.Connection[Any]) -> str | None:
    found = connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.cardfab_schema"]).fetchone()
    if found is None or found[0] is None:
        return None
    row = connection.execute("SELECT applied FROM cardfab_schema").fetchone()
    return None if row is None else str(row[0])


def _migration(name: str) -> LiteralString:
    file = resources.files("procrastinate.sql") / "migrations" / f"{name}.sql"
    said: LiteralString = file.read_text(encoding="utf-8")
    return said


def _newer(here: str) -> WorkersRefused:
    return WorkersRefused(
        Text(f"The queue of the workers is at {here}, which this program does not know.",
             f"工作进程队列的版本为 {here}，本程序不认识。"),
        do=Text("Use the program that the other workers use.", "请使用与其他工作进程相同版本的程序。"),
        code="CF-3763",
    )  # fmt: skip


__all__ = ["ensure", "migrations", "path_options"]
