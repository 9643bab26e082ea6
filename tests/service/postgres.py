"""A private PostgreSQL server for the tests of one process: a folder, a socket in it, no port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

_NAME = "cardfab"


def programs() -> Path:
    """Where PostgreSQL's programs are: on the path, or where Debian puts them, the newest."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"))


class PostgresService:
    """One server. ``sure`` is whether a commit waits for the disk, as it must where time is measured.

    ``listen`` is an address of this machine, with the bits of its network, at which it serves that network too.
    """

    def __init__(self, *, sure: bool = False, listen: str = "") -> None:
        self._sure, self._listen = sure, listen
        self._made = 0
        # A socket's path has little room, and root's own folders are closed to the server's user.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))

    def __enter__(self) -> PostgresService:
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._run(
            "initdb", "-D", str(self.data), "-U", _NAME, "-A", "trust", "--locale", "C", "-E", "UTF8", "--no-sync"
        )
        if self._listen:
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all {_NAME} {self._listen} trust\n")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        sure = "on" if self._sure else "off"
        settings = {
            "listen_addresses": self._listen.partition("/")[0],
            "unix_socket_directories": str(self.folder),
            "fsync": sure,
        }
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-l", log, "-w", "-o", options, "start")

    def stop(self, how: str = "immediate") -> None:
        """``immediate`` is as if the machine lost power."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", how, "stop")

    def url(self, name: str) -> str:
        return f"postgresql://{_NAME}@/{name}?host={self.folder}"

    def url_outside(self, url: str) -> str:
        """The same database for the other machines of the network."""
        name = url.partition("@/")[2].partition("?")[0]
        return f"postgresql://{_NAME}@{self._listen.partition('/')[0]}/{name}"

    def create(self, template: str = "template0", *, more: str = "") -> str:
        """A new database; its URL."""
        self._made += 1
        name = f"d{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(programs() / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresService]:
    """One server for the process."""
    with PostgresService() as running:
        yield running
