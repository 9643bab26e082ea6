"""What the printer answers when something is wrong, and what a test can break in it.

Only ``ERROR CDE``, ``ERR RIB DETECTION`` and ``ERR NEED CLEANING`` are spelled in published notes; the other texts are
this simulator's own, each after the cause that the guide lists for the NAK codes (p7). A driver may rely on ``ERR``
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PrinterFault(Exception):
    """The printer refuses: ``text`` goes back as the reply, or NAK and ``nak`` in ACK/NAK mode (A5013 p7)."""

    def __init__(self, text: str, nak: str) -> None:
        super().__init__(text)
        self.text = text
        self.nak = nak


def bad_command() -> PrinterFault:
    return PrinterFault("ERROR CDE", "1")


def bad_parameter() -> PrinterFault:
    return PrinterFault("ERR PARAMETER", "2")


def bad_sequence() -> PrinterFault:
    return PrinterFault("ERR SEQUENCE", "2")


def mechanical() -> PrinterFault:
    return PrinterFault("ERR MECHANICAL", "T")


def no_card() -> PrinterFault:
    return PrinterFault("ERR NO CARD", "T")


def tray_full() -> PrinterFault:
    return PrinterFault("ERR HOPPER FULL", "T")


def cover_open() -> PrinterFault:
    return PrinterFault("ERR COVER OPEN", "C")


def feeder() -> PrinterFault:
    return PrinterFault("ERR FEEDER", "F")


def no_ribbon() -> PrinterFault:
    return PrinterFault("ERR RIB DETECTION", "R")


def bad_ribbon() -> PrinterFault:
    return PrinterFault("ERR BAD RIBBON", "R")


def ribbon_ended() -> PrinterFault:
    return PrinterFault("ERR RIBBON ENDED", "R")


def stripe_checksum() -> PrinterFault:
    return PrinterFault("ERR MAG CHECKSUM", "K")


def stripe_data() -> PrinterFault:
    return PrinterFault("ERR MAG DATA", "D")


class LineCut(Exception):
    """The connection ends here and now; nothing more is answered."""


class Fault(StrEnum):
    """What a test can break; those that a person mends stay until then."""

    FEEDER_EMPTY = "feeder empty"
    """The feeder gives no card although the hopper has some; ended by ``mend_feeder``."""

    JAM = "jam"
    """The transport stops; a panel being printed lands by half. Ended by ``clear_jam``, which takes the card out."""

    RIBBON_END = "ribbon end"
    """The ribbon ends before the next panel; ended by ``change_ribbon``."""

    RIBBON_TORN = "ribbon torn"
    """The ribbon ends in the middle of the next panel, which lands by half; ended by ``change_ribbon``."""

    COVER_OPEN = "cover open"
    """Somebody opens the cover; ended by ``close_cover``."""

    WRONG_OK = "wrong OK"
    """The printer answers OK and does nothing (observed in the field on queries and movements)."""

    SILENCE = "silence"
    """The command is carried out and the reply never comes."""

    REJECT_FULL = "reject full"
    """No more goes into the reject box; ended by ``empty_reject_box``."""

    POWER_CUT = "power cut"
    """Both lines break, what the printer had in mind is lost, the card stays where it is, then it warms up again."""

    CABLE_OUT = "cable out"
    """The printer's line breaks; the command is carried out all the same."""

    WARMING = "warming"
    """The printer is not warm and needs its warm-up time again (retransfer only)."""

    NO_CONTACT = "no contact"
    """The contacts do not reach the chip until they are set down once more."""

    STRIPE = "stripe"
    """The check character of a track is written wrong."""

    NOT_TAKEN = "not taken"
    """Nobody takes the card that is given out: with a bezel it stays there."""


MENDED_BY_ITSELF = frozenset(
    {Fault.WRONG_OK, Fault.SILENCE, Fault.CABLE_OUT, Fault.POWER_CUT, Fault.NO_CONTACT, Fault.STRIPE, Fault.WARMING}
)


@dataclass(slots=True)
class Armed:
    """A fault that waits for its command."""

    fault: Fault
    on: str | None
    skip: int
    times: int

    def fires(self, name: str) -> bool:
        """Whether it strikes this command; counts."""
        if self.times == 0 or (self.on is not None and self.on != name):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True
