"""The hands of a person at the rig, over a line: one JSON object in, one out.

``{"do": "arm", "fault": "jam:Sis:0"}``, ``{"do": "mend"}`` (all that can be mended), ``clear-jam``, ``close-cover``,
``mend-feeder``, ``change-ribbon``, ``empty-reject``, ``take``, ``{"do": "load", "cards": 5}``, ``counters``. An answer
holds ``ok`` and, when false, ``error``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from cardfab.simulator.printer import Body, Card, Chip, Fault, Place, Ribbon

_LONGEST = 65536


class Bench(Protocol):
    """What is asked of a rig."""

    printer: Body

    def load(self, chips: list[Chip], /) -> list[Card]: ...

    def count(self) -> dict[str, int]: ...


FAULTS = {one.value.replace(" ", "-").lower(): one for one in Fault}
"""Fault by the name that an order gives it."""


def fault_of(name: str) -> Fault:
    """``power-cut`` or ``power cut``. Raises ValueError."""
    known = FAULTS.get(name.replace(" ", "-").lower())
    if known is None:
        raise ValueError(f"no fault {name!r}: {', '.join(FAULTS)}")
    return known


def arm(printer: Body, text: str) -> None:
    """``NAME[:COMMAND[:SKIP]]``: a fault that waits for a command (none: the next). Raises ValueError."""
    name, _, rest = text.partition(":")
    command, _, skip = rest.partition(":")
    printer.inject(fault_of(name), on=command or None, skip=int(skip or 0))


class Control:
    """A session of the control port."""

    def __init__(self, rig: Bench) -> None:
        self._rig = rig
        self._buffer = bytearray()

    def hang_up(self) -> None:
        self._buffer.clear()

    def receive(self, portion: bytes) -> bytes:
        self._buffer += portion
        answers = bytearray()
        while b"\n" in self._buffer:
            line, _, rest = bytes(self._buffer).partition(b"\n")
            self._buffer = bytearray(rest)
            answers += json.dumps(self._line(line)).encode("ascii") + b"\n"
        if len(self._buffer) > _LONGEST:
            self._buffer.clear()
        return bytes(answers)

    def _line(self, line: bytes) -> dict[str, object]:
        try:
            order = json.loads(line)
            if not isinstance(order, dict):
                raise ValueError("an order is an object")
            return {"ok": True, **self._obey(order)}
        except (ValueError, KeyError) as wrong:
            return {"ok": False, "error": str(wrong)}

    def _obey(self, order: dict[str, object]) -> dict[str, object]:
        printer = self._rig.printer
        hands: dict[str, Callable[[], object]] = {
            "mend": printer.mend,
            "clear-jam": printer.clear_jam,
            "close-cover": printer.close_cover,
            "mend-feeder": printer.mend_feeder,
            "empty-reject": printer.empty_reject_box,
            "take": printer.take_card,
        }
        match order.get("do"):
            case "arm":
                arm(printer, str(order.get("fault", "")))
            case "load":
                self._load(int(str(order.get("cards", 1))))
            case "leave-inside":
                printer.leave_inside(Place(str(order.get("place", "print"))))
            case "change-ribbon":
                old = printer.machine.ribbon
                printer.change_ribbon(Ribbon(str(order.get("kind") or (old.kind if old else "ymcko"))))
            case "counters":
                return self._counters()
            case str(what) if what in hands:
                hands[what]()
            case other:
                raise ValueError(f"cannot do {other!r}")
        return {"cards": self._rig.count()}

    def _load(self, cards: int) -> None:
        from cardfab.simulator.chip import make_blank

        held = sum(self._rig.count().values())
        self._rig.load([make_blank(serial=held + number) for number in range(1, cards + 1)])

    def _counters(self) -> dict[str, object]:
        with self._rig.printer.lock:
            machine = self._rig.printer.machine
            ribbon = machine.ribbon
            return {
                "cards": self._rig.count(),
                "fed": machine.inserted,
                "panels": machine.panels,
                "ribbon": None if ribbon is None else ribbon.remaining,
                "film": getattr(self._rig.printer, "film_left", None),
                "position": None if machine.position is None else str(machine.position),
            }
