"""Matica XID retransfer printers: chip first, then print on film and transfer, then the card is given out.

The sequence is that of a published program in use; the position is asked again after every movement, and a printer that
warms up is waited for. Source and standing of every command: ``docs/printers.md``. Never tried on a physical printer.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cardfab.errors import Text
from cardfab.printer import matica_wire as wire
from cardfab.printer.driver import CardPosition, PrinterIdentity, PrinterStatus, Ribbon
from cardfab.printer.fault import Fault, PrinterFault, said
from cardfab.printer.machine import Event, Machine, State
from cardfab.printer.matica_wire import MaticaSettings, Message
from cardfab.printer.raster import COLOUR_PANELS, PrintSide, ink_levels, require_size
from cardfab.printer.stream import Stream
from cardfab.printer.stripe import Coercivity, Stripe

_OWNER: Final = "cardfab"
_JOB: Final = "card"
_FULL: Final = 255
_ANOTHER_CARD: Final = frozenset({Fault.FEEDER_EMPTY})
"""What the status word may say while the last card of the hopper is worked on."""
_SUPPLIES: Final = _ANOTHER_CARD | {Fault.RIBBON_MISSING, Fault.RIBBON_ENDED}
"""And while a card is only moved out."""
_NO_CARDS: Final = 2
"""Tag 0A: 0 there are cards, 2 there are none."""


class MaticaPrinter:
    """A `cardfab.printer.driver.CardPrinter` over one `Stream`. Not for use by two threads."""

    def __init__(self, stream: Stream, settings: MaticaSettings) -> None:
        self._stream = stream
        self._settings = settings
        self._machine = Machine()
        self._sequence = wire.FIRST_SEQUENCE
        self._model: str | None = None
        self._engaged = False

    @property
    def state(self) -> State:
        return self._machine.state

    # what it is, how it stands

    def identify(self) -> PrinterIdentity:
        """The model, which the printer says by itself; it tells no more on this line."""
        self._meet()
        return PrinterIdentity(model=self._model or "", serial="", firmware="", print_head="")

    def status(self) -> PrinterStatus:
        """What the status word says, and ink and cards where the profile has them asked."""
        self._meet()
        status = self._status()
        fault = None if status == 0 else self._settings.meaning(status)
        told = self._told() if self._settings.info else {}
        ink = told.get(wire.TAG_INK)
        ended = ink == 0 or fault is Fault.RIBBON_ENDED
        return PrinterStatus(
            cover_open=fault is Fault.COVER_OPEN,
            feeder_empty=fault is Fault.FEEDER_EMPTY or told.get(wire.TAG_CARDS) == _NO_CARDS,
            feeder_low=None,
            ribbon=Ribbon.ENDED if ended else Ribbon.MISSING if fault is Fault.RIBBON_MISSING else Ribbon.UNKNOWN,
            # The share of ink left comes in steps of 2 %; of how many cards is said by the lot's panels.
            ribbon_left=None if ink is None else told.get(wire.TAG_PANELS, 0) * min(2 * ink, 100) // 100,
            ribbon_capacity=told.get(wire.TAG_PANELS),
            position=self.position(),
            reject_box_full=None,
            needs_cleaning=None,
            warming=status != 0 and fault is None,
            head_hot=fault is Fault.HEAD_HOT,
            jammed=fault is Fault.JAM,
        )

    def position(self) -> CardPosition:
        """Where the card is; a mode other than 0 says that none is inside."""
        self._meet()
        answer = self._command("position", wire.act(wire.POSITION, 0, 0), self._settings.times.query, retry=False)
        if len(answer.data) < 4 or answer.data[0] != 1:
            raise _unreadable("position", answer)
        mode, place = answer.data[2], answer.data[3]
        return CardPosition.NONE if mode else wire.POSITIONS.get(place, CardPosition.UNKNOWN)

    def cards_fed(self) -> int | None:
        """The printer has counters; which of them counts cards is not known."""
        return None

    # the session

    def prepare(self) -> CardPosition:
        """Look where a card is; the printer needs no settings from us."""
        with self._machine.step(Event.FOUND_EMPTY):
            self._meet()
            self._until_ready(but=_SUPPLIES)
            found = self.position()
        event = {CardPosition.NONE: Event.FOUND_EMPTY, CardPosition.CONTACT: Event.FOUND_AT_CONTACT}
        self._machine.move(event.get(found, Event.FOUND_CARD))
        return found

    def feed_to_contact(self) -> None:
        """One card from the hopper to the contact station, the contacts put on."""
        with self._machine.step(Event.FED):
            found = self.position()
            if found is not CardPosition.NONE:
                raise PrinterFault(Fault.CARD_INSIDE, said(found.value))
            self._until_ready(but=frozenset())
            self._go("load", wire.act(wire.LOAD, self._settings.load_flags, wire.AT_CONTACT), CardPosition.CONTACT)
            self._contacts(wire.ENGAGE_CONTACT)
        self._machine.move(Event.FED)

    def touch_again(self) -> None:
        """Lift the contacts, wait, put them on again: the retry of the published program."""
        self._contacts(wire.RELEASE_CONTACT)
        self._stream.pause(self._settings.times.touch)
        self._contacts(wire.ENGAGE_CONTACT)

    def stripes(self) -> frozenset[Coercivity]:
        """Either: which one is a setting of the printer itself, that nobody asks here."""
        return frozenset(("high", "low"))

    def write_stripe(self, stripe: Stripe) -> None:
        """Write the tracks at the stripe station; the card goes back to where it was.

        High or low coercivity is a setting of the printer itself, not of a card.
        """
        with self._machine.step(Event.MOVED_TO_PRINT):
            back = self.position()
            self._leave_contacts()
            self._go("move", wire.act(wire.MOVE, 0, wire.AT_STRIPE), CardPosition.STRIPE)
            self._encode(stripe)
            if back is CardPosition.CONTACT:
                self._go("move", wire.act(wire.MOVE, 0, wire.AT_CONTACT), CardPosition.CONTACT)
                self._contacts(wire.ENGAGE_CONTACT)

    def _encode(self, stripe: Stripe) -> None:
        """Write, and read each track back: a wrong one is a fault of the stripe, not of the printer."""
        tracks = {number: stripe.track(number) for number in stripe.written}
        move = self._settings.times.move
        try:
            self._command("stripe", wire.stripe_write(tracks), move, retry=False)
            for number, text in tracks.items() if self._settings.stripe_reads else ():
                answer = self._command("stripe read", wire.stripe_read(number), move, retry=False)
                if wire.stripe_told(answer.data).get(number) != text:
                    raise PrinterFault(Fault.STRIPE, Text(f"track {number}", f"第{number}磁道"))
        except ValueError as wrong:
            raise PrinterFault(Fault.UNREADABLE, Text("stripe read", "读磁条")) from wrong
        except PrinterFault as failed:
            if failed.fault is not Fault.REFUSED:
                raise
            raise PrinterFault(Fault.STRIPE, failed.detail) from failed

    def print_sides(self, front: PrintSide, back: PrintSide | None = None) -> None:
        """Print one or both sides on film and transfer them; the card stays inside."""
        with self._machine.step(Event.MOVED_TO_PRINT):
            sides = [self._panels(front, self._settings.front_panels)]
            if back is not None:
                sides.append(self._panels(back, self._settings.back_panels))
            if self.position() is not CardPosition.CONTACT:
                raise PrinterFault(Fault.WRONG_POSITION, said(CardPosition.CONTACT.value))
            self._until_ready()
            self._leave_contacts()
            self._go("move", wire.act(wire.MOVE, 0, wire.AT_PRINT), CardPosition.PRINT)
        self._machine.move(Event.MOVED_TO_PRINT)
        with self._machine.step(Event.SIDES_PRINTED):
            for number, panels in enumerate(sides):
                self._print(panels, turn=number + 1 < len(sides))
            self._expect(CardPosition.PRINT)
        self._machine.move(Event.SIDES_PRINTED)

    def eject(self) -> None:
        """Give the card out; it must be inside before and gone after."""
        self._leave(Event.CARD_EJECTED, "eject", wire.AT_EJECT, must=True)

    def reject(self) -> bool:
        """Move the card inside to the reject exit; False when the printer says there is none."""
        return self._leave(Event.CARD_REJECTED, "reject", wire.AT_REJECT, must=False)

    def release(self) -> None:
        """Nothing to give back: the printer manages itself when the line is closed."""
        self._machine.move(Event.RELEASED)

    def close(self) -> None:
        self._machine.move(Event.RELEASED)
        self._stream.close()

    # below the session

    def _leave(self, event: Event, name: str, place: int, *, must: bool) -> bool:
        with self._machine.step(event):
            inside = self.position() is not CardPosition.NONE
            if must and not inside:
                raise PrinterFault(Fault.WRONG_POSITION, said(CardPosition.NONE.value))
            if inside:
                self._until_ready(but=_SUPPLIES)
                self._leave_contacts()
                self._go(name, wire.act(wire.MOVE, 0, place), CardPosition.NONE)
        self._machine.move(event)
        return inside

    def _meet(self) -> None:
        """The printer speaks first, once a connection; it is answered with the names of owner and document."""
        if self._model is not None:
            return
        times = self._settings.times
        hello = self._read("connect", times.query)
        if hello.type != wire.CONNECTED or len(hello.data) < 56:
            raise _unreadable("connect", hello)
        taken = self._say(
            "document", wire.DOCUMENT, wire.document(_OWNER, _JOB), times.query, self._settings.document_param
        )
        if taken.type != wire.DOCUMENT_TAKEN or taken.status:
            raise _unreadable("document", taken)
        self._model = wire.model_of(hello)

    def _panels(self, side: PrintSide, wanted: str) -> list[tuple[str, bytes]]:
        """The panels of a side as they are sent, made before the card moves."""
        require_size(side, self._settings.width, self._settings.height)
        return [(name, self._dots(side, name, black_panel="k" in wanted)) for name in wanted]

    def _dots(self, side: PrintSide, name: str, *, black_panel: bool) -> bytes:
        if name in COLOUR_PANELS:
            curve = self._settings.tone[COLOUR_PANELS.index(name)]
            plane = ink_levels(side, name, curve, _FULL, black_panel=black_panel)
        elif name == "k":
            plane = np.where(side.black, np.uint8(_FULL), np.uint8(0))
        else:  # peel-off: film is taken off where no varnish shall be
            plane = np.where(side.overlay, np.uint8(0), np.uint8(_FULL))
        return (plane[::-1, ::-1] if self._settings.half_turn else plane).tobytes()

    def _print(self, panels: list[tuple[str, bytes]], *, turn: bool) -> None:
        """Download the panels of a side, print them on film, transfer them; the card turns or comes back."""
        times, mask = self._settings.times, 0
        for name, dots in panels:
            bit = wire.PANEL_BITS[name]
            mask |= bit
            data = wire.panel(bit.bit_length() - 1, dots)
            self._checked(f"panel;{name}", self._say(f"panel;{name}", wire.PANEL, data, times.panel))
        self._command("print", wire.act(wire.PRINT, 0, mask), times.print, retry=False)
        self._until_ready(times.print)
        filling = (0,) * (self._settings.transfer_bytes - 2)
        flags = wire.TURN if turn else 0
        self._command("transfer", wire.act(wire.TRANSFER, flags, wire.AT_PRINT, *filling), times.print, retry=False)
        self._until_ready(times.print)

    def _contacts(self, how: int) -> None:
        self._command("contacts", wire.act(wire.CONTACTS, how, 0), self._settings.times.move)
        self._engaged = how == wire.ENGAGE_CONTACT

    def _leave_contacts(self) -> None:
        if self._engaged or self.position() is CardPosition.CONTACT:
            self._contacts(wire.RELEASE_CONTACT)

    def _go(self, name: str, data: bytes, wanted: CardPosition) -> None:
        self._command(name, data, self._settings.times.move)
        self._expect(wanted)

    def _expect(self, wanted: CardPosition) -> None:
        """Read the position again, a few times since the card may still move; a mismatch is a fault."""
        for attempt in range(self._settings.query_attempts):
            if attempt:
                self._stream.pause(self._settings.times.poll)
            found = self.position()
            if found is wanted:
                return
        raise PrinterFault(Fault.WRONG_POSITION, said(f"{wanted.value} / {found.value}"))

    def _until_ready(self, patience: float | None = None, but: frozenset[Fault] = _ANOTHER_CARD) -> None:
        """Ask until the printer is ready; a fault that is not in ``but`` ends the waiting, and so does patience."""
        times = self._settings.times
        left = times.warm if patience is None else patience
        while status := self._status():
            fault = self._settings.meaning(status)
            if fault in but:
                return
            if fault is not None:
                raise PrinterFault(fault, said(f"{status:08X}"))
            if left <= 0:
                raise PrinterFault(Fault.WARMING, said(f"{status:08X}"))
            self._stream.pause(times.poll)
            left -= times.poll

    def _status(self) -> int:
        """The status word; 0 is ready."""
        answer = self._say("status", wire.COMMAND, wire.act(wire.STATUS, 0, 0), self._settings.times.query)
        return answer.status

    def _told(self) -> dict[int, int]:
        tags = (wire.TAG_CARDS, wire.TAG_INK, wire.TAG_FILM, wire.TAG_PANELS)
        answer = self._say("info", wire.INFO, wire.ask(*tags), self._settings.times.query)
        if answer.type != wire.INFO_ANSWER:
            raise _unreadable("info", answer)
        try:
            return wire.told(answer.data)
        except ValueError as wrong:
            raise PrinterFault(Fault.UNREADABLE, said(f"info: {wrong}")) from wrong

    def _command(self, name: str, data: bytes, timeout: float, *, retry: bool = True) -> Message:
        """One command. Refused because the printer is busy it is sent once more: such an answer says "not done"."""
        answer = self._say(name, wire.COMMAND, data, timeout)
        if retry and answer.status and self._settings.meaning(answer.status) is None:
            self._until_ready()
            answer = self._say(name, wire.COMMAND, data, timeout)
        return self._checked(name, answer)

    def _checked(self, name: str, answer: Message) -> Message:
        if answer.status or answer.type == wire.REFUSED:
            fault = self._settings.meaning(answer.status)
            raise PrinterFault(fault or Fault.WARMING, said(f"{name}: {answer.status:08X}"))
        return answer

    def _say(self, name: str, type_: int, data: bytes, timeout: float, parameter: int = 0) -> Message:
        """Send and wait for the answer with the same number; late answers to others are dropped."""
        sequence = self._sequence
        self._sequence = 0 if sequence == wire.FIRST_SEQUENCE else sequence + 1 & 0xFFFFFFFF
        self._stream.write(wire.message(type_, sequence, data, parameter=parameter), name=name)
        while True:
            answer = self._read(name, timeout)
            if answer.sequence == sequence:
                return answer

    def _read(self, name: str, timeout: float) -> Message:
        head = self._stream.read_exact(wire.HEAD, timeout, name=name)
        size = wire.words_behind(head)
        if not wire.HEAD <= size <= _LONGEST:
            raise PrinterFault(Fault.UNREADABLE, said(f"{name}: {head.hex()}"))
        return wire.parse(head, self._stream.read_exact(size, timeout, name=name))


_LONGEST: Final = 4096


def _unreadable(name: str, answer: Message) -> PrinterFault:
    return PrinterFault(Fault.UNREADABLE, said(f"{name}: {answer.type:08X} {answer.status:08X}"))
