"""Whom a fault concerns: the whole line, one slot, or the job alone."""

from __future__ import annotations

import enum

from cardfab.errors import CardfabError, CardRefused, DeviceFault, InDoubt, Text
from cardfab.keys.away import KeysAway
from cardfab.production.states import StateRefused
from cardfab.station.issue import JobNotReady
from cardfab.store import CommitInDoubt, DatabaseAway, DatabaseBusy, DatabaseFull, RecordUnwritten, StockEmpty
from cardfab.store.stockdays import DayClosed

AWAY = (DatabaseAway, DatabaseBusy, DatabaseFull, RecordUnwritten, CommitInDoubt)
"""Those of the database."""
_HOLDS = (StockEmpty, DayClosed, KeysAway, *AWAY)
"""What no slot can do anything about, and what will be over when somebody has mended it."""


class Concern(enum.Enum):
    """Whom it concerns."""

    LINE = "line"
    SLOT = "slot"
    JOB = "job"
    OTHER = "other"
    """Somebody else has the job, or had it."""


class SlotTakenOut(DeviceFault):
    """So many faults in a row: the slot does no more."""

    default_code = "CF-5740"

    def __init__(self, slot: str, faults: int, last: CardfabError) -> None:
        super().__init__(
            Text(
                f"Slot {slot} was taken out after {faults} faults in a row; the last one: {last.what.en}",
                f"工位 {slot} 连续出现 {faults} 次故障，已停用；最后一次：{last.what.zh}",
            ),
            do=last.do,
        )


class SlotWentWrong(DeviceFault):
    """Something nobody expected; the log has it."""

    default_code = "CF-5741"

    def __init__(self, slot: str) -> None:
        super().__init__(
            Text(f"Something unexpected happened at slot {slot}.", f"工位 {slot} 发生意外错误。"),
            do=Text("Tell who looks after the line; the log says more.", "请告知产线维护人员，详见日志。"),
        )


def holds_line(error: CardfabError) -> CardfabError | None:
    """What holds the whole line, in an error or behind it; None where nothing does."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, _HOLDS):
            return found
        found = found.__cause__
    return None


def concern_of(error: CardfabError) -> Concern:
    """Whom an error that ended the work on a card concerns."""
    if holds_line(error) is not None:
        return Concern.LINE
    if isinstance(error, JobNotReady | StateRefused):
        return Concern.OTHER
    if isinstance(error, DeviceFault | CardRefused | InDoubt):
        return Concern.SLOT
    return Concern.JOB


__all__ = ["AWAY", "Concern", "SlotTakenOut", "SlotWentWrong", "concern_of", "holds_line"]
