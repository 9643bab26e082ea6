"""A hall of training readers whose chips and machines fail by a seed, and which lives on when the line is killed.

What leaves a slot is kept: serial number, card number and keys as the chip itself holds them, and which way it went.
"""

from __future__ import annotations

import enum
import itertools
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from cardfab.simulator.chip import TrainingChip, make_card
from cardfab.simulator.chip.vpcd import Contacts
from cardfab.simulator.rig.magazine import Magazine
from cardfab.simulator.rig.readers import Readers
from cardfab.simulator.rig.timing import NONE

PROFILE, REGION = "training-ssc2", "440199"
_COMMANDS = 120
"""About as many as a card takes; a chip dies somewhere among them."""
_SLOW = 0.02
"""Seconds that a slow chip takes more for each command: three times what a real one takes for most."""
_CLEARED = 0.3
"""Seconds until somebody has taken a jammed card out."""


class Fault(enum.StrEnum):
    """What is wrong with a blank, or with its way in."""

    DEAD = "dead"
    DIES = "dies"
    SLOW = "slow"
    JAM = "jam"


class Tray(enum.StrEnum):
    """Where a blank is that was fed."""

    GOOD = "good"
    REJECT = "reject"
    HAND = "hand"
    """Somebody took it out of a jam, or from among the good ones, where the report sent them."""
    INSIDE = "inside"


@dataclass(frozen=True, slots=True)
class Faults:
    """One blank of every ``of`` has a fault: which one is chance by the seed, and every kind comes in its turn."""

    seed: int
    of: int

    def at(self, serial: int) -> tuple[Fault | None, int]:
        """What is wrong with a blank, and the command at which it dies where it dies."""
        portion, place = divmod(serial - 1, self.of)
        chance = random.Random(f"{self.seed}/{portion}")
        kinds = list(Fault)
        fault = kinds[portion % len(kinds)] if chance.randrange(self.of) == place else None
        return fault, chance.randint(1, _COMMANDS)


@dataclass(frozen=True, slots=True)
class Blank:
    """A blank that was fed, as it is now. ``number``, ``keys`` (digests by place) are empty where none was written."""

    slot: int
    serial: int
    tray: Tray
    fault: Fault | None
    number: str
    keys: dict[str, bytes]


class FaultyChip(Contacts):
    """A chip that may be dead, die at a command, or be slow."""

    def __init__(self, chip: TrainingChip, serial: int, fault: Fault | None, dies_at: int) -> None:
        super().__init__(chip)
        self.chip, self.serial, self.fault = chip, serial, fault
        self._left = {Fault.DEAD: 0, Fault.DIES: dies_at}.get(fault) if fault else None

    def respond(self, payload: bytes) -> bytes | None:
        if len(payload) > 1 and self._left:
            self._left -= 1
        elif self._left == 0:
            return None if len(payload) == 1 and payload != b"\x04" else b""
        return super().respond(payload)


class FaultySlot(Magazine):
    """A slot of the hall: blanks without end, some with faults, and what left it."""

    def __init__(self, number: int, serials: Iterator[int], faults: Faults) -> None:
        super().__init__(number, (), NONE)
        self._serials, self._faults = serials, faults
        self.blanks: list[Blank] = []
        self.since_jam = 0.0
        self._load()

    def answer(self, payload: bytes) -> tuple[bytes | None, float]:
        said, took = super().answer(payload)
        return said, took + (_SLOW if len(payload) > 1 and self._fault() is Fault.SLOW else 0.0)

    def clear(self) -> None:
        """Somebody opens the machine and takes the card out."""
        if self.inside is not None and self.jammed:
            self._keep(Tray.HAND)
            self.power_off()
            self.inside, self.jammed = None, False

    def now(self) -> list[Blank]:
        """Every blank that was fed."""
        return [*self.blanks, *([] if self.inside is None else [self._blank(Tray.INSIDE)])]

    def _load(self) -> None:
        serial = next(self._serials)
        chip = make_card(PROFILE, serial, region=REGION)
        self.hopper.append(FaultyChip(chip, serial, *self._faults.at(serial)))

    def _fault(self) -> Fault | None:
        chip = self.inside and self.inside.chip
        return chip.fault if isinstance(chip, FaultyChip) else None

    def _feed(self) -> tuple[str, float]:
        first = self.hopper[0]
        self.jam_next = isinstance(first, FaultyChip) and first.fault is Fault.JAM
        before = self.fed
        answer = super()._feed()
        if self.fed > before:
            self.since_jam = time.monotonic()
            self._load()
        return answer

    def _out(self, *, good: bool) -> tuple[str, float]:
        if self.inside is not None and not (good and self.jammed):
            self._keep(Tray.GOOD if good else Tray.REJECT)
        return super()._out(good=good)

    def _keep(self, tray: Tray) -> None:
        self.blanks.append(self._blank(tray))

    def _blank(self, tray: Tray) -> Blank:
        card = self.inside
        if card is None or not isinstance(card.chip, FaultyChip):
            raise AssertionError("no card")
        cells = card.chip.chip.memory.cells
        number = cells.get("ef/DDF1/EF05/07", b"")[2:].decode("ascii", "replace").strip("\xff\x00")
        keys = {
            name: sha256(value).digest()
            for name, value in cells.items()
            if name.startswith("key/") or name in ("debit/dgi/8000", "debit/dgi/8400", "debit/dgi/8501")
        }
        return Blank(self.number, card.chip.serial, tray, card.chip.fault, number, keys)


@dataclass(frozen=True, slots=True)
class Hall:
    """The slots, and the line file that names them."""

    slots: tuple[FaultySlot, ...]
    readers: Readers
    line: Path

    def blanks(self) -> list[Blank]:
        """Every blank that was fed anywhere."""
        return [one for slot in self.slots for one in slot.now()]

    def take_out(self, serials: set[int]) -> int:
        """Somebody looks for cards among the good ones and puts them aside; how many there were."""
        found = 0
        for slot in self.slots:
            for place, one in enumerate(slot.blanks):
                if one.tray is Tray.GOOD and one.serial in serials:
                    slot.blanks[place] = replace(one, tray=Tray.HAND)
                    found += 1
        return found

    def trays(self) -> Counter[Tray]:
        """How many lie where."""
        return Counter(one.tray for one in self.blanks())


@contextmanager
def hall(folder: Path, count: int, faults: Faults) -> Iterator[Hall]:
    """A hall of ``count`` slots at work."""
    serials = itertools.count(1)
    slots = tuple(FaultySlot(number, serials, faults) for number in range(1, count + 1))
    readers = Readers(slots)
    line = folder / "hall.toml"
    named = zip(readers.readers, readers.inserters, strict=True)
    line.write_text(
        'name = "hall"\nfaults_in_a_row = 20\n[samples]\nrate = "1 in 50"\nfirst_of_box = true\n'
        + "".join(
            f'[[slots]]\nname = "{n:02}"\nreader = "tcp://127.0.0.1:{r}"\nprinter = "inserter://127.0.0.1:{i}"\n'
            for n, (r, i) in enumerate(named, 1)
        ),
        encoding="utf-8",
    )
    end, stop = os.pipe()
    serving = threading.Thread(target=readers.serve, args=(end,))
    over = threading.Event()
    hand = threading.Thread(target=_clear, args=(slots, over))
    serving.start()
    hand.start()
    try:
        yield Hall(slots, readers, line)
    finally:
        over.set()
        os.close(stop)
        serving.join(20)
        hand.join(20)
        readers.close()
        os.close(end)


def _clear(slots: tuple[FaultySlot, ...], over: threading.Event) -> None:
    while not over.wait(_CLEARED / 3):
        for slot in slots:
            if slot.jammed and time.monotonic() - slot.since_jam > _CLEARED:
                slot.clear()


__all__ = ["Blank", "Fault", "Faults", "FaultySlot", "Hall", "Tray", "hall"]
