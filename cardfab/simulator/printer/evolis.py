"""The commands of the ESC language over the physical machine (A5013, and what kiosks and the vendor's driver send)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from cardfab.simulator.printer import faults
from cardfab.simulator.printer.body import Body
from cardfab.simulator.printer.card import Place
from cardfab.simulator.printer.clock import Clock
from cardfab.simulator.printer.coding import LINE, LINES, CodingError, Plane, decode
from cardfab.simulator.printer.encoder import Encoder
from cardfab.simulator.printer.faults import Fault, LineCut, PrinterFault
from cardfab.simulator.printer.language import Command, Parser
from cardfab.simulator.printer.machine import Machine, OnExit, Ribbon
from cardfab.simulator.printer.questions import QUESTIONS, one_of

EMULATES = "Evolis ESC language, guide A5013 + later notes"

_ACK, _NAK = b"\x06", b"\x15"
_RIBBON_NAMES = ("ymcko", "ymckos", "ymckok", "k", "kb", "kw", "ko")
_HOST_MANAGES, _ACK_NAK = 0b0011, 0b1000
"""Pem bits. The guide lists bit 1 as the host's, field code sends 2 for it: either is taken so."""

_SETTINGS: dict[str, tuple[str, ...]] = {
    "Pcem": ("I", "M"),
    "Pcrm": ("D",),
    "Psmgr": ("0", "1", "2"),
    "Pbc": ("A;D", "A;E"),
    "Psc": ("27;59;13",),
}
"""Settings that are checked and kept and change nothing here."""


_SECONDS = {"Sis": 3.0, "Si": 2.0, "Sic": 3.0, "Ser": 3.0, "Seb": 3.0, "Scp": 30.0, "Smw": 4.0, "Smr": 3.0, "Sv": 2.0}
"""What the mechanics take, about; no document gives figures."""
_PANEL_SECONDS = {"y": 5.0, "m": 5.0, "c": 5.0, "k": 4.0, "o": 5.0}


def seconds_of(command: Command) -> float:
    """How long the printer works on a command before it answers."""
    if command.name in ("Db", "Dbc") and command.parameters:  # the panel before it is printed meanwhile
        return _PANEL_SECONDS.get(command.parameters[0], 0.0)
    return 4.0 if command.name == "Se" else _SECONDS.get(command.name, 0.0)


@dataclass(slots=True)
class _Pending:
    panel: str
    plane: Plane
    back: bool


class EvolisPrinter(Body):
    """Bytes in, replies out.

    What a driver cannot see but a test may: ``machine`` (cards, ribbon, boxes), ``history`` (commands carried out) and
    ``settings``.
    """

    def __init__(
        self,
        *,
        ribbon: Ribbon | None = None,
        bezel: bool = False,
        on_exit: OnExit | None = None,
        pace: Callable[[Command], None] | None = None,
        speed: float = 0.0,
    ) -> None:
        """``pace`` is called before each command; ``speed`` is that of the mechanics (see `Clock`)."""
        super().__init__(Machine(on_exit=on_exit, bezel=bezel, ribbon=ribbon or Ribbon()), Clock(speed))
        self.settings: dict[str, str] = {}
        self.error_mode = 0
        self.saved_error_mode = 0
        self._parser = Parser()
        self._pace = pace
        self._pending: _Pending | None = None
        self._in_sequence = False
        self._back = False
        self._keep = False
        self._from_feeder = True
        self._declared: str | None = None
        self._encoder = Encoder(self.machine, lambda: self._bring(Place.PRINT))
        self._commands = self._table()

    # The wire

    def receive(self, portion: bytes) -> bytes:
        """Carry out what ``portion`` completes; the replies, one after another."""
        replies = bytearray()
        for command in self._parser.feed(portion):
            if self._pace is not None:
                self._pace(command)
            self.clock.spend(seconds_of(command))
            with self.lock:
                reply, struck = self._carry_out(command)
            replies += reply
            if struck & {Fault.POWER_CUT, Fault.CABLE_OUT}:
                self.cut(struck)
                self._parser.drop()
                raise LineCut(bytes(replies))
        return bytes(replies)

    def power_cut(self) -> None:
        super().power_cut()
        self.forget_job()
        self.error_mode = self.saved_error_mode
        self.settings.clear()
        self._keep, self._from_feeder, self._declared = False, True, None
        self._encoder.forget()

    def hang_up(self) -> None:
        """The line broke: a half-sent command or bitmap is forgotten, everything else stays as it is."""
        with self.lock:
            self._parser.drop()

    # Carrying out

    def _carry_out(self, command: Command) -> tuple[bytes, set[Fault]]:
        self.history.append(str(command) if command.sound else "?")
        struck = self.strike(command.name)
        if Fault.POWER_CUT in struck:
            return b"", struck
        self._encoder.spoiled = Fault.STRIPE in struck
        try:
            text = "OK" if Fault.WRONG_OK in struck else self._answer(command)
        except PrinterFault as fault:
            reply = self._refusal(fault)
        else:
            reply = _ACK if text == "OK" and self.error_mode & _ACK_NAK else text.encode("ascii") + b"\0"
        return b"" if struck & {Fault.SILENCE, Fault.CABLE_OUT} else reply, struck

    def _answer(self, command: Command) -> str:
        handler = self._commands.get(command.name)
        if not command.sound or handler is None:
            raise faults.bad_command()
        return handler(command) or "OK"

    def _refusal(self, fault: PrinterFault) -> bytes:
        if self.error_mode & _ACK_NAK:
            return _NAK + fault.nak.encode("ascii")
        return fault.text.encode("ascii") + b"\0"

    def _table(self) -> dict[str, Callable[[Command], str | None]]:
        return {
            **{name: partial(question, self.machine) for name, question in QUESTIONS.items()},
            "Rem": lambda _: f"{self.error_mode};{self.saved_error_mode}",
            "Pem": self._set_error_mode,
            "Pcim": self._insertion,
            "Pmi": self._insertion,
            "Pneab": self._eject_after_print,
            "Pr": self._declare_ribbon,
            "Pc": self._tune,
            "Pl": self._tune,
            "Ps": self._tune,
            # Sent by the vendor's driver; their meaning is not published.
            "Pdt": self._keep_setting,
            "Mr": self._keep_setting,
            "Ppws": self._keep_setting,
            **dict.fromkeys(_SETTINGS, self._checked_setting),
            "Si": lambda _: self._bring(Place.PRINT),
            "Sis": lambda _: self._to_contact(),
            "Sic": lambda _: self._bring(Place.CONTACTLESS),
            "Ser": lambda _: self._reject(),
            "Seb": lambda _: self._reject(),
            "Scp": lambda _: self.machine.clean(),
            "Sa": lambda _: None,
            "Scs": lambda _: None,
            "Srs": lambda _: self.forget_job(),
            "Ss": lambda _: self._start(),
            "Sr": lambda _: self._turn(back=False),
            "Sv": lambda _: self._turn(back=True),
            "Se": lambda _: self._end(),
            "Db": self._bitmap,
            "Dbc": self._bitmap,
            "Wcb": self._whole_panel,
            **self._encoder.commands(),
        }

    # Settings

    def _set_error_mode(self, command: Command) -> None:
        match command.parameters:
            case (mode,) | (mode, "s") if mode.isdigit() and int(mode) < 32:
                self.error_mode = int(mode)
                if len(command.parameters) == 2:
                    self.saved_error_mode = int(mode)
            case _:
                raise faults.bad_parameter()

    @property
    def host_manages_errors(self) -> bool:
        """Whether the driver has told the printer not to wait for a person at its own buttons (Pem)."""
        return bool(self.error_mode & _HOST_MANAGES)

    def _insertion(self, command: Command) -> None:
        mode = command.parameters[0] if command.parameters else ""
        known = ("F", "M", "B") if command.name == "Pmi" else ("F", "B", "I", "M")
        if mode not in known or command.parameters[1:] not in ((), ("s",)):
            raise faults.bad_parameter()
        # Pmi;B is feeder and hand; Pcim;B of later models is another entry, nobody feeds a card there.
        self._from_feeder = mode == "F" or (command.name, mode) == ("Pmi", "B")
        self._keep_setting(command)

    def _eject_after_print(self, command: Command) -> None:
        if command.parameters not in (("E",), ("A", "1")):
            raise faults.bad_parameter()
        self._keep = command.parameters == ("E",)
        self._keep_setting(command)

    def _declare_ribbon(self, command: Command) -> None:
        name = one_of(command, *_RIBBON_NAMES)
        self._declared = {"kb": "k", "kw": "k", "ymckos": "ymcko"}.get(name, name)
        self._keep_setting(command)

    def _tune(self, command: Command) -> None:
        match command.parameters:
            case (("y" | "m" | "c" | "k" | "o"), "=", value) if value.isdigit():
                self._keep_setting(command)
            case (("y" | "m" | "c" | "k" | "o"), "+" | "-"):
                self._keep_setting(command)
            case _:
                raise faults.bad_parameter()

    def _checked_setting(self, command: Command) -> None:
        if ";".join(command.parameters) not in _SETTINGS[command.name]:
            raise faults.bad_parameter()
        self._keep_setting(command)

    def _keep_setting(self, command: Command) -> None:
        self.settings[command.name] = ";".join(command.parameters)

    # Movement

    def _bring(self, place: Place) -> None:
        self.machine.bring(place, from_feeder=self._from_feeder)

    def _to_contact(self) -> None:
        self._bring(Place.CONTACT)
        self.machine.set_contacts_down()

    def _reject(self) -> None:
        self.machine.reject()
        self.forget_job()

    def forget_job(self) -> None:
        self._pending = None
        self._in_sequence = self._back = False

    # Printing

    def _start(self) -> None:
        self.forget_job()
        self._in_sequence = True

    def _turn(self, *, back: bool) -> None:
        if not self._in_sequence or (back and not self.machine.duplex):
            raise faults.bad_sequence()
        self._back = back

    def _bitmap(self, command: Command) -> None:
        if command.data is None or not command.parameters or command.parameters[0] not in tuple("ymcko"):
            raise faults.bad_parameter()
        panel, levels = command.parameters[:2]
        try:
            plane = decode(panel, int(levels), command.data, compressed=command.name == "Dbc")
        except (CodingError, ValueError) as reason:
            raise faults.bad_parameter() from reason
        self._download(panel, plane)

    def _whole_panel(self, command: Command) -> None:
        match command.parameters:
            case ("a",):
                self._pending = None
            case (("k" | "o") as panel, ("0" | "255") as value):
                self._download(panel, np.full((LINE, LINES), int(value), np.uint8))
            case _:
                raise faults.bad_parameter()

    def _download(self, panel: str, plane: Plane) -> None:
        """The download of a panel starts the printing of the one before it."""
        if not self._in_sequence:
            raise faults.bad_sequence()
        self._print_pending()
        self._pending = _Pending(panel, plane, self._back)

    def _print_pending(self) -> None:
        pending = self._pending
        if pending is None:
            return
        ribbon = self.machine.ribbon
        if ribbon is not None and self._declared not in (None, ribbon.kind):
            raise faults.bad_ribbon()
        self.machine.print_panel(pending.panel, pending.plane, back=pending.back, from_feeder=self._from_feeder)
        self._pending = None

    def _end(self) -> None:
        """Print the last panel and eject, unless Pneab;E keeps the card."""
        self._print_pending()
        if self.machine.in_transport is None:
            raise faults.no_card()
        if not self._keep:
            self.machine.eject()
        self.forget_job()
