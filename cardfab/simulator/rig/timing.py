"""How long a chip takes: a time for each kind of command, and the wire, byte by byte.

Wire: 12 etu a byte with T=0 (ISO/IEC 7816-3, 8.2: start, eight bits, parity, two of guard time), one procedure byte a
command. The times of commands are plausible ones for a chip that writes EEPROM pages; no chip was measured.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ETU_A_BYTE = 12


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. ``commands`` by instruction byte, ``command`` for every other; ``insert`` is the way of a card to the
    contacts, which is no chip time; ``reset`` holds the answer to reset and the change of speed.
    """

    bits_per_second: int = 115200
    reset: float = 0.0
    command: float = 0.0
    commands: Mapping[int, float] = field(default_factory=dict)
    insert: float = 0.0

    def of(self, apdu: bytes, answer: bytes) -> float:
        """What one command takes, from its first byte on the wire to the last of its answer."""
        chip = self.commands.get(apdu[1], self.command) if len(apdu) > 1 else self.command
        return chip + (len(apdu) + 1 + len(answer)) * _ETU_A_BYTE / self.bits_per_second


NONE = Timing(bits_per_second=10**9)
"""A chip that takes no time."""

_TRAINING = Timing(
    bits_per_second=38400,  # Fi 372, Di 4 at 3.57 MHz: TA1 = 13
    reset=0.080,
    command=0.012,
    commands={
        0x20: 0.018,  # VERIFY
        0x50: 0.030,  # INITIALIZE UPDATE
        0x82: 0.025,  # EXTERNAL AUTHENTICATE
        0x84: 0.008,  # GET CHALLENGE
        0x88: 0.020,  # INTERNAL AUTHENTICATE
        0xA4: 0.010,  # SELECT
        0xB0: 0.006,  # READ BINARY
        0xB2: 0.006,  # READ RECORD
        0xC0: 0.002,  # GET RESPONSE
        0xCA: 0.006,  # GET DATA
        0xD6: 0.022,  # UPDATE BINARY
        0xDC: 0.022,  # UPDATE RECORD
        0xE2: 0.025,  # STORE DATA
    },
)
TIMINGS = {"none": NONE, "training": _TRAINING}
"""Timings by name."""


def timing_of(name: str) -> Timing:
    """A timing by its name, or of a TOML file: the fields of `Timing`, the table ``commands`` by instruction in hex.

    Raises ValueError, which names what is wrong; OSError.
    """
    if name in TIMINGS:
        return TIMINGS[name]
    if not name.endswith(".toml"):
        raise ValueError(f"no timing {name!r}: {', '.join(TIMINGS)}, or a file .toml")
    found = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    commands = {int(str(ins), 16): _seconds(value) for ins, value in dict(found.pop("commands", {})).items()}
    speed = found.pop("bits_per_second", 115200)
    if not isinstance(speed, int) or speed < 1 or not set(found) <= {"reset", "command", "insert"}:
        raise ValueError("a timing has bits_per_second, reset, command, insert and the table commands")
    return Timing(bits_per_second=speed, commands=commands, **{one: _seconds(value) for one, value in found.items()})


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 60:
        raise ValueError("times are seconds, 0 to 60")
    return float(value)
