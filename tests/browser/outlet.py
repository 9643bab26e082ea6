"""An outlet in a folder: devices, issuer host and service each in a process of its own, people with passwords.

Only the service is ever killed; what lies in printer, reader and host stays as it was.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from cardfab.cli.founding import PEOPLE as TRAINING_PEOPLE
from cardfab.cli.founding import found_training_station
from cardfab.cli.requests import read_photos
from cardfab.cli.session import door_of
from cardfab.cli.wiring import open_desk
from cardfab.production import Person, Role, StockAccount
from cardfab.resources import data_folder
from cardfab.settings import read_settings
from cardfab.station.access import set_password
from cardfab.station.intake import import_requests
from cardfab.store import Database, JobRow

STOCK = "training-ssc2"
TOP = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TOP), "PYTHONUNBUFFERED": "1"}
PATIENCE = 300.0
"""Seconds; an upper bound, for a machine that others use too."""
PROGRAM = "from cardfab.cli.main import main; main()"
PATIENT = """\
# The printer of these tests is a program beside many others: what a real one does in two seconds may take it longer.
extends = "evolis-ymcko"
name = "patient"

[timeouts]
parameter = 60.0
move = 120.0
download = 300.0
end = 300.0
settle = 0.5
"""
PEOPLE = (
    Person("li", "李操作", frozenset({Role.OPERATOR})),
    Person("wang", "王复核", frozenset({Role.OPERATOR})),
    Person("zhao", "赵主管", frozenset({Role.SUPERVISOR})),
    Person("qian", "钱主管", frozenset({Role.SUPERVISOR})),
)
TRAINEE = TRAINING_PEOPLE[0]
TRAINED = "2026-01-01T00:00:00.000+00:00"
WORDS = {
    "li": "blaue Stunde am Wasser",
    "wang": "seven boats leave early",
    "zhao": "一二三四五六七八九十一二",
    "qian": "green stones in a river",
}


def found(folder: Path) -> None:
    """Make the station: people of an outlet with passwords beside those of training."""
    located = found_training_station(folder, "outlet-01", chip_keys=12)
    database = Database(folder / "station.db")
    try:
        with database.transaction("people") as tx:
            for one in PEOPLE:
                tx.people.add(one)
            for one in TRAINING_PEOPLE:  # who works here has a password
                tx.people.change(one.login, disabled_at=TRAINED)
        for login, word in WORDS.items():
            door = door_of(located, database, lambda who, new=False, word=word: bytearray(word.encode()))
            set_password(door, login, by=login)
    finally:
        database.close()
    examples = data_folder("examples")
    with open_desk(located, person=TRAINEE) as desk:
        data = (examples / "requests.csv").read_bytes()
        photos = partial(read_photos, examples)
        import_requests(desk, data, source="requests.csv", form="csv", photos=photos)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class ServiceWorker:
    """Starts services; see ``service_worker.py``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.service_worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=TOP, env=ENVIRONMENT,
        )  # fmt: skip
        self._turn = threading.Lock()

    def serve(self, words: Sequence[str], log: Path, later: float) -> int:
        return int(self._ask(serve=list(words), log=str(log), later=later)["pid"])

    def wait(self, process: int) -> int:
        """The signal that ended it; 0 for none."""
        return int(self._ask(wait=process)["signal"])

    def _ask(self, **order: object) -> dict[str, Any]:
        with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
            return answer

    def end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(PATIENCE)


@dataclass
class Outlet:
    """``serials`` are the blanks in the hopper, ``wrong`` those whose chips refuse every write."""

    folder: Path
    worker: ServiceWorker
    serials: Sequence[int]
    wrong: Sequence[int] = ()
    pictures: Path | None = None
    bench: subprocess.Popen[str] = field(init=False)
    ports: Mapping[str, Any] = field(init=False)
    host: subprocess.Popen[str] | None = None
    host_port: int = 0
    service: int | None = None
    """The process of the service."""
    port: int = 0
    starts: int = 0

    def begin(self, *, host: bool = True) -> None:
        """Put the devices on the desk and write them into the settings; the issuer host comes up unless told not to."""
        given = {"serials": list(self.serials), "wrong": list(self.wrong),
                 "out": str(self.pictures) if self.pictures else None}  # fmt: skip
        self.bench = self._process("bench", [sys.executable, "-m", "tests.browser.outlet_bench", json.dumps(given)])
        assert self.bench.stdout is not None
        self.ports = json.loads(self.bench.stdout.readline())
        self.port, self.host_port = free_port(), free_port()
        self.setting('reader = "simulated"', f'reader = "{self.ports["reader"]}"')
        profiles = self.folder / "profiles" / "printers"
        profiles.mkdir(parents=True, exist_ok=True)
        (profiles / "patient.toml").write_text(PATIENT, encoding="utf-8")
        self.setting('"evolis-ymcko"', '"patient"')
        self.setting('printer = "simulated"', f'printer = "{self.ports["printer"]}"')
        self.setting("[devices]", f'[devices]\npinpad = "{self.ports["pinpad"]}"\ncounter = "{self.ports["counter"]}"')
        self.setting('host = "simulated"', f'host = "tcp://127.0.0.1:{self.host_port}"')
        if host:
            self.host_up()

    def setting(self, old: str, new: str) -> None:
        file = self.folder / "cardfab.toml"
        text = file.read_text(encoding="utf-8")
        assert old in text, old
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    # the issuer host

    def host_up(self) -> None:
        assert self.host is None
        words = ["simulate", "host", "--port", str(self.host_port), "--file", str(self.folder / "host.json")]
        self.host = self._process("host", [sys.executable, "-c", PROGRAM, *words])
        assert self.host.stdout is not None
        assert self.host.stdout.readline().startswith("tcp://")

    def host_down(self) -> None:
        assert self.host is not None
        self._end(self.host)
        self.host = None

    # the service

    def serve(self, *, later: float = 0.0) -> None:
        """Start it, its clock so many seconds ahead, and wait until it answers."""
        words = ["--config", str(self.folder / "cardfab.toml"), "station", "serve", "--port", str(self.port)]
        self.service = self.worker.serve(words, self.folder / "service.log", later)
        self.starts += 1
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/login", timeout=60).status_code == 200:
                    return
            assert Path(f"/proc/{self.service}").exists(), self.log()
            time.sleep(0.02)
        raise AssertionError(f"the service does not answer:\n{self.log()}")

    def kill(self) -> None:
        """As ``kill -9`` does it."""
        assert self.service is not None
        os.kill(self.service, signal.SIGKILL)
        assert self.worker.wait(self.service) == signal.SIGKILL
        self.service = None

    def stop(self) -> None:
        """Ended as its keeper ends it."""
        assert self.service is not None
        os.kill(self.service, signal.SIGTERM)
        self.worker.wait(self.service)
        self.service = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        file = self.folder / "service.log"
        return file.read_text(encoding="utf-8", errors="replace")[-6000:] if file.exists() else ""

    # what lies on the desk

    def hand(self, do: str, **more: object) -> dict[str, Any]:
        """Something done at the printer, the counter's reader or the pad."""
        with socket.create_connection(("127.0.0.1", self.ports["control"]), PATIENCE) as line:
            line.sendall(json.dumps({"do": do, **more}).encode() + b"\n")
            with line.makefile("rb") as said:
                answer: dict[str, Any] = json.loads(said.readline())
        assert answer["ok"], answer
        return answer

    def cards(self) -> list[dict[str, Any]]:
        """Every card there is: number, chip, where, front, back, ruined."""
        found: list[dict[str, Any]] = self.hand("cards")["list"]
        return found

    def lying(self, where: str) -> list[dict[str, Any]]:
        return [card for card in self.cards() if card["where"] == where]

    # the books

    @contextmanager
    def database(self) -> Iterator[Database]:
        located = read_settings((self.folder / "cardfab.toml",))
        database = Database(located.path(located.values.database))
        try:
            yield database
        finally:
            database.close()

    def account(self) -> StockAccount:
        with self.database() as database, database.reading() as tx:
            return tx.stock.account(STOCK)

    def jobs(self) -> tuple[JobRow, ...]:
        with self.database() as database, database.reading() as tx:
            return tx.jobs.all()

    def job(self, request: str) -> JobRow:
        """The newest job of a request."""
        return [one for one in self.jobs() if one.request_id == request][-1]

    def told_host(self) -> dict[str, Any]:
        """The books of the issuer host."""
        found: dict[str, Any] = json.loads((self.folder / "host.json").read_text(encoding="utf-8"))
        return found

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the program at this station."""
        head = ["--config", str(self.folder / "cardfab.toml"), "--lang", "en"]
        return subprocess.run([sys.executable, "-c", PROGRAM, *head, *words], capture_output=True, text=True,
                              check=False, env=ENVIRONMENT, cwd=TOP, timeout=PATIENCE)  # fmt: skip

    def end(self) -> None:
        """End every process that was started."""
        if self.service is not None:
            self.kill()
        if self.host is not None:
            self._end(self.host)
        if hasattr(self, "bench"):
            self._end(self.bench)

    def _process(self, name: str, command: list[str]) -> subprocess.Popen[str]:
        with (self.folder / f"{name}.err").open("a") as errors:
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=ENVIRONMENT,
                cwd=TOP,
            )  # fmt: skip

    @staticmethod
    def _end(process: subprocess.Popen[Any]) -> None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(15)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def copied(template: Path, folder: Path) -> Path:
    shutil.copytree(template, folder)
    return folder
