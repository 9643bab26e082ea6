"""The template station, the worker that dies on order, and the rig that outlives it."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli.founding import found_training_station
from cardfab.cli.wiring import open_desk
from cardfab.production import JobState, StockAccount
from cardfab.resources import data_folder
from cardfab.simulator.chip import make_blank
from cardfab.simulator.rig import Rig
from cardfab.station.intake import approve, import_requests
from cardfab.station.stockroom import receive
from cardfab.store import Database, JobRow

STOCK = "training-ssc2"
BLANKS = 3


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training station with one approved request and three blanks."""
    folder = tmp_path_factory.mktemp("template") / "station"
    examples = data_folder("examples")
    with open_desk(found_training_station(folder, "fault-01")) as desk:
        ids = import_requests(
            desk,
            (examples / "requests.csv").read_bytes(),
            source="requests.csv",
            form="csv",
            photos=lambda name: (examples / name).read_bytes(),
        )
        approve(desk, ids[:1])
        receive(desk, STOCK, BLANKS)
    return folder


@pytest.fixture(scope="session")
def worker(template: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Gives orders to a worker process; see ``issue_worker.py``."""
    program = Path(__file__).with_name("issue_worker.py")
    with subprocess.Popen(
        [sys.executable, str(program), str(template)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}

        def order(**values: Any) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(values) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            assert "broken" not in answer, answer.get("broken")
            return answer

        yield order
        process.stdin.close()
        process.wait(20)


@dataclass
class World:
    """One station on one rig. The rig lives in the test's process, the issuing in a worker that may die."""

    station: Path
    rig: Rig
    request: str
    worker: Callable[..., dict[str, Any]]
    log: list[dict[str, Any]] = field(default_factory=list)

    def order(self, do: str, **more: Any) -> dict[str, Any]:
        answer = self.worker(
            do=do,
            station=str(self.station),
            request=self.request,
            reader=f"tcp://127.0.0.1:{self.rig.reader_port}",
            printer=f"socket://127.0.0.1:{self.rig.printer_port}",
            **more,
        )
        self.log.append({"do": do, **more, **{k: v for k, v in answer.items() if k != "points"}})
        return answer

    def books(self) -> tuple[StockAccount, tuple[JobRow, ...]]:
        """The equation and the jobs as they are on the disk."""
        database = Database(self.station / "station.db")
        try:
            with database.reading() as tx:
                jobs = tuple(job for job in tx.jobs.all() if job.request_id == self.request)
                return tx.stock.account(STOCK), jobs
        finally:
            database.close()

    def state(self) -> JobState:
        """The newest job's state."""
        return self.books()[1][-1].state


SERIALS = itertools.count(1)


@pytest.fixture
def new_world(template: Path, worker: Callable[..., dict[str, Any]], tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds; every rig is stopped at the end of the test, or by the next world."""
    running: list[Rig] = []

    def make(**blank: Any) -> World:
        while running:
            running.pop().stop()
        station = tmp_path / f"station-{next(SERIALS)}"
        shutil.copytree(template, station)
        rig = Rig([make_blank(serial=next(SERIALS), **blank) for _ in range(BLANKS)])
        rig.start()
        running.append(rig)
        database = Database(station / "station.db")
        with database.reading() as tx:
            request = tx.jobs.all(JobState.QUEUED)[0].request_id
        database.close()
        return World(station, rig, request, worker)

    yield make
    for rig in running:
        rig.stop()
