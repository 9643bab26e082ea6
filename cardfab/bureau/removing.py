"""What is half taken in, or was refused, is removed: some rows a transaction, so that others of the database go on."""

from __future__ import annotations

from cardfab.production.batches import BatchState
from cardfab.station.alive import moment
from cardfab.station.desk import Desk


def remove_half_taken(desk: Desk) -> tuple[int, ...]:
    """Remove batches whose taking in was cut, and the rest of refused ones; their numbers.

    To be called when no other program of this station takes a file in. What another station takes in is left as long
    as that one counts as alive.
    """
    with desk.database.reading() as tx:
        now = moment(desk)
        cut = [
            one.id
            for one in tx.batches.all(BatchState.RECEIVING)
            if one.station == desk.station or (tx.stations.until(one.station) or "") < now
        ]
        refused = tx.batches.refused_with_rows()
    for batch_id in cut:
        remove_batch(desk, batch_id)
    for batch_id in refused:
        remove_rows(desk, batch_id)
    return (*cut, *refused)


def remove_rows(desk: Desk, batch_id: int) -> None:
    """Remove the rows of a batch, some a transaction."""
    left = 1
    while left:
        with desk.database.transaction("batch rows") as tx:
            left = tx.batches.remove_rows(batch_id)


def remove_batch(desk: Desk, batch_id: int) -> None:
    """Remove a batch that was half taken in, and that it was there; the record keeps that."""
    remove_rows(desk, batch_id)
    with desk.database.transaction("batch removed") as tx:
        token = tx.batches.get(batch_id).token
        tx.batches.remove(batch_id)
        tx.audit.append(desk.event("batch.remove", token, "done", {"batch": str(batch_id), "why": "half taken"}))


__all__ = ["remove_batch", "remove_half_taken", "remove_rows"]
