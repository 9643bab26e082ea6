"""The equation of a batch, a box or a process: what came to it is what went from it, and a difference has a name.

issued + carried over = good + spoiled + test + returned + handed over (bureau practice), where what is in doubt is
shown apart: nobody knows yet which of the others it is. The left side and what was returned or used by a test are the
stock's; what became good, spoiled or doubtful is told by the jobs, so that neither can be changed alone. A process
hands over what is in work at its end, and the next one carries it over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.production import IN_WORK, JobState, Place

Moved = tuple[Place, Place, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One equation, in blanks."""

    issued: int = 0
    carried: int = 0
    good: int = 0
    spoiled: int = 0
    tested: int = 0
    returned: int = 0
    handed_over: int = 0
    in_doubt: int = 0

    @property
    def difference(self) -> int:
        """Blanks that came and went nowhere; below zero: that came from nowhere."""
        went = self.good + self.spoiled + self.tested + self.returned + self.handed_over + self.in_doubt
        return self.issued + self.carried - went

    def __add__(self, other: Line) -> Line:
        return Line(*(getattr(self, name) + getattr(other, name) for name in Line.__dataclass_fields__))

    def figures(self) -> tuple[int, ...]:
        """In the order of the equation."""
        return tuple(getattr(self, name) for name in Line.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two books that should say the same and do not. ``blocks``: the batch is not closed while it is so."""

    where: Text
    what: Text
    expected: int
    found: int
    blocks: bool = True


def line_of(jobs: Iterable[tuple[JobState, int]], moved: Iterable[Moved]) -> Line:
    """The equation of a batch or box: the stock says what was issued, the jobs what became of it."""
    states = _sums(jobs)
    moves = _moves(moved)
    in_doubt = states.get(JobState.IN_DOUBT, 0)
    return Line(
        issued=moves.get((Place.STOCK, Place.IN_WORK), 0),
        good=states.get(JobState.DONE, 0),
        spoiled=states.get(JobState.SPOILED, 0),
        tested=moves.get((Place.IN_WORK, Place.TESTED), 0),
        returned=moves.get((Place.IN_WORK, Place.STOCK), 0),
        handed_over=sum(count for state, count in states.items() if state in IN_WORK) - in_doubt,
        in_doubt=in_doubt,
    )


def process_line(moved: Iterable[Moved], carried: int) -> Line:
    """The equation of a process, by the stock alone; what it hands over is in work at its end.

    Where it settled more than it had, it took that over from another one.
    """
    moves = _moves(moved)
    issued = moves.get((Place.STOCK, Place.IN_WORK), 0)
    good, spoiled, tested, returned = (
        moves.get((Place.IN_WORK, place), 0) for place in (Place.ISSUED, Place.SPOILED, Place.TESTED, Place.STOCK)
    )
    left = issued + carried - good - spoiled - tested - returned
    return Line(issued, carried + max(0, -left), good, spoiled, tested, returned, max(0, left))


def differences(
    where: Text, line: Line, jobs: Iterable[tuple[JobState, int]], moved: Iterable[Moved]
) -> tuple[Difference, ...]:
    """Where stock and jobs say different things of the same blanks."""
    states, moves = _sums(jobs), _moves(moved)
    found = [
        Difference(where, what, states.get(state, 0), moves.get((Place.IN_WORK, place), 0))
        for state, place, what in (
            (JobState.DONE, Place.ISSUED, _GOOD),
            (JobState.SPOILED, Place.SPOILED, _SPOILED),
        )
    ]
    found.append(Difference(where, _EQUATION, line.issued + line.carried, line.issued + line.carried - line.difference))
    return tuple(one for one in found if one.expected != one.found)


_GOOD = Text("good cards: jobs against the stock", "成卡数：作业与库存流水")
_SPOILED = Text("spoiled cards: jobs against the stock", "废卡数：作业与库存流水")
_EQUATION = Text("blanks that came against blanks that went", "空白卡：领入与去向")


def _sums(jobs: Iterable[tuple[JobState, int]]) -> dict[JobState, int]:
    found: dict[JobState, int] = {}
    for state, count in jobs:
        found[state] = found.get(state, 0) + count
    return found


def _moves(moved: Iterable[Moved]) -> dict[tuple[Place, Place], int]:
    found: dict[tuple[Place, Place], int] = {}
    for source, target, count in moved:
        found[source, target] = found.get((source, target), 0) + count
    return found


__all__ = ["Difference", "Line", "Moved", "differences", "line_of", "process_line"]
