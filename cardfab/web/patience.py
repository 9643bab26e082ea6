"""The server's end of a connection, with an end to its patience: who sends a request drop by drop is let go."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 30.0
"""How long a whole request may take to come in, from the connection or the answer before it."""
CONNECTIONS: Final = 400
"""More than these at once are answered 503: each costs a task and a buffer."""
HEADER_BYTES: Final = 16 << 10


class Patient(H11Protocol):
    """HTTP/1.1 of uvicorn, and a clock beside it that closes what is not a whole request in time."""

    seconds = REQUEST_SECONDS
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wind()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wind()

    def _wind(self) -> None:
        self._stop()
        self._clock = asyncio.get_running_loop().call_later(self.seconds, self._ring)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    def _ring(self) -> None:
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing():
            self.transport.close()


def limits() -> dict[str, Any]:
    """What the server is started with beside the application."""
    return {
        "http": Patient,
        "ws": "none",
        "limit_concurrency": CONNECTIONS,
        "h11_max_incomplete_event_size": HEADER_BYTES,
        "timeout_keep_alive": 5,
        "backlog": 256,
    }
