"""kill -9 while keys are written: what was acknowledged is there, what is there is whole, and the store opens."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cardfab.errors import KeyFault
from cardfab.keys.held import check_value
from cardfab.keys.keyfile import KeyFile
from cardfab.keys.label import KeyInfo, KeySpec, Level, State, Usage
from cardfab.keys.lifecycle import SoftKeyManager, versioned
from cardfab.keys.openings import Cost
from cardfab.keys.sealedfile import Opened, open_file

WORD = b"word"
Round = Callable[[dict[str, Any]], list[list[Any]]]


class Lost(Exception):
    """The store does not hold what it said it holds."""


@pytest.fixture(scope="module")
def worker() -> Iterator[Round]:
    program = Path(__file__).with_name("keystore_worker.py")
    with subprocess.Popen(
        [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as p:

        def order(values: dict[str, Any]) -> list[list[Any]]:
            assert p.stdin is not None
            assert p.stdout is not None
            p.stdin.write(json.dumps(values) + "\n")
            p.stdin.flush()
            said: list[list[Any]] = json.loads(p.stdout.readline())
            return said

        yield order
        assert p.stdin is not None
        p.stdin.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store with one key."""
    path = tmp_path / "station.keys"
    founded = SoftKeyManager.found(
        KeyFile(path), WORD, os.urandom, lambda: datetime.now(UTC), training=True, cost=Cost(1, 8, 1)
    )
    founded.generate(KeySpec("first", "AES-256", Usage.SEAL, Level.STATION))
    return path


Known = dict[str, tuple[int, str, str]]
"""By label: version, check value, state."""


def known(info: KeyInfo) -> tuple[int, str, str]:
    return info.version, info.kcv, info.state.value


def apply(model: Known, act: str, label: str, version: int, kcv: str) -> Known:
    """The keys after a change."""
    if act == "rotate":
        old_version, old_kcv, _ = model[label]
        model = model | {versioned(label, old_version): (old_version, old_kcv, "retired")}
    state = {"retire": "retired", "destroy": "destroyed"}.get(act, "active")
    return model | {label: (version, kcv, state)}


def reopened(file: Path) -> Opened:
    """The file, or the generation before it; raises Lost when neither opens."""
    for path in (file, KeyFile(file).before):
        try:
            return open_file(path.read_bytes(), os.urandom, word=WORD)
        except (KeyFault, OSError):
            continue
    raise Lost("neither the file nor the generation before it opens")


def require_whole(opened: Opened) -> None:
    """Every key is the one whose check value stands beside it; a destroyed one has no value."""
    for label, key in opened.held.items():
        info = key.info
        if info.state is State.DESTROYED:
            if len(key.value):
                raise Lost(f"{label} is destroyed and there")
            continue
        spec = KeySpec(info.label, info.algorithm, info.usage, info.level)
        if len(key.value) != 32 or check_value(spec, key.value.view()) != info.kcv:
            raise Lost(f"{label} is half written")


def judged(model: Known, said: list[list[Any]], opened: Opened) -> tuple[Known, bool]:
    """What is there now, and whether the change in hand is in it.

    Raises Lost unless it is what was acknowledged, or that and the change in hand.
    """
    begun: tuple[str, str] | None = None
    for word, act, label, *rest in said:
        begun = (act, label) if word == "begin" else None
        if word == "done":
            model = apply(model, act, label, *rest)
    found = {label: known(key.info) for label, key in opened.held.items()}
    if found == model:
        return found, False
    if begun is not None and begun[1] in found:
        version, kcv, _ = found[begun[1]]
        if found == apply(model, *begun, version, kcv):
            return found, True
    raise Lost(f"{sorted(set(model.items()) ^ set(found.items()))[:3]} after {said[-1:]}")


def seconds_of_a_change(file: Path) -> float:
    """On this machine, now: the moments of death lie over some changes, however fast its disk is."""
    data = file.read_bytes()
    manager = SoftKeyManager(
        KeyFile(file), data, open_file(data, os.urandom, word=WORD), os.urandom, lambda: datetime.now(UTC)
    )
    begin = time.perf_counter()
    for number in range(5):
        manager.generate(KeySpec(f"timed/{number}", "AES-256", Usage.SEAL, Level.STATION))
    return (time.perf_counter() - begin) / 5


def rounds(worker: Round, file: Path, count: int, *, plain: bool = False) -> tuple[int, int, int]:
    """Kill ``count`` processes; how many changes were acknowledged, in hand when killed, and kept of those."""
    moments, change = random.Random(20261122), seconds_of_a_change(file)
    model: Known = {label: known(key.info) for label, key in reopened(file).held.items()}
    acknowledged = in_hand = kept = 0
    for number in range(count):
        moment = {"after": moments.randint(0, 2), "seconds": moments.uniform(0.0, 1.5 * change)}
        order = {"file": str(file), "seed": number, "plain": plain, **moment}
        said = worker(order)
        opened = reopened(file)
        require_whole(opened)
        model, applied = judged(model, said, opened)
        acknowledged += sum(1 for one in said if one[0] == "done")
        in_hand += bool(said) and said[-1][0] == "begin"
        kept += applied
        opened.wipe()
    return acknowledged, in_hand, kept


def test_ten_kills_lose_no_key(worker: Round, file: Path) -> None:
    acknowledged, in_hand, _ = rounds(worker, file, 10)
    assert acknowledged >= 5
    assert in_hand >= 1
    assert "first" in reopened(file).held


@pytest.mark.proof
@pytest.mark.shows("kill -9 during store writes, 200 times (proof)")
def test_two_hundred_kills_lose_no_key(worker: Round, file: Path) -> None:
    acknowledged, in_hand, kept = rounds(worker, file, 200)
    assert acknowledged >= 150
    assert in_hand >= 20
    assert 0 < kept < in_hand  # killed before and after the rename


def test_a_plain_write_loses_keys_and_is_found_out(worker: Round, file: Path) -> None:
    """The positive control: the same rounds with a file that is written where it lies."""
    with pytest.raises(Lost):
        rounds(worker, file, 60, plain=True)
