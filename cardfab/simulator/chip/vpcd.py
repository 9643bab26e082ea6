"""The chip as a client of vpcd, so that PC/SC sees it. Frames: 2-byte length, then a control byte or an APDU."""

from __future__ import annotations

import socket
import threading

from cardfab.simulator.chip.chip import TrainingChip

OFF, ON, RESET, ATR = b"\x00", b"\x01", b"\x02", b"\x04"
_PATIENCE = 0.1


def _receive(connection: socket.socket, count: int, stop: threading.Event) -> bytes | None:
    """Exactly ``count`` bytes; None when the host hung up or ``stop`` was set."""
    data = b""
    while len(data) < count:
        if stop.is_set():
            return None
        # The kernel falls back to delayed acknowledgement by itself, which costs 40 ms an APDU: ask again each time.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            part = connection.recv(count - len(data))
        except TimeoutError:
            continue
        except ConnectionError:
            return None
        if not part:
            return None
        data += part
    return data


class Contacts:
    """What the reader sees of a chip. On T=0 alone, an answer to a command with data is fetched by GET RESPONSE."""

    def __init__(self, chip: TrainingChip) -> None:
        self._chip = chip
        self._t0 = not chip.atr[1] & 0x80  # no TD1: T=0 is all there is (ISO 7816-3, 8.2.3)
        self._held = b""

    def respond(self, payload: bytes) -> bytes | None:
        """Act on one frame; the payload of the answer, or None where the frame asks for none."""
        if payload in (OFF, ON, RESET):
            self._held = b""
            self._chip.power_off() if payload == OFF else self._chip.power_on()
        elif payload == ATR:
            return self._chip.atr
        elif len(payload) > 1:
            return self._transmit(payload)
        return None

    def _transmit(self, apdu: bytes) -> bytes:
        if self._held and apdu[1:4] == b"\xc0\x00\x00":
            return self._next(apdu[4] if len(apdu) > 4 else 0)
        self._held = b""
        answer = self._chip.transmit(apdu)
        # A case 4 command comes without its Le on T=0 (ISO 7816-3, 10.3.2): Lc and data, and no more.
        without_le = len(apdu) > 5 and len(apdu) == 5 + apdu[4]
        if not self._t0 or not without_le or len(answer) <= 2:
            return answer
        self._held, status = answer[:-2], answer[-2:]
        return bytes((0x61, min(len(self._held), 0xFF))) if status == b"\x90\x00" else answer

    def _next(self, wanted: int) -> bytes:
        count = min(wanted or 256, len(self._held))
        part, self._held = self._held[:count], self._held[count:]
        return part + (bytes((0x61, min(len(self._held), 0xFF))) if self._held else b"\x90\x00")


def serve_vpcd(chip: TrainingChip, host: str, port: int, stop: threading.Event) -> None:
    """Keep the chip in the reader at ``host:port`` until the host hangs up or ``stop`` is set; raises OSError."""
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_PATIENCE)
        contacts = Contacts(chip)
        while (head := _receive(connection, 2, stop)) is not None:
            payload = _receive(connection, int.from_bytes(head), stop)
            if payload is None:
                break
            answer = contacts.respond(payload)
            if answer is not None:
                try:
                    connection.sendall(len(answer).to_bytes(2) + answer)
                except ConnectionError:
                    break
    chip.power_off()
