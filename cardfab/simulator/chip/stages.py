"""The stages of a chip that comes empty: activation, pre-personalisation, its end. LD/T 32 part 10, 5.1 and 5.2.

An activation is a number of steps in a fixed order; the chip remembers how many were done. The question about the
stage, 80CA 00 01, is this chip's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cardfab.simulator.chip import created, word
from cardfab.simulator.chip.layout import Directory
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect, fitted

ACTIVATION = "os/activation"
"""How many steps were done; there is no such cell on an activated chip."""
NEW, EMPTY, BEGUN, ENDED = 0, 1, 2, 3
HAS_ENDED, HAS_MASTER, MASTER_REPLACED = 0x01, 0x02, 0x04
QUESTION = 0x0001


class Staged(Protocol):
    """What the answer about the stage needs of an operating system."""

    memory: Memory
    tree: dict[int, Directory]

    def stage(self) -> int:
        """EMPTY, BEGUN or ENDED of an activated chip."""

    def contents(self, directory: Directory) -> tuple[int, int, bool]:
        """Flags of a directory, how many keys (master keys and PIN are not counted), whether a PIN is in it."""


def never_activated() -> dict[str, bytes]:
    """The cells of a chip as it leaves its maker: thirteen historical bytes of 00."""
    return {ACTIVATION: b"\x00", "os/historical": bytes(13)}


def pending(memory: Memory) -> bool:
    """Whether the activation is not finished."""
    return memory.has(ACTIVATION)


def activate(memory: Memory, step: int, last: int, changes: Mapping[str, bytes | None]) -> None:
    """Step ``step`` of 1 to ``last`` with what it sets, each once and in order; raises 6985."""
    expect(memory.read(ACTIVATION) == bytes((step - 1,)), word.CONDITIONS)
    memory.write({**changes, ACTIVATION: None if step == last else bytes((step,))})


def replaced_cell(path: str) -> str:
    """Says that the master key of a directory is no longer the first one."""
    return f"fs/{path}/replaced"


def answer(system: Staged, command: Command) -> bytes:
    """80CA 00 01: the stage; of a new chip the steps done; after the beginning the directories and what is in each."""
    expect(command.p1p2 == QUESTION, word.WRONG_P1P2)
    expect(not command.data, word.WRONG_LENGTH)
    memory = system.memory
    if pending(memory):
        return fitted(command, bytes((NEW,)) + memory.read(ACTIVATION))
    stage = system.stage()
    found = bytes((stage,))
    if stage == BEGUN:
        for fid, directory in sorted(system.tree.items()):
            if memory.has(created.directory_cell(fid)):
                flags, keys, pin = system.contents(directory)
                flags |= MASTER_REPLACED if memory.has(replaced_cell(directory.path)) else 0
                found += fid.to_bytes(2) + bytes((flags, keys, len(directory.files), pin))
    return fitted(command, found)
