"""PostgreSQL as it is in life: a writer that waits, a server that goes away, an answer to COMMIT that is lost."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, select, text

from cardfab.audit import AuditEvent
from cardfab.production.batches import BatchState
from cardfab.store import CommitInDoubt, Database, DatabaseAway, DatabaseBusy, DatabaseRefused, tables
from cardfab.store import database as database_module
from tests.service.postgres import PostgresService

pytestmark = pytest.mark.service
EVENT = AuditEvent(datetime(2026, 11, 22, 8, tzinfo=UTC), "li", "one", "card.issue", "t", "done")


@pytest.fixture(scope="module")
def made(postgres: PostgresService) -> str:
    """The name of a database of the present schema."""
    url = postgres.create()
    database = Database(url)
    database.upgrade()
    database.close()
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def url(postgres: PostgresService, made: str) -> str:
    return postgres.create(made)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Database]]:
    """Opens databases that are closed at the end."""
    every: list[Database] = []

    def make(url: str, **options: object) -> Database:
        every.append(Database(url, beside=tmp_path / "station.db", **options))  # type: ignore[arg-type]
        return every[-1]

    yield make
    for one in every:
        one.close()


def drawn(database: Database) -> int:
    """How many numbers of the series were drawn."""
    with database.reading() as tx:
        return tx.audit._connection.scalar(select(tables.number.c.last)) or 0


@pytest.mark.proof
def test_a_writer_waits_for_the_other_and_not_for_ever(
    url: str, opened: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardfab.store.engines.PATIENCE", 100)
    first, second = opened(url), opened(url)
    with first.transaction("first") as tx:
        tx.jobs.next_number("series", 1)
        assert drawn(second) == 0  # who only looks does not wait
        with pytest.raises(DatabaseBusy) as busy, second.transaction("second"):
            pytest.fail("two writers at one time")
        second.sequence(patient=False)
    assert (busy.value.code, busy.value.exit_status) == ("CF-5702", 5)
    with second.transaction("second") as tx:
        assert tx.jobs.next_number("series", 1) == 2


def test_what_a_commit_returned_for_is_on_the_servers_disk(url: str, opened: Callable[..., Database]) -> None:
    with opened(url)._engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_it_says_what_it_is(url: str, opened: Callable[..., Database]) -> None:
    database = opened(url)
    database.require_current()
    assert database.says().startswith("PostgreSQL ")
    assert database.compact() is False
    assert "password" not in repr(database)


@pytest.mark.parametrize("where", ["postgresql://li:secret@db/station", "postgresql://db/station?password=secret"])
def test_a_password_does_not_belong_into_the_url(where: str) -> None:
    with pytest.raises(DatabaseRefused) as refused:
        Database(where)
    assert refused.value.code == "CF-3703"
    assert "secret" not in str(refused.value)


def test_a_database_that_sorts_like_a_telephone_book_is_refused(
    postgres: PostgresService, opened: Callable[..., Database]
) -> None:
    database = opened(postgres.create(more="ENCODING 'LATIN1'"))
    with pytest.raises(DatabaseRefused) as refused:
        database.upgrade()
    assert refused.value.code == "CF-3705"


def test_a_server_that_is_not_there_is_said(tmp_path: Path, opened: Callable[..., Database]) -> None:
    database = opened(f"postgresql://cardfab@/station?host={tmp_path}")
    with pytest.raises(DatabaseAway) as away, database.reading():
        pytest.fail("nobody is there")
    assert (away.value.code, away.value.exit_status) == ("CF-5701", 5)
    with pytest.raises(DatabaseAway), database.transaction("act"):
        pytest.fail("nobody is there")


def test_a_connection_that_breaks_before_the_commit_keeps_nothing(
    url: str, postgres: PostgresService, opened: Callable[..., Database]
) -> None:
    def watch(point: str) -> None:
        if point == "before:commit:act":
            _cut_all(postgres, url)

    database = opened(url, watch=watch)

    def act() -> None:
        with database.transaction("act") as tx:
            tx.jobs.next_number("series", 1)
            tx.audit.append(EVENT)
            database.note(EVENT)

    with pytest.raises(DatabaseAway):
        act()
    assert drawn(database) == 0
    with database.reading() as tx:  # the note survived the roll-back
        assert tx.audit.waiting() == 1


def _cut_all(postgres: PostgresService, url: str) -> None:
    name = url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


class Line:
    """Between a station and the server's socket; it can lose the answer to COMMIT, and be down."""

    def __init__(self, server: Path, folder: Path) -> None:
        self.server, self.down, self.loses = server / ".s.PGSQL.5432", False, False
        folder.mkdir()
        self._ends = [socket.socket(socket.AF_UNIX)]
        self._threads: list[threading.Thread] = []
        self._ends[0].bind(str(folder / ".s.PGSQL.5432"))
        self._ends[0].listen()
        self._begin(self._serve)

    def close(self) -> None:
        for end in self._ends:
            with suppress(OSError):  # a close alone does not wake who waits on it
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for end in self._ends:
            end.close()

    def _begin(self, work: Callable[..., None], *given: object) -> None:
        self._threads.append(threading.Thread(target=work, args=given, daemon=True))
        self._threads[-1].start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._ends[0].accept()
                server = socket.socket(socket.AF_UNIX)
                self._ends += [client, server]
                if self.down:
                    client.shutdown(socket.SHUT_RDWR)
                    continue
                server.connect(str(self.server))
                lost = threading.Event()
                self._begin(self._carry, client, server, lost, True)
                self._begin(self._carry, server, client, lost, False)

    def _carry(self, source: socket.socket, target: socket.socket, lost: threading.Event, asks: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if asks and self.loses and b"COMMIT" in data:
                    lost.set()
                    self.loses = False  # once
                if asks or not lost.is_set():
                    target.sendall(data)
                else:
                    break
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(postgres: PostgresService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Line, Path]]:
    folder = postgres.folder / f"line{time.monotonic_ns()}"
    line = Line(postgres.folder, folder)
    yield line, folder
    line.close()


def test_an_answer_to_commit_that_is_lost_is_asked_for(
    url: str, postgres: PostgresService, line: tuple[Line, Path], opened: Callable[..., Database]
) -> None:
    """The line comes back: the server says that the commit was kept, and the act goes on as if nothing had been."""
    lossy, folder = line
    database = opened(url.replace(str(postgres.folder), str(folder)))
    due = [[EVENT]]
    database.joins = lambda: due.pop() if due else []
    with database.transaction("first") as tx:
        tx.jobs.next_number("series", 1)
    due.append([EVENT])
    with database.transaction("act") as tx:
        tx.jobs.next_number("series", 1)
        lossy.loses = True
    lossy.loses = False
    with database.transaction("after"):
        pass
    assert drawn(database) == 2
    with database.reading() as tx:
        assert len(tx.audit.leaves()) + tx.audit.waiting() == 2  # what went along was not put on record again


def test_a_commit_that_nobody_can_be_asked_about_is_in_doubt_and_found_at_the_next_start(
    url: str, postgres: PostgresService, line: tuple[Line, Path], opened: Callable[..., Database],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr("cardfab.store.engines._ASKING", 0.2)
    lossy, folder = line
    through = url.replace(str(postgres.folder), str(folder))
    database = opened(through)

    def act() -> None:
        with database.transaction("act") as tx:
            tx.jobs.next_number("series", 1)
            lossy.loses = lossy.down = True

    with pytest.raises(CommitInDoubt) as doubt:
        act()
    assert (doubt.value.code, doubt.value.exit_status) == ("CF-9700", 9)
    with pytest.raises(CommitInDoubt), database.transaction("another"):
        pytest.fail("nothing is done while that is open")
    lossy.loses = lossy.down = False
    with database.transaction("another") as tx:
        assert tx.jobs.next_number("series", 1) == 2
    started = opened(through)
    assert started.doubts() == (("act", True),)
    assert started.doubts() == ()
    assert list(tmp_path.glob("*-doubt-*")) == []


def test_the_migrations_make_the_tables_there_too(url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


VERSIONS = sorted(
    one.name[:4] for one in (Path(database_module.__file__).parent / "migrations" / "versions").glob("[0-9]*.py")
)[:-1]
"""Every one but that of this program."""


@pytest.mark.proof
@pytest.mark.parametrize("version", VERSIONS)
def test_every_older_version_is_brought_up(
    version: str, postgres: PostgresService, opened: Callable[..., Database], tmp_path: Path
) -> None:
    """With a leaf, a card and a movement in it, later a batch of the bureau, on both databases: each value is kept."""
    for url in (postgres.create(), f"sqlite:///{tmp_path / 'old.db'}"):
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            command.upgrade(database_module._config(connection), version)
            for statement in (*FILLING, *(BUREAU if version >= "0013" else ())):
                connection.execute(text(statement), {"some": b"\xaa"})
            before = values(connection)
            leaf = {"leaf": EVENT.encode(), "hash": b"h" * 32}
            wide = "INSERT INTO audit_leaf VALUES (0, :leaf, :hash)"
            connection.execute(text(wide if version >= "0003" else wide.replace(", :hash", "")), leaf)
        engine.dispose()
        where = url if url.startswith("postgresql") else str(tmp_path / "old.db")
        database = opened(where)
        database.upgrade()
        database.require_current()
        with database.reading() as tx:
            assert tx.jobs.of_request("R1").state == "DONE"
            assert tx.jobs.of_request("R1").station is None
            assert tx.cards.get(1).chip == "chip"
            assert tx.stock.account("blank").remaining == 3
            assert len(tx.audit.leaves()) == 1
            if version >= "0013":
                assert (tx.batches.find("B/1").state, tx.batches.row(1, 1).job_id) == (BatchState.RUNNING, 1)
        with database.looking() as connection:
            after = values(connection, before)
        assert after == before
        assert {"person", "job", "issued_card"} <= before.keys()


def values(connection: Connection, like: dict[str, list[dict[str, Any]]] | None = None) -> dict[str, Any]:
    """The rows of every table but the record's; those columns alone that ``like`` has."""
    found = {}
    for name in sorted(like or inspect(connection).get_table_names()):
        rows = [dict(row._mapping) for row in connection.execute(text(f'SELECT * FROM "{name}"'))]  # noqa: S608
        if like is not None:
            rows = [{column: row[column] for column in like[name][0]} for row in rows]
        if rows and name != "alembic_version" and not name.startswith("audit_"):
            found[name] = sorted(rows, key=repr)
    return found


BUREAU = (
    "INSERT INTO bureau_batch (id, token, issuer, reference, product, state, station, rows, wrong, file_digest, cover, "
    "box_size, shard_size, first_card, first_account, issue_date, received_by, approved_by, ordered, changed_at) "
    "VALUES (1, 'bt', 'issuer', 'B/1', 'bureau-sm2', 'RUNNING', 's', 2, 1, 'd', '{}', 5, 5, 1, 1, 'then', 'li', 'li', "
    "'', 'then')",
    "INSERT INTO bureau_row (batch_id, place, row, request_id, token, holder_index, product, category, urgent, job_id) "
    "VALUES (1, 1, 2, 'R1', 'rt', :some, 'bureau-sm2', 'loss-reissue', 0, 1)",
    "INSERT INTO bureau_finding (batch_id, place, row, request_id, field, reason_en, reason_zh) "
    "VALUES (1, 2, 3, 'R2', 'name', 'empty', '空')",
    "INSERT INTO bureau_shard (batch_id, shard, first, last, state, digest) VALUES (1, 1, 1, 2, 'DONE', 'd')",
    "INSERT INTO bureau_card (batch_id, place, shard, number_index) VALUES (1, 1, 1, :some)",
    "INSERT INTO bureau_run (batch_id, line, station, begun_by, begun_at, seen_at) "
    "VALUES (1, 'hall', 's', 'li', 'then', 'then')",
    "INSERT INTO bureau_slot (run_id, slot, reader, busy) VALUES (1, '01', 'simulated', 1.5)",
    "INSERT INTO bureau_box (batch_id, box, first, last, state, run_id, slot, changed_at) "
    "VALUES (1, 1, 1, 2, 'FULL', 1, '01', 'then')",
    "INSERT INTO bureau_fault (run_id, slot, job_id, code, why, at) VALUES (1, '01', 1, 'CF-4101', 'plain', 'then')",
    "INSERT INTO bureau_sample (job_id, batch_id, rule, at) VALUES (1, 1, 'rate', 'then')",
    "INSERT INTO bureau_handover (batch_id, kind, file, count, digest, by, at) "
    "VALUES (1, 'return', 'f', 1, 'd', 'li', 'then')",
)
FILLING = (
    "INSERT INTO person VALUES ('li', 'L', 'operator')",
    "INSERT INTO batch VALUES (1, 'f', 1, :some, 'then', 'li')",
    "INSERT INTO request VALUES ('R1', 'rt', 1, :some, 'debit', 'loss-reissue', 0, :some)",
    "INSERT INTO job (id, token, request_id, state, stock, made_by, changed_at) "
    "VALUES (1, 'jt', 'R1', 'DONE', 'blank', 'li', 'then')",
    "INSERT INTO issued_card (job_id, number_index, chip, state, made_at) VALUES (1, :some, 'chip', 'MADE', 'then')",
    "INSERT INTO stock_movement (stock, source, target, count, reason, moved_by, moved_at) "
    "VALUES ('blank', 'supplier', 'stock', 3, 'delivery', 'li', 'then')",
)
