"""A list or a certificate of what left the bureau, once more: from the books, as it was, marked as a copy."""

from __future__ import annotations

from cardfab.bureau.books.destroying import DESTROYED, Destroyed, destroyed_as
from cardfab.bureau.books.shipping import SHIPPED, Shipment, shipped_as
from cardfab.errors import StockFault, Text
from cardfab.production import Act
from cardfab.station.desk import Desk
from cardfab.store.batches import BureauBatchRow
from cardfab.store.bureaufinish import HandoverRow


class NoSuchPaper(StockFault):
    """Nothing of this number left the bureau."""

    default_code = "CF-7392"


class PaperDiffers(StockFault):
    """What the books say now is not what was handed over."""

    default_code = "CF-7393"


def handed_over(desk: Desk, name: str) -> tuple[BureauBatchRow, tuple[HandoverRow, ...]]:
    """The shipments and destructions of a batch, oldest first."""
    desk.must(Act.HAND_OVER)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
        return batch, tx.bureau_finish.handovers(batch.id, SHIPPED, DESTROYED)


def again(desk: Desk, name: str, number: int) -> Shipment | Destroyed:
    """What was handed over under a number of the book. Raises :class:`NoSuchPaper`, :class:`PaperDiffers`."""
    batch, rows = handed_over(desk, name)
    row = next((one for one in rows if one.id == number), None)
    if row is None:
        raise NoSuchPaper(
            Text(f"Batch {batch.reference} has no list or certificate {number}.",
                 f"批次 {batch.reference} 没有编号为 {number} 的清单或记录。"),
            do=Text(f"'cardfab bureau copy {batch.id}' lists them.", f"cardfab bureau copy {batch.id} 可列出全部。"),
        )  # fmt: skip
    with desk.database.reading() as tx:
        one = (shipped_as if row.kind == SHIPPED else destroyed_as)(tx, batch, row)
    if one.digest != row.digest:
        raise PaperDiffers(
            Text(f"What the books say of {row.kind} {number} now is not what was handed over then.",
                 f"编号 {number} 的账目现状与当时交付内容不一致。"),
            do=Text("Look for the first paper, and have the auditor compare the books.",
                    "请查找原件，并请审计员核对账目。"),
        )  # fmt: skip
    details = {"batch": str(batch.id), "handover": str(row.id), "of": row.kind, "digest": row.digest}
    desk.database.note(desk.event("bureau.copy", batch.token, "done", details))
    return one


__all__ = ["NoSuchPaper", "PaperDiffers", "again", "handed_over"]
