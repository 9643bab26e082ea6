"""A real server on the loopback: who sends a request drop by drop is let go, and others are served meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from cardfab.web.app import create_app
from cardfab.web.floor import Floor
from cardfab.web.patience import CONNECTIONS, HEADER_BYTES, Patient, limits

pytestmark = pytest.mark.proof


@pytest.fixture
def server(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server with the limits of ``station serve``, its patience a second."""
    monkeypatch.setattr(Patient, "seconds", 1.0)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(floor), log_config=None, access_log=False, lifespan="off", **limits())
        made = uvicorn.Server(config)
        thread = threading.Thread(target=made.run, args=([listener],), daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not made.started and time.monotonic() < until:
            time.sleep(0.05)
        yield listener.getsockname()[1]
        made.should_exit = True
        thread.join(20)


def seconds_until_closed(port: int, drops: bytes, first: bytes = b"", every: float = 0.2) -> float:
    """How long a connection that sends a byte now and then is kept."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(first)
        slow.settimeout(every)
        for drop in drops:
            try:
                slow.sendall(bytes([drop]))
                if slow.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            return 99.0
    return time.monotonic() - began


def test_requests_that_come_drop_by_drop_are_let_go(server: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
    whole = head.replace(b"GET /healthz", b"POST /login").replace(b"X: ", b"Content-Length: 900\r\n\r\n")
    assert 0.5 < seconds_until_closed(server, b"a" * 100, head) < 4
    assert 0.5 < seconds_until_closed(server, b"a" * 100, whole) < 4
    assert 0.5 < seconds_until_closed(server, b"G" * 100) < 4, "nor is one that says next to nothing"


def test_others_are_served_while_many_are_slow(server: int) -> None:
    slow = [socket.create_connection(("127.0.0.1", server)) for _ in range(100)]
    for one in slow:
        one.sendall(b"GET / HTTP/1.1\r\nHost: ")
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server), timeout=10) as quick:
        quick.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert quick.recv(1000).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - began < 5
    for one in slow:
        one.close()


def test_headers_without_end_are_refused(server: int) -> None:
    with socket.create_connection(("127.0.0.1", server), timeout=10) as long:
        try:
            long.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: " + b"a" * (4 * HEADER_BYTES))
            assert long.recv(1000).startswith(b"HTTP/1.1 4")
        except ConnectionError:
            pass
    assert limits()["limit_concurrency"] == CONNECTIONS
