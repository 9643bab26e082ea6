"""A slot of a line: its devices, what it is doing, what it has done. The thread that drives it is in ``worker``."""

from __future__ import annotations

import enum
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.station.devices import Devices


class SlotState(enum.StrEnum):
    """What a slot is doing."""

    WAITING = "waiting"
    """For a box, or for a pause to end."""
    WORKING = "working"
    HELD = "held"
    """By what stops the whole line: no blanks, keys or database away."""
    TAKEN_OUT = "taken out"
    ENDED = "ended"

    @property
    def zh(self) -> str:
        """The state in Chinese."""
        return _STATE_ZH[self]


_STATE_ZH = {
    SlotState.WAITING: "等待",
    SlotState.WORKING: "制卡中",
    SlotState.HELD: "暂停等待",
    SlotState.TAKEN_OUT: "已停用",
    SlotState.ENDED: "已结束",
}


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """One slot. ``open_devices`` gives its reader and printer for a while, in the slot's own thread; ``reader`` is
    for people.
    """

    name: str
    open_devices: Callable[[], AbstractContextManager[Devices]]
    reader: str = ""


@dataclass(frozen=True, slots=True)
class SlotNow:
    """A slot at one moment. ``box`` 0: none. ``busy``: seconds in which a card was in work; ``own``: those of them in
    which this program itself computed in the slot's thread.
    """

    name: str
    reader: str
    state: SlotState
    box: int = 0
    place: int = 0
    made: int = 0
    spoiled: int = 0
    doubtful: int = 0
    faults: int = 0
    busy: float = 0.0
    own: float = 0.0
    taken_out: Text | None = None
    """Why it was taken out; ``code`` that of the error."""
    code: str = ""


__all__ = ["SlotNow", "SlotSpec", "SlotState"]
