"""An inserter: it moves cards between a hopper, a reader's contacts and two trays, and prints nothing.

A command is one word, ended by CR; the answer ends with NUL: ``OK`` and what was asked, or ``NO`` and a trouble by its
name in `Fault`. ``WHO`` model;serial;firmware; ``STATE`` place and troubles; ``COUNT`` cards ever fed; ``FEED``;
``TOUCH``; ``OUT``; ``REJECT`` 1, or 0 where no card was inside. A machine of another language is another driver.
"""

from __future__ import annotations

from typing import Final

from cardfab.errors import Text
from cardfab.printer.driver import CardPosition, PrinterIdentity, PrinterStatus, Ribbon
from cardfab.printer.fault import Fault, PrinterFault, said
from cardfab.printer.raster import PrintSide
from cardfab.printer.stream import Stream, open_stream
from cardfab.printer.stripe import Coercivity, Stripe
from cardfab.watch import Watch, unwatched

SCHEME: Final = "inserter://"
_QUERY, _MOVE = 5.0, 60.0


class Inserter:
    """A `cardfab.printer.driver.CardPrinter` that only moves cards."""

    def __init__(self, line: Stream) -> None:
        self._line = line

    @classmethod
    def at(cls, address: str, watch: Watch = unwatched) -> Inserter:
        """``inserter://host:port``. Raises `PrinterFault` (link lost) when nobody listens there."""
        return cls(open_stream("socket://" + address.removeprefix(SCHEME), watch=watch))

    def identify(self) -> PrinterIdentity:
        model, _, rest = self._asked("WHO").partition(";")
        serial, _, firmware = rest.partition(";")
        return PrinterIdentity(model, serial, firmware, "")

    def status(self) -> PrinterStatus:
        """Place and troubles; it has no ribbon, so none is missing."""
        place, troubles = self._state()
        return PrinterStatus(
            cover_open=Fault.COVER_OPEN in troubles,
            feeder_empty=Fault.FEEDER_EMPTY in troubles,
            feeder_low=None,
            ribbon=Ribbon.UNKNOWN,
            ribbon_left=None,
            ribbon_capacity=None,
            position=place,
            reject_box_full=Fault.REJECT_BOX_FULL in troubles,
            needs_cleaning=None,
            jammed=Fault.JAM in troubles,
        )

    def position(self) -> CardPosition:
        return self._state()[0]

    def cards_fed(self) -> int | None:
        told = self._asked("COUNT")
        if not told.isdecimal():
            raise PrinterFault(Fault.UNREADABLE, said(f"COUNT: {told}"))
        return int(told)

    def prepare(self) -> CardPosition:
        """Where a card is; raises what has to be mended before one can be moved."""
        place, troubles = self._state()
        for fault in troubles:
            if fault is not Fault.FEEDER_EMPTY:  # a card that lies inside can be moved all the same
                raise PrinterFault(fault)
        return place

    def feed_to_contact(self) -> None:
        if self._state()[0] is not CardPosition.NONE:
            raise PrinterFault(Fault.CARD_INSIDE)
        self._asked("FEED", _MOVE)
        if self._state()[0] is not CardPosition.CONTACT:
            raise PrinterFault(Fault.WRONG_POSITION, said("FEED"))

    def touch_again(self) -> None:
        self._asked("TOUCH", _MOVE)

    def print_sides(self, front: PrintSide, back: PrintSide | None = None) -> None:
        """It prints nothing."""
        raise PrinterFault(Fault.NO_STATION, Text("print", "打印"))

    def stripes(self) -> frozenset[Coercivity]:
        """None: there is no magnetic head."""
        return frozenset()

    def write_stripe(self, stripe: Stripe) -> None:
        """There is no magnetic head."""
        raise PrinterFault(Fault.NO_STATION, Text("magnetic stripe", "磁条"))

    def eject(self) -> None:
        """To the tray of good cards."""
        self._asked("OUT", _MOVE)
        self._require_empty("OUT")

    def reject(self) -> bool:
        there = self._asked("REJECT", _MOVE) == "1"
        self._require_empty("REJECT")
        return there

    def release(self) -> None:
        """Nothing was taken over."""

    def close(self) -> None:
        self._line.close()

    def _require_empty(self, command: str) -> None:
        """It may have said OK to a movement that did not happen."""
        if self._state()[0] is not CardPosition.NONE:
            raise PrinterFault(Fault.WRONG_POSITION, said(command))

    def _state(self) -> tuple[CardPosition, tuple[Fault, ...]]:
        told = self._asked("STATE")
        place, *troubles = told.split() or [""]
        try:
            return CardPosition(place), tuple(map(Fault, troubles))
        except ValueError as unknown:
            raise PrinterFault(Fault.UNREADABLE, said(f"STATE: {told}")) from unknown

    def _asked(self, command: str, seconds: float = _QUERY) -> str:
        """What stands behind OK; raises `PrinterFault` for NO, and for an answer that is neither."""
        self._line.write(command.encode("ascii") + b"\r", name=command)
        told = self._line.read_reply(seconds, name=command).decode("ascii", "replace")
        word, _, rest = told.partition(" ")
        if word == "OK":
            return rest
        try:
            fault = Fault(rest) if word == "NO" else Fault.UNREADABLE
        except ValueError:
            fault = Fault.REFUSED
        raise PrinterFault(fault, said(f"{command}: {told}"))


__all__ = ["SCHEME", "Inserter"]
