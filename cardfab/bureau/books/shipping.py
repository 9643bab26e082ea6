"""Boxes that leave the bureau: the list of what is in each. A box goes when every place of it is settled."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, replace
from typing import Final

from cardfab.bureau.books.handing import covered, covering, hand_over, require_state
from cardfab.bureau.books.reconcile import BoxLine, reconciled
from cardfab.errors import StockFault, Text
from cardfab.production import Act
from cardfab.production.batches import BatchState, BoxState
from cardfab.station.desk import Desk
from cardfab.store import Transaction
from cardfab.store.batches import BureauBatchRow
from cardfab.store.bureaufinish import HandoverRow

SHIPPED: Final = "shipping"


class NothingToShip(StockFault):
    """No box of the batch is ready to leave."""

    default_code = "CF-7378"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One box: its places in the batch, the cards in it, places without a card."""

    box: int
    first: int
    last: int
    cards: int
    empty: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """Boxes that leave together."""

    batch: BureauBatchRow
    parcels: tuple[Parcel, ...]
    at: str
    by: str

    @property
    def cards(self) -> int:
        """Cards in all of them."""
        return sum(one.cards for one in self.parcels)

    @property
    def receiver(self) -> str:
        """Who gets them."""
        return self.batch.issuer

    def csv(self) -> str:
        """A row a box; UTF-8 with a mark, as spreadsheets want it."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["batch", "receiver", "box", "first", "last", "cards", "without card"])
        for one in self.parcels:
            about = (self.batch.reference, self.receiver)
            writer.writerow([*about, one.box, one.first, one.last, one.cards, one.empty])
        return "\ufeff" + out.getvalue()

    @property
    def boxes(self) -> str:
        """Their numbers: ``1..3, 7``."""
        return covering(one.box for one in self.parcels)

    @property
    def digest(self) -> str:
        """SHA-256 of the list, as the book keeps it."""
        return hashlib.sha256(self.csv().encode()).hexdigest()


def ship(desk: Desk, name: str) -> Shipment:
    """Book the boxes that are ready as shipped. Raises :class:`NothingToShip`, BatchUnfit.

    A box whose books disagree stays: what is in it is not known.
    """
    desk.must(Act.HAND_OVER)
    with desk.database.transaction("ship") as tx:
        batch = tx.batches.find(name)
        require_state(batch, BatchState.RUNNING, BatchState.MADE, BatchState.CLOSED)
        found = reconciled(tx, batch)
        parcels = tuple(_parcel(one) for one in found.boxes if _ready(one))
        if found.boxes and all(one.box.state is BoxState.SHIPPED for one in found.boxes):
            raise _all_shipped(tx, batch, len(found.boxes))
        if not parcels:
            raise NothingToShip(
                Text(
                    f"No box of batch {batch.reference} is ready to leave.", f"批次 {batch.reference} 没有可发货的盒。"
                ),
                do=Text(
                    f"A box goes when every place has its card or was given up: 'cardfab bureau reconcile {batch.id}'.",
                    f"盒内各位置均已成卡或放弃后方可发货：cardfab bureau reconcile {batch.id}。",
                ),
            )
        shipment = Shipment(batch, parcels, desk.at(), desk.person.login)
        tx.bureau_finish.ship(batch.id, [one.box for one in parcels], at=shipment.at)
        boxes, cards = str(len(parcels)), shipment.cards
        at = hand_over(desk, tx, batch, SHIPPED, shipment.boxes, cards, shipment.digest, boxes=boxes)
        desk.checkpoint(tx)
    return replace(shipment, at=at)


def _all_shipped(tx: Transaction, batch: BureauBatchRow, boxes: int) -> NothingToShip:
    """Nothing is left to leave: who booked the last of it, and when."""
    done = tx.bureau_finish.handovers(batch.id, SHIPPED)
    at, by = (done[-1].at[:16].replace("T", " "), done[-1].by) if done else ("", "")
    return NothingToShip(
        Text(
            f"Every box of batch {batch.reference} ({boxes}) was shipped already, the last on {at} UTC by {by}.",
            f"批次 {batch.reference} 的 {boxes} 盒均已发运，最后一次为 {at} UTC，经办人 {by}。",
        ),
        do=Text(
            f"'cardfab bureau copy {batch.id}' names the shipments, and prints their lists again.",
            f"cardfab bureau copy {batch.id} 可查看各次发运并重打清单。",
        ),
        code="CF-7382",
    )


def shipped_as(tx: Transaction, batch: BureauBatchRow, row: HandoverRow) -> Shipment:
    """The shipment that a row of the book is of, as its boxes are now."""
    boxes = covered(row.file)
    parcels = tuple(_parcel(one) for one in reconciled(tx, batch).boxes if one.box.box in boxes)
    return Shipment(batch, parcels, row.at, row.by)


def _ready(one: BoxLine) -> bool:
    settled = one.places.made + one.places.left_out == one.places.rows == one.box.last - one.box.first + 1
    return one.box.state is not BoxState.SHIPPED and settled and not one.line.difference


def _parcel(one: BoxLine) -> Parcel:
    return Parcel(one.box.box, one.box.first, one.box.last, one.places.made, one.places.left_out)


__all__ = ["SHIPPED", "NothingToShip", "Parcel", "Shipment", "ship", "shipped_as"]
