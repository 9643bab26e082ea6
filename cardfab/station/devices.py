"""The reader and the printer of one station, which are one pair: the chip that is read lies in the printer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cardfab.apdu.link import CardConnection, CardGone, Link, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.apdu.pinentry import PinFeatures, features_of
from cardfab.face.canvas import EVOLIS, Canvas
from cardfab.printer.driver import CardPosition, CardPrinter

BY_HAND = -1
"""Stands for the printer's count where there is no printer: a blank that was never fed cannot have been taken."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A powered chip at the reader. ``historical`` are the 13 bytes of the card reset information."""

    link: Link
    historical: bytes
    pin_features: Callable[[], PinFeatures] = PinFeatures
    """What the reader's own keys can do; asked when it is needed."""

    @property
    def serial(self) -> str:
        """What tells this chip from every other: T6..TD (LD/T 32 part 2, table 16)."""
        return self.historical[5:].hex().upper()


@dataclass(frozen=True, slots=True)
class Devices:
    """``connect`` powers the chip in the reader; ``printer`` is None where cards are put in by hand.

    ``prints`` False: the printer only moves the cards, their faces stay as they are.
    """

    connect: Callable[[], CardConnection]
    printer: CardPrinter | None
    prints: bool = True
    canvas: Canvas = EVOLIS
    """The dots that the printer takes for a side."""
    find_reader: Callable[[], None] = lambda: None
    """Raises ReaderFault unless the reader is there, with or without a card."""
    contact_retries: int = 1
    """How often the contacts are put down again for a chip that does not answer."""
    sees_card: Callable[[], bool] | None = None
    """Whether the reader sees a card now, without waiting for one; None where that cannot be asked."""

    @contextmanager
    def chip(self) -> Iterator[Chip]:
        """The chip in the reader, freshly powered; let go at the end."""
        connection = self._powered()
        try:
            historical = historical_bytes(connection.atr())
            yield Chip(link_to(connection), historical, lambda: features_of(connection))
        finally:
            connection.close()

    def _powered(self) -> CardConnection:
        """A chip that does not answer is tried again as often as the profile says, the contacts put down anew."""
        for _ in range(self.contact_retries if self.printer is not None else 0):
            try:
                return self.connect()
            except CardGone:
                if self.printer is None or self.printer.position() is not CardPosition.CONTACT:
                    raise
                self.printer.touch_again()
        return self.connect()

    def position(self) -> CardPosition:
        """Where the printer's card is; without a printer the reader decides, so UNKNOWN."""
        return CardPosition.UNKNOWN if self.printer is None else self.printer.position()

    def cards_fed(self) -> int | None:
        """The printer's own count of cards taken from the feeder; None when there is no such count."""
        return BY_HAND if self.printer is None else self.printer.cards_fed()
