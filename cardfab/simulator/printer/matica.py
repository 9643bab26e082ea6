"""A Matica XID retransfer printer: it prints on film and presses the film onto the card.

Where the notes leave a choice, this printer takes the stricter one: a panel of another length, an unknown command, a
flag that no dump shows are answered with 52000; bytes that are no frame end the line. Movements are answered when they
are done, a print when it has begun; whoever goes on too early hears "printing", and nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cardfab.simulator.printer import matica_frames as wire
from cardfab.simulator.printer import matica_info, stripe
from cardfab.simulator.printer import matica_words as say
from cardfab.simulator.printer.body import Body
from cardfab.simulator.printer.card import Card, Place
from cardfab.simulator.printer.clock import Clock
from cardfab.simulator.printer.coding import Plane
from cardfab.simulator.printer.faults import Fault, LineCut, PrinterFault
from cardfab.simulator.printer.geometry import Raster
from cardfab.simulator.printer.machine import Jam, Machine, OnExit, Ribbon, half_of
from cardfab.simulator.printer.matica_words import Refusal

EMULATES = "Matica XID over TCP, published notes of one user's printer"

RASTERS = {"XID8600": Raster(2072, 1328, 600), "XID580ie": Raster(1036, 664, 300)}

_PLACES = {0: Place.PRINT, 1: Place.CONTACT, 2: Place.CONTACTLESS, 3: Place.STRIPE, 4: Place.REJECTED, 5: Place.OUTPUT}
_PANELS = {0x01: "y", 0x02: "m", 0x04: "c", 0x08: "k", 0x20: "p", 0x40: "u"}
_FLIP, _FILM = 0x10, 0x80
_TRACKS = {0x16: 1, 0x24: 2, 0x34: 3}
_TAGS = {track: tag for tag, track in _TRACKS.items()}
_DOCUMENT_BYTES = 27 * 4
_WARM_UP = 180.0
"""Seconds from power on until the heat roller is hot; the notes say minutes."""
_SECONDS = {0x03: 5.0, 0x04: 6.0, 0x05: 3.0, 0x07: 15.0, 0x08: 3.0, 0x09: 5.0, 0x0A: 0.5}
_PANEL_SECONDS = 4.0


@dataclass(slots=True)
class _Film:
    """One frame of transfer film: what is printed on it and not yet on a card."""

    planes: list[tuple[str, Plane]] = field(default_factory=list)
    spoiled_by: str = ""


class MaticaPrinter(Body):
    """Bytes in, answers out. A test may look at ``machine``, ``history``, ``film_left`` and ``documents``.

    ``warm_up``: seconds from power on until it is ready.
    """

    def __init__(
        self,
        *,
        model: str = "XID8600",
        ribbon: Ribbon | None = None,
        on_exit: OnExit | None = None,
        speed: float = 0.0,
        film: int = 1000,
        warm: bool = True,
    ) -> None:
        """``speed`` as in `Clock`; ``warm`` False: it was switched on just now."""
        machine = Machine(on_exit=on_exit, ribbon=ribbon or Ribbon("ymck", 250, 250), raster=RASTERS[model])
        super().__init__(machine, Clock(speed))
        self.model = model
        self.film_left = self.film_capacity = film
        self.documents: list[tuple[str, str]] = []
        self._parser = wire.FrameParser()
        self._open = False
        self._panels: dict[int, Plane] = {}
        self._film: _Film | None = None
        self._back_up = False
        self._engaged = False
        self._stripe_spoiled = False
        self._jam_word = say.JAM_TRANSFER
        self.warm_up = _WARM_UP
        self._warm_at = 0.0 if warm else self.warm_up
        self._busy_until = 0.0
        self._stripe_spoiled = False
        self._commands: dict[int, Callable[[int, int, bytes], bytes | None]] = {
            0x01: self._status,
            0x02: self._position,
            0x03: self._initialise,
            0x04: self._load,
            0x05: self._move,
            0x06: self._print,
            0x07: self._transfer,
            0x08: self._stripe_read,
            0x09: self._stripe_write,
            0x0A: self._contacts,
        }

    # The wire

    def greet(self) -> bytes:
        """What it says first to whoever connects: name, addresses, model (28 words)."""
        with self.lock:
            self._parser.drop()
            self._open = False
            data = bytes(14) + b"PRINTER01\0" + bytes((127, 0, 0, 1)) + bytes(12) + self.model.encode().ljust(16)
            return wire.Frame(wire.GREETING, 0, 0x00033118, data.ljust(26 * 4, b"\0")).coded()

    def receive(self, portion: bytes) -> bytes:
        """The answers to the frames that ``portion`` completes. Raises LineCut where the line ends."""
        answers = bytearray()
        try:
            for frame in self._parser.feed(portion):
                answers += self._one(frame)
        except wire.FrameError as wrong:
            raise LineCut(bytes(answers)) from wrong
        except LineCut as cut:
            self._parser.drop()
            raise LineCut(bytes(answers)) from cut
        return bytes(answers)

    def hang_up(self) -> None:
        """The line broke: a half-sent frame is forgotten, everything else stays as it is."""
        with self.lock:
            self._parser.drop()
            self._open = False

    def _one(self, frame: wire.Frame) -> bytes:
        with self.lock:
            self._wait_for(frame)
            name = _name(frame)
            self.history.append(name)
            struck = self.strike(name)
            if Fault.WARMING in struck:
                self._warm_at = self.clock.now + self.warm_up
            if Fault.POWER_CUT in struck:
                self.cut(struck)
                raise LineCut
            if Fault.WRONG_OK in struck:
                answer = wire.Frame(wire.DONE, 0, frame.sequence)
            else:
                self._stripe_spoiled = Fault.STRIPE in struck
                answer = self._answer(frame)
        if Fault.CABLE_OUT in struck:
            self.cut(struck)
            raise LineCut
        return b"" if Fault.SILENCE in struck else answer.coded()

    def _wait_for(self, frame: wire.Frame) -> None:
        if frame.kind == wire.COMMAND and len(frame.data) >= 2:
            self.clock.tick()
            if self._condition() == say.OK or self._condition() == say.NO_CARDS:
                self.clock.spend(_SECONDS.get(frame.data[0], 0.0))

    def _answer(self, frame: wire.Frame) -> wire.Frame:
        try:
            kind, data = self._carry_out(frame)
        except Refusal as refusal:
            return wire.Frame(wire.REFUSED, refusal.word, frame.sequence)
        except PrinterFault as fault:
            return wire.Frame(wire.REFUSED, self._word_of(fault), frame.sequence)
        return wire.Frame(kind, 0, frame.sequence, data)

    def _carry_out(self, frame: wire.Frame) -> tuple[int, bytes]:
        match frame.kind:
            case wire.DOCUMENT:
                return wire.DOCUMENT_TAKEN, self._document(frame.data)
            case wire.INFO:
                known = matica_info.about(self.machine, self._condition, self._film_tenths)
                return 0xF1000600, matica_info.answer(frame.data, known)
            case wire.PRINT_INFO:
                return 0xF1000500, matica_info.answer(frame.data, matica_info.printing(self.machine))
            case wire.PANEL if self._open:
                self._take_panel(frame.data)
                return wire.DONE, b""
            case wire.COMMAND if self._open and len(frame.data) >= 4:
                told = self._command(frame.data)
                return (wire.DONE, b"") if told is None else (wire.VALUE, told)
        raise Refusal(say.BAD_COMMAND)

    def _command(self, data: bytes) -> bytes | None:
        code, length = data[0], data[1]
        handler = self._commands.get(code)
        # The rest of the last word is filling.
        if handler is None or length < 2 or len(data) != (2 + length + 3) // 4 * 4 or any(data[2 + length :]):
            raise Refusal(say.BAD_COMMAND)
        if code not in (0x01, 0x02):
            self._must_be_idle()
        body = data[2 : 2 + length]
        if code not in (0x07, 0x08, 0x09) and length != 2:
            raise Refusal(say.BAD_COMMAND)
        return handler(body[0], body[1], body[2:])

    def _document(self, data: bytes) -> bytes:
        if len(data) != _DOCUMENT_BYTES:
            raise Refusal(say.BAD_COMMAND)
        owner, title = (part.decode("utf-16-le", "replace").rstrip("\0") for part in (data[12:44], data[44:108]))
        self.documents.append((owner, title))
        self._open = True
        self._panels.clear()
        return b""

    # How it stands

    def _condition(self) -> int:
        machine = self.machine
        if machine.cover_is_open:
            return say.DOOR_OPEN
        if machine.jam is Jam.STUCK:
            return self._jam_word
        if self.clock.now < self._warm_at:
            return say.WARMING
        if self.clock.now < self._busy_until:
            return say.PRINTING
        if machine.ribbon is None:
            return say.INK
        if machine.ribbon.broken:
            return say.INK_OUT
        if self.film_left <= 0:
            return say.FILM_SEARCH
        if machine.feeder_stuck or not machine.hopper:
            return say.NO_CARDS
        return say.OK

    def _must_be_idle(self) -> None:
        word = self._condition()
        # A card inside can still be moved out while the ink, the film or the hopper is at its end.
        if word not in (say.OK, say.NO_CARDS, say.INK, say.INK_OUT, say.FILM_SEARCH):
            raise Refusal(word)

    def _film_tenths(self) -> int:
        return max(0, self.film_left) * 10 // self.film_capacity

    def _word_of(self, fault: PrinterFault) -> int:
        if fault.nak == "R":
            return say.INK if fault.text != "ERR RIBBON ENDED" else say.INK_OUT
        words = {"C": say.DOOR_OPEN, "F": say.NO_CARDS, "K": say.STRIPE_FAILED, "D": say.STRIPE_FAILED}
        if fault.text == "ERR HOPPER FULL":
            return say.JAM_EXIT  # no word for a full box is noted
        if fault.text == "ERR NO CARD":
            return say.CARD_POSITION
        return words.get(fault.nak, self._jam_word)

    def power_cut(self) -> None:
        super().power_cut()
        self.forget_job()
        self._engaged = self._back_up = False
        self._busy_until = 0.0
        self._warm_at = self.clock.now + self.warm_up

    def forget_job(self) -> None:
        self._panels.clear()
        self._film = None

    # Commands

    def _status(self, flags: int, last: int, _rest: bytes) -> None:
        _must(flags == 0 and last == 0)
        if (word := self._condition()) != say.OK:
            raise Refusal(word)

    def _position(self, flags: int, last: int, _rest: bytes) -> bytes:
        _must(flags == 0 and last == 0)
        place = self.machine.position
        at = next((code for code, known in _PLACES.items() if known is place), None)
        return bytes((1, 2, 4, 0)) if self.machine.inside is None or at is None else bytes((1, 2, 0, at))

    def _initialise(self, flags: int, last: int, _rest: bytes) -> None:
        _must(flags == 0 and last == 0)
        self.forget_job()

    def _load(self, flags: int, place: int, _rest: bytes) -> None:
        _must(flags in (0, _FLIP, _FILM, _FLIP | _FILM) and place in _PLACES)
        if place in (4, 5):
            raise Refusal(say.NO_SUCH_ENTRY)
        if self.machine.inside is not None:
            raise Refusal(say.CARD_POSITION)
        self._jam_word = say.JAM_HOPPER
        self.machine.bring(_PLACES[place], from_feeder=True)
        self._film = None
        self._back_up, self._engaged = bool(flags & _FLIP), False

    def _move(self, flags: int, place: int, _rest: bytes) -> None:
        _must(flags in (0, _FLIP, _FILM, _FLIP | _FILM) and place in _PLACES)
        if self.machine.inside is None or self._engaged:
            raise Refusal(say.CARD_POSITION)
        self._jam_word = say.JAM_TURNOVER if flags & _FLIP else say.JAM_EXIT if place > 3 else say.JAM_TRANSFER
        self._go(place)
        if flags & _FLIP:
            self._back_up = not self._back_up

    def _go(self, place: int) -> None:
        if place == 4:
            self.machine.reject()
        elif place == 5:
            self.machine.eject()
        else:
            self.machine.bring(_PLACES[place], from_feeder=False)

    def _contacts(self, flags: int, last: int, _rest: bytes) -> None:
        """10: the antenna instead of the contacts; 40: release."""
        _must(flags in (0x00, 0x10, 0x40, 0x50) and last == 0)
        wanted = Place.CONTACTLESS if flags & 0x10 else Place.CONTACT
        if self.machine.inside is None or self.machine.position is not wanted:
            raise Refusal(say.CARD_POSITION)
        self._engaged = not flags & 0x40
        if not self._engaged:
            self.machine.inside.power_off()
        elif wanted is Place.CONTACT:
            self.machine.set_contacts_down()

    @property
    def touched(self) -> Card | None:
        """The card whose chip the contacts reach: only while they are down."""
        return self.machine.touched if self._engaged else None

    def _take_panel(self, data: bytes) -> None:
        """One panel: its bit, how many bytes follow with the count and without it, the dots half turned."""
        self._must_be_idle()
        bit, with_count, count = (int.from_bytes(data[at : at + 4]) for at in (0, 4, 8))
        raster = self.machine.raster
        dots = raster.width * raster.height
        panel = _PANELS.get(bit >> 24)
        if bit & 0xFFFFFF or panel is None or count != dots or with_count != count + 4 or len(data) != 12 + dots:
            raise Refusal(say.BAD_COMMAND)
        plane = np.frombuffer(data, np.uint8, dots, 12).reshape(raster.height, raster.width)
        if panel == "k" and not ((plane == 0) | (plane == 255)).all():
            raise Refusal(say.BAD_COMMAND)
        self._panels[bit >> 24] = np.ascontiguousarray(plane[::-1, ::-1])

    def _print(self, flags: int, panels: int, _rest: bytes) -> None:
        """Put the panels of the mask on the next frame of film; the card has no part in it."""
        wanted = [bit for bit in _PANELS if panels & bit]
        colour = panels & 0x07
        _must(bool(wanted) and not panels & ~0x6F and flags & ~0x23 == 0 and colour in (0, 0x07))
        _must(all(bit in self._panels for bit in wanted))
        machine = self.machine
        if machine.ribbon is None:
            raise Refusal(say.INK)
        if machine.ribbon.broken:
            raise Refusal(say.INK_OUT)
        if self.film_left <= 0:
            raise Refusal(say.FILM_SEARCH)
        if any(_PANELS[bit] not in machine.ribbon.kind for bit in wanted):
            raise Refusal(say.INK)
        self.film_left -= 1
        machine.ribbon.new_card()
        film = self._film = _Film()
        stops = machine.jam is Jam.COMING
        for bit in wanted:
            panel, plane = _PANELS[bit], self._panels[bit]
            machine.ribbon.wind_to(panel)
            machine.panels += 1
            if machine.ribbon.torn or stops:
                film.planes.append((panel, half_of(plane)))
                film.spoiled_by = f"stopped in panel {panel}"
                if stops:
                    machine.jam, self._jam_word = Jam.STUCK, say.JAM_RETRANSFER
                    raise Refusal(say.JAM_RETRANSFER)
                machine.ribbon.broken = True
                raise Refusal(say.INK_OUT)
            film.planes.append((panel, plane))
        self._panels.clear()
        self._busy_until = self.clock.over(_PANEL_SECONDS * len(wanted))

    def _transfer(self, flags: int, place: int, rest: bytes) -> None:
        """Press the film onto the side of the card that is up, then leave it, turn it or give it out."""
        _must(flags in (0, _FLIP) and place in (0, 5) and not any(rest) and len(rest) in (0, 4))
        machine = self.machine
        card, film = machine.inside, self._film
        if card is None or machine.position is not Place.PRINT:
            raise Refusal(say.CARD_POSITION)
        _must(film is not None)
        if film is None:
            return
        stops = machine.jam is Jam.COMING
        self._film = None
        side = card.back if self._back_up else card.front
        for panel, plane in film.planes:
            if not side.add(panel, half_of(plane) if stops else plane):
                card.ruined_by.append(f"panel {panel} out of order")
        if film.spoiled_by:
            card.ruined_by.append(film.spoiled_by)
        if stops:
            machine.jam, self._jam_word = Jam.STUCK, say.JAM_RETRANSFER
            card.ruined_by.append("jam in transfer")
            raise Refusal(say.JAM_RETRANSFER)
        if flags & _FLIP:
            self._back_up = not self._back_up
        if place == 5:
            self._jam_word = say.JAM_EXIT
            machine.eject()

    # Magnetic stripe

    def _stripe_card(self) -> Card:
        card = self.machine.inside
        if card is None or self.machine.position is not Place.STRIPE:
            raise Refusal(say.CARD_POSITION)
        self._jam_word = say.JAM_STRIPE
        self.machine.bring(Place.STRIPE, from_feeder=False)
        return card

    def _stripe_write(self, flags: int, count: int, rest: bytes) -> None:
        """``count`` tracks: tag, how many characters, their codes (6 bits on track 1, else 4)."""
        _must(flags == 0)
        tracks: dict[int, str] = {}
        while rest:
            _must(len(rest) >= 2)
            track, size = _TRACKS.get(rest[0], 0), rest[1]
            _must(track != 0 and track not in tracks and len(rest) >= 2 + size)
            tracks[track] = _text(track, rest[2 : 2 + size])
            rest = rest[2 + size :]
        _must(len(tracks) == count and bool(tracks))
        card = self._stripe_card()
        for track, text in tracks.items():
            try:
                card.stripe[track] = stripe.lay(track, text, spoiled=self._stripe_spoiled)
            except stripe.StripeError as wrong:
                raise Refusal(say.BAD_COMMAND) from wrong

    def _stripe_read(self, _first: int, second: int, rest: bytes) -> bytes:
        """Tracks 1, 2 and 3 each have a place for their tag; one that does not read fails the command."""
        wanted = [_TRACKS.get(tag) for tag in (second, *rest) if tag]
        _must(len(rest) == 4 and bool(wanted) and None not in wanted)
        card = self._stripe_card()
        told = bytearray((8, 0, 0, 0, len(wanted)))
        for track in (1, 2, 3):
            if track not in wanted:
                continue
            try:
                text = stripe.read(track, card.stripe.get(track, b""))
            except stripe.StripeError as wrong:
                raise Refusal(say.STRIPE_FAILED) from wrong
            told += bytes((_TAGS[track], len(text))) + bytes(ord(one) - (0x20 if track == 1 else 0x30) for one in text)
        return bytes(told) + bytes(-len(told) % 4)


def _text(track: int, codes: bytes) -> str:
    _must(max(codes, default=0) < (0x40 if track == 1 else 0x10))
    return "".join(chr(code + (0x20 if track == 1 else 0x30)) for code in codes)


def _name(frame: wire.Frame) -> str:
    """As faults and the history name it: ``04`` load, ``panel-y``, ``document``, ``info``."""
    if frame.kind == wire.COMMAND and frame.data:
        return f"{frame.data[0]:02X}"
    if frame.kind == wire.PANEL and frame.data:
        return f"panel-{_PANELS.get(frame.data[0], '?')}"
    return {wire.DOCUMENT: "document", wire.INFO: "info", wire.PRINT_INFO: "info"}.get(frame.kind, "?")


def _must(holds: bool) -> None:
    if not holds:
        raise Refusal(say.BAD_COMMAND)
