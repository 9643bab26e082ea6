"""The Evolis escape language as bytes, and the values a printer profile gives the driver.

Source: Evolis Programming Guide A5013 Rev. E, section 3 (framing) and the commands ``Db`` and ``Dbc``. It neither sends
nor waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cardfab.printer.driver import CardPosition
from cardfab.printer.fault import Fault
from cardfab.printer.raster import ToneCurve
from cardfab.printer.stripe import Coercivity

ESC: Final = b"\x1b"
CR: Final = b"\r"
OK: Final = "OK"
BAD_COMMAND: Final = "ERROR CDE"
"""The answer of a printer that does not know a command."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for the answer of each kind of command, and of silence that ends a late answer."""

    parameter: float
    move: float
    download: float
    end: float
    settle: float


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of a session in the order they are sent, without ESC and CR."""

    take_over: tuple[str, ...]
    before_print: tuple[str, ...]
    to_contact: str
    to_print: str
    start: str
    front: str
    back: str
    end: str
    eject: tuple[str, ...]
    reject: tuple[str, ...]
    release: tuple[str, ...]
    cleaning_query: str
    clean: str
    stripe: Mapping[Coercivity, str]
    """The command that sets the coercivity; empty where the model has no magnetic head."""
    stripe_write: str
    stripe_read: str


@dataclass(frozen=True, slots=True)
class EvolisSettings:
    """Everything about one model and ribbon that the documents leave open or that differs between models."""

    width: int
    height: int
    levels: int
    compressed: bool
    padding: int
    """Each bitmap command is filled with NUL to a multiple of this many bytes; 0 for none."""
    end_padding: int
    tone: tuple[ToneCurve, ToneCurve, ToneCurve]
    front_panels: str
    back_panels: str
    back_takes_frame: bool
    """Whether the back uses a ribbon frame of its own."""
    ribbon_chip: bool
    """Whether the printer reads how much ribbon is left."""
    commands: Commands
    timeouts: Timeouts
    query_attempts: int
    query_pause: float
    take_seconds: float
    """How long a card may wait in the bezel (``Rse;b``) before it is drawn back; 0: nobody looks."""
    sensor_volts: float
    """A sensor above this voltage is covered: cover closed, card in the feeder, feeder near its end."""
    cleaning_stops: bool
    positions: tuple[tuple[str, CardPosition], ...]
    """Answers to ``Rlr;p``; any other answer is an unknown position."""
    refusals: tuple[tuple[str, Fault], ...]
    """Words found in an answer and what they mean, first match first."""

    def frames(self, *, both_sides: bool) -> int:
        """Ribbon frames one card takes."""
        return 2 if both_sides and self.back_takes_frame else 1


def command(text: str) -> bytes:
    """ESC, the command with its parameters, CR."""
    return ESC + text.encode("ascii") + CR


def bitmap(panel: str, levels: int, data: bytes, *, compressed: bool, padding: int = 0) -> bytes:
    """``Db`` or ``Dbc`` with its binary data and the CR that ends it (the printer counts, it does not look for CR).

    The vendor's driver fills with NUL after the CR to a multiple of 64 bytes (all 8 captures).
    """
    size = f"{len(data)};" if compressed else ""
    header = ESC + f"{'Dbc' if compressed else 'Db'};{panel};{levels};{size}".encode("ascii")
    frame = header + data + CR
    return frame + bytes(-len(frame) % padding if padding else 0)


def mnemonic(text: str) -> str:
    """The command and its first parameter, by which watches and messages name it."""
    return ";".join(text.split(";")[:2])
