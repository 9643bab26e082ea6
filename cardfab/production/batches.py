"""The states of a batch of the bureau, of its shards and of its boxes. Knows no database."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from cardfab.errors import Text
from cardfab.production.states import StateRefused


class BatchState(enum.StrEnum):
    """Where a batch is."""

    RECEIVING = "RECEIVING"
    """The file is being taken in. Found at a start, what came of it is removed: nothing is half taken."""
    WAITING = "WAITING"
    """Taken in; a person decides, on wrong rows too."""
    REFUSED = "REFUSED"
    APPROVED = "APPROVED"
    PREPARED = "PREPARED"
    RUNNING = "RUNNING"
    MADE = "MADE"
    """Every place has its card, or a person gave it up."""
    CLOSED = "CLOSED"
    """Reconciled, handed over."""
    ERASED = "ERASED"

    @property
    def text(self) -> Text:
        """The state for people."""
        return _BATCH_TEXTS[self]


class ShardState(enum.StrEnum):
    """Where a shard is. What is random is drawn once (DRAWN) and used again by whoever prepares it."""

    WAITING = "WAITING"
    DRAWN = "DRAWN"
    DONE = "DONE"


class BoxState(enum.StrEnum):
    """Where a box is. One slot of a line works a box at a time, so its cards keep their order."""

    WAITING = "WAITING"
    IN_WORK = "IN_WORK"
    FULL = "FULL"
    """Every place of it is DONE, or is accounted for and waits for a remake of its own."""
    SHIPPED = "SHIPPED"


_S = BatchState

BATCH_TABLE: Final[Mapping[BatchState, frozenset[BatchState]]] = {
    _S.RECEIVING: frozenset({_S.WAITING, _S.REFUSED}),
    _S.WAITING: frozenset({_S.APPROVED, _S.REFUSED}),
    _S.REFUSED: frozenset({_S.ERASED}),
    _S.APPROVED: frozenset({_S.PREPARED, _S.REFUSED}),
    _S.PREPARED: frozenset({_S.RUNNING, _S.REFUSED}),
    _S.RUNNING: frozenset({_S.MADE}),
    _S.MADE: frozenset({_S.RUNNING, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.ERASED}),
    _S.ERASED: frozenset(),
}

_BATCH_TEXTS: Final[Mapping[BatchState, Text]] = {
    _S.RECEIVING: Text("being taken in", "接收中"),
    _S.WAITING: Text("waiting for a decision", "待审核"),
    _S.REFUSED: Text("refused", "已拒收"),
    _S.APPROVED: Text("approved", "已审核"),
    _S.PREPARED: Text("prepared", "数据已准备"),
    _S.RUNNING: Text("in production", "生产中"),
    _S.MADE: Text("made", "制卡完成"),
    _S.CLOSED: Text("closed", "已结批"),
    _S.ERASED: Text("erased", "数据已清除"),
}


class BatchStateRefused(StateRefused):
    """A batch is not in a state that leads to the one that is wanted: it is there already, past it or not so far."""

    exit_status = 7
    default_code = "CF-7357"


def batch_after(state: BatchState, target: BatchState) -> BatchState:
    """The batch state if the table allows the move; raises :class:`BatchStateRefused`."""
    if target not in BATCH_TABLE[state]:
        raise BatchStateRefused(
            Text(
                f"A batch that is {state.text.en} cannot become {target.text.en}.",
                f"批次状态为“{state.text.zh}”，不能变为“{target.text.zh}”。",
            ),
            do=Text("'cardfab bureau status' shows it.", "可用 cardfab bureau status 查看。"),
        )
    return target


__all__ = ["BATCH_TABLE", "BatchState", "BatchStateRefused", "BoxState", "ShardState", "batch_after"]
