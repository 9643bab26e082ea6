"""Cards made with the keys in another process: the service run by its supervisor, killed, and started again."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cardfab.cli.founding import found_training_station
from cardfab.cli.keyservice import attach
from cardfab.errors import KeyFault
from cardfab.keys.away import KeysAway
from cardfab.keys.service.identity import IdentityRefused
from cardfab.settings import read_settings
from cardfab.simulator.chip import make_blank
from cardfab.simulator.printer import Card
from cardfab.simulator.rig import Rig
from tests.integration.conftest import EXAMPLES, STOCK, cardfab

FIRST, SECOND = "R2026112100013", "R2026112100015"


@dataclass
class Place:
    """A station whose keys are in a key service."""

    folder: Path
    rig: Rig
    supervisor: subprocess.Popen[str] = field(init=False)

    def run(self, *arguments: str | Path, status: int = 0) -> str:
        said = cardfab("--config", self.folder / "cardfab.toml", "--lang", "en", *arguments)
        assert said.exit == status, said.text
        return said.text

    def program(self, *arguments: str) -> list[str]:
        """The command line of the same in a process of its own."""
        start = "from cardfab.cli.main import main; main()"
        return [sys.executable, "-c", start, "--config", str(self.folder / "cardfab.toml"), "--lang", "en", *arguments]

    def devices(self) -> tuple[str, ...]:
        return (
            *("--reader", f"tcp://127.0.0.1:{self.rig.reader_port}"),
            *("--printer", f"socket://127.0.0.1:{self.rig.printer_port}"),
        )

    def worker(self) -> int:
        children = Path(f"/proc/{self.supervisor.pid}/task/{self.supervisor.pid}/children")
        return int(children.read_text().split()[0])

    def ready(self, times: int = 1) -> None:
        """Wait until that many workers have been ready."""
        deadline = time.monotonic() + 60
        log = self.folder / "serve.log"
        while log.read_text().count("The key service is ready.") < times:
            assert self.supervisor.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def events(self) -> list[dict[str, object]]:
        """Every leaf of the service's own record, also those that wait for their place."""
        with sqlite3.connect(self.folder / "keyservice.db") as database:
            leaves = [
                *database.execute("select leaf from audit_leaf order by position"),
                *database.execute("select leaf from audit_pending"),
            ]
        database.close()
        return [json.loads(leaf) for (leaf,) in leaves]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training station with two approved requests and blanks, its keys served at run/keys.sock to itself."""
    folder = tmp_path_factory.mktemp("keys") / "st"
    found_training_station(folder, "training-01")
    settings = folder / "cardfab.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[keystore]", '[keystore]\nservice = "unix:run/keys.sock"'), encoding="utf-8")
    place = Place(folder, Rig([]))
    place.run("keys", "station", "new", "one")
    place.run("user", "login", "administrator")
    place.run("keys", "station", "enroll", "one", "--key", str(folder / "station.pub"))
    place.run("user", "login", "trainee")
    return folder


@pytest.fixture
def place(founded: Path, tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "s"
    shutil.copytree(founded, folder)
    with Rig([make_blank(serial=number) for number in range(1, 5)]) as rig, (folder / "serve.log").open("w") as log:
        found = Place(folder, rig)
        found.supervisor = supervisor = subprocess.Popen(
            found.program("keys", "serve"), stdout=log, stderr=subprocess.STDOUT, text=True
        )
        try:
            found.ready()
            yield found
        finally:
            supervisor.send_signal(signal.SIGTERM)
            try:
                supervisor.wait(20)
            except subprocess.TimeoutExpired:
                supervisor.kill()
                supervisor.wait()
                raise


def _approved(place: Place, *requests: str) -> None:
    place.run("request", "import", str(EXAMPLES / "requests.csv"))
    place.run("stock", "receive", STOCK, "4")
    for request in requests:
        place.run("request", "approve", request)


@pytest.mark.proof
def test_a_card_is_made_with_the_keys_in_another_process(place: Place) -> None:
    _approved(place, FIRST)
    assert "DONE" in place.run("issue", FIRST, *place.devices())
    [card] = [one for one in place.rig.output if isinstance(one, Card)]
    assert card.chip is not None
    time.sleep(1.5)  # the record is settled when nobody asks
    found = place.events()
    uses = [one for one in found if one["action"] == "key.use"]
    assert {one["actor"] for one in uses} == {"one"}
    assert {one["outcome"] for one in uses} == {"intent", "done"}
    tokens = {one["subject"] for one in uses}
    assert "-" not in tokens or len(tokens) > 1
    place.run("user", "login", "administrator")
    place.run("keys", "service-record", str(place.folder / "out.audit"))
    verifier = (place.folder / "keyservice.verifier").read_text().strip()
    trust = place.folder / "trust"
    trust.write_text(verifier + "\n")
    assert "is whole" in place.run("audit", "verify", str(place.folder / "out.audit"), "--trust", str(trust))


@pytest.mark.proof
def test_killed_in_the_middle_then_the_next_card_works(place: Place) -> None:
    _approved(place, FIRST, SECOND)
    located = read_settings((place.folder / "cardfab.toml",))
    keys = attach(located)
    session = keys.channel("bank/KMC").open(bytes(10), 0, bytes(2))
    os.kill(place.worker(), signal.SIGKILL)
    with pytest.raises(KeysAway) as gone:
        session.cryptogram(bytes(8))
    assert gone.value.code in ("CF-6320", "CF-6326")
    place.ready(times=2)
    assert keys.infos()
    keys.close()

    settings = place.folder / "cardfab.toml"
    direct = settings.read_text(encoding="utf-8")
    settings.write_text(direct.replace("run/keys.sock", "run/between.sock"), encoding="utf-8")
    with killing(place, at=b"rewrap"):  # a secret is on its way to the chip
        said = place.run("issue", FIRST, *place.devices(), status=9)
    assert "may have been written" in said
    assert "job resolve" in said
    settings.write_text(direct, encoding="utf-8")
    assert _state(place, FIRST) == "IN_DOUBT"
    place.ready(times=3)
    place.run("job", "resolve", FIRST, *place.devices())
    assert _state(place, FIRST) == "SPOILED"  # it was read back, and was not whole
    assert "DONE" in place.run("issue", SECOND, *place.devices())
    restarts = [one for one in place.events() if one["action"] == "keyservice.restart"]
    assert len(restarts) == 2
    for one in restarts:
        assert one["details"]["authorised"]  # type: ignore[index]


@contextmanager
def killing(place: Place, at: bytes) -> Iterator[None]:
    """Stands between station and service, and kills the worker when a call with these bytes comes by."""
    path = place.folder / "run" / "between.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.1)
        ended = threading.Event()
        thread = threading.Thread(target=_between, args=(place, listener, at, ended))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(30)


def _between(place: Place, listener: socket.socket, at: bytes, ended: threading.Event) -> None:
    ends: dict[socket.socket, socket.socket] = {}
    killed = False
    while not ended.is_set():
        for one in select.select([listener, *ends], [], [], 0.1)[0]:
            if one is listener:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                far.connect(str(place.folder / "run" / "keys.sock"))
                ends |= {near: far, far: near}
                continue
            try:
                data = one.recv(1 << 16)
                if at in data and not killed:
                    killed = True
                    os.kill(place.worker(), signal.SIGKILL)
                ends[one].sendall(data)
            except OSError:
                data = b""
            if not data:
                other = ends.pop(one)
                ends.pop(other, None)
                one.close()
                other.close()
                break
    for one in ends:
        one.close()


def _state(place: Place, request: str) -> str:
    with sqlite3.connect(place.folder / "station.db", timeout=20) as database:
        rows = database.execute("select state from job where request_id = ? order by id", (request,)).fetchall()
    database.close()
    return str(rows[-1][0])


@pytest.mark.proof
def test_a_stranger_and_a_revoked_station_are_refused(place: Place) -> None:
    located = read_settings((place.folder / "cardfab.toml",))
    identity = place.folder / "station.identity"
    kept = identity.read_bytes()
    keys = attach(located)
    assert keys.infos()
    place.run("user", "login", "administrator")
    place.run("keys", "station", "revoke", "one")
    with pytest.raises(IdentityRefused) as revoked:
        keys.infos()
    assert revoked.value.code == "CF-6333"
    identity.unlink()
    place.run("keys", "station", "new", "stranger")
    stranger = attach(located)
    with pytest.raises(IdentityRefused, match="does not know"):
        stranger.infos()
    identity.write_bytes(kept)
    identity.chmod(0o644)
    with pytest.raises(KeyFault, match="read by others"):
        attach(located)
    refused = [one for one in place.events() if one["outcome"] == "refused"]
    assert [one["details"]["claims"] for one in refused] == ["one", "stranger"]  # type: ignore[index]


@pytest.mark.proof
def test_the_worker_lets_nobody_look_into_it(place: Place) -> None:
    """/proc/PID/environ and mem of a process that is not dumpable belong to root: chmod shows it to root as well."""
    worker = place.worker()
    assert Path(f"/proc/{worker}/limits").read_text().split("Max core file size")[1].split()[:2] == ["0", "0"]
    os.kill(worker, signal.SIGABRT)
    place.ready(times=2)
    assert list(place.folder.glob("core*")) == []
    stop = [one for one in place.events() if one["action"] == "keyservice.restart"]
    assert [one["outcome"] for one in stop] == ["done"]
