"""The spoiled cards of a batch, destroyed before a witness: counted by two, each named on the certificate."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from cardfab.bureau.books.handing import hand_over
from cardfab.errors import StockFault, Text
from cardfab.production import Act, Place, StockMovement
from cardfab.production.serials import joined, listed
from cardfab.station.desk import Desk
from cardfab.station.stockbook.moving import Counts, Goods, book, reason_of, require_day, two
from cardfab.store import Transaction
from cardfab.store.batches import BureauBatchRow
from cardfab.store.bureaubooks import NamedRow
from cardfab.store.bureaufinish import HandoverRow

DESTROYED: Final = "destruction"


class NothingSpoiled(StockFault):
    """No spoiled card of the batch is left to be destroyed."""

    default_code = "CF-7379"


@dataclass(frozen=True, slots=True)
class Destroyed:
    """One destruction: the number of its paper, the cards, and their printed numbers."""

    number: str
    batch: BureauBatchRow
    stock: str
    cards: tuple[NamedRow, ...]
    numbers: str
    how: str
    at: str
    by: str
    witness: str

    @property
    def digest(self) -> str:
        """SHA-256 over jobs and chips, as the book keeps it."""
        return hashlib.sha256("".join(f"{one.job_id} {one.chip or ''}\n" for one in self.cards).encode()).hexdigest()


def destroy(desk: Desk, name: str, counts: Counts, how: str) -> Destroyed:
    """Book the spoiled cards of a batch that were not destroyed before. ``counts``: what the two counted in the box.

    Raises TwoNeeded, CountsDiffer, :class:`NothingSpoiled`; StockEmpty where the box of spoiled cards has fewer.
    """
    desk.must(Act.DESTROY)
    require_day(desk)
    why = reason_of(how)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
        cards = _waiting(tx, batch)
    if not cards:
        raise NothingSpoiled(
            Text(f"Batch {batch.reference} has no spoiled card that waits for its destruction.",
                 f"批次 {batch.reference} 没有待销毁的废卡。"),
            do=Text("'cardfab bureau reconcile' names every spoiled card.", "cardfab bureau reconcile 列出全部废卡。"),
        )  # fmt: skip
    stock = desk.product(batch.product).product.stock
    witness = two(desk, Goods(stock, len(cards)), counts)
    with desk.database.transaction("destroy batch") as tx:
        if _waiting(tx, batch) != cards:
            raise NothingSpoiled(
                Text("Cards of the batch were spoiled or destroyed meanwhile.", "清点期间批次废卡有变动。"),
                do=Text("Count again.", "请重新清点。"),
            )
        paper = f"XH{desk.now().year}{tx.jobs.next_number('destruction', 1):06d}"
        serials = joined(one for card in cards for one in tx.stock.serials.of_job(card.job_id or 0))
        movement = StockMovement(stock, Place.SPOILED, Place.DESTROYED, len(cards), why)
        if serials:
            movement = StockMovement(stock, Place.SPOILED, Place.DESTROYED, len(cards), why, serials)
        book(desk, tx, movement, second=witness.login, note=paper)
        last = str(max(one.job_id or 0 for one in cards))
        done = Destroyed(
            paper, batch, stock, cards, listed(serials), why, desk.at(), desk.person.login, witness.login
        )  # fmt: skip
        at = hand_over(desk, tx, batch, DESTROYED, paper, len(cards), done.digest, witness.login, last_job=last)
        desk.checkpoint(tx)
    return replace(done, at=at)


def destroyed_as(tx: Transaction, batch: BureauBatchRow, row: HandoverRow) -> Destroyed:
    """The destruction that a row of the book is of; how, and the printed numbers, are in the book of the stock."""
    before = sum(one.count for one in tx.bureau_finish.handovers(batch.id, DESTROYED) if one.id < row.id)
    cards = tx.bureau_books.spoiled(batch.id)[before : before + row.count]
    [moved] = [one for one in tx.stock.days.noted(row.file) if one.target is Place.DESTROYED]
    numbers, second = listed(moved.serials), row.second or ""
    return Destroyed(row.file, batch, moved.stock, cards, numbers, moved.reason, row.at, row.by, second)


def _waiting(tx: Transaction, batch: BureauBatchRow) -> tuple[NamedRow, ...]:
    """Spoiled cards after those that were destroyed, in the order in which they were booked."""
    gone = sum(one.count for one in tx.bureau_finish.handovers(batch.id, DESTROYED))
    return tx.bureau_books.spoiled(batch.id)[gone:]


__all__ = ["DESTROYED", "Destroyed", "NothingSpoiled", "destroy", "destroyed_as"]
