"""What every simulated printer has, whatever it speaks: a machine, a clock, faults that wait, and people around it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from cardfab.simulator.printer.card import Card, Chip, Place
from cardfab.simulator.printer.clock import Clock
from cardfab.simulator.printer.faults import Armed, Fault
from cardfab.simulator.printer.machine import Jam, Machine, Ribbon

Lines = Callable[[bool], None]
"""Breaks the printer's line; True: the reader's too."""


class Body(ABC):
    """Every public method may be called from any thread. ``lock`` guards ``machine``."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self.lock = threading.RLock()
        self.machine = machine
        self.clock = clock
        self.history: list[str] = []
        self.break_lines: Lines = lambda _reader_too: None
        self._armed: list[Armed] = []

    @property
    def body(self) -> Body:
        return self

    @property
    def touched(self) -> Card | None:
        """The card whose chip the contacts reach."""
        return self.machine.touched

    # The line

    @abstractmethod
    def receive(self, portion: bytes) -> bytes:
        """The answers to what ``portion`` completes. Raises LineCut, with those before it, where the line ends."""

    @abstractmethod
    def hang_up(self) -> None:
        """The line is gone; half a command is forgotten."""

    def greet(self) -> bytes:
        """What the printer says when somebody connects."""
        return b""

    def power_cut(self) -> None:
        """What the printer has in mind is gone; what lies in it stays. Called with the lock."""
        self.machine.cut_power()

    def strike(self, name: str) -> set[Fault]:
        """The faults that break on event ``name``; what they change in the machine is changed. Called with the lock."""
        struck = {armed.fault for armed in self._armed if armed.fires(name)}
        machine = self.machine
        machine.cover_is_open |= Fault.COVER_OPEN in struck
        machine.feeder_stuck |= Fault.FEEDER_EMPTY in struck
        if Fault.JAM in struck and machine.jam is Jam.NONE:
            machine.jam = Jam.COMING
        if machine.ribbon is not None:
            machine.ribbon.broken |= Fault.RIBBON_END in struck
            machine.ribbon.torn |= Fault.RIBBON_TORN in struck
        if Fault.REJECT_FULL in struck:
            machine.reject_capacity = len(machine.rejected)
        if Fault.NO_CONTACT in struck:
            machine.out_of_reach += 1
        if Fault.NOT_TAKEN in struck:
            machine.taker = False
        if Fault.POWER_CUT in struck:
            self.power_cut()
        return struck

    def cut(self, struck: set[Fault]) -> None:
        """Break the lines that a struck fault breaks; not with the lock held by others than this thread."""
        if Fault.POWER_CUT in struck or Fault.CABLE_OUT in struck:
            self.break_lines(Fault.POWER_CUT in struck)

    # The people around it

    def load(self, chips: Iterable[Chip]) -> list[Card]:
        """Put blank cards with these chips into the hopper, first on top."""
        with self.lock:
            return self.machine.load(chips)

    def inject(self, fault: Fault, *, on: str | None = None, skip: int = 0, times: int = 1) -> None:
        """Break something when ``on`` (a command, ``power-on`` or ``apdu`` of the reader; None: any) comes.

        From the ``skip + 1``-th time on, ``times`` times.
        """
        with self.lock:
            self._armed.append(Armed(fault, on, skip, times))

    def leave_inside(self, place: Place) -> Card:
        """Feed a card by hand and leave it there. Raises KeyError when there is none."""
        with self.lock:
            return self.machine.leave_inside(place)

    def close_cover(self) -> None:
        with self.lock:
            self.machine.cover_is_open = False

    def mend_feeder(self) -> None:
        with self.lock:
            self.machine.feeder_stuck = False

    def empty_reject_box(self) -> None:
        with self.lock:
            self.machine.empty_reject_box()

    def change_ribbon(self, ribbon: Ribbon | None) -> None:
        with self.lock:
            self.machine.ribbon = ribbon

    def clear_jam(self) -> Card | None:
        """Open the machine and take out the card that is inside, if any."""
        with self.lock:
            self.forget_job()
            return self.machine.clear_jam()

    @abstractmethod
    def forget_job(self) -> None:
        """Nothing is being printed any more."""

    def take_card(self) -> Card:
        """Take the finished card out of the bezel."""
        with self.lock:
            return self.machine.take_card()

    def mend(self) -> None:
        """Everything a person can mend: jam, cover, feeder, ribbon, box. What waits to break is forgotten."""
        with self.lock:
            self._armed.clear()
            if self.machine.jam is not Jam.NONE:
                self.clear_jam()
            self.close_cover()
            self.mend_feeder()
            self.machine.out_of_reach = 0
            if self.machine.reject_full:
                self.empty_reject_box()
            ribbon = self.machine.ribbon
            if ribbon is not None and (ribbon.broken or ribbon.torn or ribbon.ended):
                self.change_ribbon(Ribbon(ribbon.kind))
