"""The training host on a port of the loopback: one line a request, silence where the host is silent."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Self

from cardfab.simulator.host.host import TrainingHost

_MOST = 1 << 20


class _Handler(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self) -> None:
        server: _Server = self.server  # type: ignore[assignment]
        try:
            while line := self.rfile.readline(_MOST):
                answer = server.host.receive(line)
                if answer is None:
                    return  # the line goes dead, as a broken network does
                self.wfile.write(answer)
        except OSError:
            return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, host: TrainingHost) -> None:
        self.host = host
        super().__init__(("127.0.0.1", port), _Handler)


class HostServer:
    """A context manager; ``port`` is the real one once it is entered."""

    def __init__(self, host: TrainingHost, port: int = 0) -> None:
        self._server = _Server(port, host)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="training host", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
