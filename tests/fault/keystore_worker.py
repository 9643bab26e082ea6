"""Makes keys in a key store until it is killed; orders come on standard input, one line of JSON each.

Every round is a process of its own, forked from this one, which kills it with SIGKILL so many seconds after so many
changes. What the round said before its death is the answer: ``begin`` before a change, ``done`` when the call has
returned.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cardfab.keys.keyfile import KeyFile
from cardfab.keys.label import KeySpec, Level, State, Usage
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.openings import Cost
from cardfab.keys.sealedfile import open_file

WORD = b"word"


class PlainFile(KeyFile):
    """The positive control: a file written where it lies, piece by piece, with every piece on the disk."""

    def write(self, data: bytes, *, both: bool = False) -> None:
        with self.path.open("wb", buffering=0) as out:
            for place in range(0, len(data), 1024):
                out.write(data[place : place + 1024])
                os.fsync(out.fileno())


def live(order: dict[str, Any], say: int) -> None:
    """Change keys until killed."""
    choose = random.Random(order["seed"])
    file = (PlainFile if order["plain"] else KeyFile)(Path(order["file"]))
    data = file.read()
    opened = open_file(data, os.urandom, word=WORD)
    manager = SoftKeyManager(file, data, opened, os.urandom, lambda: datetime.now(UTC))
    number = 0
    while True:
        number += 1
        act = choose.choice(("generate", "generate", "rotate", "retire", "destroy"))
        there = [info.label for info in manager.infos() if info.state is State.ACTIVE and info.label != "first"]
        if act == "generate" or not there:
            act, label = "generate", f"round-{order['seed']}/{number}"
        else:
            label = choose.choice(there)
        tell(say, "begin", act, label)
        if act == "generate":
            info = manager.generate(KeySpec(label, "AES-256", Usage.SEAL, Level.STATION))
        else:
            info = getattr(manager, act)(label)
        tell(say, "done", act, info.label, info.version, info.kcv)


def tell(say: int, *what: object) -> None:
    os.write(say, json.dumps(what).encode() + b"\n")


def round_of(order: dict[str, Any]) -> list[Any]:
    """One round; what it said."""
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(hear)
            live(order, say)
        finally:
            os._exit(3)
    os.close(say)
    with os.fdopen(hear, "rb", buffering=0) as said:
        heard = b""
        while heard.count(b'["done"') < order["after"] and (more := said.read(4096)):
            heard += more
        time.sleep(order["seconds"])
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        while more := said.read(4096):
            heard += more
    lines = heard.splitlines()
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the round ended by itself: {lines[-3:]}")
    return [json.loads(line) for line in lines]


def warm_up() -> None:
    """What every round would do for the first time, done once before them: a round is killed while it writes."""
    with tempfile.TemporaryDirectory() as folder:
        file = KeyFile(Path(folder) / "keys")
        found = SoftKeyManager.found(
            file, WORD, os.urandom, lambda: datetime.now(UTC), training=True, cost=Cost(1, 8, 1)
        )
        found.generate(KeySpec("x", "AES-256", Usage.SEAL, Level.STATION))
        open_file(file.read(), os.urandom, word=WORD)


if __name__ == "__main__":
    warm_up()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(round_of(json.loads(line))) + "\n")
        sys.stdout.flush()
