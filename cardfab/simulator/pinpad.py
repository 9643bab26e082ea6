"""A training pin pad: asks for a PIN and gives it as a block of format 0 under the published transport key.

One line of JSON each way. ``entry`` says what the holder is asked for: ``first`` or ``new`` of so many ``digits`` (with
``again`` twice), ``current`` of ``least`` to ``most`` digits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cardfab.crypto import Algorithm, encrypt_ecb

TRANSPORT_KEY = hashlib.sha256(b"cardfab training key, not secret: bank/ZPK").digest()[:16]
PUBLISHED_PIN = "123456789012"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands on the pad's display: which PIN, how many digits, and whether it is asked for a second time."""

    entry: str
    least: int
    most: int
    again: bool = False


Press = Callable[[Prompt], str]
"""Has somebody press keys and gives the digits; an empty answer is the red key."""


def published(prompt: Prompt) -> str:
    """What is pressed on a pad without a person: the first digits of the PIN that everybody knows, six of a current."""
    return PUBLISHED_PIN[: min(prompt.most, 6) if prompt.entry == "current" else prompt.most]


class TrainingPad:
    """A pad on its line; one after the other."""

    def __init__(self, press: Press = published) -> None:
        self._press = press
        self._pending = b""

    def answer(self, line: bytes) -> bytes:
        """One request of the station, one answer."""
        try:
            asked = json.loads(line)
            account, prompt = str(asked["pan"]), _prompt(asked)
            twice = bool(asked.get("again", False))
        except (ValueError, KeyError, TypeError, AttributeError):
            return _line({"refused": "format"})
        pin = self._press(prompt)
        if not pin:
            return _line({"refused": "cancelled"})
        if not prompt.least <= len(pin) <= prompt.most:
            return _line({"refused": "length"})
        if twice and self._press(Prompt(prompt.entry, prompt.least, prompt.most, again=True)) != pin:
            return _line({"refused": "differ"})
        clear = _block(pin, account)
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


def _prompt(asked: Mapping[str, Any]) -> Prompt:
    entry = str(asked.get("entry", "first"))
    if entry == "current":
        return Prompt(entry, int(asked["least"]), int(asked["most"]))
    if entry not in ("first", "new"):
        raise ValueError(entry)
    return Prompt(entry, int(asked["digits"]), int(asked["digits"]))


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
