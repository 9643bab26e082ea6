"""The bureau's workers on a real PostgreSQL: the queue's tables, drain, SIGTERM, a worker that is killed, refusals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
import pytest

from cardfab.bureau.deciding import refuse
from cardfab.bureau.workers import defer
from cardfab.bureau.workers.places import Pace, WorkersRefused
from cardfab.bureau.workers.running import Tally, Worker
from cardfab.bureau.workers.schema import ensure, migrations, path_options
from cardfab.cli.databases import database_at
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.main import run as program
from cardfab.cli.wiring import open_desk
from cardfab.errors import InputRefused, KeyFault, Text
from cardfab.production import NotAllowed, Person
from cardfab.production.batches import BatchState, ShardState
from cardfab.settings import read_settings
from cardfab.station.desk import Desk
from tests.service import bureau_queue
from tests.service.bureau_queue import Waits, add_batch
from tests.service.postgres import PostgresService

pytestmark = pytest.mark.service
MIGRATIONS = Path(procrastinate.__file__).parent / "sql" / "migrations"
BRISK = Pace(beat=0.3, lost=1.2, look=0.1, again=0.1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresService) -> Path:
    """A station on PostgreSQL."""
    located = found_training_station(tmp_path_factory.mktemp("bureau") / "station", "bureau-1")
    text = located.file.read_text(encoding="utf-8").replace('"station.db"', f'"{postgres.create()}"')
    located.file.write_text(text, encoding="utf-8")
    database = database_at(read_settings((located.file,)))
    database.upgrade()
    with database.transaction("people") as tx:
        for person in PEOPLE:
            tx.people.add(person)
    database.close()
    return located.file


@pytest.fixture(scope="module")
def opened(settings: Path) -> Iterator[Desk]:
    with open_desk(read_settings((settings,)), person=PEOPLE[0]) as desk:
        yield desk


@pytest.fixture
def desk(opened: Desk) -> Iterator[Desk]:
    """With an empty queue."""
    ensure(opened.database.server() or {})
    with psycopg.connect(**path_options(opened.database.server() or {})) as connection:
        connection.execute("DELETE FROM procrastinate_jobs")
    return opened


def run(desk: Desk, work: Waits, **more: Any) -> tuple[Tally, list[str]]:
    """One worker in this process until nothing is left; what it did and said."""
    said: list[str] = []
    given = {"who": lambda: PEOPLE[0], "name": "here", "pace": BRISK, "drain": True, **more}
    return Worker(desk, tell=lambda what: said.append(what.en), work=work.work, **given).run(), said


def tasks(desk: Desk) -> list[tuple[Any, ...]]:
    with psycopg.connect(**path_options(desk.database.server() or {})) as connection:
        return connection.execute("SELECT args, status::text, attempts FROM procrastinate_jobs ORDER BY id").fetchall()


def shards_done(desk: Desk, batch_id: int) -> int:
    with desk.database.reading() as tx:
        return len(tx.shards.of(batch_id, ShardState.DONE))


def test_the_queues_tables_are_in_a_schema_of_their_own_and_brought_up(
    postgres: PostgresService, tmp_path: Path
) -> None:
    new, old = ({"conninfo": postgres.create()} for _ in range(2))
    assert ensure(new) == ("schema",)
    assert ensure(new) == ()
    with psycopg.connect(**new) as connection:
        assert _schemas(connection) == {"cardfab_workers"}

    known = migrations()
    with psycopg.connect(**path_options(old), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA cardfab_workers; CREATE TABLE cardfab_schema (applied text)")
        for name in known[:-5]:
            connection.execute((MIGRATIONS / f"{name}.sql").read_bytes())
        connection.execute("INSERT INTO cardfab_schema VALUES (%s)", [known[-6]])
    assert ensure(old) == known[-5:]
    with psycopg.connect(**new) as one, psycopg.connect(**old) as other:
        assert _functions(one) == _functions(other)

    with psycopg.connect(**path_options(old)) as connection:
        connection.execute("UPDATE cardfab_schema SET applied = '99.00.00_01_of_a_later_one'")
    with pytest.raises(WorkersRefused) as newer:
        ensure(old)
    assert (newer.value.code, newer.value.exit_status) == ("CF-3763", 3)


def _schemas(connection: psycopg.Connection[Any]) -> set[str]:
    asked = "SELECT schemaname FROM pg_tables WHERE tablename LIKE 'procrastinate%'"
    return {row[0] for row in connection.execute(asked)}


def _functions(connection: psycopg.Connection[Any]) -> set[str]:
    asked = "SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%v_'"
    return {row[0] for row in connection.execute(asked)}


@pytest.mark.proof
def test_a_batch_is_put_into_the_queue_once_and_a_drained_worker_does_all_of_it(desk: Desk, tmp_path: Path) -> None:
    batch_id = add_batch(desk, 5)
    assert (defer(desk, batch_id).new, defer(desk, batch_id).waiting) == (6, 6)
    assert [row[0] for row in tasks(desk)] == [
        *({"batch": batch_id, "shard": number} for number in range(1, 6)), {"batch": batch_id}
    ]  # fmt: skip
    tally, said = run(desk, Waits(tmp_path))
    assert (tally.shards, tally.failed, tally.given_back) == (5, 0, 0)
    assert said[-1] == f"Batch {batch_id} is prepared."
    assert tasks(desk) == []
    with desk.database.reading() as tx:
        assert tx.batches.get(batch_id).state is BatchState.PREPARED
        assert {one.worker for one in tx.shards.of(batch_id)} == {"here"}
    assert defer(desk, batch_id).new == 0


@pytest.mark.proof
def test_a_refused_shard_is_put_aside_until_somebody_has_seen_to_it(desk: Desk, tmp_path: Path) -> None:
    batch_id = add_batch(desk, 3)
    defer(desk, batch_id)
    wrong = InputRefused(Text("The row is wrong.", "行有误。"))
    tally, said = run(desk, Waits(tmp_path, refusing={2: wrong}))
    assert (tally.shards, tally.failed) == (2, 2)  # the shard, and the end of the batch
    assert any("shard 2: The row is wrong. [CF-3000] It is put aside." in line for line in said)
    assert {row[1] for row in tasks(desk)} == {"failed"}
    assert (defer(desk, batch_id).again, run(desk, Waits(tmp_path))[0].shards) == (2, 1)
    assert shards_done(desk, batch_id) == 3


def test_the_tasks_of_a_batch_that_was_refused_are_passed_over(desk: Desk, tmp_path: Path) -> None:
    """They were put into the queue before; nothing is put aside, and the worker ends as one that did its work."""
    batch_id = add_batch(desk, 3)
    defer(desk, batch_id)
    refuse(desk, batch_id, why="the issuer takes it back")
    tally, said = run(desk, Waits(tmp_path))
    assert (tally.shards, tally.failed) == (0, 0)
    assert sorted(said)[0] == f"Batch {batch_id} was refused: shard 1 is passed over."
    assert tasks(desk) == []


def test_who_may_no_longer_ends_the_worker_and_the_shard_goes_back(desk: Desk, tmp_path: Path) -> None:
    batch_id = add_batch(desk, 2)
    defer(desk, batch_id)

    def nobody() -> Person:
        raise KeyFault(Text("The token serves no more.", "令牌已失效。"), code="CF-6910")

    with pytest.raises(KeyFault, match="serves no more"):
        run(desk, Waits(tmp_path), who=nobody, drain=False)
    with pytest.raises(NotAllowed):
        run(desk, Waits(tmp_path), who=lambda: PEOPLE[3], drain=False)
    assert {row[1] for row in tasks(desk)} == {"todo"}
    assert shards_done(desk, batch_id) == 0


def test_a_worker_may_hold_several_shards(desk: Desk, tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=20)
    batch_id = add_batch(desk, 2)
    defer(desk, batch_id)
    work = Waits(tmp_path)
    work.meanwhile = together.wait
    assert run(desk, work, concurrency=2)[0].shards == 2


def test_a_station_on_a_file_is_told_that_it_has_no_workers(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = settings.read_text(encoding="utf-8").split("\n")
    here = ['database = "station.db"' if line.startswith("database") else line for line in lines]
    (settings.parent / "file.toml").write_text("\n".join(here), encoding="utf-8")
    assert program(["--config", str(settings.parent / "file.toml"), "--lang", "zh", "bureau", "worker"]) == 3
    assert "[CF-3760]" in capsys.readouterr().err
    assert program(["--config", str(settings), "bureau", "worker", "--name", "no name"]) == 3
    assert "[CF-3762]" in capsys.readouterr().err


@pytest.fixture
def start(settings: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a worker in a process of its own."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(name: str, *more: str, seconds: float = 0.2) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", bureau_queue.__name__, str(settings), name, str(tmp_path), str(seconds)]
        out, err = (tmp_path / f"{name}.{kind}" for kind in ("out", "err"))
        with out.open("w") as said, err.open("w") as told:
            running.append(subprocess.Popen([*program, "0.3", "1.2", *more], stdout=said, stderr=told))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def until(what: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


@pytest.mark.proof
def test_sigterm_finishes_the_shard_in_hand(
    desk: Desk, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    batch_id = add_batch(desk, 3)
    defer(desk, batch_id)
    worker = start("gentle", seconds=0.5)
    until((tmp_path / "tries").exists)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(90) == 0
    assert "the shard in hand is finished first" in (tmp_path / "gentle.err").read_text()
    assert json.loads((tmp_path / "gentle.out").read_text())["shards"] == shards_done(desk, batch_id) == 1
    assert [row[1] for row in tasks(desk)] == ["todo"] * 3


@pytest.mark.proof
def test_a_killed_worker_loses_only_the_shard_in_hand(
    desk: Desk, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    batch_id = add_batch(desk, 3)
    defer(desk, batch_id)
    victim = start("victim", seconds=30)
    until((tmp_path / "tries").exists)
    victim.kill()
    victim.wait()
    tally, said = run(desk, Waits(tmp_path))
    assert (tally.shards, tally.given_back) == (3, 1)
    assert f"Batch {batch_id} shard 1: its worker is lost; it is given to another." in said
    tries = (tmp_path / "tries").read_text(encoding="utf-8").splitlines()
    assert tries == ["victim 1", "here 2", "here 3", "here 1"]
    assert tasks(desk) == []


@pytest.mark.proof
def test_the_database_restarts_and_the_worker_goes_on(
    desk: Desk, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]], postgres: PostgresService
) -> None:
    batch_id = add_batch(desk, 4)
    defer(desk, batch_id)
    worker = start("patient", "--drain", seconds=0.6)
    until((tmp_path / "tries").exists)
    told = tmp_path / "patient.err"
    postgres.stop()
    try:
        until(lambda: "waits for it. [CF-5731]" in told.read_text())
    finally:
        postgres.start()  # the tests behind this one need it
    assert worker.wait(90) == 0
    assert "reached again" in told.read_text()
    assert json.loads((tmp_path / "patient.out").read_text())["away"] == 1
    assert shards_done(desk, batch_id) == 4
