"""A process that runs the program's commands one after the other, as a station page would, and stays when they end.

One line of JSON in, ``{"words": [...], "lines": "...", "pins": "FIFO or nothing"}``;
one out, ``{"exit": n, "out": "...", "err": "..."}``.
``{"keep": "hex"}`` instead keeps those bytes until the end: the positive control.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout

from cardfab.cli.main import run


def main() -> None:
    """Serve orders until standard input ends."""
    kept: list[bytes] = []
    while line := sys.stdin.readline():
        order = json.loads(line)
        if "keep" in order:
            kept.append(bytes.fromhex(order["keep"]))
            print(json.dumps({"kept": len(kept)}), flush=True)
            continue
        out, err, own = io.StringIO(), io.StringIO(), sys.stdin
        words = order["words"]
        if order["pins"]:
            words = [*words, "--pin-fd", str(os.open(order["pins"], os.O_RDONLY))]
        try:
            sys.stdin = io.StringIO(order["lines"])
            with redirect_stdout(out), redirect_stderr(err):
                status = run(words)
        finally:
            sys.stdin = own
        print(json.dumps({"exit": status, "out": out.getvalue(), "err": err.getvalue()}), flush=True)


if __name__ == "__main__":
    os.umask(0o077)
    main()
