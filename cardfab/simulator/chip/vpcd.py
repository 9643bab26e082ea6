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


def respond(chip: TrainingChip, payload: bytes) -> bytes | None:
    """Act on one frame; the payload of the answer, or None where the frame asks for none."""
    if payload == OFF:
        chip.power_off()
    elif payload in (ON, RESET):
        chip.power_on()
    elif payload == ATR:
        return chip.atr
    elif len(payload) > 1:
        return chip.transmit(payload)
    return None


def serve_vpcd(chip: TrainingChip, host: str, port: int, stop: threading.Event) -> None:
    """Keep the chip in the reader at ``host:port`` until the host hangs up or ``stop`` is set; raises OSError."""
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_PATIENCE)
        while (head := _receive(connection, 2, stop)) is not None:
            payload = _receive(connection, int.from_bytes(head), stop)
            if payload is None:
                break
            answer = respond(chip, payload)
            if answer is not None:
                try:
                    connection.sendall(len(answer).to_bytes(2) + answer)
                except ConnectionError:
                    break
    chip.power_off()
