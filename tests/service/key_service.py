"""A key service as a process of its own, killed and started again, for a station of the same folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cardfab.cli.main import run
from cardfab.settings import Located, read_settings

READY = "The key service is ready."


class KeyServiceProcess:
    """Supervisor and worker. ``located`` is of a station that has no service yet: it is enrolled and served by it."""

    def __init__(self, located: Located) -> None:
        self.folder = located.folder
        text = located.file.read_text(encoding="utf-8")
        located.file.write_text(
            text.replace("[keystore]", '[keystore]\nservice = "unix:run/keys.sock"'), encoding="utf-8"
        )
        self._settings = located.file
        self.supervisor: subprocess.Popen[bytes] | None = None
        for words in (
            ("keys", "station", "new", "one"),
            ("user", "login", "administrator"),
            ("keys", "station", "enroll", "one", "--key", str(self.folder / "station.pub")),
            ("user", "login", "trainee"),
        ):
            assert run(["--quiet", *self._options, *words]) == 0, words

    @property
    def located(self) -> Located:
        """The station, whose keys are in this service now."""
        return read_settings((self._settings,))

    def __enter__(self) -> KeyServiceProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.supervisor is not None:
            self.kill()

    def start(self) -> None:
        """Until it serves."""
        before = self._said().count(READY)
        program = [sys.executable, "-c", "from cardfab.cli.main import main; main()", *self._options, "keys", "serve"]
        with self._log.open("a") as log:
            self.supervisor = subprocess.Popen(
                program, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_ready(before + 1)

    def wait_ready(self, times: int) -> None:
        """Until so many workers have served, of all there were."""
        self.until(READY, times)

    def until(self, words: str, times: int = 1) -> None:
        """Until it has said this so often."""
        until = time.monotonic() + 60
        while self._said().count(words) < times:
            assert self.supervisor is not None
            assert self.supervisor.poll() is None, self._said()
            assert time.monotonic() < until, self._said()
            time.sleep(0.05)

    @property
    def starts(self) -> int:
        """How many workers have served."""
        return self._said().count(READY)

    def kill_worker(self) -> None:
        """The worker alone; the supervisor starts another one."""
        assert self.supervisor is not None
        children = Path(f"/proc/{self.supervisor.pid}/task/{self.supervisor.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

    def kill(self) -> None:
        """All of it."""
        assert self.supervisor is not None
        with suppress(ProcessLookupError):
            os.killpg(self.supervisor.pid, signal.SIGKILL)
        self.supervisor.wait(20)
        self.supervisor = None

    @property
    def _options(self) -> Sequence[str]:
        return "--config", str(self._settings), "--lang", "en"

    @property
    def _log(self) -> Path:
        return self.folder / "serve.log"

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""


__all__ = ["KeyServiceProcess"]
