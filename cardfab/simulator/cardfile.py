"""A training chip that outlives its program: its memory in a file, written after every command that changed it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cardfab.simulator.chip import TrainingChip
from cardfab.simulator.chip.memory import Memory

_KIND = "cardfab training chip"


class KeptChip(TrainingChip):
    """A chip whose memory lies in ``file``. One program at a time has it in its reader."""

    def __init__(self, file: Path, memory: Memory, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        super().__init__(memory, entropy)
        self.file = file
        self._written: dict[str, bytes] | None = None

    def transmit(self, apdu: bytes) -> bytes:
        """One command; what it changed is on the disk before the answer is given."""
        answer = super().transmit(apdu)
        self.keep()
        return answer

    def keep(self) -> None:
        """Write the memory where it changed."""
        if self._written != self.memory.cells:
            save_chip(self, self.file)
            self._written = dict(self.memory.cells)


def save_chip(chip: TrainingChip, file: Path) -> None:
    """Write a chip's memory, whole or not at all. The keys in it are published ones."""
    cells = {name: value.hex() for name, value in sorted(chip.memory.settled().items())}
    part = file.with_suffix(file.suffix + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        json.dump({"kind": _KIND, "cells": cells}, out)
    part.replace(file)


def load_chip(file: Path) -> KeptChip:
    """The chip of a file, without power. Raises OSError, ValueError when the file holds none."""
    try:
        found = json.loads(file.read_text(encoding="ascii"))
        if found["kind"] != _KIND:
            raise ValueError(file.name)
        return KeptChip(file, Memory({name: bytes.fromhex(value) for name, value in found["cells"].items()}))
    except (KeyError, TypeError, AttributeError) as wrong:
        raise ValueError(file.name) from wrong


def file_name(chip: TrainingChip) -> str:
    """What the file of a chip is called: its serial, the bytes T6 to TD of its answer to reset."""
    return f"{chip.memory.read('os/historical')[5:].hex().upper()}.card"
