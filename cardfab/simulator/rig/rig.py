"""Printer and reader put together, and the program that runs them by themselves."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import FrameType, TracebackType
from typing import Literal, Self

from PIL import Image

from cardfab.simulator.printer import (
    Body,
    Card,
    Chip,
    Command,
    EvolisPrinter,
    MaticaPrinter,
    Place,
    Ribbon,
    draw,
)
from cardfab.simulator.rig.control import Control, arm
from cardfab.simulator.rig.reader import ContactReader
from cardfab.simulator.rig.servers import Server

Family = Literal["evolis", "matica"]


class Rig:
    """One printer with its reader on two ports of 127.0.0.1 (0: any free one). Its cards outlive every connection.

    ``out``: finished cards are drawn there as they leave, ``card-0001-front.png`` and, without chip and corners,
    ``card-0001-front-raw.png``; rejected ones as ``rejected-…``. The picture of a blank back is left out.
    ``family`` says which language the printer speaks, ``model`` which Matica; ``speed`` as in `Clock`: 0 takes no time.
    """

    def __init__(
        self,
        chips: Iterable[Chip] = (),
        *,
        out: Path | None = None,
        printer_port: int = 0,
        reader_port: int = 0,
        ribbon: Ribbon | None = None,
        bezel: bool = False,
        pace: Callable[[Command], None] | None = None,
        family: Family = "evolis",
        model: str = "XID8600",
        speed: float = 0.0,
    ) -> None:
        self._out = out
        on_exit = self._left if out else None
        self.family: Family = family
        self.printer: Body = (
            EvolisPrinter(ribbon=ribbon, bezel=bezel, on_exit=on_exit, pace=pace, speed=speed)
            if family == "evolis"
            else MaticaPrinter(model=model, ribbon=ribbon, on_exit=on_exit, speed=speed)
        )
        self.reader = ContactReader(self.printer)
        greeter = self.printer if family == "matica" else None
        self.printer_server = Server("printer", self.printer, printer_port, greeter)
        self.reader_server = Server("reader", self.reader, reader_port)
        self.printer.break_lines = self._break_lines
        self.load(chips)

    def _break_lines(self, reader_too: bool) -> None:
        self.printer_server.drop()
        if reader_too:
            self.reader_server.drop()

    def start(self) -> None:
        """Listen on both ports. Raises OSError when one is taken."""
        self.printer_server.start()
        try:
            self.reader_server.start()
        except OSError:
            self.printer_server.stop()
            raise

    def stop(self) -> None:
        self.reader_server.stop()
        self.printer_server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def printer_port(self) -> int:
        return self.printer_server.port

    @property
    def reader_port(self) -> int:
        return self.reader_server.port

    def load(self, chips: Iterable[Chip]) -> list[Card]:
        """More blank cards under those in the hopper; the first of ``chips`` comes first."""
        return self.printer.load(chips)

    def where(self, what: Card | Chip) -> Place:
        """Where a card, or the card with this chip, is now. Raises KeyError for one that was never loaded."""
        with self.printer.lock:
            machine = self.printer.machine
            if isinstance(what, Card):
                return machine.where(what)
            for card in self.cards:
                if card.chip is what:
                    return machine.where(card)
            raise KeyError("no card with this chip")

    @property
    def cards(self) -> tuple[Card, ...]:
        """Every card that was loaded, wherever it is, in the order of loading."""
        with self.printer.lock:
            machine = self.printer.machine
            inside = [machine.inside] if machine.inside else []
            everywhere = [*machine.output, *machine.rejected, *machine.removed, *inside, *machine.hopper]
            return tuple(sorted(everywhere, key=lambda card: card.number))

    @property
    def hopper(self) -> tuple[Card, ...]:
        """Blank cards left, the next one first."""
        with self.printer.lock:
            return tuple(self.printer.machine.hopper)

    @property
    def output(self) -> tuple[Card, ...]:
        with self.printer.lock:
            return tuple(self.printer.machine.output)

    @property
    def rejected(self) -> tuple[Card, ...]:
        with self.printer.lock:
            return tuple(self.printer.machine.rejected)

    @property
    def removed(self) -> tuple[Card, ...]:
        """Cards that somebody took out of the inside."""
        with self.printer.lock:
            return tuple(self.printer.machine.removed)

    @property
    def inside(self) -> Card | None:
        with self.printer.lock:
            return self.printer.machine.inside

    @property
    def position(self) -> Place | None:
        """Where the card inside is; None when the machine is empty."""
        with self.printer.lock:
            return self.printer.machine.position

    def count(self) -> dict[str, int]:
        """Cards by place; the sum never changes but by `load`."""
        with self.printer.lock:
            machine = self.printer.machine
            return {
                "hopper": len(machine.hopper),
                "inside": int(machine.inside is not None),
                "output": len(machine.output),
                "rejected": len(machine.rejected),
                "removed": len(machine.removed),
            }

    def _left(self, card: Card, place: Place) -> None:
        if self._out is None or place is Place.REMOVED:
            return
        self._out.mkdir(parents=True, exist_ok=True)
        stem = _free_stem(self._out, "card" if place is Place.OUTPUT else "rejected")
        for name, side in (("front", card.front), ("back", card.back)):
            if name == "front" or side.printed:
                _save(draw(card, name), self._out / f"{stem}-{name}.png", card)
                _save(card.compose(name), self._out / f"{stem}-{name}-raw.png", card)


def _free_stem(folder: Path, kind: str) -> str:
    taken = {path.name.split("-")[1] for path in folder.glob(f"{kind}-*-front.png")}
    number = 1
    while f"{number:04d}" in taken:
        number += 1
    return f"{kind}-{number:04d}"


def _save(picture: Image.Image, path: Path, card: Card) -> None:
    part = path.with_suffix(".part")
    picture.save(part, format="PNG", dpi=(300, 300), compress_level=4)
    part.replace(path)  # whoever watches the folder never sees half a picture
    card.saved.append(path)


def run_rig(
    cards: int | Sequence[Chip],
    out: Path | None = None,
    printer_port: int = 0,
    reader_port: int = 0,
    *,
    family: Family = "evolis",
    speed: float = 0.0,
    faults: Iterable[str] = (),
    control_port: int | None = None,
) -> dict[str, int]:
    """Run a rig until standard input closes, SIGTERM or SIGINT; where the cards are in the end.

    Prints one line of JSON with the ports as soon as all listen, and one with the count of cards when it ends. Runs in
    the main thread (signals). ``cards``: so many new blanks, or the chips themselves. ``faults`` as `arm` takes them.
    ``control_port``: also listen for `Control`. Raises ValueError for a fault that is not known.
    """
    if isinstance(cards, int):
        from cardfab.simulator.chip import make_blank

        cards = [make_blank(serial=serial) for serial in range(1, cards + 1)]
    over = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        over.set()

    def watch_input() -> None:
        while os.read(0, 4096):  # not through sys.stdin: its lock would be held while the interpreter ends
            pass
        over.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        rig = Rig(cards, out=out, printer_port=printer_port, reader_port=reader_port, family=family, speed=speed)
        for fault in faults:
            arm(rig.printer, fault)
        control = None if control_port is None else Server("control", Control(rig), control_port)
        with rig, control or nullcontext():
            ports = {"host": "127.0.0.1", "printer": rig.printer_port, "reader": rig.reader_port}
            _say(ports if control is None else {**ports, "control": control.port})
            threading.Thread(target=watch_input, name="standard input", daemon=True).start()
            over.wait()
        count = rig.count()
        _say(count)
        return count
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(value: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
