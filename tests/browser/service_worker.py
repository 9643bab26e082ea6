"""Starts the service again and again, each time in a child of its own: the imports are paid once.

``{"serve": [arguments], "log": FILE, "later": SECONDS}`` begins a child, which is the service as ``cardfab station
serve`` is, its clock so much ahead; its process id comes back, and whoever has it may end it with ``kill -9``.
``{"wait": ID}`` waits for its end.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime, tzinfo
from importlib import import_module

WANTED = ("cardfab.cli.serving", "cardfab.web.app", "uvicorn", "uvicorn.lifespan.off", "uvicorn.loops.asyncio",
          "uvicorn.protocols.http.h11_impl")  # fmt: skip


def turn_clock(seconds: float) -> None:
    """The station's clock, so much ahead."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Later:  # type: ignore[override]
            return cls.fromtimestamp(time.time() + seconds, tz)

    for module in ("cardfab.cli.wiring", "cardfab.cli.session"):
        sys.modules[module].datetime = Later  # type: ignore[attr-defined]


def serve(arguments: list[str], log: str, later: float) -> int:
    """Begin a child; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
            os.dup2(file, number)
        from cardfab.cli.main import run

        if later:
            turn_clock(later)
        os._exit(run(arguments))
    finally:
        os._exit(1)


def main() -> None:
    """Take orders until standard input ends."""
    import_module("cardfab.cli.main")
    for name in WANTED:
        import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        if "serve" in order:
            answer = {"pid": serve(order["serve"], order["log"], order["later"])}
        else:
            _, status = os.waitpid(order["wait"], 0)
            answer = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
