"""Machines of a network of their own on this one: a namespace each, one bridge, where the test's server listens too."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Any

BITS = 24


class NoNetwork(Exception):
    """The namespaces could not be made; the sentence says what the system answered."""


class Machines:
    """``names`` are the machines, at .2, .3 and so on; this one is at .1 (:attr:`address`). All is gone at the end."""

    def __init__(self, names: Sequence[str]) -> None:
        self._id = f"{os.getpid() % 100000:05d}{random.randrange(100):02d}"
        self._names = tuple(names)
        self._bridge = f"cfb{self._id}"
        # 198.18.0.0/15 is kept for tests of networks (RFC 2544); a subnet that nobody on this machine uses.
        self._subnet = ""

    def __enter__(self) -> Machines:
        try:
            self._subnet = self._free()
            _ip("link", "add", self._bridge, "type", "bridge")
            _ip("address", "add", f"{self.address}/{BITS}", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for number, name in enumerate(self._names):
                self._add(name, number)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    @property
    def address(self) -> str:
        """This machine's address in the network."""
        return f"{self._subnet}.1"

    def start(
        self,
        name: str,
        command: Sequence[str],
        out: IO[str],
        err: IO[str],
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program at a machine; its process is that of the program."""
        there = ["ip", "netns", "exec", self._space(name), *command]
        return subprocess.Popen(there, stdout=out, stderr=err, env=environment)

    def cut(self, name: str) -> None:
        """Take the machine's line away: nothing comes or goes, and nobody is told."""
        _ip("link", "set", self._line(name), "down")

    def mend(self, name: str) -> None:
        """The line is back."""
        _ip("link", "set", self._line(name), "up")

    def _add(self, name: str, number: int) -> None:
        space, line = self._space(name), self._line(name)
        _ip("netns", "add", space)
        _ip("link", "add", line, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", line, "master", self._bridge, "up")
        _ip("-n", space, "address", "add", f"{self._subnet}.{number + 2}/{BITS}", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", space, "link", "set", device, "up")

    def _remove(self) -> None:
        commands = [("netns", "del", self._space(name)) for name in self._names]
        for command in [*commands, ("link", "del", self._bridge)]:
            subprocess.run(["ip", *command], capture_output=True, check=False)

    def _space(self, name: str) -> str:
        return f"cardfab-{self._id}-{name}"

    def _line(self, name: str) -> str:
        return f"cf{self._id}v{self._names.index(name)}"

    def _free(self) -> str:
        found: Any = json.loads(_ip("-json", "address") or "[]")
        used = {one["local"].rpartition(".")[0] for link in found for one in link["addr_info"]}
        return random.choice([net for net in (f"198.18.{number}" for number in range(256)) if net not in used])


def _ip(*arguments: str) -> str:
    try:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=20)
    except FileNotFoundError as missing:
        raise NoNetwork("the program ip (Debian package iproute2) is missing: run 'make setup-services'") from missing
    if done.returncode:
        raise NoNetwork(
            "this test needs root and network namespaces (CAP_NET_ADMIN, CAP_SYS_ADMIN);"
            f" 'ip {' '.join(arguments)}' said: {done.stderr.strip()}"
        )
    return done.stdout


__all__ = ["BITS", "Machines", "NoNetwork"]
