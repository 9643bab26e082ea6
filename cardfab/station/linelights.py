"""How reader, printer and ribbon stand, each as a light with a word beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from cardfab.errors import CardfabError, Text
from cardfab.printer.driver import CardPosition, PrinterStatus, Ribbon
from cardfab.printer.fault import Fault
from cardfab.station.devices import Devices

LightState = Literal["good", "wait", "stop", "unknown"]


@dataclass(frozen=True, slots=True)
class Light:
    """One light; the word says the same as the colour."""

    state: LightState
    word: Text


@dataclass(frozen=True, slots=True)
class LineStatus:
    """The machine as it was seen last (``at``, ISO 8601, empty before the first look).

    ``busy_with`` is the job in work, ``waiting`` the jobs whose orders wait, ``fault`` what the last order ended with
    and ``do`` what to do about it.
    """

    reader: Light
    printer: Light
    ribbon: Light
    at: str = ""
    busy_with: int | None = None
    waiting: tuple[int, ...] = ()
    fault: Text | None = None
    do: Text | None = None


UNKNOWN = Light("unknown", Text("not looked at yet", "尚未检查"))
_READY = Light("good", Text("ready", "就绪"))
_ABSENT = Light("wait", Text("none, cards are put in by hand", "无，手工放卡"))
_HARMLESS = frozenset({Fault.FEEDER_EMPTY, Fault.NEEDS_CLEANING, Fault.REJECT_BOX_FULL, Fault.WARMING})
_LOW = 20
"""Frames left on a ribbon from which on the operator is told."""


def seen(devices: Devices) -> LineStatus:
    """Ask reader and printer how they stand. Never raises: what cannot be asked is a light that says so."""
    try:
        devices.find_reader()
        reader = _READY
    except CardfabError as fault:
        reader = stopped(fault)
    if devices.printer is None:
        return LineStatus(reader, _ABSENT, _ABSENT)
    try:
        status = devices.printer.status()
    except CardfabError as fault:
        return LineStatus(reader, stopped(fault), UNKNOWN)
    return LineStatus(reader, _printer(status), _ribbon(status))


def stopped(fault: CardfabError) -> Light:
    """A red light with what is wrong."""
    return Light("stop", fault.what)


def absent(status: LineStatus, fault: CardfabError) -> LineStatus:
    """The devices could not be opened at all."""
    return replace(status, reader=stopped(fault), printer=stopped(fault), ribbon=UNKNOWN)


def _printer(status: PrinterStatus) -> Light:
    ribbon = {Fault.RIBBON_MISSING, Fault.RIBBON_ENDED}  # they have a light of their own
    for fault in status.faults:
        if fault not in ribbon:
            return Light("wait" if fault in _HARMLESS else "stop", fault.what)
    if status.position is not CardPosition.NONE:
        return Light("wait", Text("a card is inside", "机内有卡"))
    return Light("wait", Text("few blanks left", "空白卡将尽")) if status.feeder_low else _READY


def _ribbon(status: PrinterStatus) -> Light:
    if status.ribbon is Ribbon.MISSING:
        return Light("stop", Text("none put in", "未装色带"))
    if status.ribbon is Ribbon.ENDED:
        return Light("stop", Text("ended, put in a new one", "已用尽，请更换"))
    if status.ribbon is Ribbon.UNKNOWN:
        return Light("unknown", Text("this printer does not say", "本机型不报告"))
    if status.ribbon_left is None:
        return Light("good", Text("put in", "已装"))
    left = Text(f"for {status.ribbon_left} more cards", f"还可打印 {status.ribbon_left} 张")
    return Light("wait" if status.ribbon_left < _LOW else "good", left)


__all__ = ["UNKNOWN", "Light", "LightState", "LineStatus", "absent", "seen", "stopped"]
