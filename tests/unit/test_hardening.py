"""A process that hardens itself leaves no core, and says what the system allowed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cardfab import hardening
from cardfab.hardening import look

HARDENED = """
import ctypes, json, os, resource
from cardfab.hardening import harden
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
said = [(one.name.en, one.holds) for one in harden()]
after = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(json.dumps([before, after, list(resource.getrlimit(resource.RLIMIT_CORE)), said]), flush=True)
os.abort()
"""


def test_no_core_and_no_debugger(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", HARDENED], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    before, after, limit, said = json.loads(done.stdout)
    assert (before, after, limit) == (1, 0, [0, 0])
    assert dict(said)["not dumpable"] is True
    assert dict(said)["no core dump"] is True
    assert done.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []


def test_looking_changes_nothing() -> None:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    limits = Path("/proc/self/limits").read_text(encoding="ascii")
    assert [one.name.en for one in look()] == ["not dumpable", "no core dump", "memory kept from swap"]
    assert Path("/proc/self/limits").read_text(encoding="ascii") == limits
    assert Path("/proc/self/status").read_text(encoding="ascii").split("VmLck")[1][:20] == status.split("VmLck")[1][:20]


@pytest.mark.parametrize(("swap", "may", "holds"), [(False, False, True), (True, False, False), (True, True, True)])
def test_memory_is_locked_only_where_all_of_it_can_be(
    swap: bool, may: bool, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardening, "_swap", lambda: swap)
    monkeypatch.setattr(hardening, "_may_lock", lambda: may)
    locked = look()[2]
    assert locked.holds is holds
    assert (locked.advice is None) is holds
