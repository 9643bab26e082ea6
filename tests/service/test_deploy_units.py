"""The systemd units: taken by systemd, hardened, and the program lives under what they forbid."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.service
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST = {"cardfab-station": 1.6, "cardfab-keys": 0.5, "cardfab-backup": 1.5, "cardfab-bureau-worker@": 1.5}
"""Exposure by systemd-analyze, of 10."""


def test_systemd_takes_them(tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():  # the program itself is not at its place here
        text = unit.read_text(encoding="utf-8").replace("/usr/bin/cardfab", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    units = [str(one) for one in sorted(tmp_path.iterdir())]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_they_are_hardened(unit: Path) -> None:
    asked = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= MOST[unit.stem]
    text = unit.read_text(encoding="utf-8")
    for line in ("UMask=0077", "NoNewPrivileges=yes", "ProtectSystem=strict", "MemoryDenyWriteExecute=yes"):
        assert line in text
    assert "--password " not in text


def test_only_the_station_reaches_readers() -> None:
    rule = (DEPLOY / "polkit-1" / "60-cardfab-pcscd.rules").read_text(encoding="utf-8")
    assert 'subject.user === "cardfab"' in rule
    assert set(re.findall(r'"(org[^"]+)"', rule)) == {
        "org.debian.pcsc-lite.access_pcsc", "org.debian.pcsc-lite.access_card"
    }  # fmt: skip


WITHOUT = """
import ctypes, errno, sys
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
library = ctypes.CDLL(None, use_errno=True)
if library.prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) and ctypes.get_errno() != errno.EINVAL:
    sys.exit(2)
import cardfab.cli.serving, cardfab.web.app, psycopg, uvicorn
from pathlib import Path
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
import os
keys = SoftKeyStore.training(os.urandom)
keys.unseal("station/seal", b"s" * 32, keys.seal("station/seal", b"s" * 32, b"x", b""), b"")
FontBook([Path("/usr/share/fonts")]).glyphs("王")
"""


@pytest.mark.proof
def test_the_program_needs_no_memory_that_is_written_and_then_run() -> None:
    """As MemoryDenyWriteExecute does it, where the kernel can (6.3 and newer)."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
