"""The contact reader inside the printer: the frames of vpcd, the station being the client.

An empty ATR says that there is no card in the contact station, an empty response that none has power there.
"""

from __future__ import annotations

from cardfab.simulator.printer import Card, EvolisPrinter, Place
from cardfab.simulator.rig.frames import FramedReader

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4


class ContactReader(FramedReader):
    """Sees a chip only while the printer holds its card in the contact station."""

    def __init__(self, printer: EvolisPrinter) -> None:
        super().__init__()
        self._printer = printer
        self._cut: int | None = None
        self.apdus = 0

    def hang_up(self) -> None:
        """The station is gone: forget its half frame and take the power from the chip."""
        self._buffer.clear()
        with self._printer.lock:
            if card := self._card():
                card.power_off()

    def cut_power_after(self, apdus: int) -> None:
        """Tear the card: after so many more APDUs the chip has no power, and the next one is answered by nothing."""
        self._cut = apdus

    def _card(self) -> Card | None:
        machine = self._printer.machine
        return machine.inside if machine.position is Place.CONTACT else None

    def _answer(self, payload: bytes) -> bytes | None:
        with self._printer.lock:
            card = self._card()
            if len(payload) > 1:
                return self._transmit(card, payload)
            match payload:
                case b"\x00" if card:
                    card.power_off()
                case b"\x01" if card and not card.powered:
                    card.power_on()
                case b"\x02" if card:
                    card.power_off()
                    card.power_on()
                case b"\x04":
                    return bytes(card.chip.atr) if card else b""
            return None

    def _transmit(self, card: Card | None, apdu: bytes) -> bytes:
        if card is not None and self._cut == 0:
            self._cut = None
            card.power_off()
        if card is None or not card.powered:
            return b""
        if self._cut is not None:
            self._cut -= 1
        self.apdus += 1
        return card.chip.transmit(apdu)
