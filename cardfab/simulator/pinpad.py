"""A training pin pad: asks for a PIN and gives it as a block of format 0 under the published transport key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from cardfab.crypto import Algorithm, encrypt_ecb

TRANSPORT_KEY = hashlib.sha256(b"cardfab training key, not secret: bank/ZPK").digest()[:16]
PUBLISHED_PIN = "123456789012"


def published(digits: int) -> str:
    """What is pressed on a pad without a person: the first digits of the PIN that everybody knows."""
    return PUBLISHED_PIN[:digits]


class TrainingPad:
    """``press`` has somebody press that many digits and gives them; an empty answer is the red key."""

    def __init__(self, press: Callable[[int], str] = published) -> None:
        self._press = press
        self._pending = b""

    def answer(self, line: bytes) -> bytes:
        """One request of the station, one answer."""
        try:
            asked = json.loads(line)
            pan, digits = str(asked["pan"]), int(asked["digits"])
        except (ValueError, KeyError, TypeError):
            return _line({"refused": "format"})
        pin = self._press(digits)
        if not pin:
            return _line({"refused": "cancelled"})
        if len(pin) != digits:
            return _line({"refused": "length"})
        clear = _block(pin, pan)
        if clear is None:
            return _line({"refused": "digits"})
        block = encrypt_ecb(Algorithm.TDES, TRANSPORT_KEY, clear)
        return _line({"form": 0, "block": block.hex().upper()})

    def receive(self, portion: bytes) -> bytes:
        """The same over a line."""
        *lines, self._pending = (self._pending + portion).split(b"\n")
        return b"".join(self.answer(line) for line in lines)

    def hang_up(self) -> None:
        """The station went."""
        self._pending = b""


def _block(pin: str, pan: str) -> bytes | None:
    """Format 0 (ISO 9564-1, 9.3.2): 0, length, digits, F; XOR 0000 and twelve PAN digits before the check digit.

    None for what is no PIN of 4 to 12 digits, or no account number of 13 at least.
    """
    if not (4 <= len(pin) <= 12 and len(pan) >= 13 and (pin + pan).isascii() and (pin + pan).isdecimal()):
        return None
    mine, account = f"0{len(pin):X}{pin}".ljust(16, "F"), pan[-13:-1].rjust(16, "0")
    return (int(mine, 16) ^ int(account, 16)).to_bytes(8, "big")


def _line(answer: dict[str, object]) -> bytes:
    return json.dumps(answer).encode() + b"\n"
