"""One business day of one stock, as an equation, and what a person counted against it.

opening + received + found = issued + spoiled + tests + returned + missing + in doubt + closing. Opening and closing are
what lies at the machine and in the vault; what was in doubt at the last close opens the day too, being settled in it.
What is destroyed was spoiled or tested before: the box of such cards has a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cardfab.production.stock import COUNTED, WITHOUT, Place, holdings

_OPEN = (Place.STOCK, Place.VAULT, Place.IN_WORK)
_BOX = (Place.SPOILED, Place.TESTED)
Moved = tuple[Place, Place, int]


@dataclass(frozen=True, slots=True)
class DayLine:
    """The day of one stock. ``machine`` + ``vault`` = closing; ``box`` = ``box_opening`` + what came in - destroyed."""

    stock: str
    opening: int
    received: int
    found: int
    issued: int
    spoiled: int
    tested: int
    returned: int
    missing: int
    in_doubt: int
    machine: int
    vault: int
    box_opening: int
    destroyed: int
    box: int

    @property
    def closing(self) -> int:
        """What the next day opens with, beside what is in doubt."""
        return self.machine + self.vault

    @property
    def balanced(self) -> bool:
        """Whether both equations hold."""
        came = self.opening + self.received + self.found
        went = self.issued + self.spoiled + self.tested + self.returned + self.missing + self.in_doubt + self.closing
        return came == went and self.box == self.box_opening + self.spoiled + self.tested - self.destroyed

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say: no card, no movement."""
        return not any((self.opening, self.received, self.found, self.closing, self.box_opening, self.box))


def day_line(stock: str, before: Iterable[Moved], during: Iterable[Moved]) -> DayLine:
    """The equation of a day: ``before`` is all that moved until its begin, ``during`` what moved in it."""
    opened = holdings(before)
    day = tuple(during)
    now = holdings((*_as_moves(opened), *day))
    return DayLine(
        stock=stock,
        opening=sum(opened[place] for place in _OPEN),
        received=_out(day, Place.OUTSIDE),
        found=_out(day, Place.FOUND),
        issued=_net(day, Place.ISSUED),
        spoiled=_net(day, Place.SPOILED) + _net(day, Place.DESTROYED) - _into(day, Place.DESTROYED, _BOX),
        tested=_net(day, Place.TESTED),
        returned=sum(count for _, target, count in day if target in WITHOUT),
        missing=_net(day, Place.MISSING),
        in_doubt=now[Place.IN_WORK],
        machine=now[Place.STOCK],
        vault=now[Place.VAULT],
        box_opening=sum(opened[place] for place in _BOX),
        destroyed=_net(day, Place.DESTROYED),
        box=sum(now[place] for place in _BOX),
    )


def _as_moves(held: Mapping[Place, int]) -> tuple[Moved, ...]:
    return tuple((Place.OUTSIDE, place, count) for place, count in held.items() if place not in WITHOUT)


def _out(day: Iterable[Moved], place: Place) -> int:
    return sum(count for source, _, count in day if source is place)


def _net(day: Iterable[Moved], place: Place) -> int:
    """What came to a place in the day; what was destroyed is not taken off the box it came from."""
    total = 0
    for source, target, count in day:
        if target is place:
            total += count
        if source is place and not (place in _BOX and target is Place.DESTROYED):
            total -= count
    return total


def _into(day: Iterable[Moved], place: Place, sources: Iterable[Place]) -> int:
    return sum(count for source, target, count in day if target is place and source in sources)


@dataclass(frozen=True, slots=True)
class Difference:
    """A count that is not what the books say."""

    stock: str
    place: Place
    expected: int
    counted: int

    @property
    def by(self) -> int:
        """Cards too many, below zero: too few."""
        return self.counted - self.expected


def differences(
    expected: Mapping[tuple[str, Place], int], counted: Mapping[tuple[str, Place], int]
) -> tuple[Difference, ...]:
    """Every place whose count differs, in the order of the books; what was not counted is not compared."""
    return tuple(
        Difference(stock, place, expected.get((stock, place), 0), counted[stock, place])
        for stock, place in counted
        if expected.get((stock, place), 0) != counted[stock, place]
    )


__all__ = ["COUNTED", "DayLine", "Difference", "Moved", "day_line", "differences"]
