"""What is taken in and decided, again over PostgreSQL."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.station.desk import Desk
from cardfab.store import Database
from tests.bureau_place import people, quick_desk
from tests.integration import test_bureau_take_in
from tests.service.postgres import PostgresService

pytestmark = [pytest.mark.service, pytest.mark.proof]
station_request = test_bureau_take_in.station_request


@pytest.fixture(scope="module")
def template(postgres: PostgresService, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = postgres.create()
    database = Database(url, beside=tmp_path_factory.mktemp("template") / "station.db")
    database.upgrade()
    people(database)
    database.close()
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def desk(postgres: PostgresService, template: str, tmp_path: Path) -> Iterator[Desk]:
    database = Database(postgres.create(template), beside=tmp_path / "station.db")
    with quick_desk(tmp_path / "station", database) as made:
        yield made


globals().update(
    (name, value)
    for name, value in vars(test_bureau_take_in).items()
    if name.startswith("test_") and inspect.isfunction(value) and value.__module__ == test_bureau_take_in.__name__
)
