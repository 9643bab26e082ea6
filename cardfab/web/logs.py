"""The log: one JSON object a line on standard error. Requests by their route and never by what was asked for.

Nothing that somebody typed or that belongs to a holder comes into it: no path as it came, no query, no body, no
message of an exception; people appear by a token that says whose only to who knows the logins.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import IO, Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG: Final = logging.getLogger("cardfab.web.request")
_OWN: Final = "told"


class JsonLines(logging.Formatter):
    """A record as one line. Of an exception: its kind and where it rose, never what it says."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        own: Mapping[str, object] | None = getattr(record, _OWN, None)
        told |= {"event": "log", "logger": record.name, "message": _plain(record)} if own is None else own
        if record.exc_info and record.exc_info[0] is not None:
            told["exception"] = record.exc_info[0].__qualname__
            told["at"] = _frames(record.exc_info[2])
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _plain(record: logging.LogRecord) -> str:
    """Messages of our own and of the server, which name no request; of others without what was put into them."""
    return record.getMessage() if record.name.partition(".")[0] in ("cardfab", "uvicorn") else str(record.msg)


def _frames(trace: Any) -> list[str]:
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(
            f"{code.co_filename.rpartition('/site-packages/')[2].rpartition('/cardfab/')[2]}:{trace.tb_lineno}"
        )
        trace = trace.tb_next
    return found[-8:]


def set_up(stream: IO[str] | None = None, level: int = logging.INFO) -> logging.Handler:
    """Have everything that this process logs written so; the handler, which may be taken away again."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines())
    for name in ("cardfab", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], name == "uvicorn.error"
    for name in ("cardfab", "uvicorn"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
    return handler


def token_of(station: str, login: str) -> str:
    """What a person is called in the log: the same at this station each time, and no name."""
    return sha256(f"cardfab log|{station}|{login}".encode()).hexdigest()[:10]


class RequestLog:
    """Writes one line a request, when its answer has gone out."""

    def __init__(self, app: ASGIApp, station: str) -> None:
        self._app, self._station = app, station

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = secrets.token_hex(8)

        async def heard(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(raw=message.setdefault("headers", []))["x-request-id"] = state["request_id"]
            await send(message)

        try:
            await self._app(scope, receive, heard)
        finally:
            self._tell(scope, state, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, state: Mapping[str, Any], status: int, seconds: float) -> None:
        asking, by_token = state.get("asking"), state.get("caller")
        person = asking.person.login if asking is not None else by_token.person.login if by_token is not None else None
        told: dict[str, object] = {
            "event": "request",
            "request": state.get("request_id", ""),
            "person": None if person is None else token_of(self._station, person),
            "act": f"{scope['method']} {route_of(scope)}",
            "status": status,
            "code": state.get("code"),
            "ms": round(seconds * 1000, 1),
        }
        level = logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO
        LOG.log(level, "request", extra={_OWN: told})


def route_of(scope: Scope) -> str:
    """The route that took a request, with its parameters by name; ``-`` where none did."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if path is None:
        return "-"
    root = scope.get("root_path", "")
    return f"{root}{path}" if root and not str(path).startswith(root) else str(path)
