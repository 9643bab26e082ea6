"""The magnetic encoder of the ESC language (A5013): Pmc, Pmt, Dm, Smw, Smr, Rmb.

``Dm;t;data`` fills a buffer, ``Smw`` writes all buffers and reads them back, ``Smr`` reads the stripe and ``Rmb;t``
tells what was read.
"""

from __future__ import annotations

from collections.abc import Callable

from cardfab.simulator.printer import faults, stripe
from cardfab.simulator.printer.card import Card
from cardfab.simulator.printer.language import Command
from cardfab.simulator.printer.machine import Machine

_TRACKS = {"1": 1, "2": 2, "3": 3}


class Encoder:
    """What waits to be written, and what was read last. ``spoiled``: the next write gets a wrong check character."""

    def __init__(self, machine: Machine, bring: Callable[[], None]) -> None:
        self._machine = machine
        self._bring = bring
        self._waiting: dict[int, str] = {}
        self._read: dict[int, str] = {}
        self.coercivity = "h"
        self.spoiled = False

    def commands(self) -> dict[str, Callable[[Command], str | None]]:
        return {
            "Pmc": self._coercivity,
            "Pmt": self._format,
            "Dm": self._data,
            "Smw": lambda _: self._write(),
            "Smr": self._look,
            "Rmb": self._tell,
        }

    def forget(self) -> None:
        self._waiting.clear()
        self._read.clear()

    def _coercivity(self, command: Command) -> None:
        if command.parameters not in (("h",), ("l",)):
            raise faults.bad_parameter()
        self.coercivity = command.parameters[0]

    def _format(self, command: Command) -> None:
        """Each track in its own ISO format; others are not simulated."""
        if len(command.parameters) != 2 or command.parameters[0] != command.parameters[1]:
            raise faults.bad_parameter()

    def _data(self, command: Command) -> None:
        track = self._track(command)
        text = ";".join(command.parameters[1:])  # the separator may be part of track 1
        try:
            stripe.lay(track, text)
        except stripe.StripeError as wrong:
            raise faults.stripe_data() from wrong
        self._waiting[track] = text

    def _write(self) -> None:
        if not self._waiting:
            raise faults.stripe_data()
        card = self._card()
        for track, text in self._waiting.items():
            card.stripe[track] = stripe.lay(track, text, spoiled=self.spoiled)
        self._waiting.clear()
        self._read_back(card, tuple(card.stripe))

    def _look(self, command: Command) -> None:
        tracks = (self._track(command),) if command.parameters else (1, 2, 3)
        self._read_back(self._card(), tracks)

    def _read_back(self, card: Card, tracks: tuple[int, ...]) -> None:
        self._read.clear()
        for track in tracks:
            if track in card.stripe:
                try:
                    self._read[track] = stripe.read(track, card.stripe[track])
                except stripe.StripeError as wrong:
                    raise faults.stripe_checksum() from wrong

    def _tell(self, command: Command) -> str:
        track = self._track(command)
        if track not in self._read:
            raise faults.stripe_data()
        return self._read[track]

    def _card(self) -> Card:
        self._bring()
        card = self._machine.inside
        if card is None:
            raise faults.no_card()
        return card

    @staticmethod
    def _track(command: Command) -> int:
        track = _TRACKS.get(command.parameters[0] if command.parameters else "")
        if track is None:
            raise faults.bad_parameter()
        return track
