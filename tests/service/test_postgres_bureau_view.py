"""The view of a batch says on PostgreSQL what it says on SQLite."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardfab.production import Person, Role
from cardfab.station.bureauview import view
from cardfab.store import Database
from tests.bureau_seen import fill
from tests.service.postgres import PostgresService

pytestmark = pytest.mark.service
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.mark.proof
def test_a_batch_looks_the_same_on_both_databases(postgres: PostgresService, tmp_path: Path) -> None:
    seen = []
    for database in (Database(tmp_path / "station.db"), Database(postgres.create(), beside=tmp_path / "beside.db")):
        database.upgrade()
        with database.transaction("people") as tx:
            for login in ("operator", "supervisor"):
                tx.people.add(Person(login, login, frozenset({Role.OPERATOR})))
        fill(database, NOW)
        seen.append(view(database, "1", NOW).value())
        with database.reading() as tx:
            figures = tx.bureau_figures
            seen[-1]["more"] = [figures.boxes(1), figures.remakes(1), figures.heads(), figures.count(), figures.any()]
        database.close()
    assert seen[0] == seen[1]
    assert seen[0]["samples"] == {"": 1, "good": 1}
