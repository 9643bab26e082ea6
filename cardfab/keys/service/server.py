"""The service's loop: one thread, one key store, many stations; whoever connects proves who it is first.

A station that is slow, silent or hostile holds nobody up: sockets never block, a frame has a size and a time, and an
answer that is not taken ends the connection. The acts themselves run one after the other.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from cardfab.errors import KeyFault, Text
from cardfab.keys.auditing import StationKeys
from cardfab.keys.away import KeysAway
from cardfab.keys.service.identity import NONCE, Greeting, Identity, IdentityRefused, Station, Stations, is_name
from cardfab.keys.service.schema import digest
from cardfab.keys.service.session import ServiceRecord, Session, failure
from cardfab.keys.service.wire import HEAD, MOST, WireFault, frame, read, wipe

Ended = Literal["stopped", "away"]
PROTOCOL: Final = "cardfab key service 1"
_MOST_GREETING = 1024
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections at a time; seconds to prove oneself, for a frame to come or be taken, until the record settles."""

    connections: int = 32
    greeting: float = 5.0
    frame: float = 30.0
    quiet: float = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the loop serves with."""

    store: StationKeys
    stations: Stations
    identity: Identity
    record: ServiceRecord
    random: Callable[[int], bytes]
    limits: Limits = Limits()
    clock: Callable[[], float] = time.monotonic


def listen(path: Path) -> socket.socket:
    """A socket of this user only, in a folder of this user only; raises KeyFault where another service listens."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.stat().st_mode & 0o077 or path.parent.stat().st_uid != os.geteuid():
        raise KeyFault(
            Text(
                f"The folder {path.parent} of the socket is open to others.", f"套接字目录 {path.parent} 对他人开放。"
            ),
            do=Text("Make it the service's own: chmod 700.", "请设为服务专用：chmod 700。"),
            code="CF-6324",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        if other.connect_ex(str(path)) == 0:
            raise KeyFault(
                Text(f"A key service listens at {path} already.", f"{path} 已有密钥服务在运行。"), code="CF-6325"
            )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(16)
    return listener


def peer_of(connection: socket.socket) -> tuple[int, int, int]:
    """Process, user and group at the other end, as the kernel knows them (SO_PEERCRED)."""
    pid, uid, gid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid, gid


@dataclass(slots=True)
class _Link:
    """One connection: the frame that comes in, the answer that goes out, and who it is."""

    socket: socket.socket
    peer: str
    nonce: bytes
    deadline: float
    claims: str = "-"
    """The name that it gave, where that can be one."""
    station: Station | None = None
    session: Session | None = None
    head: bytearray = field(default_factory=lambda: bytearray(HEAD))
    body: bytearray | None = None
    got: int = 0
    out: bytearray | None = None
    sent: int = 0


class Server:
    """Serves until it is told to stop, or the token goes away."""

    def __init__(self, service: Service, listener: socket.socket, stop: socket.socket) -> None:
        self._service, self._listener, self._stop = service, listener, stop
        self._links: dict[int, _Link] = {}
        self._selector = selectors.DefaultSelector()
        self._schema = digest()
        self._away = False
        self._unsettled = True  # what was noted of its start

    def run(self) -> Ended:
        """``stop`` has something to read, or ends, when the service is to end."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._stop, selectors.EVENT_READ)
        try:
            while not self._away:
                found = self._selector.select(self._wait())
                if not found and self._unsettled:
                    self._settle()
                for key, _ in found:
                    if key.fileobj is self._stop:
                        return "stopped"
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fd in self._links:
                        self._serve(self._links[key.fd])
                self._overdue()
            return "away"
        finally:
            for link in list(self._links.values()):
                self._drop(link)
            self._selector.close()
            with suppress(KeysAway):  # the next worker signs what was noted
                self._service.record.settle()

    def _settle(self) -> None:
        for link in self._links.values():
            if link.session is not None:
                link.session.settle()
        self._service.record.settle()
        self._unsettled = False

    # -- connections ---------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # it went away again
            return
        connection.setblocking(False)
        if len(self._links) >= self._service.limits.connections:
            connection.close()
            return
        pid, uid, gid = peer_of(connection)
        nonce = self._service.random(NONCE)
        until = self._service.clock() + self._service.limits.greeting
        link = _Link(connection, f"pid {pid}, uid {uid}, gid {gid}", nonce, until)
        self._links[connection.fileno()] = link
        self._selector.register(connection, selectors.EVENT_READ)
        try:
            self._send(link, frame(("hello", PROTOCOL, self._schema, nonce)))
        except OSError:  # it hung up already
            self._drop(link)

    def _serve(self, link: _Link) -> None:
        try:
            if link.out is not None:
                self._flush(link)
            elif self._receive(link):
                self._handle(link)
        except (WireFault, IdentityRefused) as refused:
            self._refuse(link, refused)
        except OSError:
            self._drop(link)

    def _refuse(self, link: _Link, refused: KeyFault) -> None:
        self._unsettled = True
        who = link.station.name if link.station else "-"
        try:
            details = {"peer": link.peer, "claims": link.claims, "code": refused.code, "why": refused.what.en}
            self._service.record.event("keyservice.connect", who, "refused", details)
            if link.out is None:
                self._send(link, frame(failure(refused, "refused")))
        except OSError:
            pass
        finally:
            self._drop(link)

    def _drop(self, link: _Link) -> None:
        """Close a connection: its objects go, its counts are written, its buffers are wiped."""
        self._links.pop(link.socket.fileno(), None)
        self._selector.unregister(link.socket)
        link.socket.close()
        for buffer in (link.body, link.out):
            if buffer is not None:
                wipe(buffer)
        if link.session is not None:
            self._unsettled = True
            link.session.end()

    def _wait(self) -> float | None:
        """Seconds until the first connection is overdue, or the record wants to be settled."""
        now = self._service.clock()
        waits = [max(0.0, link.deadline - now) for link in self._links.values() if self._is_due(link)]
        waits += [self._service.limits.quiet] if self._unsettled else []
        return min(waits, default=None)

    def _overdue(self) -> None:
        now = self._service.clock()
        for link in list(self._links.values()):
            if self._is_due(link) and now >= link.deadline:
                self._drop(link)

    def _is_due(self, link: _Link) -> bool:
        return link.session is None or link.out is not None or link.got > 0

    # -- frames --------------------------------------------------------------------------------------------------------

    def _receive(self, link: _Link) -> bool:
        """Take what is there of one frame; whether it is whole. Each byte goes into the one buffer that is wiped."""
        if not link.got and link.session is not None:
            link.deadline = self._service.clock() + self._service.limits.frame
        target = link.head if link.body is None else link.body
        count = link.socket.recv_into(memoryview(target)[link.got :])
        if count == 0:
            raise ConnectionResetError
        link.got += count
        if link.body is None and link.got == HEAD:
            size = int.from_bytes(link.head, "big")
            if not 0 < size <= (MOST if link.session else _MOST_GREETING):
                raise WireFault("a frame is empty or too large")
            link.body, link.got = bytearray(size), 0
            return False
        return link.body is not None and link.got == len(link.body)

    def _handle(self, link: _Link) -> None:
        self._unsettled = True
        body = link.body or bytearray()
        link.body, link.got = None, 0
        try:
            answer = self._welcome(link, body) if link.session is None else self._answer(link, link.session, body)
        finally:
            wipe(body)
        if answer is not None:
            self._send(link, answer)
        if link.session is not None and link.session.away:
            self._away = True

    def _send(self, link: _Link, answer: bytearray) -> None:
        link.out, link.sent = answer, 0
        if link.session is not None:
            link.deadline = self._service.clock() + self._service.limits.frame
        self._flush(link)

    def _flush(self, link: _Link) -> None:
        if link.out is None:
            return
        with suppress(BlockingIOError):
            link.sent += link.socket.send(memoryview(link.out)[link.sent :])
        if link.sent < len(link.out):  # nothing is read before the answer is taken
            self._selector.modify(link.socket, selectors.EVENT_WRITE)
            return
        wipe(link.out)
        link.out = None
        self._selector.modify(link.socket, selectors.EVENT_READ)

    # -- who it is, and what it asks -----------------------------------------------------------------------------------

    def _welcome(self, link: _Link, body: bytearray) -> bytearray:
        """The station's proof; refused alike for a name that is unknown, one that is revoked, and a wrong signature."""
        match read(body):
            case ("station", str(name), bytes(nonce), bytes(signature)) if len(nonce) == NONCE:
                pass
            case _:
                raise WireFault("this is no greeting")
        link.claims = name if is_name(name) else "-"
        link.station = station = self._service.stations.find(name)
        greeting = Greeting(name, link.nonce, nonce, self._schema)
        if station is None or not station.proves(greeting, signature):
            raise IdentityRefused(
                Text("The key service does not know this station.", "密钥服务不认可该制卡点。"),
                do=Text(
                    "An administrator enrolls it: 'cardfab keys station enroll NAME --key FILE'.",
                    "请管理员登记：cardfab keys station enroll 名称 --key 文件。",
                ),
            )
        details = {"peer": link.peer, "key": station.fingerprint}
        self._service.record.event("keyservice.connect", station.name, "done", details)
        link.session = Session(self._service.store, self._service.record.sink(station.name, link.peer))
        return frame(("welcome", self._service.identity.public, self._service.identity.sign(greeting, "service")))

    def _answer(self, link: _Link, session: Session, body: bytearray) -> bytearray | None:
        known = None if link.station is None else self._service.stations.find(link.station.name)
        if known is None or known.revoked_at:
            raise IdentityRefused(
                Text("This station was revoked.", "该制卡点已被撤销。"),
                do=Text("Ask the administrator of the key service.", "请联系密钥服务管理员。"),
                code="CF-6333",
            )
        return session.answer(body)


def serve(service: Service, listener: socket.socket, stop: socket.socket) -> Ended:
    """Serve stations until told to stop or until the token goes away; the store is closed then."""
    try:
        return Server(service, listener, stop).run()
    finally:
        service.store.close()
