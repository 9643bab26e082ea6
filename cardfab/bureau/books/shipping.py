"""Boxes that leave the bureau: the list of what is in each. A box goes when every place of it is settled."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import Final

from cardfab.bureau.books.handing import hand_over, require_state
from cardfab.bureau.books.reconcile import BoxLine, reconciled
from cardfab.errors import StockFault, Text
from cardfab.production import Act
from cardfab.production.batches import BatchState, BoxState
from cardfab.station.desk import Desk
from cardfab.store.batches import BureauBatchRow

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
        tx.bureau_finish.ship(batch.id, [one.box for one in parcels], at=desk.at())
        shipment = Shipment(batch, parcels, desk.at(), desk.person.login)
        digest = hashlib.sha256(shipment.csv().encode()).hexdigest()
        boxes = f"{parcels[0].box}..{parcels[-1].box}"
        hand_over(desk, tx, batch, SHIPPED, boxes, shipment.cards, digest, boxes=str(len(parcels)))
        desk.checkpoint(tx)
    return shipment


def _ready(one: BoxLine) -> bool:
    settled = one.places.made + one.places.left_out == one.places.rows == one.box.last - one.box.first + 1
    return one.box.state is not BoxState.SHIPPED and settled and not one.line.difference


def _parcel(one: BoxLine) -> Parcel:
    return Parcel(one.box.box, one.box.first, one.box.last, one.places.made, one.places.left_out)


__all__ = ["SHIPPED", "NothingToShip", "Parcel", "Shipment", "ship"]
