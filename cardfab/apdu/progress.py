"""How far a chip has come on its way from the factory, asked of the chip itself (LB 002 part 10, 5.1 and 5.2).

A dialect may have a command for it, whose answer no published source states: the form here is that of the training
chips. A chip without the command shows less, by its answer to reset and by what can be selected.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from cardfab.apdu import commands
from cardfab.apdu.dialect import CosDialect
from cardfab.apdu.link import CardAnswerMalformed, Exchange, expect
from cardfab.apdu.message import CommandApdu

_ENTRY = 6


class Made(enum.IntEnum):
    """What was done to a chip last."""

    NOTHING = 0
    ACTIVATED = 1
    STRUCTURE_BEGUN = 2
    STRUCTURE_ENDED = 3


@dataclass(frozen=True, slots=True)
class DirectoryProgress:
    """What one directory holds. ``keys`` counts groups, without master key and PIN."""

    ended: bool
    master: bool
    replaced: bool
    keys: int
    files: int
    pin: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """``directories`` by file identifier; None where the chip cannot be asked. ``activated`` counts commands."""

    made: Made
    directories: Mapping[bytes, DirectoryProgress] | None
    activated: int = 0


def ask_progress(dialect: CosDialect, historical: bytes, environment: bytes) -> Exchange[Progress]:
    """Ask the chip; ``environment`` is the DF name that a finished structure has."""
    if dialect.commands.stage is not None:
        asked = dialect.commands.stage.command({}, name="how far the chip is")
        asked = CommandApdu(asked.cla, asked.ins, asked.p1, asked.p2, asked.data, 256, name=asked.title)
        return _read(asked, expect((yield asked), asked).data)
    if historical == dialect.never_activated:
        return Progress(Made.NOTHING, None)
    selected = yield commands.select(environment)
    return Progress(Made.STRUCTURE_BEGUN if selected.sw.ok else Made.ACTIVATED, None)


def _read(asked: CommandApdu, answer: bytes) -> Progress:
    if len(answer) == 2 and answer[0] == Made.NOTHING:
        return Progress(Made.NOTHING, {}, answer[1])
    entries = [answer[at : at + _ENTRY] for at in range(1, len(answer), _ENTRY)]
    if not answer or answer[0] not in list(Made) or any(len(one) != _ENTRY for one in entries):
        raise CardAnswerMalformed(asked.title, "it is no list of directories", "不是目录清单")
    return Progress(Made(answer[0]), {one[:2]: _directory(one) for one in entries})


def _directory(entry: bytes) -> DirectoryProgress:
    flags = entry[2]
    return DirectoryProgress(
        ended=bool(flags & 1),
        master=bool(flags & 2),
        replaced=bool(flags & 4),
        keys=entry[3],
        files=entry[4],
        pin=bool(entry[5]),
    )
