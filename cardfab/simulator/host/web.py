"""A face of the training host on a port of the loopback: POST in, an answer out, silence where the host is silent."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_MOST = 8 << 20
_PATIENCE = 30.0


@dataclass(frozen=True)
class Page:
    """What goes back."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


Face = Callable[[Mapping[str, str], bytes], Page | None]
"""Headers (names in small letters) and body; None is silence."""


@dataclass(frozen=True)
class TlsFiles:
    """The host's certificate and key, and the authority of the stations' certificates (PEM)."""

    certificate: Path
    key: Path
    stations: Path | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later; a station without a certificate is turned away where an authority is named."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(self.certificate), str(self.key))
        if self.stations is not None:
            context.load_verify_locations(str(self.stations))
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = 30
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: _Server = self.server  # type: ignore[assignment]
        length = self.headers.get("Content-Length", "")
        self.close_connection = True
        if not length.isdecimal() or int(length) > _MOST:
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        server.addresses.append(self.path)
        page = server.face({name.lower(): value for name, value in self.headers.items()}, body)
        if page is None:
            return  # the line goes dead, as a broken network does
        self.send_response(page.status)
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing of a request is written anywhere."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, face: Face, tls: ssl.SSLContext | None) -> None:
        self.face, self.tls = face, tls
        self.addresses: list[str] = []
        super().__init__(("127.0.0.1", port), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """TLS first, in the thread of the request: a station that shows no certificate gets no further."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(_PATIENCE)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A station that goes away, or shows no certificate, is no fault of this host."""


class WebServer:
    """A context manager; ``port`` is the real one once it is entered."""

    def __init__(self, face: Face, port: int = 0, tls: TlsFiles | None = None) -> None:
        self._server = _Server(port, face, None if tls is None else tls.context())
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="training host", daemon=True
        )

    @property
    def addresses(self) -> list[str]:
        """Every address that was asked, so that a test can look for what must not stand in one."""
        return self._server.addresses

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
