"""What the pages of instant issuance show: the steps of a case, and the steps of the machine with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cardfab.errors import Text
from cardfab.production import INTERRUPTIBLE, JobState
from cardfab.station.desk import Desk
from cardfab.station.line import Line
from cardfab.station.lineevents import ENDS, STAGES, LineEvent
from cardfab.station.outlet.cases import Case
from cardfab.station.outlet.papers import checklist
from cardfab.station.outlet.portrait import verdict
from cardfab.web.asking import Asking

STEPS = {
    "find": Text("Find the holder", "查找持卡人"),
    "documents": Text("Documents", "核验材料"),
    "photo": Text("Photo", "照片"),
    "check": Text("Check and preview", "核对预览"),
    "make": Text("Make", "制卡"),
    "look": Text("Look at the card", "目检验收"),
    "hand": Text("Hand over", "领卡"),
}
_BACK = frozenset({"documents", "photo"})
"""Steps that may be looked at again while nothing is made."""
_USUAL = ("order", "look", "feed", "encode", "verify", "print")


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as the page shows it; ``state`` is done, now, next or fault."""

    title: Text
    state: str
    seconds: float | None = None
    done: int = 0
    of: int = 0
    note: Text | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """The machine at work on a job: its steps, and how the last run ended."""

    steps: tuple[StepView, ...]
    number: int
    """Of the newest event."""
    working: bool
    fault: LineEvent | None


def sitting_of(asking: Asking) -> str:
    """In which sitting the person works: another after every login."""
    return sha256(b"sitting:" + asking.visit.token).hexdigest()[:32]


def step_of(desk: Desk, line: Line, case: Case, wished: str = "") -> str:
    """Where a case is; ``wished`` is an earlier step to be looked at again."""
    job = case.job
    if job is not None and (line.works_on(job.id) or job.state in {*INTERRUPTIBLE, JobState.IN_DOUBT}):
        return "make"
    if job is not None and job.state in (JobState.INSPECTED, JobState.SPOILED):
        return "look"
    if job is not None and job.state is JobState.DONE:
        return "hand"
    if wished == "documents" or (wished == "photo" and case.request is None):
        return wished
    listed = checklist(desk, case)
    if listed is None or not listed.complete:
        return "documents"
    if case.request is None:
        found = verdict(desk, case)
        if found is None or not found.ok:
            return "photo"
    return "check"


def rail_of(step: str) -> tuple[StepView, ...]:
    """The left rail."""
    names = list(STEPS)
    here = names.index(step)
    return tuple(
        StepView(STEPS[name], "done" if at < here else "now" if at == here else "next") for at, name in enumerate(names)
    )


def live_of(line: Line, job_id: int, *, prints: bool = True) -> Live:
    """What the machine told of the last run of a job."""
    events = line.events(job_id)
    begun = max((at for at, one in enumerate(events) if one.stage == "order"), default=0)
    run = events[begun:]
    last = run[-1] if run else None
    ended = last is not None and last.stage in ENDS
    return Live(
        steps=_steps(run, ended=ended, prints=prints),
        number=last.number if last else 0,
        working=line.works_on(job_id) or (last is not None and not ended),
        fault=last if last is not None and last.stage == "fault" else None,
    )


def _steps(run: Sequence[LineEvent], *, ended: bool, prints: bool) -> tuple[StepView, ...]:
    told = [one for one in run if one.stage not in ENDS]
    order = list(dict.fromkeys(one.stage for one in told))
    views: list[StepView] = []
    for at, stage in enumerate(order):
        mine = [one for one in told if one.stage == stage]
        after = [one for one in run if one.number > mine[-1].number and one.stage != stage]
        done = bool(after) and (at < len(order) - 1 or run[-1].stage == "ended")
        state = "done" if done else "fault" if ended and run[-1].stage == "fault" else "done" if ended else "now"
        seconds = _between(mine[0], after[0]) if after else None
        views.append(StepView(STAGES[stage], state, seconds, mine[-1].done, mine[-1].of))
    if not ended:
        usual = [stage for stage in _USUAL if prints or stage != "print"]
        views += [StepView(STAGES[stage], "next") for stage in usual if stage not in order]
    return tuple(views)


def _between(one: LineEvent, other: LineEvent) -> float:
    return (datetime.fromisoformat(other.at) - datetime.fromisoformat(one.at)).total_seconds()


__all__ = ["STEPS", "Live", "StepView", "live_of", "rail_of", "sitting_of", "step_of"]
