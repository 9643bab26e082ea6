"""What people decide of a batch is decided once: who comes second hears since when it is so, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cardfab.errors import Text
from cardfab.production.batches import BATCH_TABLE, BatchState, BatchStateRefused
from cardfab.store import Transaction
from cardfab.store.batches import BureauBatchRow

REFUSED: Final = "refusal"
CLOSED: Final = "close"
ERASED: Final = "erasure"
_BOOKED: Final[Mapping[BatchState, str]] = {
    BatchState.REFUSED: REFUSED, BatchState.CLOSED: CLOSED, BatchState.ERASED: ERASED,
}  # fmt: skip
"""The ends of a batch are lines of the book of what left the bureau."""


def require_move(tx: Transaction, batch: BureauBatchRow, target: BatchState) -> None:
    """Raise :class:`BatchStateRefused`, with who brought the batch where it is and when, unless it may become this."""
    state = batch.state
    if target in BATCH_TABLE[state]:
        return
    passed = target is BatchState.APPROVED and batch.approved_by is not None and state is not BatchState.REFUSED
    en, zh = _by(tx, batch, BatchState.APPROVED if passed else state)
    when = f"{batch.changed_at[:16].replace('T', ' ')} UTC"
    decided = state is BatchState.APPROVED or state in _BOOKED
    if state is target:
        what = Text(
            f"Batch {batch.id} is {state.text.en} already, since {when}{en}.",
            f"批次 {batch.id} 已于 {when}{zh}变为“{state.text.zh}”。",
        )
    elif passed:
        what = Text(
            f"Batch {batch.id} was approved already, on {batch.issue_date}{en}; it is {state.text.en}.",
            f"批次 {batch.id} 已于 {batch.issue_date}{zh}审核通过，现为“{state.text.zh}”。",
        )
    else:
        what = Text(
            f"Batch {batch.id} is {state.text.en}{f', since {when}{en}' if decided else ''}: "
            f"it cannot become {target.text.en}.",
            f"批次 {batch.id} 状态为“{state.text.zh}”{f'（{when}{zh.strip()}）' if decided else ''}，"
            f"不能变为“{target.text.zh}”。",
        )
    raise BatchStateRefused(
        what,
        do=Text(f"'cardfab bureau status {batch.id}' shows it.", f"可用 cardfab bureau status {batch.id} 查看。"),
    )


def _by(tx: Transaction, batch: BureauBatchRow, state: BatchState) -> tuple[str, str]:
    """Who brought it to a state, as the end of a sentence; empty where nobody is named."""
    if kind := _BOOKED.get(state):
        found = tx.bureau_finish.handovers(batch.id, kind)
        first, second = (found[-1].by, found[-1].second) if found else (None, None)
    else:
        first, second = batch.approved_by, batch.second
    if not first:
        return "", ""
    return (f", by {first} and {second}", f" 由 {first}、{second} ") if second else (f", by {first}", f" 由 {first} ")


__all__ = ["CLOSED", "ERASED", "REFUSED", "require_move"]
