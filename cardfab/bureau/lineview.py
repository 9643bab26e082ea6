"""What a line is told and what it tells: its rules, one moment of it, its end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from cardfab.bureau.slot import SlotNow
from cardfab.errors import Text
from cardfab.station.bureauorders import Order

ReadBack = Literal["all", "samples"]
BoxOrder = Literal["first", "last"]


@dataclass(frozen=True, slots=True)
class LineRules:
    """How a line works, of its description file; the defaults are those of a plain line."""

    name: str = "line"
    faults_in_a_row: int = 3
    """So many faults of a slot one after another, and it is taken out."""
    sample_every: int = 0
    """One card in so many is a sample; 0: none by rate."""
    sample_first: bool = False
    """The first card of each box is a sample."""
    sample_after_fault: bool = False
    """The first card that a slot makes after a fault is a sample."""
    sample_products: frozenset[str] = frozenset()
    """Every card of these products is a sample."""
    read_back: ReadBack = "all"
    """Which finished chips are read back in full before their job is done; a sample is read twice."""
    box_order: BoxOrder = "first"
    """Which of the boxes that wait goes first."""


@dataclass(frozen=True, slots=True)
class LineSaid:
    """One thing that a line told its operator. ``slot`` is empty for what is of the whole line."""

    at: str
    slot: str
    what: Text
    code: str = ""


@dataclass(frozen=True, slots=True)
class LineNow:
    """A line at one moment. ``state``: "starting", "running", "paused", "held", "stopping", "ended"; ``why`` it is
    held. ``ordered`` as in ``bureau_batch.ordered``.
    """

    run_id: int
    batch_id: int
    line: str
    state: str
    ordered: Order
    at: str
    slots: tuple[SlotNow, ...]
    said: tuple[LineSaid, ...] = ()
    why: Text | None = None

    @property
    def made(self) -> int:
        """Cards that were made in this run."""
        return sum(one.made for one in self.slots)

    @property
    def spoiled(self) -> int:
        """Blanks that were spoiled in this run."""
        return sum(one.spoiled for one in self.slots)

    @property
    def doubtful(self) -> int:
        """Cards that this run left in doubt."""
        return sum(one.doubtful for one in self.slots)

    @property
    def faults(self) -> int:
        """Faults of its slots."""
        return sum(one.faults for one in self.slots)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended. ``how``: "made" (every place has its card), "open" (places are left that no line can make now),
    "others work" (another line has boxes of the batch still), "stopped" (as ordered), "no slot left". ``left``: places
    of the batch without a finished card.
    """

    how: str
    left: int
    now: LineNow


def told(code: str, what: Text) -> str:
    """What a person is told as the tables of the bureau keep it: JSON of code, en, zh."""
    return json.dumps({"code": code, "en": what.en, "zh": what.zh}, ensure_ascii=False)


__all__ = ["BoxOrder", "LineNow", "LineRules", "LineSaid", "ReadBack", "RunEnd", "told"]
