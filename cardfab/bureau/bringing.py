"""Prepared rows of a box become requests with queued jobs, as if they had been prepared at the station."""

from __future__ import annotations

from cardfab.production import JobEvent
from cardfab.station.desk import Desk
from cardfab.store import Move, Transaction
from cardfab.store.batches import BureauBatchRow
from cardfab.store.boxes import BoxRow


def bring_in(desk: Desk, tx: Transaction, batch: BureauBatchRow, box: BoxRow) -> int:
    """Bring in what was not brought before; how many. The batch's approval is that of each job."""
    approved = batch.approved_by or batch.received_by
    at, note = desk.at(), f"batch {batch.id}, box {box.box}"
    moves: dict[JobEvent | None, Move] = {
        None: Move(at, batch.received_by, note),
        JobEvent.APPROVE: Move(at, approved, f"batch {batch.id}"),
        JobEvent.PREPARE: Move(at, desk.person.login, f"batch {batch.id}"),
        JobEvent.QUEUE: Move(at, desk.person.login, note),
    }
    products = {one.product for one in tx.boxes.places(batch.id, box.first, box.last) if one.job_id is None}
    if not products:
        return 0
    stock = {name: desk.product(name).product.stock for name in products}
    brought = tx.boxes.bring(box, stock, moves, desk.token)
    if brought:
        details = {"box": str(box.box), "first": str(box.first), "last": str(box.last), "count": str(brought)}
        tx.audit.append(desk.event("batch.box", batch.token, "done", details))
    return brought


__all__ = ["bring_in"]
