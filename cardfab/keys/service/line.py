"""The station's end of the socket: proves who it is, sends calls, and connects again at the next act after a break."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cardfab.crypto import CipherRefused
from cardfab.errors import CardfabError, KeyFault, Text
from cardfab.keys.auditing import whom
from cardfab.keys.away import KeysAway
from cardfab.keys.service.identity import NONCE, Greeting, Identity, IdentityRefused, service_proves
from cardfab.keys.service.schema import OBJECTS, digest, fits, methods_of
from cardfab.keys.service.server import PROTOCOL, peer_of
from cardfab.keys.service.session import EXTRAS
from cardfab.keys.service.wire import HEAD, MOST, WireFault, frame, read, wipe

_GREETING: Final = 15.0
"""Seconds until the service greets: it may be starting again."""
_AGAIN: Final = 1.0
"""Where it has not greeted for so long, the calls behind that one do not each wait as long as it did."""
_SECONDS: Final = 120.0
"""For one answer: making an RSA key takes some, others may stand before it."""


class Handle:
    """An object that the service keeps, of one connection. Dropping it here frees it there."""

    __slots__ = ("_line", "connection", "kind", "number")

    def __init__(self, line: Line, connection: int, number: int, kind: str) -> None:
        self._line, self.connection, self.number, self.kind = line, connection, number, kind

    def ask(self, method: str, *given: Any) -> Any:
        """Call a method of it."""
        return self._line.ask(method, *given, of=self)

    def __del__(self) -> None:
        self._line.free(self)

    def __repr__(self) -> str:
        return f"<{self.kind} kept by the key service>"


class Line:
    """One connection at a time, made when it is first needed. Calls wait for one another."""

    def __init__(self, path: Path, identity: Identity, random: Callable[[int], bytes]) -> None:
        self._path, self._identity, self._random = path, identity, random
        self._socket: socket.socket | None = None
        self._connection = 0
        self._patience = _GREETING
        self._lock = threading.Lock()
        self._freed: deque[tuple[int, int]] = deque()
        self._schema = digest()

    def ask(self, method: str, *given: Any, of: Handle | None = None) -> Any:
        """Call a method of the store, or of an object; the value, or a :class:`Handle`. Raises CardfabError."""
        answer, connection = self._asked(method, given, of, bytes)
        wanted = methods_of("" if of is None else of.kind)[method].result
        match answer:
            case ("done", value):
                if not fits(value, wanted):
                    raise WireFault("an answer is of another type")
                return value
            case ("object", int(number), str(kind)) if OBJECTS.get(kind) is wanted:
                return Handle(self, connection, number, kind)
        raise _error_of(answer)

    def page(self, method: str, *given: Any) -> bytearray:
        """Call a method of the store whose answer is a secret: no copy of it is left but this one, to be wiped."""
        answer, _ = self._asked(method, given, None, bytearray)
        match answer:
            case ("done", bytearray() as page):
                return page
        raise _error_of(answer)

    def _asked(
        self, method: str, given: tuple[Any, ...], of: Handle | None, kind: type[bytes] | type[bytearray]
    ) -> Any:
        with self._lock:
            number = 0 if of is None else self._kept(of)
            connection = self._attached()
            attached = self._connection
            answer = self._exchange(connection, frame(("call", whom(), number, method, given)), kind)
            if answer[:1] == ("refused",):  # the last word of this connection
                self._hang_up()
        self._free_soon()
        return answer, attached

    def free(self, handle: Handle) -> None:
        """Tell the service that an object is no longer needed: now, or behind the call that is on its way."""
        if self._socket is not None and handle.connection == self._connection:
            self._freed.append((handle.connection, handle.number))
            self._free_soon()

    def close(self) -> None:
        """Hang up; everything that was kept for this connection goes."""
        with self._lock:
            self._hang_up()

    def _free_soon(self) -> None:
        """Where a call is on its way its end does it: an object may be dropped at any moment, within a call too."""
        while self._freed and self._lock.acquire(blocking=False):
            try:
                self._free_now()
            finally:
                self._lock.release()

    # -- inside, under the lock ----------------------------------------------------------------------------------------

    def _kept(self, handle: Handle) -> int:
        if self._socket is None or handle.connection != self._connection:
            raise KeysAway(code="CF-6326")
        return handle.number

    def _free_now(self) -> None:
        freed = [self._freed.popleft() for _ in range(len(self._freed))]
        numbers = tuple(number for connection, number in freed if connection == self._connection)
        if numbers and self._socket is not None:
            try:
                self._socket.sendall(frame(("free", numbers)))
            except OSError:
                self._hang_up()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _exchange(
        self, connection: socket.socket, call: bytearray, kind: type[bytes] | type[bytearray]
    ) -> tuple[Any, ...]:
        try:
            try:
                connection.sendall(call)
            finally:
                wipe(call)
            return self._answer(connection, kind)
        except OSError as broken:
            self._hang_up()
            raise KeysAway from broken
        except BaseException:  # half a frame may lie there: this connection is of no more use
            self._hang_up()
            raise

    def _answer(self, connection: socket.socket, kind: type[bytes] | type[bytearray] = bytes) -> tuple[Any, ...]:
        size = int.from_bytes(_exactly(connection, HEAD), "big")
        if not 0 < size <= MOST:
            raise WireFault("a frame is empty or too large")
        body = _exactly(connection, size)
        try:
            answer = read(body, kind)
        finally:
            wipe(body)
        if type(answer) is not tuple:
            raise WireFault("this is no answer")
        return answer

    def _attached(self) -> socket.socket:
        """The connection, or a new one where the old has ended while nobody asked anything."""
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:  # nothing is owed: its end
            self._hang_up()
        return self._socket or self._attach()

    def _attach(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._patience)
        try:
            connection.connect(str(self._path))
            self._greet(connection)
            connection.settimeout(_SECONDS)
        except OSError as error:
            connection.close()
            self._patience = _AGAIN
            raise KeysAway(
                Text(f"The key service at {self._path} does not answer.", f"密钥服务 {self._path} 无应答。"),
                code="CF-6327",
            ) from error
        except BaseException:
            connection.close()
            raise
        self._socket, self._patience = connection, _GREETING
        self._connection += 1
        return connection

    def _greet(self, connection: socket.socket) -> None:
        """Look at who listens, prove who this is, and have the service prove itself where it is known."""
        _, uid, _ = peer_of(connection)
        if uid not in (0, os.geteuid()):
            raise _impostor()
        match self._answer(connection):
            case ("hello", str(protocol), bytes(schema), bytes(nonce)) if protocol == PROTOCOL and len(nonce) == NONCE:
                pass
            case _:
                raise WireFault("this is no greeting")
        if schema != self._schema:
            raise WireFault("station and service are of different versions")
        greeting = Greeting(self._identity.name, nonce, self._random(NONCE), schema)
        connection.sendall(frame(("station", greeting.name, greeting.of_station, self._identity.sign(greeting))))
        match self._answer(connection):
            case ("welcome", bytes(public), bytes(signature)):
                known = self._identity.service or public
                if public != known or not service_proves(public, greeting, signature):
                    raise _impostor()
            case other:
                raise _error_of(other)


def _impostor() -> IdentityRefused:
    return IdentityRefused(
        Text("Whoever listens there is not this station's key service.", "监听者不是本制卡点的密钥服务。"),
        do=Text(
            "Find out who it is. Where the service got a new identity, enroll this station again.",
            "请查明监听者；若密钥服务更换了身份，请重新登记本制卡点。",
        ),
        code="CF-6334",
    )


def _exactly(connection: socket.socket, length: int) -> bytearray:
    """So many bytes, in one buffer of that size; raises ConnectionError."""
    whole, got = bytearray(length), 0
    view = memoryview(whole)
    while got < length:
        count = connection.recv_into(view[got:])
        if count == 0:
            raise ConnectionResetError
        got += count
    return whole


def _error_of(answer: Any) -> Exception:
    """The error that the service tells, as the class that it was there; an unknown one by the family of its code."""
    match answer:
        case ("cipher", str(why)):
            return CipherRefused(why)
        case ("failed" | "refused", tuple(names), str(code), str(en), str(zh), do_en, do_zh, tuple(more)):
            known = _known(CardfabError)
            cls = next((known[name] for name in names if name in known), KeyFault)
        case _:
            return WireFault("this is no answer")
    error = cls.__new__(cls)
    do = Text(do_en, do_zh) if isinstance(do_en, str) and isinstance(do_zh, str) else None
    CardfabError.__init__(error, Text(en, zh), do=do, code=code)
    for one in more:
        match one:
            case (str(name), value) if name in EXTRAS and type(value) is EXTRAS[name]:
                setattr(error, name, value)
    return error


def _known(cls: type[CardfabError]) -> dict[str, type[CardfabError]]:
    found = {cls.__name__: cls}
    for sub in cls.__subclasses__():
        found |= _known(sub)
    return found
