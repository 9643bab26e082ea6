"""The holder's PIN as an exchange takes it: typed, sealed by the key store behind a pin pad, or entered at the reader.

Typed digits are for training and the command line. A sealed PIN is opened where the keys are: under a key of the card
(reset, certificate application) it never leaves there; a command that takes it in clear (VERIFY, CHANGE PIN) gets it
for that one command from a store in this process, and not at all from a key service. At the reader (PC/SC part 10)
the digits go from its keys to the chip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from cardfab.apdu import commands, pinentry
from cardfab.apdu.message import CommandApdu
from cardfab.apdu.pinentry import NoPinReader, PinPlace
from cardfab.keys import Sealed
from cardfab.prepare.pin import check_pin_digits


@dataclass(frozen=True, slots=True)
class AtReader:
    """The holder enters it at the reader: how many digits, and the language of its display."""

    place: PinPlace
    language: int = pinentry.CHINESE


HolderPin: TypeAlias = str | Sealed | AtReader


class PinKeys(Protocol):
    """What opens a sealed PIN."""

    def pin_clear(self, pin: Sealed, /) -> bytes:
        """Two digits a byte; raises KeyFault where the store is a service."""

    def pin_under(self, label: str, region: str, historical: bytes, pin: Sealed, challenge: bytes, /) -> bytes:
        """LD | PIN under a key of the card."""


def check_pin(pin: HolderPin) -> None:
    """Raises InputRefused (CF-3345) for typed digits that are no PIN; what a pad gave was counted there."""
    if isinstance(pin, str):
        check_pin_digits(pin)


def verify_command(keys: PinKeys, pin: HolderPin) -> CommandApdu:
    """VERIFY."""
    if isinstance(pin, AtReader):
        return pinentry.verify_command(pin.place, language=pin.language)
    return commands.verify(pin) if isinstance(pin, str) else commands.verify_block(keys.pin_clear(pin))


def change_command(keys: PinKeys, old: HolderPin, new: HolderPin) -> CommandApdu:
    """CHANGE PIN; at the reader both are entered by one command. Raises NoPinReader for one of each."""
    if isinstance(old, AtReader) and isinstance(new, AtReader):
        return pinentry.change_command(new.place, language=new.language)
    if isinstance(old, AtReader) or isinstance(new, AtReader):
        raise NoPinReader
    if isinstance(old, str) and isinstance(new, str):
        return commands.change_pin(old, new)
    return commands.change_block(_packed(keys, old), _packed(keys, new))


def _packed(keys: PinKeys, pin: str | Sealed) -> bytes:
    return keys.pin_clear(pin) if isinstance(pin, Sealed) else commands.verify(pin).data


def for_keys(pin: HolderPin) -> str | Sealed:
    """A PIN as the key store takes it; raises NoPinReader for one that only the reader knows."""
    if isinstance(pin, AtReader):
        raise NoPinReader
    return pin


__all__ = ["AtReader", "HolderPin", "PinKeys", "change_command", "check_pin", "for_keys", "verify_command"]
