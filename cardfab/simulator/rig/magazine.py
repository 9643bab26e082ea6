"""One slot of a line: a hopper of blanks, an inserter that moves them, and the reader that the card lies in.

The inserter's language: a command of one word, ended by CR; an answer ended by NUL, ``OK`` and what was asked, or
``NO`` and the trouble. ``WHO``; ``STATE`` (place and troubles); ``COUNT`` (cards ever fed); ``FEED``; ``TOUCH``;
``OUT`` (to the tray of good cards); ``REJECT`` (1, or 0 where no card was inside).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cardfab.simulator.chip.vpcd import Contacts
from cardfab.simulator.rig.timing import Timing

MODEL = "Cardfab training inserter"
CR, NUL = b"\r", b"\x00"


class TimedChip:
    """What a slot needs of its chips, and what the chip took until now."""

    __slots__ = ("apdus", "chip", "octets", "seconds")

    def __init__(self, chip: Contacts) -> None:
        self.chip = chip
        self.seconds, self.apdus, self.octets = 0.0, 0, 0


@dataclass(frozen=True, slots=True)
class CardTimes:
    """A card that left: monotonic seconds of its way in and out, the chip's and the wire's own seconds between."""

    slot: int
    fed: float
    out: float
    seconds: float
    apdus: int
    octets: int
    good: bool


class Magazine:
    """The state of one slot. It never waits: whatever takes time says how much, and who serves it waits."""

    def __init__(
        self,
        number: int,
        chips: Iterable[Contacts],
        timing: Timing,
        *,
        clock: Callable[[], float] = time.monotonic,
        first: int = 0,
    ) -> None:
        """``first``: what the count of fed cards stands at."""
        self.number, self.timing = number, timing
        self.hopper = deque(chips)
        self.inside: TimedChip | None = None
        self.fed = first
        self.left: list[CardTimes] = []
        self.jammed = False
        self.jam_next = False
        """The next card that is fed sticks."""
        self._clock = clock
        self._since = 0.0
        self._powered = False

    # the reader

    def power_off(self) -> None:
        """The reader takes the power away."""
        if self._powered and self.inside is not None:
            self.inside.chip.respond(b"\x00")
        self._powered = False

    def answer(self, payload: bytes) -> tuple[bytes | None, float]:
        """One frame to the reader, as vpcd has them: what goes back, and after how many seconds."""
        card = self.inside
        if len(payload) > 1:
            if card is None or not self._powered:
                return b"", 0.0
            said = card.chip.respond(payload) or b""
            took = self.timing.of(payload, said)
            card.apdus += 1
            card.octets += len(payload) + len(said)
            card.seconds += took
            return said, took
        if payload == b"\x04":
            return (b"" if card is None else card.chip.respond(payload)), 0.0
        if payload == b"\x00":
            self.power_off()
        elif card is not None and (payload == b"\x02" or (payload == b"\x01" and not self._powered)):
            card.chip.respond(b"\x01")
            self._powered = True
            card.seconds += self.timing.reset
            return None, self.timing.reset
        return None, 0.0

    # the inserter

    def obey(self, command: str) -> tuple[str, float]:
        """One command to the inserter: its answer, and after how many seconds."""
        match command:
            case "WHO":
                return f"OK {MODEL};{self.number:04d};1", 0.0
            case "STATE":
                return " ".join(["OK", "none" if self.inside is None else "contact", *self._troubles()]), 0.0
            case "COUNT":
                return f"OK {self.fed}", 0.0
            case "FEED":
                return self._feed()
            case "TOUCH":
                self.power_off()
                return ("NO wrong-position" if self.inside is None else "OK"), 0.0
            case "OUT" | "REJECT":
                return self._out(good=command == "OUT")
            case _:
                return "NO refused", 0.0

    def _troubles(self) -> list[str]:
        return (["jam"] if self.jammed else []) + ([] if self.hopper else ["feeder-empty"])

    def _feed(self) -> tuple[str, float]:
        if self.jammed:
            return "NO jam", 0.0
        if self.inside is not None:
            return "NO card-inside", 0.0
        if not self.hopper:
            return "NO feeder-empty", 0.0
        self.inside = TimedChip(self.hopper.popleft())
        self.fed += 1
        self._since = self._clock()
        if self.jam_next:
            self.jam_next, self.jammed = False, True
            return "NO jam", self.timing.insert
        return "OK", self.timing.insert

    def _out(self, *, good: bool) -> tuple[str, float]:
        card, was = self.inside, self.jammed
        if good and was:
            return "NO jam", 0.0
        self.jammed = False  # somebody took the card out
        if card is None:
            return ("NO wrong-position" if good else "OK 0"), 0.0
        self.power_off()
        self.inside = None
        self.left.append(
            CardTimes(self.number, self._since, self._clock(), card.seconds, card.apdus, card.octets, good)
        )
        return "OK 1", 0.0
