"""A database of the present schema with two people and one batch, copied afresh for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardfab.audit import AuditEvent
from cardfab.production import Person, Role
from cardfab.store import Database, JobRow, Move, RequestRow, Transaction

NOW = "2026-11-21T08:00:00.000Z"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the other databases are copies of; closed, so that it is whole without its log."""
    path = tmp_path_factory.mktemp("template") / "station.db"
    database = Database(path)
    database.upgrade()
    fill(database)
    database.close()
    return path


def fill(database: Database) -> None:
    """Two people and one batch."""
    with database.transaction("people") as tx:
        tx.people.add(Person("li", "李", frozenset({Role.OPERATOR})))
        tx.people.add(Person("wang", "王", frozenset({Role.SUPERVISOR, Role.AUDITOR})))
        tx.requests.add_batch("requests.csv", 3, b"salt of the batch", at=NOW, by="li")


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "station.db"))


@pytest.fixture
def open_database(path: Path) -> Iterator[Callable[..., Database]]:
    """Opens the file as often as one likes; everything is closed at the end."""
    opened: list[Database] = []

    def make(**options: object) -> Database:
        opened.append(Database(path, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Callable[..., Database]) -> Database:
    return open_database()


@pytest.fixture
def moved() -> Move:
    return Move(NOW, "li")


@pytest.fixture
def new_request() -> Callable[..., RequestRow]:
    def make(request_id: str, holder: bytes = b"holder", batch: int = 1) -> RequestRow:
        return RequestRow(
            id=request_id,
            token=f"token-{request_id}",
            batch_id=batch,
            holder_index=holder,
            product="debit",
            category="loss-reissue",
            urgent=False,
            sealed=b"sealed " + request_id.encode(),
            salt=b"salt of the batch",
        )

    return make


@pytest.fixture
def new_job(new_request: Callable[..., RequestRow], moved: Move) -> Callable[..., JobRow]:
    """A request of that id, when there is none, and a job for it."""

    def make(tx: Transaction, request_id: str, **more: object) -> JobRow:
        if request_id not in tx.requests.ids():
            tx.requests.add([new_request(request_id)])
        token = f"job-{request_id}-{len(tx.jobs.all())}"
        return tx.jobs.create(token, request_id, "blank", moved, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def event_of() -> Callable[[str], AuditEvent]:
    """Audit events that differ by their subject."""
    return lambda subject: AuditEvent(
        datetime(2026, 11, 21, 8, tzinfo=UTC), "li", "station-1", "card.issue", subject, "done", {"stock": "blank"}
    )
