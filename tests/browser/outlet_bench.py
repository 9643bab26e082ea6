"""What stands on an outlet's desk, in a process of its own: printer with reader, the counter's reader, the PIN pad.

``argv[1]``: JSON with ``serials`` of the blanks in the hopper, ``wrong`` those whose chips take no station's key, and
``out``, a folder for pictures of the cards that leave. One line of JSON out with the ports; it ends with its input.

The control port takes what :class:`cardfab.simulator.rig.control.Control` takes, and: ``{"do": "put", "chip": NAME}``
a card that left the printer onto the counter's reader, ``{"do": "lift"}`` takes it off, ``{"do": "cards"}`` says of
every card where it is, what was printed on it and which chip it has, ``{"do": "pins", "pins": [...]}`` what is pressed
on the pad next (afterwards the published PIN), ``{"do": "pad", "seconds": S}`` how long each press takes;
``{"do": "hold", "command": "Dbc"}`` has the printer wait before its next such command until ``{"do": "go"}``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.pinpad import Prompt, TrainingPad, published
from cardfab.simulator.printer import Card, Command
from cardfab.simulator.rig import Rig
from cardfab.simulator.rig.control import Control
from cardfab.simulator.rig.frames import FramedReader
from cardfab.simulator.rig.servers import Server


class CounterReader(FramedReader):
    """A reader with a slot into which a hand puts one card or none."""

    def __init__(self) -> None:
        super().__init__()
        self.card: Card | None = None

    def put(self, card: Card | None) -> None:
        if self.card is not None:
            self.card.power_off()
        self.card = card

    def hang_up(self) -> None:
        self._buffer.clear()
        if self.card is not None:
            self.card.power_off()

    def _answer(self, payload: bytes) -> bytes | None:
        card = self.card
        if len(payload) > 1:
            return card.chip.transmit(payload) if card is not None and card.powered else b""
        match payload:
            case b"\x00" if card:
                card.power_off()
            case b"\x01" if card and not card.powered:
                card.power_on()
            case b"\x02" if card:
                card.power_off()
                card.power_on()
            case b"\x04":
                return bytes(card.chip.atr) if card else b""
        return None


def chip_name(card: Card) -> str:
    """The name by which the books know a chip: T6 to TD of its historical bytes."""
    assert isinstance(card.chip, TrainingChip)
    return card.chip.memory.read("os/historical")[5:].hex().upper()


class Pace:
    """Lets the printer work on, or wait before a command."""

    def __init__(self) -> None:
        self._free = threading.Event()
        self._free.set()
        self._at = ""

    def hold(self, command: str) -> None:
        self._at = command
        self._free.clear()

    def go(self) -> None:
        self._free.set()

    def __call__(self, command: Command) -> None:
        if command.name == self._at:
            self._free.wait(600)


class Holder:
    """Who presses the keys of the pad: what was said, else the published PIN; after a while."""

    def __init__(self) -> None:
        self.pins: list[str] = []
        self.seconds = 0.0

    def __call__(self, prompt: Prompt) -> str:
        time.sleep(self.seconds)
        return self.pins.pop(0) if self.pins else published(prompt)


class Hands(Control):
    """The control port, with the hands of who stands at the counter."""

    def __init__(self, rig: Rig, reader: CounterReader, holder: Holder, pace: Pace) -> None:
        super().__init__(rig)
        self._bench, self._reader, self._holder, self._pace = rig, reader, holder, pace

    def _obey(self, order: dict[str, object]) -> dict[str, object]:
        match order:
            case {"do": "put", "chip": str(name)}:
                found = [card for card in self._bench.cards if chip_name(card) == name]
                if not found or found[0] in self._bench.hopper or found[0] is self._bench.inside:
                    raise ValueError(f"no card with the chip {name} lies outside the printer")
                self._reader.put(found[0])
            case {"do": "lift"}:
                self._reader.put(None)
            case {"do": "pins", "pins": list(pins)}:
                self._holder.pins = [str(pin) for pin in pins]
            case {"do": "pad", "seconds": float(seconds)}:
                self._holder.seconds = seconds
            case {"do": "hold", "command": str(command)}:
                self._pace.hold(command)
            case {"do": "go"}:
                self._pace.go()
            case {"do": "cards"}:
                return {"list": [self._told(card) for card in self._bench.cards]}
            case _:
                return super()._obey(order)
        return {}

    def _told(self, card: Card) -> dict[str, object]:
        return {
            "number": card.number,
            "chip": chip_name(card),
            "where": str(self._bench.where(card)),
            "front": "".join(card.front.printed),
            "back": "".join(card.back.printed),
            "ruined": bool(card.ruined),
        }


def main() -> None:
    """Serve until standard input ends."""
    given = json.loads(sys.argv[1])
    chips = [make_blank(serial=serial, wrong_update_key=serial in given["wrong"]) for serial in given["serials"]]
    holder = Holder()
    reader = CounterReader()
    counter = Server("counter", reader)
    pad = Server("pinpad", TrainingPad(holder))
    pace = Pace()
    rig = Rig(chips, out=Path(given["out"]) if given.get("out") else None, pace=pace)
    with rig, counter, pad, Server("control", Hands(rig, reader, holder, pace)) as control:
        ports = {
            "reader": f"tcp://127.0.0.1:{rig.reader_port}",
            "printer": f"socket://127.0.0.1:{rig.printer_port}",
            "counter": f"tcp://127.0.0.1:{counter.port}",
            "pinpad": f"tcp://127.0.0.1:{pad.port}",
            "control": control.port,
        }
        print(json.dumps(ports), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
