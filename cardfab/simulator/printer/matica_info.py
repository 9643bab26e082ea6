"""What an XID printer tells by tags: ``tag, length, value length, value``, filled up to whole words.

Values and their meaning as in dumps of one printer of one user.
"""

from __future__ import annotations

from collections.abc import Callable

from cardfab.simulator.printer.geometry import CARD_MM
from cardfab.simulator.printer.machine import Machine
from cardfab.simulator.printer.matica_words import Refusal

_INKS = {"ymck": 0, "ymckk": 4, "ymcku": 5}


def entry(tag: int, value: bytes) -> bytes:
    """One answer: two bytes of head, then so many that the whole is a number of words."""
    padded = value + bytes(-(3 + len(value)) % 4)
    return bytes((tag, 1 + len(padded), len(value))) + padded


def answer(asked: bytes, values: dict[int, Callable[[], bytes]]) -> bytes:
    """The answers to ``asked``, four bytes a tag. Raises Refusal (KeyError's word) for one that is not known."""
    told = bytearray()
    for at in range(0, len(asked), 4):
        tag = asked[at]
        if any(asked[at + 1 : at + 4]) or tag not in values:
            raise Refusal(0x00052000)
        told += entry(tag, values[tag]())
    return bytes(told)


def about(machine: Machine, status: Callable[[], int], film_left: Callable[[], int]) -> dict[int, Callable[[], bytes]]:
    """Tags of F0000600. ``film_left`` in tenths of the film."""

    def short(value: int) -> bytes:
        return value.to_bytes(2)

    def ink_left() -> bytes:
        ribbon = machine.ribbon
        left = 0 if ribbon is None or ribbon.broken else min(50, ribbon.remaining * 50 // ribbon.capacity)
        return bytes((left,))

    def condition() -> bytes:
        word = status()
        return bytes(4) if word == 0 else b"\xff" + (word & 0xFFFFFF).to_bytes(3)

    return {
        0x01: condition,
        0x0A: lambda: bytes((0 if machine.hopper and not machine.feeder_stuck else 2,)),
        0x0B: ink_left,
        0x0C: lambda: bytes((film_left(),)),
        0x0D: lambda: bytes((254 if machine.ribbon is None else _INKS.get(machine.ribbon.kind, 254),)),
        0x0E: lambda: short(0 if machine.ribbon is None else machine.ribbon.capacity),
        0x0F: lambda: b"SIMULATED".ljust(32, b"\0"),
        0x1E: lambda: machine.cleanings.to_bytes(4),
        0x1F: lambda: machine.inserted.to_bytes(4),
        0x20: lambda: max(0, 1000 - machine.inserted).to_bytes(4),
        0x21: lambda: machine.inserted.to_bytes(4),
        0x23: lambda: bytes(4),
        0x3E: lambda: b"\xfe\0\0\0",
    }


def printing(machine: Machine) -> dict[int, Callable[[], bytes]]:
    """Tags of F0000500: resolution, the card's dots, the raster."""
    raster = machine.raster
    card = [{2072: 2026, 1036: 1013}.get(raster.width, 0), {1328: 1278, 664: 639}.get(raster.height, 0)]
    if 0 in card:
        card = [round(mm * raster.dpi / 25.4) for mm in CARD_MM]
    numbers = {4: raster.dpi, 5: raster.dpi, 6: card[0], 7: card[1], 8: 0, 9: 0, 10: raster.width, 11: raster.height}
    flags = {0x32: 1, 0x33: 0, 0x36: 0, 0x37: 1, 0x38: 1, 0x39: 1, 0x3A: 0, 0x3B: 1}

    def told(value: int, size: int) -> Callable[[], bytes]:
        return lambda: value.to_bytes(size)

    return {tag: told(value, 2) for tag, value in numbers.items()} | {tag: told(v, 1) for tag, v in flags.items()}
