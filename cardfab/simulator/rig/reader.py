"""The contact reader inside the printer: the frames of vpcd, the station being the client.

Each message is a 2-byte big-endian length and a payload. To the reader: 00 power off, 01 power on, 02 reset, 04 get
ATR, or an APDU. Back come the ATR (empty: no card in the contact station) and the responses (empty: none with power
there).
"""

from __future__ import annotations

from cardfab.simulator.printer import Card, EvolisPrinter, Place

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4


class ContactReader:
    """Sees a chip only while the printer holds its card in the contact station."""

    def __init__(self, printer: EvolisPrinter) -> None:
        self._printer = printer
        self._buffer = bytearray()
        self._cut: int | None = None
        self.apdus = 0

    def receive(self, portion: bytes) -> bytes:
        """The answers to the frames that ``portion`` completes."""
        self._buffer += portion
        answers = bytearray()
        while len(self._buffer) >= 2:
            end = 2 + int.from_bytes(self._buffer[:2])
            if len(self._buffer) < end:
                break
            payload = bytes(self._buffer[2:end])
            del self._buffer[:end]
            answer = self._answer(payload)
            if answer is not None:
                answers += len(answer).to_bytes(2) + answer
        return bytes(answers)

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
