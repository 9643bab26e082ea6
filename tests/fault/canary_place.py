"""A station of which every secret is known, its devices, its worker and its key service each in a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cardfab.cli.founding import found_training_station
from cardfab.resources import data_folder
from cardfab.simulator.cardfile import load_chip
from cardfab.simulator.chip import TrainingChip
from tests.canary import Needles, card_keys, pin_block

HERE = Path(__file__).parent
TOP = HERE.parents[1]
REQUESTS = TOP / "examples" / "requests.csv"
PRODUCT_PIN = '[pin]\nfirst = "random"\ndigits = 6\n'
PAD_PIN = '[pin]\nfirst = "holder"\npad_key = "bank/ZPK"\ndigits = 12\n'
PROGRAM = "from cardfab.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Said:
    """What one run of the program left."""

    exit: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Process:
    """A process that answers a line with a line."""

    started: subprocess.Popen[str]

    def ask(self, line: str) -> str:
        assert self.started.stdin is not None
        assert self.started.stdout is not None
        self.started.stdin.write(line + "\n")
        self.started.stdin.flush()
        return self.started.stdout.readline()

    @property
    def pid(self) -> int:
        return self.started.pid

    def end(self) -> None:
        if self.started.stdin is not None:
            self.started.stdin.close()
        try:
            self.started.wait(20)
        finally:
            self.started.kill()
            self.started.wait()
            if self.started.stdout is not None:
                self.started.stdout.close()


@dataclass
class CanaryPlace:
    """Everything lies under ``top``: the station, HOME, TMPDIR, what was made, and what each process said."""

    top: Path
    pins: Sequence[str]
    rig: Process = field(init=False)
    worker: Process = field(init=False)
    service: subprocess.Popen[str] | None = None
    ports: Mapping[str, str] = field(init=False)
    said: list[Said] = field(default_factory=list)

    @property
    def station(self) -> Path:
        return self.top / "st"

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "HOME": str(self.top / "home"),
            "TMPDIR": str(self.top / "tmp"),
            "XDG_CACHE_HOME": str(self.top / "home"),
        }
        return {**os.environ, **own, "PYTHONPATH": str(TOP), "PYTHONUNBUFFERED": "1"}

    def found(self, serials: Sequence[int], *, wrong: Sequence[int] = ()) -> None:
        """Make the station, and start its devices. The first PIN of every card is pressed at the pad."""
        for name in ("home", "tmp", "made", "faces"):
            (self.top / name).mkdir()
        found_training_station(self.station, "training-01")
        name = "pboc-debit-contact-rsa"
        copy = self.station / "profiles" / "applications" / f"{name}.toml"
        copy.parent.mkdir(parents=True)
        text = data_folder("profiles").joinpath("applications", f"{name}.toml").read_text(encoding="utf-8")
        assert PRODUCT_PIN in text
        copy.write_text(text.replace(PRODUCT_PIN, PAD_PIN), encoding="utf-8")
        given = {"serials": list(serials), "pins": list(self.pins), "wrong": list(wrong),
                 "faces": str(self.top / "faces")}  # fmt: skip
        self.rig = self._process("canary_rig.py", json.dumps(given))
        assert self.rig.started.stdout is not None
        self.ports = json.loads(self.rig.started.stdout.readline())
        self.setting("[devices]", f'[devices]\npinpad = "{self.ports["pinpad"]}"')

    def setting(self, old: str, new: str) -> None:
        settings = self.station / "cardfab.toml"
        text = settings.read_text(encoding="utf-8")
        assert old in text
        settings.write_text(text.replace(old, new), encoding="utf-8")

    def work(self) -> None:
        """Start the worker."""
        self.worker = self._process("canary_worker.py", "")

    def serve(self) -> None:
        """Put the keys into a key service of their own."""
        self.setting("[keystore]", '[keystore]\nservice = "unix:run/keys.sock"')
        self.run("keys", "station", "new", "one")
        self.run("user", "login", "administrator")
        self.run("keys", "station", "enroll", "one", "--key", self.station / "station.pub")
        self.run("user", "login", "trainee")
        log = self.top / "serve.log"
        with log.open("w") as out:
            words = [sys.executable, "-c", PROGRAM, *self._head, "keys", "serve"]
            self.service = subprocess.Popen(words, stdout=out, stderr=out, env=self.environment, text=True)
        self.ready()

    def ready(self, times: int = 1) -> None:
        """Wait until so many workers of the key service have been ready."""
        deadline = time.monotonic() + 60
        log = self.top / "serve.log"
        while log.read_text().count("The key service is ready.") < times:
            assert self.service is not None
            assert self.service.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)

    def key_worker(self) -> int:
        """The process that holds the keys."""
        assert self.service is not None
        children = Path(f"/proc/{self.service.pid}/task/{self.service.pid}/children")
        return int(children.read_text().split()[0])

    def run(self, *words: str | Path, status: int | None = 0, by: Process | None = None, lines: str = "",
            pins: str = "") -> Said:  # fmt: skip
        """One command, in the worker or in a process of its own. ``pins`` is where lines of PINs are read."""
        arguments = [*self._head, *(str(word) for word in words)]
        if by is not None:
            order = {"words": arguments, "lines": lines, "pins": pins}
            answer: dict[str, Any] = json.loads(by.ask(json.dumps(order)))
            said = Said(**answer)
        else:
            done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True,
                                  env=self.environment, input=lines, check=False, cwd=self.top)  # fmt: skip
            said = Said(done.returncode, done.stdout, done.stderr)
        self.said.append(said)
        assert status is None or said.exit == status, f"{words}: {said.exit}\n{said.text}"
        return said

    def devices(self) -> tuple[str, ...]:
        return "--reader", self.ports["reader"], "--printer", self.ports["printer"]

    def chips(self) -> list[TrainingChip]:
        """The chips as they left the printer, read back from the devices' process."""
        folder = self.top.parent / f"{self.top.name}-chips"
        folder.mkdir(exist_ok=True)
        assert self.rig.ask(str(folder)) == "ok\n"
        return [load_chip(file) for file in sorted(folder.iterdir())]

    def secrets(self, region: str = "440199") -> Needles:
        """Every key and PIN of the chips that were made."""
        found: dict[str, bytes] = {}
        for chip in self.chips():
            found |= card_keys(chip, region)
            if "8010" in chip.memory.under("debit/dgi/"):
                found[f"PIN block of {chip.memory.read('os/historical')[5:].hex().upper()}"] = pin_block(chip)
        return Needles.of(found, {f"PIN {n}": pin for n, pin in enumerate(self.pins)})

    def end(self) -> None:
        """End every process that was started."""
        if self.service is not None:
            self.service.send_signal(signal.SIGTERM)
            try:
                self.service.wait(20)
            finally:
                self.service.kill()
                self.service.wait()
        for name in ("worker", "rig"):
            if hasattr(self, name):
                getattr(self, name).end()

    @property
    def _head(self) -> list[str]:
        return ["--config", str(self.station / "cardfab.toml"), "--lang", "en"]

    def _process(self, file: str, given: str) -> Process:
        with (self.top / f"{file}.err").open("a") as errors:
            return Process(
                subprocess.Popen(
                    [sys.executable, str(HERE / file), given],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env=self.environment,
                    cwd=self.top,
                )
            )
