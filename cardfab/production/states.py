"""The state tables of a job and of an issued card. Everything that moves a state lives here; it knows no database.

A missing entry is an error. The diagrams in ``docs/architecture.md`` are generated from these tables
(``tools/diagrams.py``), so they cannot disagree with the code.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from cardfab.errors import CardfabError, Text


class JobState(enum.StrEnum):
    """Where a job is. A job makes one card, or spoils one blank."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    PREPARED = "PREPARED"
    QUEUED = "QUEUED"
    CLAIMED = "CLAIMED"
    ENCODING = "ENCODING"
    VERIFYING = "VERIFYING"
    PRINTING = "PRINTING"
    INSPECTED = "INSPECTED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    SPOILED = "SPOILED"
    IN_DOUBT = "IN_DOUBT"

    @property
    def text(self) -> Text:
        """The state as papers name it."""
        return _STATES[self]


class JobEvent(enum.StrEnum):
    """What happens to a job."""

    APPROVE = "approve"
    PREPARE = "prepare"
    QUEUE = "queue"
    CLAIM = "claim"
    ENCODE = "encode"
    ENCODED = "encoded"
    PRINT = "print"
    PRINTED = "printed"
    ACCEPT = "accept"
    FINISH_UNPRINTED = "finish, no printing"
    CANCEL = "cancel"
    SPOIL = "spoil"
    LOSE = "lease lost or power cut"
    UNTOUCHED = "read back: no blank was moved"
    INTACT = "read back: the chip holds the card"
    SEEN_GOOD = "seen: the print is whole"


_S, _E = JobState, JobEvent

_STATES: Final[Mapping[JobState, Text]] = {
    _S.REQUESTED: Text("requested", "待审批"),
    _S.APPROVED: Text("approved", "已审批"),
    _S.PREPARED: Text("prepared", "已准备"),
    _S.QUEUED: Text("queued", "待制卡"),
    _S.CLAIMED: Text("blank taken", "已领空白卡"),
    _S.ENCODING: Text("encoding", "写卡中"),
    _S.VERIFYING: Text("reading back", "核对中"),
    _S.PRINTING: Text("printing", "打印中"),
    _S.INSPECTED: Text("to be inspected", "待验收"),
    _S.DONE: Text("made", "成卡"),
    _S.CANCELLED: Text("cancelled", "已取消"),
    _S.SPOILED: Text("spoiled", "废卡"),
    _S.IN_DOUBT: Text("in doubt", "存疑"),
}

_IN_CHINESE: Final[Mapping[JobEvent, str]] = {
    _E.APPROVE: "审批",
    _E.PREPARE: "准备",
    _E.QUEUE: "排队",
    _E.CLAIM: "领用空白卡",
    _E.ENCODE: "写卡",
    _E.ENCODED: "写卡完成",
    _E.PRINT: "打印",
    _E.PRINTED: "打印完成",
    _E.ACCEPT: "验收",
    _E.FINISH_UNPRINTED: "不打印即完成",
    _E.CANCEL: "取消",
    _E.SPOIL: "记为废卡",
    _E.LOSE: "中断",
    _E.UNTOUCHED: "回读：未动用空白卡",
    _E.INTACT: "回读：芯片数据完整",
    _E.SEEN_GOOD: "目视：打印完好",
}

JOB_TABLE: Final[Mapping[JobState, Mapping[JobEvent, JobState]]] = {
    _S.REQUESTED: {_E.APPROVE: _S.APPROVED, _E.CANCEL: _S.CANCELLED},
    _S.APPROVED: {_E.PREPARE: _S.PREPARED, _E.CANCEL: _S.CANCELLED},
    _S.PREPARED: {_E.QUEUE: _S.QUEUED, _E.CANCEL: _S.CANCELLED},
    _S.QUEUED: {_E.CLAIM: _S.CLAIMED, _E.CANCEL: _S.CANCELLED},
    # A claimed job has taken its blank out of the stock: from here a blank is at stake, and cancelling is spoiling.
    _S.CLAIMED: {_E.ENCODE: _S.ENCODING, _E.SPOIL: _S.SPOILED, _E.LOSE: _S.IN_DOUBT, _E.UNTOUCHED: _S.QUEUED},
    _S.ENCODING: {_E.ENCODED: _S.VERIFYING, _E.SPOIL: _S.SPOILED, _E.LOSE: _S.IN_DOUBT},
    _S.VERIFYING: {
        _E.PRINT: _S.PRINTING,
        _E.FINISH_UNPRINTED: _S.DONE,
        _E.SPOIL: _S.SPOILED,
        _E.LOSE: _S.IN_DOUBT,
    },
    _S.PRINTING: {_E.PRINTED: _S.INSPECTED, _E.SPOIL: _S.SPOILED, _E.LOSE: _S.IN_DOUBT},
    _S.INSPECTED: {_E.ACCEPT: _S.DONE, _E.SPOIL: _S.SPOILED},
    _S.IN_DOUBT: {
        _E.UNTOUCHED: _S.QUEUED,
        _E.INTACT: _S.VERIFYING,
        _E.SEEN_GOOD: _S.INSPECTED,
        _E.SPOIL: _S.SPOILED,
    },
    _S.DONE: {},
    _S.CANCELLED: {},
    _S.SPOILED: {},
}

IN_WORK: Final = frozenset({_S.CLAIMED, _S.ENCODING, _S.VERIFYING, _S.PRINTING, _S.INSPECTED, _S.IN_DOUBT})
"""States in which a blank is out of the stock and not yet issued or spoiled."""

INTERRUPTIBLE: Final = frozenset({_S.CLAIMED, _S.ENCODING, _S.VERIFYING, _S.PRINTING})
"""States that only a living process may hold; found at the next start, the job is in doubt."""

OPEN_FOR_REQUEST: Final = frozenset(JobState) - {_S.SPOILED, _S.CANCELLED}
"""A request has at most one job in these states."""

_SETTLES: Final[Mapping[JobEvent, frozenset[JobState]]] = {
    _E.UNTOUCHED: frozenset({_S.CLAIMED}),
    _E.INTACT: frozenset({_S.ENCODING, _S.VERIFYING}),
    _E.SEEN_GOOD: frozenset({_S.PRINTING}),
}
"""From which interrupted state each settlement may be reached: a card seen in print is never encoded again, a blank
that may have been written never returns to the stock."""


class CardState(enum.StrEnum):
    """Where an issued card is in its life."""

    MADE = "MADE"
    HANDED_OVER = "HANDED_OVER"
    ACTIVATED = "ACTIVATED"
    RESTRICTED = "RESTRICTED"
    LOST = "LOST"
    BLOCKED = "BLOCKED"
    REPLACED = "REPLACED"
    EXPIRED = "EXPIRED"
    UNCOLLECTED = "UNCOLLECTED"
    DESTROYED = "DESTROYED"


_C = CardState

_ENDS_EARLY = frozenset({_C.LOST, _C.BLOCKED, _C.REPLACED, _C.EXPIRED})

CARD_TABLE: Final[Mapping[CardState, frozenset[CardState]]] = {
    _C.MADE: frozenset({_C.HANDED_OVER, _C.RESTRICTED, _C.UNCOLLECTED}) | _ENDS_EARLY,
    _C.HANDED_OVER: frozenset({_C.ACTIVATED, _C.RESTRICTED}) | _ENDS_EARLY,
    _C.ACTIVATED: _ENDS_EARLY,
    # Not activated in time: a named supervisor releases it, and it is a card to be activated again.
    _C.RESTRICTED: frozenset({_C.HANDED_OVER}) | _ENDS_EARLY,
    # A lost card that is presented later is blocked, or its report is taken back; what follows it replaces it.
    _C.LOST: frozenset({_C.BLOCKED, _C.REPLACED, _C.HANDED_OVER, _C.ACTIVATED}),
    _C.BLOCKED: frozenset({_C.REPLACED}),
    _C.EXPIRED: frozenset({_C.BLOCKED, _C.REPLACED}),
    _C.REPLACED: frozenset(),
    _C.UNCOLLECTED: frozenset({_C.DESTROYED}),
    _C.DESTROYED: frozenset(),
}

TO_ACTIVATE: Final = frozenset({_C.MADE, _C.HANDED_OVER})
"""States of a card that waits for its activation and becomes RESTRICTED when that comes too late."""

OUT_OF_USE: Final = frozenset({_C.LOST, _C.BLOCKED, _C.REPLACED, _C.EXPIRED, _C.UNCOLLECTED, _C.DESTROYED})
"""States of a card that is served no more; it can only be blocked and replaced."""


class StateRefused(CardfabError):
    """The table has no such move: a bug in cardfab, or two programs on one station."""

    default_code = "CF-1100"


def after(state: JobState, event: JobEvent, *, doubt_from: JobState | None = None) -> JobState:
    """The state a job moves to. ``doubt_from`` is the state a job in doubt was interrupted in; raises StateRefused."""
    target = JOB_TABLE[state].get(event)
    settles = _SETTLES.get(event)
    if target is None or (state is _S.IN_DOUBT and settles is not None and doubt_from not in settles):
        raise StateRefused(
            Text(
                f"A job in state {state} cannot take '{event}'"
                + (f" (interrupted in {doubt_from})." if doubt_from else "."),
                f"处于 {state} 状态的作业不能执行“{_IN_CHINESE[event]}”"
                + (f"（中断于 {doubt_from}）。" if doubt_from else "。"),
            ),
            do=Text("Show it with 'cardfab job show'.", "请用 cardfab job show 查看。"),
        )
    return target


def card_after(state: CardState, target: CardState) -> CardState:
    """The card state if the table allows the move; raises StateRefused."""
    if target not in CARD_TABLE[state]:
        raise StateRefused(
            Text(f"A card in state {state} cannot become {target}.", f"{state} 状态的卡不能变为 {target}。"),
            do=Text(
                "'cardfab card due' and 'cardfab card verify' show it.", "可用 cardfab card due、card verify 查看。"
            ),
        )
    return target
