"""The training host on a port of the loopback: one line a request, silence where the host is silent."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from cardfab.simulator.host.host import TrainingHost

_MOST = 1 << 20

Answer = Callable[[bytes], bytes | None]
"""What goes back for a line; None ends the connection, as a broken network does."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self) -> None:
        server: _Server = self.server  # type: ignore[assignment]
        try:
            while line := self.rfile.readline(_MOST):
                answer = server.answer(line)
                if answer is None:
                    return
                self.wfile.write(answer)
        except OSError:
            return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        super().__init__(("127.0.0.1", port), _Handler)


class LineServer:
    """A context manager that answers lines; ``port`` is the real one."""

    def __init__(self, answer: Answer, port: int, name: str) -> None:
        self._server = _Server(port, answer)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name=name, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class HostServer(LineServer):
    """The host itself."""

    def __init__(self, host: TrainingHost, port: int = 0) -> None:
        super().__init__(host.receive, port, "training host")
