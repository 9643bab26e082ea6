"""The bureau's workers on machines of their own: one is killed, one is cut off; the batch is as from one machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from cardfab.bureau.cover import CoverNote
from cardfab.bureau.deciding import approve
from cardfab.bureau.preparing import draw_shard
from cardfab.bureau.taking import take_in
from cardfab.bureau.workers import defer
from cardfab.bureau.workers.places import Pace
from cardfab.bureau.workers.running import Worker
from cardfab.bureau.workers.schema import ensure
from cardfab.cli.databases import database_at
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.wiring import open_desk, sign_in
from cardfab.errors import Text
from cardfab.production import Role
from cardfab.settings import read_settings
from cardfab.station.desk import Desk
from cardfab.station.record import check_record
from cardfab.station.tokens import add_token
from cardfab.store import Database, DatabaseBusy
from cardfab.store.shards import ShardRow
from tests.service.machines import BITS, Machines
from tests.service.postgres import PostgresService
from tests.service.softhsm import cardfab
from tests.service.test_postgres_server import Line
from tests.tools import tool

pytestmark = [pytest.mark.service, pytest.mark.proof]

NAMES = ("one", "two", "three", "four")
SHARDS, SIZE = 12, 100
PRODUCT = "bureau-sm2"

HOLDING = """
import sys, time
from pathlib import Path
from cardfab.store import Database
with Database(sys.argv[1], beside=Path(sys.argv[2])).transaction("held") as tx:
    tx.jobs.next_number("series", 1)
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    with Machines(NAMES) as made:
        yield made


@pytest.fixture(scope="module")
def server(machines: Machines) -> Iterator[PostgresService]:
    with PostgresService(listen=f"{machines.address}/{BITS}") as running:
        yield running


def test_a_writer_that_is_cut_off_gives_the_lock_of_writers_up(
    machines: Machines, server: PostgresService, tmp_path: Path
) -> None:
    """The server's default would keep it for two hours, and everybody waiting."""
    url = server.create()
    database = Database(url, beside=tmp_path / "here.db")
    database.upgrade()
    command = [sys.executable, "-c", HOLDING, server.url_outside(url), str(tmp_path / "there.db")]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        holder = machines.start("three", command, out, err)
    try:
        while "held" not in (tmp_path / "out").read_text():
            assert holder.poll() is None, (tmp_path / "err").read_text()
            time.sleep(0.05)
        machines.cut("three")
        begun = time.monotonic()
        while True:
            try:
                with database.transaction("mine") as tx:
                    assert tx.jobs.next_number("series", 1) == 1
                break
            except DatabaseBusy:
                assert time.monotonic() - begun < 40
    finally:
        holder.kill()
        holder.wait()
        machines.mend("three")
        database.close()
    assert time.monotonic() - begun < 30


@dataclass(frozen=True)
class Rows:
    """An issuer's file that lies in memory."""

    given: tuple[dict[str, str], ...]
    path: Path = Path("holders.csv")
    digest: bytes = sha256(b"").digest()
    signer: None = None

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        return ((number, dict(row)) for number, row in enumerate(self.given, 1))


@dataclass(frozen=True)
class Drawn:
    """A batch whose shards are drawn and not prepared, in a database that is copied for each run."""

    server: PostgresService
    folder: Path
    database: str
    batch_id: int

    def copy(self) -> str:
        return self.server.create(self.database)

    def settings(self, url: str, name: str) -> Path:
        """The settings of another machine, which shares database, keys and record with the first."""
        folder = self.folder.with_name(f"{name}-{url.partition('@/')[2].partition('?')[0]}")
        shutil.copytree(self.folder, folder)
        file = folder / "cardfab.toml"
        text = file.read_text(encoding="utf-8").replace("bureau-0", f"bureau-{name}")
        address = f'"{self.server.url_outside(url)}"'
        text = "\n".join(f"database = {address}" if line.startswith("database") else line for line in text.split("\n"))
        file.write_text(text, encoding="utf-8")
        return file


@pytest.fixture(scope="module")
def drawn(server: PostgresService, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    located = found_training_station(tmp_path_factory.mktemp("machines") / "bureau-0", "bureau-0")
    url = server.create()
    text = located.file.read_text(encoding="utf-8").replace('"station.db"', f'"{url}"')
    more = '\n[audit]\nrecord = "bureau"\n[bureau]\nworker_beat = 1\nworker_lost = 5\n'
    located.file.write_text(text + more, encoding="utf-8")
    located = read_settings((located.file,))
    database = database_at(located)
    database.upgrade()
    with database.transaction("people") as tx:
        for person in PEOPLE:
            tx.people.add(person)
    database.close()
    sign_in(located, PEOPLE[0].login)
    with open_desk(located, person=PEOPLE[0]) as desk:
        token = add_token(desk, "workers", PEOPLE[1].login, {Role.OPERATOR})
        (located.folder / "worker-token").write_text(token.shown, encoding="ascii")
        rows = tuple(row for row, _ in tool("holders").holders(SHARDS * SIZE, product=PRODUCT))
        cover = CoverNote(issuer="County", reference="B1", product=PRODUCT, rows=len(rows), sha256=Rows.digest.hex())
        batch = approve_by_other(desk, take_in(desk, Rows(rows), cover, shard_size=SIZE).id)
        for number in range(1, SHARDS + 1):
            draw_shard(desk, batch, number)
        ensure(desk.database.server() or {})
    return Drawn(server, located.folder, url.partition("@/")[2].partition("?")[0], batch)


def approve_by_other(desk: Desk, batch_id: int) -> int:
    object.__setattr__(desk, "person", PEOPLE[2])
    try:
        return approve(desk, batch_id).id
    finally:
        object.__setattr__(desk, "person", PEOPLE[0])


class Run:
    """Workers of one batch, each at a machine of its own."""

    def __init__(self, drawn: Drawn, machines: Machines, url: str) -> None:
        self.drawn, self.machines, self.url = drawn, machines, url
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.desk: Desk
        self.connection = psycopg.connect(url, autocommit=True)

    def start(self, name: str) -> None:
        file = self.drawn.settings(self.url, name)
        command = [cardfab(), "--config", str(file), "--json", "--lang", "en", "bureau", "worker", "--name", name]
        with (file.parent / "out").open("w") as out, (file.parent / "err").open("w") as err:
            by_systemd = {**os.environ, "CREDENTIALS_DIRECTORY": str(file.parent)}
            self.workers[name] = self.machines.start(name, command, out, err, by_systemd)

    def told(self, name: str) -> str:
        found = self.drawn.folder.with_name(f"{name}-{self.url.partition('@/')[2].partition('?')[0]}")
        return (found / "err").read_text(encoding="utf-8")

    def registered(self) -> int:
        return self.ask("SELECT count(*) FROM cardfab_workers.procrastinate_workers")

    def in_hand(self, name: str) -> bool:
        return self.ask("SELECT count(*) FROM bureau_shard WHERE worker = %s AND state <> 'DONE'", name) > 0

    def open(self) -> int:
        return self.ask("SELECT count(*) FROM bureau_shard WHERE state <> 'DONE'")

    def ask(self, question: LiteralString, *given: str) -> int:
        row = self.connection.execute(question, given).fetchone()
        assert row is not None
        return int(row[0])

    def shards(self) -> tuple[ShardRow, ...]:
        with self.desk.database.reading() as tx:
            return tx.shards.of(self.drawn.batch_id)

    def prepared(self) -> bool:
        return self.ask("SELECT count(*) FROM bureau_batch WHERE state = 'PREPARED'") > 0

    def until(self, what: Callable[[], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, {name: self.told(name) for name in self.workers}
            time.sleep(0.02)

    def end(self, name: str) -> None:
        self.workers[name].send_signal(signal.SIGTERM)
        assert self.workers[name].wait(60) == 0, self.told(name)


@contextmanager
def running(drawn: Drawn, machines: Machines, names: tuple[str, ...]) -> Iterator[Run]:
    """Workers that wait for a batch, on a copy of the database of their own."""
    run = Run(drawn, machines, drawn.copy())
    with ExitStack() as stack:
        here = read_settings((drawn.settings(run.url, "watch"),))
        run.desk = stack.enter_context(open_desk(here, person=PEOPLE[0]))
        try:
            for name in names:
                run.start(name)
            run.until(lambda: run.registered() == len(names))
            yield run
        finally:
            run.connection.close()
            for name, worker in run.workers.items():
                worker.kill()
                worker.wait()
                machines.mend(name)


Result = tuple[str | None, list[str | None], list[bytes]]


def result(desk: Desk, batch_id: int) -> Result:
    """What a batch came to: its digest, those of its shards, and the cards by place."""
    with desk.database.reading() as tx:
        batch, shards = tx.batches.get(batch_id), tx.shards.of(batch_id)
        cards = tx.shards.cards(batch_id, 1, batch.rows)
    assert [card.place for card in cards] == list(range(1, SHARDS * SIZE + 1))
    return batch.digest, [one.digest for one in shards], [card.number_index for card in cards]


@pytest.fixture(scope="module")
def from_one_machine(drawn: Drawn) -> Result:
    file = drawn.settings(drawn.copy(), "alone")
    command = [cardfab(), "--config", str(file), "bureau", "prepare", str(drawn.batch_id), "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    with open_desk(read_settings((file,)), person=PEOPLE[0]) as desk:
        return result(desk, drawn.batch_id)


LINE = (
    "Workers on three network namespaces against one PostgreSQL, one of them killed and one cut off in the middle of a"
    " batch: every shard done, digest equal to the one-machine run, cost per shard as workers grow (1, 2, 4) (proof)"
)


@pytest.mark.shows(LINE)
def test_one_machine_dies_and_one_is_cut_off_and_the_batch_is_as_from_one_machine(
    machines: Machines, drawn: Drawn, from_one_machine: Result
) -> None:
    with running(drawn, machines, ("one", "two", "three")) as run:
        assert defer(run.desk, drawn.batch_id).new == SHARDS + 1
        run.until(lambda: run.in_hand("one"))
        run.workers["one"].kill()
        run.until(lambda: run.in_hand("two"))
        machines.cut("two")
        open_then = run.open()
        run.until(run.prepared)
        assert open_then > SHARDS // 2, "it was nearly over: nothing was shown"
        run.until(lambda: "waits for it. [CF-5731]" in run.told("two"))  # the others may be done before it hears of it
        assert run.workers["two"].poll() is None

        machines.mend("two")
        run.until(lambda: "reached again" in run.told("two"))
        run.end("two")
        run.end("three")
        assert "its worker is lost; it is given to another" in run.told("three")
        assert result(run.desk, drawn.batch_id) == from_one_machine
        tries = {one.shard: one.tries for one in run.shards()}
        assert sum(tries.values()) >= SHARDS + 1  # of the killed one's, at the least
        run.desk.database.sequence(run.desk.signed)
        with run.desk.database.reading() as tx:
            assert check_record(tx, run.desk.audit_key()).alerts == ()


@pytest.mark.shows(LINE)
def test_what_a_shard_costs_as_workers_grow(
    machines: Machines, drawn: Drawn, from_one_machine: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {}
    for count in (1, 2, 4):
        with running(drawn, machines, NAMES[:count]) as run:
            begun = time.monotonic()
            defer(run.desk, drawn.batch_id)
            run.until(run.prepared)
            wall = time.monotonic() - begun
            shards = run.shards()
            assert result(run.desk, drawn.batch_id) == from_one_machine
            assert {one.tries for one in shards} == {1}
            for name in NAMES[:count]:
                run.end(name)
        figures[count] = {
            "seconds": round(wall, 2),
            "cards_per_second": round(SHARDS * SIZE / wall, 1),
            "processor_seconds_per_shard": round(statistics.mean(one.cost or 0 for one in shards), 3),
            "workers_with_a_shard": len({one.worker for one in shards}),
        }
    with capsys.disabled():
        print(f"\n{SHARDS} shards of {SIZE} cards: {json.dumps(figures)}")
    costs = [one["processor_seconds_per_shard"] for one in figures.values()]
    assert max(costs) < 3 * min(costs), "a shard costs more because others work too"


def test_an_answer_that_is_lost_makes_no_shard_twice_and_loses_none(
    drawn: Drawn, from_one_machine: Result, server: PostgresService
) -> None:
    """Once the server can be asked at once what became of the commit, once only later."""
    url = drawn.copy()
    folder = server.folder / "lossy"
    line = Line(server.folder, folder)
    file = drawn.settings(url, "lossy")
    address = server.url_outside(url)
    text = file.read_text(encoding="utf-8").replace(address, url.replace(str(server.folder), str(folder)))
    file.write_text(text, encoding="utf-8")
    commits: list[str] = []
    said: list[str] = []

    def watch(point: str) -> None:
        if point == "before:commit:shard":
            commits.append(point)
            line.loses = len(commits) in (2, 4)
            line.down = len(commits) == 4

    def tell(what: Text) -> None:
        said.append(what.en)
        line.down = line.down and "[CF-9700]" not in what.en

    try:
        with open_desk(read_settings((file,)), person=PEOPLE[0], watch=watch) as desk:
            defer(desk, drawn.batch_id)
            pace = Pace(beat=1, lost=20, look=0.2, again=0.2)
            tally = Worker(desk, lambda: PEOPLE[0], "lossy", tell, pace, drain=True).run()
            assert tally.shards == SHARDS
            assert sum("[CF-9700] Again in" in one for one in said) == 1
            assert result(desk, drawn.batch_id) == from_one_machine
            with desk.database.reading() as tx:
                assert [one.tries for one in tx.shards.of(drawn.batch_id)] == [1] * SHARDS  # what was in doubt was kept
    finally:
        line.close()
