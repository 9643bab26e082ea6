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


class Fault(StrEnum):
    """What a test can break; all but the last two stay until a person mends them."""

    FEEDER_EMPTY = "feeder empty"
    """The feeder gives no card although the hopper has some; ended by ``mend_feeder``."""

    JAM = "jam"
    """The transport stops; a panel being printed lands by half. Ended by ``clear_jam``, which takes the card out."""

    RIBBON_END = "ribbon end"
    """The ribbon ends before the next panel; ended by ``change_ribbon``."""

    COVER_OPEN = "cover open"
    """Somebody opens the cover; ended by ``close_cover``."""

    WRONG_OK = "wrong OK"
    """The printer answers OK and does nothing (observed in the field on queries and movements)."""

    SILENCE = "silence"
    """The command is carried out and the reply never comes."""


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
