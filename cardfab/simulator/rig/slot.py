"""A reader with one card in it, behind TCP: the frames of vpcd, the station being the client (see ``frames.py``)."""

from __future__ import annotations

from cardfab.simulator.printer.card import Chip
from cardfab.simulator.rig.frames import FramedReader


class CardSlot(FramedReader):
    """The session of one reader. The card stays in it from call to call."""

    def __init__(self, chip: Chip) -> None:
        super().__init__()
        self._chip = chip
        self._powered = False

    def hang_up(self) -> None:
        """The station is gone: the card has no power any more."""
        self._buffer.clear()
        self._power(on=False)

    def _power(self, *, on: bool) -> None:
        if self._powered:
            self._chip.power_off()
        if on:
            self._chip.power_on()
        self._powered = on

    def _answer(self, payload: bytes) -> bytes | None:
        if len(payload) > 1:
            return self._chip.transmit(payload) if self._powered else b""
        match payload:
            case b"\x00":
                self._power(on=False)
            case b"\x01" if not self._powered:
                self._power(on=True)
            case b"\x02":
                self._power(on=True)
            case b"\x04":
                return bytes(self._chip.atr)
        return None
