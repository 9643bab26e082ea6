"""The contact reader inside the printer: the frames of vpcd, the station being the client.

An empty ATR says that there is no card in the contact station, an empty response that none has power there.
"""

from __future__ import annotations

from typing import Protocol

from cardfab.simulator.printer import Body, Card, Fault, LineCut
from cardfab.simulator.rig.frames import FramedReader

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4


class ContactStation(Protocol):
    """What the reader needs of its printer."""

    @property
    def body(self) -> Body: ...

    @property
    def touched(self) -> Card | None: ...


class ContactReader(FramedReader):
    """Sees a chip only while the printer holds its card in the contact station."""

    def __init__(self, station: ContactStation) -> None:
        super().__init__()
        self._station = station
        self._printer = station.body
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
        return self._station.touched

    def _event(self, name: str) -> None:
        """Something of the reader's that a fault may wait for. Raises LineCut when it takes the power away."""
        struck = self._printer.strike(name)
        self._printer.cut(struck)
        if Fault.POWER_CUT in struck:
            raise LineCut

    def _answer(self, payload: bytes) -> bytes | None:
        with self._printer.lock:
            card = self._card()
            if len(payload) > 1:
                return self._transmit(card, payload)
            match payload:
                case b"\x00" if card:
                    card.power_off()
                case b"\x01" if card and not card.powered:
                    self._event("power-on")
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
        self._event("apdu")
        self.apdus += 1
        return card.chip.transmit(apdu)
