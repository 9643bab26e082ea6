"""Evolis card printers: chip first, then print, the card stays inside, then it is given out.

The sequence is that of a kiosk in service; each answer is waited for before the next command, and where the card is
is asked again after every movement. Source and standing of every command: ``docs/printers.md``. Never tried on a
physical printer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from cardfab.errors import Text
from cardfab.printer.driver import CardPosition, PrinterIdentity, PrinterStatus, Ribbon
from cardfab.printer.evolis_wire import (
    BAD_COMMAND,
    OK,
    EvolisSettings,
    bitmap,
    command,
    mnemonic,
)
from cardfab.printer.fault import Fault, PrinterFault, said
from cardfab.printer.machine import Event, Machine, State
from cardfab.printer.raster import COLOUR_PANELS, PrintSide, require_size, separate
from cardfab.printer.stream import Stream
from cardfab.printer.stripe import Coercivity, Stripe

_VOLTS: Final = re.compile(r"(\d+)[,.](\d+) ?Volts", re.IGNORECASE)
_NO_RIBBON: Final = "RIB"


class EvolisPrinter:
    """A `cardfab.printer.driver.CardPrinter` over one `Stream`. Not for use by two threads."""

    def __init__(self, stream: Stream, settings: EvolisSettings) -> None:
        self._stream = stream
        self._settings = settings
        self._machine = Machine()

    @property
    def state(self) -> State:
        return self._machine.state

    # what it is, how it stands

    def identify(self) -> PrinterIdentity:
        """Model, serial number, firmware, print head (``Rtp Rsn Rfv Rkn``)."""
        return PrinterIdentity(
            model=self._value("Rtp"),
            serial=self._value("Rsn"),
            firmware=self._value("Rfv"),
            print_head=self._value("Rkn"),
        )

    def status(self) -> PrinterStatus:
        """Ask every sensor. A query this model does not know is None in the answer."""
        ribbon, left, capacity = self._ribbon()
        low, full = self._optional("Rse;n"), self._optional("Rlr;h")
        cleaning = self._optional(self._settings.commands.cleaning_query)
        return PrinterStatus(
            cover_open=not self._covered("Rse;o"),
            feeder_empty=not self._covered("Rse;f"),
            feeder_low=None if low is None else self._above("Rse;n", low),
            ribbon=ribbon,
            ribbon_left=left,
            ribbon_capacity=capacity,
            position=self.position(),
            reject_box_full=None if full is None else full == "CARD",
            needs_cleaning=None if cleaning is None else "CLEANING" in cleaning,
        )

    def position(self) -> CardPosition:
        """Where the card is (``Rlr;p``)."""
        return dict(self._settings.positions).get(self._ask("Rlr;p"), CardPosition.UNKNOWN)

    def cards_fed(self) -> int | None:
        """Cards inserted since the printer was made (``Rco;c``): whether a feed that was cut off took a card."""
        reply = self._optional("Rco;c")
        return None if reply is None else self._number("Rco;c", reply)

    # the session

    def prepare(self) -> CardPosition:
        """Take over, send the settings, look where a card is."""
        with self._step(Event.FOUND_EMPTY):
            self._run(self._settings.commands.take_over)
            found = self.position()
        event = {CardPosition.NONE: Event.FOUND_EMPTY, CardPosition.CONTACT: Event.FOUND_AT_CONTACT}
        self._machine.move(event.get(found, Event.FOUND_CARD))
        return found

    def feed_to_contact(self) -> None:
        """One card from the feeder to the contact station (``Sis``)."""
        with self._step(Event.FED):
            status = self.status()
            if status.position is not CardPosition.NONE:
                raise PrinterFault(Fault.CARD_INSIDE, said(status.position.value))
            blocking = {Fault.COVER_OPEN, Fault.FEEDER_EMPTY, Fault.REJECT_BOX_FULL}
            if self._settings.cleaning_stops:
                blocking.add(Fault.NEEDS_CLEANING)
            _stop_at(status, blocking)
            self._run([self._settings.commands.to_contact])
            self._expect(CardPosition.CONTACT)
        self._machine.move(Event.FED)

    def touch_again(self) -> None:
        """``Sis`` with a card at the contact station: nothing else lifts the contacts in the documents."""
        self._expect(CardPosition.CONTACT)
        self._run([self._settings.commands.to_contact])
        self._expect(CardPosition.CONTACT)

    def print_sides(self, front: PrintSide, back: PrintSide | None = None) -> None:
        """Print one or both sides of the card that stands at the contact station; the card stays inside."""
        with self._step(Event.MOVED_TO_PRINT):
            commands = self._settings.commands
            sides = [(commands.front, self._panels(front, self._settings.front_panels))]
            if back is not None:
                sides.append((commands.back, self._panels(back, self._settings.back_panels)))
            self._ready_to_print(self._settings.frames(both_sides=back is not None))
            self._run([*commands.before_print, commands.to_print])
            self._expect(CardPosition.PRINT)
        self._machine.move(Event.MOVED_TO_PRINT)
        with self._step(Event.SIDES_PRINTED):
            self._run([commands.start])
            for side, panels in sides:
                self._run([side])
                for name, frame in panels:
                    self._download(name, frame)
            self._run([commands.end])
            self._expect(CardPosition.PRINT)
        self._machine.move(Event.SIDES_PRINTED)

    def stripes(self) -> frozenset[Coercivity]:
        """Those for which the profile has a command."""
        return frozenset(self._settings.commands.stripe)

    def write_stripe(self, stripe: Stripe) -> None:
        """Write the tracks (``Dm``, ``Smw``), read them back (``Smr``, ``Rmb``) and compare; the card stays inside."""
        commands = self._settings.commands
        if stripe.coercivity not in commands.stripe:
            raise PrinterFault(Fault.NO_STATION, Text("magnetic stripe", "磁条"))
        with self._step(Event.MOVED_TO_PRINT):
            self._run([commands.stripe[stripe.coercivity]])
            for number in stripe.written:
                # The track is not among the names that faults and watches show.
                frame = command(f"Dm;{number};{stripe.track(number)}")
                self._done(f"Dm;{number}", self._exchange(f"Dm;{number}", frame, self._settings.timeouts.parameter))
            self._run([commands.stripe_write, commands.stripe_read])
            for number in stripe.written:
                read = self._ask(f"Rmb;{number}")
                if read.strip("%;?") != stripe.track(number):
                    raise PrinterFault(Fault.STRIPE, Text(f"track {number}", f"第{number}磁道"))
            # Where the magnetic head leaves the card is not documented.
            self._run([commands.to_contact])
            self._expect(CardPosition.CONTACT)

    def eject(self) -> None:
        """Give the card out; it must be inside before and gone after."""
        with self._step(Event.CARD_EJECTED):
            if self.position() is CardPosition.NONE:
                raise PrinterFault(Fault.WRONG_POSITION, said(CardPosition.NONE.value))
            if self._machine.state is State.CARD_FOUND:
                # ``Se`` prints the last panel first: a panel of a job that was cut off must not land a second time.
                self._run([self._settings.commands.start])
            self._run(self._settings.commands.eject)
            self._expect(CardPosition.NONE)
            if self._settings.take_seconds and not self._taken():
                self._run(self._settings.commands.reject)
                raise PrinterFault(Fault.NOT_TAKEN)
        self._machine.move(Event.CARD_EJECTED)

    def _taken(self) -> bool:
        """Wait until the bezel is empty (``Rse;b``)."""
        left = self._settings.take_seconds
        while self._covered("Rse;b"):
            if left <= 0:
                return False
            self._stream.pause(self._settings.query_pause)
            left -= self._settings.query_pause
        return True

    def reject(self) -> bool:
        """Move the card inside to the reject box (``Ser``); False when the printer says there is none."""
        with self._step(Event.CARD_REJECTED):
            inside = self.position() is not CardPosition.NONE
            if inside:
                self._run(self._settings.commands.reject)
                self._expect(CardPosition.NONE)
        self._machine.move(Event.CARD_REJECTED)
        return inside

    def clean(self) -> None:
        """The cleaning cycle (``Scp``): no card inside, no ribbon; the person has put the cleaning card in."""
        with self._step(Event.FOUND_EMPTY):
            self._expect(CardPosition.NONE)
            self._run([self._settings.commands.clean])
            self._expect(CardPosition.NONE)
        self._machine.move(Event.FOUND_EMPTY)

    def release(self) -> None:
        """Give error management back (``Pem;0``)."""
        with self._step(Event.RELEASED):
            self._run(self._settings.commands.release)
        self._machine.move(Event.RELEASED)

    def close(self) -> None:
        self._machine.move(Event.RELEASED)
        self._stream.close()

    # below the session

    @contextmanager
    def _step(self, event: Event) -> Iterator[None]:
        """As the machine's step, behind the silence that ends late answers."""
        with self._machine.step(event):
            if self._machine.state is State.FAULT:  # the answer of a command given up may still come
                self._stream.settle(self._settings.timeouts.settle)
            yield

    def _panels(self, side: PrintSide, wanted: str) -> list[tuple[str, bytes]]:
        """The bitmap commands of a side, made before the card moves; blank ones too, or the ribbon shifts."""
        settings = self._settings
        require_size(side, settings.width, settings.height)
        planes = separate(side, levels=settings.levels, tone=settings.tone, black_panel="k" in wanted)
        return [
            (
                f"{'Dbc' if settings.compressed else 'Db'};{panel}",
                bitmap(
                    panel,
                    settings.levels if panel in COLOUR_PANELS else 2,
                    planes.coded(panel, compressed=settings.compressed),
                    compressed=settings.compressed,
                    padding=settings.padding,
                ),
            )
            for panel in wanted
        ]

    def _ready_to_print(self, frames: int) -> None:
        """The card is still there (``Si`` without a card would feed one), the cover is closed, the ribbon lasts."""
        self._expect(CardPosition.CONTACT)
        if not self._covered("Rse;o"):
            raise PrinterFault(Fault.COVER_OPEN)
        ribbon, left, _ = self._ribbon()
        if ribbon is Ribbon.MISSING:
            raise PrinterFault(Fault.RIBBON_MISSING)
        if ribbon is Ribbon.ENDED or (left is not None and left < frames):
            raise PrinterFault(Fault.RIBBON_ENDED, Text(f"{left or 0} left", f"剩余{left or 0}"))

    def _expect(self, wanted: CardPosition) -> None:
        """Read the position again, a few times since the printer may answer wrongly; a mismatch is a fault."""
        for attempt in range(self._settings.query_attempts):
            if attempt:
                self._stream.pause(self._settings.query_pause)
            found = self.position()
            if found is wanted:
                return
        if not self._covered("Rse;o"):
            raise PrinterFault(Fault.COVER_OPEN)
        raise PrinterFault(Fault.WRONG_POSITION, said(f"{wanted.value} / {found.value}"))

    def _ribbon(self) -> tuple[Ribbon, int | None, int | None]:
        if not self._settings.ribbon_chip:
            return Ribbon.UNKNOWN, None, None
        count = self._value("Rrt;count")
        if count.startswith("ERR") and _NO_RIBBON in count:
            return Ribbon.MISSING, None, None
        left, capacity = self._number("Rrt;count", count), self._optional("Rrt;qty")
        mark = self._optional("Rcr")
        ended = left <= 0 or mark not in (None, OK)
        known = int(capacity) if capacity is not None and capacity.isdecimal() else None
        return (Ribbon.ENDED if ended else Ribbon.PRESENT), left, known

    def _covered(self, query: str) -> bool:
        return self._above(query, self._ask(query))

    def _above(self, query: str, reply: str) -> bool:
        """Sensors answer as ``4,98 Volts``, with a comma."""
        read = _VOLTS.fullmatch(reply)
        if read is None:
            raise self._refusal(query, reply) if reply.startswith("ERR") else _unreadable(query, reply)
        return float(f"{read[1]}.{read[2]}") > self._settings.sensor_volts

    def _number(self, query: str, reply: str) -> int:
        if not reply.isdecimal():
            raise self._refusal(query, reply) if reply.startswith("ERR") else _unreadable(query, reply)
        return int(reply)

    def _optional(self, query: str) -> str | None:
        reply = self._ask(query)
        return None if reply.startswith(BAD_COMMAND) else reply

    def _value(self, query: str) -> str:
        """The answer to a query that never is "OK"; printers answer so by mistake, then it is asked again."""
        for attempt in range(self._settings.query_attempts):
            if attempt:
                self._stream.pause(self._settings.query_pause)
            reply = self._ask(query)
            if reply != OK:
                return "" if reply.startswith(BAD_COMMAND) else reply
        raise _unreadable(query, OK)

    def _run(self, commands: Iterable[str]) -> None:
        """Send acts one by one; each must be answered with "OK"."""
        known = self._settings.commands
        timeouts = self._settings.timeouts
        for text in commands:
            ends = text in (known.end, known.eject[-1], known.clean)
            moves = text in (known.to_contact, known.to_print, known.reject[-1], known.stripe_write, known.stripe_read)
            timeout = timeouts.end if ends else timeouts.move if moves else timeouts.parameter
            tail = bytes(self._settings.end_padding) if text == known.end else b""
            self._done(text, self._exchange(mnemonic(text), command(text) + tail, timeout))

    def _download(self, name: str, frame: bytes) -> None:
        self._done(name, self._exchange(name, frame, self._settings.timeouts.download))

    def _done(self, name: str, reply: str) -> None:
        if reply != OK:
            raise self._refusal(name, reply)

    def _refusal(self, name: str, reply: str) -> PrinterFault:
        upper = reply.upper()
        fault = next((means for word, means in self._settings.refusals if word in upper), Fault.REFUSED)
        return PrinterFault(fault, said(f"{name}: {reply!r}"))

    def _ask(self, query: str) -> str:
        return self._exchange(mnemonic(query), command(query), self._settings.timeouts.parameter)

    def _exchange(self, name: str, data: bytes, timeout: float) -> str:
        self._stream.write(data, name=name)
        reply = self._stream.read_reply(timeout, name=name)
        if not reply.isascii():
            raise _unreadable(name, reply.hex())
        return reply.decode("ascii").strip()


def _stop_at(status: PrinterStatus, blocking: set[Fault]) -> None:
    for fault in status.faults:
        if fault in blocking:
            raise PrinterFault(fault)


def _unreadable(name: str, reply: str) -> PrinterFault:
    return PrinterFault(Fault.UNREADABLE, said(f"{name}: {reply!r}"))
