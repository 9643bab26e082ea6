"""A key service in a thread of the test, with a record in memory, and stations that may or may not be known to it."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cardfab.keys import SoftKeyStore
from cardfab.keys.auditing import KeyUse, UseOutcome
from cardfab.keys.service.client import RemoteKeyStore
from cardfab.keys.service.identity import Identity, Station, Stations
from cardfab.keys.service.server import Limits, Server, Service, listen


class Unwritten(Exception):
    """The record takes nothing."""


@dataclass
class Book:
    """A record in memory: uses as (outcome, use, code), events as (action, actor, outcome, details)."""

    uses: list[tuple[str, KeyUse, str]] = field(default_factory=list)
    counts: list[KeyUse] = field(default_factory=list)
    events: list[tuple[str, str, str, Mapping[str, str]]] = field(default_factory=list)
    broken: bool = False

    def intent(self, use: KeyUse) -> None:
        if self.broken:
            raise Unwritten
        self.uses.append(("intent", use, ""))

    def outcome(self, use: KeyUse, outcome: UseOutcome, code: str) -> None:
        self.uses.append((outcome, use, code))

    def counted(self, uses: Sequence[KeyUse]) -> None:
        self.counts += uses

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass

    def sink(self, station: str, peer: str) -> Book:
        return self

    def event(self, action: str, actor: str, outcome: UseOutcome, details: Mapping[str, str]) -> None:
        self.events.append((action, actor, outcome, details))

    @property
    def acts(self) -> list[tuple[str, str]]:
        return [(outcome, use.act) for outcome, use, _ in self.uses]


class Kept(SoftKeyStore):
    """A store that outlives the service that closes it."""

    def close(self) -> None:
        pass


@dataclass
class Service_:
    """The service, and how stations get at it."""

    folder: Path
    stations: Stations
    book: Book
    identity: Identity
    path: Path
    stop: Callable[[], None]
    known: dict[str, Identity] = field(default_factory=dict)
    clients: list[RemoteKeyStore] = field(default_factory=list)
    ended: list[object] = field(default_factory=list)

    def enroll(self, name: str = "one") -> Identity:
        identity = Identity.new(name, secrets.token_bytes, service=self.identity.public)
        self.stations.enroll(Station(name, identity.public), "2026-11-22T09:00:00+00:00")
        self.known[name] = identity
        return identity

    def client(self, identity: Identity | None = None) -> RemoteKeyStore:
        self.clients.append(RemoteKeyStore(self.path, identity or self.enroll(), secrets.token_bytes))
        return self.clients[-1]

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(str(self.path))
            yield connection


@contextmanager
def running(store: SoftKeyStore, folder: Path, limits: Limits | None = None) -> Iterator[Service_]:
    """The service over a store; it must have ended by itself, without an error, when it is stopped."""
    book, identity = Book(), Identity.new("key-service", secrets.token_bytes)
    stations, path = Stations(folder / "stations"), folder / "run" / "s"
    service = Service(store, stations, identity, book, secrets.token_bytes, limits or Limits(frame=1.0, greeting=1.0))
    ours, theirs = socket.socketpair()
    ended: list[object] = []

    def run() -> None:
        try:
            ended.append(Server(service, listener, theirs).run())
        except BaseException as broken:
            ended.append(broken)

    with ours, theirs, listen(path) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        found = Service_(folder, stations, book, identity, path, ours.close, ended=ended)
        yield found
        ours.close()
        thread.join(10)
        assert not thread.is_alive()
        assert ended in (["stopped"], ["away"])
    for client in found.clients:  # after the service, so that what a test left open is seen to go with it
        client.close()
