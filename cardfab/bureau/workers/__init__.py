"""Workers that prepare the shards of batches, on as many machines as there are, from a queue in PostgreSQL.

A task says which batch and which shard, never data and never keys. What a worker makes of it is idempotent
(:mod:`cardfab.bureau.preparing`), so a task that is done twice, or given back when its worker was lost, costs time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cardfab.bureau.workers.places import require_library, server_of

if TYPE_CHECKING:
    from cardfab.bureau.workers.deferring import Deferred
    from cardfab.station.desk import Desk


def defer(desk: Desk, batch_id: int) -> Deferred:
    """Put the open shards of a batch into the queue of the workers; those that are in it already stay as they are.

    Raises :class:`~cardfab.bureau.workers.places.WorkersRefused`, BatchUnknown, NotAllowed.
    """
    server_of(desk.database)
    require_library()
    from cardfab.bureau.workers.deferring import defer as deferred

    return deferred(desk, batch_id)


__all__ = [
    "defer",
    "require_library",
    "server_of",
]
