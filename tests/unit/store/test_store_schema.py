"""The schema: migrations make what the tables say, and a database of another version is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect

from cardfab.store import Database, DatabaseRefused, database, tables


def _engine(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}")


def _described(engine: Engine) -> dict[str, dict[str, Any]]:
    """Every table with what autogenerate does not compare too: checks, defaults, conditions of indexes."""
    looked = inspect(engine)
    return {
        table: {
            "columns": [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in looked.get_columns(table)],
            "key": looked.get_pk_constraint(table)["constrained_columns"],
            "checks": sorted((c["name"], c["sqltext"]) for c in looked.get_check_constraints(table)),
            "unique": sorted((u["name"], u["column_names"]) for u in looked.get_unique_constraints(table)),
            "foreign": sorted((f["constrained_columns"], f["referred_table"]) for f in looked.get_foreign_keys(table)),
            "indexes": sorted(
                (i["name"], i["unique"], i["column_names"], str(i["dialect_options"].get("sqlite_where")))
                for i in looked.get_indexes(table)
            ),
        }
        for table in looked.get_table_names()
        if table != "alembic_version"
    }


@pytest.mark.proof
def test_the_migrations_make_the_tables(path: Path) -> None:
    engine = _engine(path)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


@pytest.mark.proof
def test_the_migrations_make_every_constraint(path: Path, tmp_path: Path) -> None:
    by_tables, by_migrations = _engine(tmp_path / "tables.db"), _engine(path)
    tables.metadata.create_all(by_tables)
    assert _described(by_migrations) == _described(by_tables)
    assert set(_described(by_tables)) == set(tables.metadata.tables)
    by_tables.dispose()
    by_migrations.dispose()


def test_the_way_back_leaves_nothing(path: Path) -> None:
    engine = _engine(path)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(database._MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_a_second_upgrade_changes_nothing(open_database: Callable[..., Database], path: Path) -> None:
    first = open_database()
    engine = _engine(path)
    before = _described(engine)
    first.upgrade()
    first.require_current()
    assert _described(engine) == before
    with first.reading() as tx:
        assert [person.login for person in tx.people.all()] == ["li", "wang"]
    engine.dispose()


@pytest.mark.parametrize("version", [None, "0000", "9999"])
def test_another_version_is_refused(path: Path, open_database: Callable[..., Database], version: str | None) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM alembic_version")
        if version:
            raw.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    with pytest.raises(DatabaseRefused, match=str(version)) as refused:
        open_database().require_current()
    assert (refused.value.exit_status, refused.value.code) == (3, "CF-3700")
    assert refused.value.do is not None


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    empty = Database(tmp_path / "empty.db")
    with pytest.raises(DatabaseRefused):
        empty.require_current()
    empty.close()


def test_a_commit_that_returned_is_on_the_disk(database: Database) -> None:
    with database._engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}


def test_personal_data_lies_in_sealed_columns_only() -> None:
    """No table has a column for a name, a number or a photo of a holder; a person of the station has a name."""
    columns = {f"{table.name}.{column.name}" for table in tables.metadata.tables.values() for column in table.columns}
    assert {"request.sealed", "request.holder_index", "job.sealed_card", "job.card_number_index"} <= columns
    words = ("name", "number", "photo", "pan", "birth", "address", "phone")
    open_columns = {
        column
        for column in columns
        if any(word in column.partition(".")[2] for word in words) and not column.endswith("_index")
    }
    assert open_columns == {"person.name", "temporary_card.number"}
