"""What the printer tells about itself: counters, ribbon, card position, sensors (A5013; kiosk notes)."""

from __future__ import annotations

from collections.abc import Callable

from cardfab.simulator.printer import faults
from cardfab.simulator.printer.card import Place
from cardfab.simulator.printer.language import Command
from cardfab.simulator.printer.machine import CLEANING_EVERY, Machine

_FEW_CARDS = 10


def one_of(command: Command, *allowed: str) -> str:
    """The only parameter of a command. Raises PrinterFault when it is none of ``allowed``."""
    if len(command.parameters) != 1 or command.parameters[0] not in allowed:
        raise faults.bad_parameter()
    return command.parameters[0]


def _counters(machine: Machine, command: Command) -> str:
    counters = {
        "p": machine.panels,
        "c": machine.inserted,
        "a": machine.inserted // (machine.cleanings + 1),
        "m": CLEANING_EVERY,
        "n": machine.cleanings,
        "l": machine.ribbon.remaining if machine.ribbon else 0,
        "r": max(0, CLEANING_EVERY - machine.since_cleaning),
    }
    return str(counters[one_of(command, *counters)])


def _ribbon_tag(machine: Machine, command: Command) -> str:
    what = one_of(command, "qty", "count", "zone")
    ribbon = machine.ribbon
    if ribbon is None:
        raise faults.no_ribbon()
    return {"qty": str(ribbon.capacity), "count": str(ribbon.remaining), "zone": "0"}[what]


def _location(machine: Machine, command: Command) -> str:
    match one_of(command, "p", "h", "r", "c"):
        case "p":
            # A card at the bezel has left the transport.
            inside = {Place.PRINT: "CARD", Place.CONTACT: "SMART CARD", Place.CONTACTLESS: "CONTACTLESS CARD"}
            return "OK" if machine.position is None else inside.get(machine.position, "OK")
        case "h":
            return "CARD" if machine.output_full else "NO CARD"
        case _:
            return "ERR NEED CLEANING" if machine.cleaning_due else "OK"


def _ribbon_end(machine: Machine, _: Command) -> str:
    if machine.ribbon is None:
        raise faults.no_ribbon()
    if machine.ribbon.ended:
        raise faults.ribbon_ended()
    return "OK"


def _sensor(machine: Machine, command: Command) -> str:
    """Volts with a decimal comma; below about 1 V a sensor sees nothing."""
    cards = 0 if machine.feeder_stuck else len(machine.hopper)
    volts = {
        "o": "0,00" if machine.cover_is_open else "5,00",
        "f": "5,00" if cards else "0,00",
        "n": "2,50" if cards < _FEW_CARDS else "0,25",
        "b": "5,00" if machine.position is Place.EJECT else "0,00",
    }
    return f"{volts[one_of(command, *volts)]} Volts"


QUESTIONS: dict[str, Callable[[Machine, Command], str]] = {
    "Rtp": lambda _, __: "SIMULATED EVOLIS",
    "Rfv": lambda _, __: "A5013",
    "Rsn": lambda _, __: "SIM0000001",
    "Rkn": lambda _, __: "SIM-HEAD-300",
    "Rok": lambda _, __: "OK",
    "Rco": _counters,
    "Rrt": _ribbon_tag,
    "Rlr": _location,
    "Rcr": _ribbon_end,
    "Rse": _sensor,
}
