"""Shards of a batch, what was drawn for them, and the prepared cards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, update

from cardfab.errors import InputRefused, Text
from cardfab.production.batches import ShardState
from cardfab.store.bulk import put
from cardfab.store.bureautables import bureau_card, bureau_shard


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One shard: places ``first`` to ``last`` of a batch. ``worker`` and the times only inform; ``cost`` in seconds."""

    batch_id: int
    shard: int
    first: int
    last: int
    state: ShardState
    digest: str | None
    worker: str | None
    begun_at: str | None
    ended_at: str | None
    tries: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class CardRow:
    """A prepared card: ``sealed`` as ``job.sealed_card`` is, None once its job has it."""

    batch_id: int
    place: int
    shard: int
    number_index: bytes
    sealed: bytes | None


class ShardUnknown(InputRefused):
    """No such shard."""

    default_code = "CF-3490"


_WANTED = [bureau_shard.c[name] for name in ShardRow.__slots__]
_CARD = tuple(CardRow.__slots__)


class Shards:
    """Shards of a batch, what was drawn for them, and the prepared cards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, batch_id: int, *states: ShardState) -> tuple[ShardRow, ...]:
        """The shards of a batch in some states (all without any), in order."""
        found = select(*_WANTED).where(bureau_shard.c.batch_id == batch_id).order_by(bureau_shard.c.shard)
        if states:
            found = found.where(bureau_shard.c.state.in_(states))
        return tuple(map(_row, self._connection.execute(found)))

    def get(self, batch_id: int, shard: int) -> ShardRow:
        """One shard; raises :class:`ShardUnknown`."""
        row = self._connection.execute(select(*_WANTED).where(*_of(batch_id, shard))).one_or_none()
        if row is None:
            raise ShardUnknown(
                Text(f"Batch {batch_id} has no shard {shard}.", f"批次 {batch_id} 没有分片 {shard}。"),
                do=Text("'cardfab bureau status' shows them.", "可用 cardfab bureau status 查看。"),
            )
        return _row(row)

    def draws(self, batch_id: int, shard: int) -> bytes | None:
        """What was drawn for a shard, sealed; None before that."""
        return self._connection.scalar(select(bureau_shard.c.sealed_draws).where(*_of(batch_id, shard)))

    def keep_draws(self, batch_id: int, shard: int, sealed: bytes) -> bool:
        """Keep what was drawn; False where somebody was quicker, and then theirs holds."""
        waiting = update(bureau_shard).where(*_of(batch_id, shard), bureau_shard.c.state == ShardState.WAITING)
        return self._connection.execute(waiting.values(state=ShardState.DRAWN, sealed_draws=sealed)).rowcount == 1

    def begin(self, batch_id: int, shard: int, worker: str, at: str) -> None:
        """Note who works on a shard that is not done: it tells people, and keeps nobody else from it."""
        open_one = update(bureau_shard).where(*_of(batch_id, shard), bureau_shard.c.state != ShardState.DONE)
        self._connection.execute(open_one.values(worker=worker, begun_at=at, tries=bureau_shard.c.tries + 1))

    def done(self, batch_id: int, shard: int, digest: str, *, worker: str, at: str, cost: float) -> bool:
        """The shard is done; False where it was already, and then nothing changes."""
        drawn = update(bureau_shard).where(*_of(batch_id, shard), bureau_shard.c.state == ShardState.DRAWN)
        values = {"state": ShardState.DONE, "digest": digest, "worker": worker, "ended_at": at, "cost": cost}
        return self._connection.execute(drawn.values(**values)).rowcount == 1

    def put_cards(self, cards: Iterable[CardRow]) -> int:
        """Add prepared cards; how many."""
        return put(
            self._connection,
            bureau_card,
            _CARD,
            ((c.batch_id, c.place, c.shard, c.number_index, c.sealed) for c in cards),
        )

    def cards(self, batch_id: int, first: int, last: int) -> Sequence[CardRow]:
        """The prepared cards of places ``first`` to ``last``, in order."""
        wanted = select(*(bureau_card.c[name] for name in _CARD)).order_by(bureau_card.c.place)
        places = (bureau_card.c.batch_id == batch_id, bureau_card.c.place.between(first, last))
        return [CardRow(*found) for found in self._connection.execute(wanted.where(*places))]


def _of(batch_id: int, shard: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return bureau_shard.c.batch_id == batch_id, bureau_shard.c.shard == shard


def _row(found: Row[Any]) -> ShardRow:
    values = found._asdict()
    return ShardRow(**{**values, "state": ShardState(values["state"])})


__all__ = ["CardRow", "ShardRow", "ShardUnknown", "Shards"]
