"""Starts and restarts of the worker: each authorised and on record, or there is none (D5)."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cardfab.errors import KeyFault, Text
from cardfab.keys.auditing import UseOutcome
from cardfab.keys.service.supervisor import AWAY, STOPPED, Supervision, WorkerRefused, supervise

Ready = Callable[[str], None]


@dataclass
class Told:
    """What a supervisor did. Its worker looks up in a folder which start it is, since it is another process."""

    folder: Path
    ends: tuple[object, ...]
    words: int = 99
    broken: bool = False
    record: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    clock: float = 0.0
    lives: float = 60.0

    def worker(self, line: socket.socket, ready: Ready) -> int:
        end = self.ends[len(list(self.folder.iterdir()))]
        (self.folder / f"{time.monotonic_ns()}").touch()
        if isinstance(end, KeyFault):
            raise end
        if end == "no token":
            ready("The token is not there. [CF-6650]")
            return AWAY
        ready("ready")
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if end == "broken":
            raise RuntimeError(str(self.folder))
        if end == "asked":
            line.recv(1)
            return STOPPED
        assert isinstance(end, int)
        return end

    def authority(self, start: int) -> str:
        self.clock += self.lives
        if start >= self.words:
            raise KeyFault(Text("Nobody is here.", "无人。"))
        return "the word was given again" if start else "the word was given"

    def put(self, action: str, actor: str, outcome: UseOutcome, details: Mapping[str, str]) -> None:
        if self.broken:
            raise OSError("full")
        self.record.append((action, outcome, details))

    def run(self, *, stopping: bool = False) -> None:
        given = Supervision(
            self.worker, self.authority, self.put, lambda _: None, lambda: self.clock, self.slept.append
        )
        supervise(given, lambda: stopping)

    @property
    def acts(self) -> list[tuple[str, str]]:
        return [(action, outcome) for action, outcome, _ in self.record]


@pytest.mark.shows("D5: every restart is recorded and authorised (test)")
def test_D5_every_restart_is_authorised_and_on_record(tmp_path: Path) -> None:
    told = Told(tmp_path, ("killed", AWAY, "broken", STOPPED))
    told.run()
    assert told.acts == [
        ("keyservice.start", "done"),
        ("keyservice.restart", "done"),
        ("keyservice.restart", "done"),
        ("keyservice.restart", "done"),
        ("keyservice.stop", "done"),
    ]
    assert [details["authorised"] for _, _, details in told.record[:4]] == [
        "the word was given",
        *["the word was given again"] * 3,
    ]


def test_D5_no_restart_without_an_authorisation(tmp_path: Path) -> None:
    told = Told(tmp_path, ("killed", STOPPED), words=1)
    with pytest.raises(KeyFault, match="Nobody"):
        told.run()
    assert told.acts == [("keyservice.start", "done"), ("keyservice.restart", "refused")]
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_served_where_the_start_cannot_be_recorded(tmp_path: Path) -> None:
    told = Told(tmp_path, ("asked",), broken=True)
    before = children()
    with pytest.raises(OSError, match="full"):
        told.run()
    assert children() <= before  # other tests of this process may have some


def children() -> set[str]:
    """The processes that this one started, by number."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


def test_a_wrong_word_ends_the_first_start_and_is_on_record(tmp_path: Path) -> None:
    told = Told(tmp_path, (KeyFault(Text("The word does not open it.", "口令无法打开。")),))
    with pytest.raises(WorkerRefused, match="does not open"):
        told.run()
    assert told.acts == [("keyservice.start", "refused")]


def test_a_worker_that_ends_again_and_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = Told(tmp_path, ("broken",) * 9, lives=0.0)
    with pytest.raises(KeyFault) as again:
        told.run()
    assert again.value.code == "CF-6329"
    assert told.acts[-1] == ("keyservice.stop", "failed")
    assert told.slept == sorted(told.slept)
    said = capfd.readouterr().err
    assert "RuntimeError" in said
    assert str(tmp_path) not in said  # a worker's error names its kind and place, never what it says


def test_a_token_that_is_not_there_is_waited_for_and_told_once(tmp_path: Path) -> None:
    told = Told(tmp_path, (AWAY, *["no token"] * 20, "killed", STOPPED), lives=0.0)
    told.run()
    assert told.acts == [
        ("keyservice.start", "done"),
        ("keyservice.restart", "refused"),
        ("keyservice.restart", "done"),
        ("keyservice.restart", "done"),
        ("keyservice.stop", "done"),
    ]
    assert told.slept[1:21] == [5.0] * 20


def test_a_token_that_is_not_there_at_the_first_start_ends_it(tmp_path: Path) -> None:
    told = Told(tmp_path, ("no token",))
    with pytest.raises(WorkerRefused, match="CF-6650"):
        told.run()
    assert told.acts == [("keyservice.start", "refused")]
