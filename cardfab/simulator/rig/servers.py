"""One client at a time over TCP on 127.0.0.1; a new connection takes the place of the old one."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from types import TracebackType
from typing import Protocol, Self

from cardfab.simulator.printer import LineCut

_PORTION = 65536


class Session(Protocol):
    """The machine's end of one connection."""

    def receive(self, portion: bytes) -> bytes:
        """Take bytes, give the bytes to send back. Raises LineCut, with what is still said, where the line ends."""

    def hang_up(self) -> None:
        """The connection is over."""


class Greeter(Protocol):
    """A machine that speaks first."""

    def greet(self) -> bytes: ...


class Server:
    """Listens from `start` to `stop`; bytes of the client go to the session, which outlives every client."""

    def __init__(self, name: str, session: Session, port: int = 0, greeter: Greeter | None = None) -> None:
        self.name = name
        self.port = port
        self._greeter = greeter
        self._session = session
        self._cut: int | None = None
        self._client: socket.socket | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Listen; ``port`` is then the real one. Raises OSError when it is taken."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name=f"{self.name} server", daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """End the client and stop listening."""
        self._wake.close()
        self._acceptor.join()
        self._woken.close()
        self._listener.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def cut_after(self, count: int) -> None:
        """Break the line once ``count`` more bytes have come in; what follows them is lost."""
        self._cut = count

    def drop(self) -> None:
        """Break the line to the client that is there; the next one may come at once."""
        self._end_client()

    def _accept(self) -> None:
        worker: threading.Thread | None = None
        while True:
            ready, _, _ = select.select([self._listener, self._woken], [], [])
            if worker is not None:
                self._end_client()
                worker.join()
            if self._woken in ready:
                return
            try:
                client, _ = self._listener.accept()
            except OSError:  # it called and went before it was answered
                worker = None
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client
            worker = threading.Thread(target=self._serve, args=(client,), name=f"{self.name} client", daemon=True)
            worker.start()

    def _end_client(self) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):  # it has gone by itself
                self._client.shutdown(socket.SHUT_RDWR)

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                if self._greeter is not None:
                    with contextlib.suppress(OSError):
                        client.sendall(self._greeter.greet())
                while portion := _portion(client):
                    if self._cut is not None:
                        portion, self._cut = portion[: self._cut], max(0, self._cut - len(portion))
                    try:
                        reply = self._session.receive(portion)
                    except LineCut as cut:
                        reply, self._cut = (cut.args[0] if cut.args else b""), 0
                    # A client that was killed no longer reads, but what it sent still happens.
                    with contextlib.suppress(OSError):
                        client.sendall(reply)
                    if self._cut == 0:
                        self._cut = None
                        return
            finally:
                self._session.hang_up()


def _portion(client: socket.socket) -> bytes:
    try:
        return client.recv(_PORTION)
    except OSError:
        return b""
