"""Debian's scriptor (pcsc-tools) sends a script of commands to our chip over PC/SC."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from cardfab.simulator.chip import TrainingChip, make_blank, make_card

pytestmark = [pytest.mark.service, pytest.mark.shows("scriptor drives our chip over PC/SC (test)")]

Insert = Callable[[TrainingChip], AbstractContextManager[str]]
Script = Callable[[str, Sequence[str]], list[bytes]]
SSSE = "00 A4 04 00 0F 73 78 31 2E 73 68 2E C9 E7 BB E1 B1 A3 D5 CF 00"


@pytest.fixture
def script(pcsc_service: Any, tmp_path: Path) -> Script:
    """Runs a script in the private service: every answer with its status word, ``reset`` answered by the ATR."""
    environment = {"PATH": "/usr/bin:/bin", **pcsc_service.environment}

    def run(reader: str, lines: Sequence[str]) -> list[bytes]:
        source = tmp_path / "script"
        source.write_text("\n".join(lines) + "\n")
        command = ["scriptor", "-r", reader, str(source)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        return list(_answers(done.stdout))

    return run


def _answers(printed: str) -> Iterator[bytes]:
    """``< OK: 3B 6D ..`` for a reset; ``< 6F 1C .. 90 00 : Normal processing.`` over several lines for a command."""
    for answer in re.split(r"^< ", printed, flags=re.MULTILINE)[1:]:
        reset = answer.startswith("OK: ")
        found = answer.removeprefix("OK: ").partition("\n" if reset else " : ")[0]
        yield bytes.fromhex("".join(found.split()))


def test_a_script_reads_the_training_card(insert: Insert, script: Script) -> None:
    chip = make_blank(serial=891)
    with insert(chip) as reader:
        answers = script(
            reader, ["reset", SSSE, "00 A4 02 00 02 EF 05", "00 B2 03 04 00", "00 B2 03 04 06", "00 84 00 00 08"]
        )
    atr, fci, selected, wrong_length, version, challenge = answers
    assert atr == chip.atr
    assert fci[:2] == b"\x6f\x1c"
    assert fci[-2:] == selected == b"\x90\x00"
    assert wrong_length == b"\x6c\x06"  # the length that the next command has
    assert version == b"\x03\x04" + b"2.00" + b"\x90\x00"
    assert len(challenge) == 10


def test_a_script_reads_a_security_domain_in_every_length(insert: Insert, script: Script) -> None:
    lines = [
        "00 A4 04 00",
        "00 A4 04 00 08 A0 00 00 01 51 00 00 00 00",
        "80 CA 00 66 00",
        "80 CA 00 66 00 00 00",
        "80 CA 00 66 10",
        "80 CA 9F 7F 00",
        "80 50 00 00 08 01 02 03 04 05 06 07 08 00",
    ]
    with insert(make_card("gp-scp03-aes256-s8", serial=892)) as reader:
        first, again, data, extended, wrong, cplc, update = script(reader, lines)
    assert first == again
    assert first[:2] == b"\x6f\x41"
    assert data == extended
    assert data[:4] == bytes.fromhex("6631732F")
    assert wrong == b"\x6c\x33"
    assert cplc[:3] == bytes.fromhex("9F7F2A")
    assert len(update) == 34  # KEYDATA 10 | 30 03 70 | challenge 8 | cryptogram 8 | sequence 3, status word
    assert update[10:13] == bytes.fromhex("300370")
