"""Every test of the store that looks at no SQLite file, again over PostgreSQL."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from cardfab.store import Database
from tests.service.postgres import PostgresService
from tests.unit.store import (
    test_store_audit,
    test_store_counter,
    test_store_jobs,
    test_store_notes,
    test_store_people,
    test_store_requests,
    test_store_retention,
    test_store_stock,
    test_store_transaction,
)
from tests.unit.store.conftest import event_of, fill, moved, new_job, new_request

pytestmark = [pytest.mark.service, pytest.mark.proof]
__all__ = ["event_of", "moved", "new_job", "new_request"]

_OF_SQLITE = {
    "test_a_writer_waits_for_the_other",  # by SQLite's own time-out; here: test_postgres_server
    "test_outcomes_go_along_with_the_next_commit",  # by the error that SQLite has for a table that is not there
    "test_who_finds_another_at_it_leaves_it_to_them",
}


@pytest.fixture(scope="session")
def template(postgres: PostgresService, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database that the others are copies of."""
    url = postgres.create()
    database = Database(url, beside=tmp_path_factory.mktemp("template") / "station.db")
    database.upgrade()
    fill(database)
    database.close()
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def open_database(postgres: PostgresService, template: str, tmp_path: Path) -> Iterator[Callable[..., Database]]:
    """Opens one database as often as one likes; everything is closed at the end."""
    opened: list[Database] = []
    url = postgres.create(template)

    def make(**options: object) -> Database:
        opened.append(Database(url, beside=tmp_path / "station.db", **options))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[..., Database]) -> Database:
    return open_database()


def _tests(*modules: ModuleType) -> Iterator[tuple[str, object]]:
    for module in modules:
        for name, value in vars(module).items():
            if name.startswith("test_") and inspect.isfunction(value) and value.__module__ == module.__name__:
                inner = getattr(getattr(value, "hypothesis", None), "inner_test", value)
                wants = set(inspect.signature(inner).parameters)
                if not wants & {"path", "tmp_path"} and name not in _OF_SQLITE:
                    yield name, value
            elif name == "writes":
                yield name, value


globals().update(
    _tests(
        test_store_audit,
        test_store_counter,
        test_store_jobs,
        test_store_notes,
        test_store_people,
        test_store_requests,
        test_store_retention,
        test_store_stock,
        test_store_transaction,
    )
)
