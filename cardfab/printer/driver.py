"""What every card printer does for a station, whatever language it speaks.

A card is moved, the printer is asked again where it is, and an answer that does not fit is a fault: printers are known
to answer "OK" to a movement that did not happen. Nothing here knows a face or a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from cardfab.printer.fault import Fault
from cardfab.printer.raster import PrintSide
from cardfab.printer.stripe import Coercivity, Stripe


class CardPosition(Enum):
    """Where the printer says the card is; the values are the words of the profiles."""

    NONE = "none"
    PRINT = "print"
    CONTACT = "contact"
    CONTACTLESS = "contactless"
    STRIPE = "stripe"
    REJECT = "reject"
    EJECT = "eject"
    UNKNOWN = "unknown"


class Ribbon(Enum):
    """What the printer says of its ribbon."""

    PRESENT = "present"
    MISSING = "missing"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PrinterIdentity:
    """As the printer tells it; an empty field was not told."""

    model: str
    serial: str
    firmware: str
    print_head: str


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """The printer as it stands. None means that this model cannot say."""

    cover_open: bool
    feeder_empty: bool
    feeder_low: bool | None
    ribbon: Ribbon
    ribbon_left: int | None
    """Frames (cards) left on the ribbon."""
    ribbon_capacity: int | None
    position: CardPosition
    reject_box_full: bool | None
    needs_cleaning: bool | None
    warming: bool = False
    head_hot: bool = False
    jammed: bool = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every trouble seen, the one to mend first at the head."""
        seen = (
            (Fault.JAM, self.jammed),
            (Fault.COVER_OPEN, self.cover_open),
            (Fault.HEAD_HOT, self.head_hot),
            (Fault.WARMING, self.warming),
            (Fault.RIBBON_MISSING, self.ribbon is Ribbon.MISSING),
            (Fault.RIBBON_ENDED, self.ribbon is Ribbon.ENDED),
            (Fault.REJECT_BOX_FULL, bool(self.reject_box_full)),
            (Fault.FEEDER_EMPTY, self.feeder_empty),
            (Fault.NEEDS_CLEANING, bool(self.needs_cleaning)),
        )
        return tuple(fault for fault, here in seen if here)


class CardPrinter(Protocol):
    """One printer with a chip contact station. Every method may raise `cardfab.printer.fault.PrinterFault`."""

    def identify(self) -> PrinterIdentity: ...

    def status(self) -> PrinterStatus: ...

    def position(self) -> CardPosition:
        """Where the card is, asked now."""

    def cards_fed(self) -> int | None:
        """How many cards the printer has ever taken in, by its own count; None where it does not count."""

    def prepare(self) -> CardPosition:
        """Take over error management, send the settings, look where a card is. Also the way out of a fault."""

    def feed_to_contact(self) -> None:
        """Feed one card to the contact station. Refused while a card is inside, before anything moves."""

    def touch_again(self) -> None:
        """Put the contacts down on the chip once more: a chip that did not answer may only not have been reached."""

    def print_sides(self, front: PrintSide, back: PrintSide | None = None) -> None:
        """Move the card from the contact station to print and print it; it stays inside.

        Everything that can be refused is refused before the card moves. A fault after that leaves a card that must not
        be printed again: reject it.
        """

    def stripes(self) -> frozenset[Coercivity]:
        """The magnetic stripes that it writes; none where it has no magnetic head."""

    def write_stripe(self, stripe: Stripe) -> None:
        """Write the magnetic stripe of the card inside and read it back where the printer can; before printing."""

    def eject(self) -> None:
        """Give the card out."""

    def reject(self) -> bool:
        """Move the card inside to the reject box; False when there was none."""

    def release(self) -> None:
        """Give error management back to the printer."""

    def close(self) -> None:
        """Close the line. Sends nothing."""


@runtime_checkable
class Cleans(Protocol):
    """A printer that has a cleaning cycle of its own."""

    def clean(self) -> None:
        """Run it: no card inside and no ribbon, the cleaning card put in. Raises `PrinterFault`."""
