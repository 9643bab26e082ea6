"""The training host's protocol: one line of JSON each way, over TCP or within the process.

{"request_id", "operation", "station", "operator", "at", "fields": {...}}
{"request_id", "outcome": "done" | "refused", "code", "answer": {...}, "again": false}
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

from cardfab.errors import DeviceFault, Text
from cardfab.station.host import Call, Done, HostCode, Refused, Reply, Unknown

Exchange = Callable[[bytes], bytes]
"""A line out, the line that came back; raises OSError when none came."""

_MOST = 1 << 20


class NotConnected(ConnectionError):
    """No connection was had: nothing was sent."""


class LineHost:
    """A host that speaks lines of JSON."""

    def __init__(self, name: str, exchange: Exchange) -> None:
        self.name = name
        self._exchange = exchange

    def ask(self, call: Call) -> Reply:
        """Send one request and wait for its answer."""
        asked = {
            "request_id": call.request_id, "operation": call.operation, "station": call.station,
            "operator": call.operator, "at": call.at, "fields": dict(call.fields),
        }  # fmt: skip
        try:
            line = self._exchange(json.dumps(asked, ensure_ascii=False).encode() + b"\n")
        except NotConnected:
            return Unknown(HostCode.TIMEOUT, sent=False)
        except OSError:
            return Unknown(HostCode.TIMEOUT)
        return _reply(call, line)


def _reply(call: Call, line: bytes) -> Reply:
    try:
        found = json.loads(line)
        if found["request_id"] != call.request_id:
            return Unknown(HostCode.FORMAT)
        if found["outcome"] == "done":
            return Done({**found["answer"]}, bool(found.get("again", False)))
        if found["outcome"] == "refused":
            return Refused(HostCode(found["code"]), str(found.get("raw", "")))
    except (ValueError, KeyError, TypeError):
        pass
    return Unknown(HostCode.FORMAT)


def tcp_exchange(address: str, seconds: float = 20.0) -> Exchange:
    """Lines to ``tcp://HOST:PORT``, one connection a request; raises DeviceFault for an address that is none."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    if not address.startswith("tcp://") or not host or not port.isdecimal():
        raise DeviceFault(
            Text(
                f"The host address {address!r} is no tcp://HOST:PORT.", f"主机地址 {address!r} 须为 tcp://主机:端口。"
            ),
            do=Text("Correct 'host' in the station's settings.", "请修改设置中的 host。"),
            code="CF-5600",
        )

    def exchange(line: bytes) -> bytes:
        try:
            connection = socket.create_connection((host, int(port)), timeout=seconds)
        except OSError as away:
            raise NotConnected from away
        with connection:
            connection.sendall(line)
            got = b""
            while not got.endswith(b"\n") and len(got) < _MOST:
                portion = connection.recv(65536)
                if not portion:
                    break
                got += portion
        if not got.endswith(b"\n"):
            raise ConnectionResetError
        return got

    return exchange
