"""The personal data of a batch, erased for good: by two people, with a signed record of counts and digests.

A batch is closed and handed over when its data serves nobody any more: it may be erased from then on, and has to be
when the days of its product are over (PCI CP-L 4.5). What stays says nothing of a holder: places, states, card
numbers as keyed indexes (no number is given twice), the audit record.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from cardfab.audit import sign_note
from cardfab.bureau.already import ERASED, require_move
from cardfab.bureau.books.handing import hand_over, require_state
from cardfab.bureau.books.returning import RETURNED
from cardfab.errors import StockFault, Text
from cardfab.production import Act
from cardfab.production.batches import BatchState
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station.desk import Desk
from cardfab.station.people import second_person
from cardfab.station.retention import compact
from cardfab.store.batches import BureauBatchRow
from cardfab.store.retention import Sum, sum_of


class NotReturned(StockFault):
    """The issuer has no return file yet: it could never be written afterwards."""

    default_code = "CF-7380"


@dataclass(frozen=True, slots=True)
class BatchErasure:
    """What was erased of a batch, by kind, and the signed record of it."""

    batch: BureauBatchRow
    sums: dict[str, Sum]
    record: bytes


def erase_by(desk: Desk, batch: BureauBatchRow) -> date | None:
    """The day on which the data of a closed batch is to be erased at the latest; None while it is not closed."""
    if batch.state is not BatchState.CLOSED:
        return None
    days = load(desk.profiles, "products", batch.product, Product).kept_days(desk.now().date())
    return (datetime.fromisoformat(batch.changed_at) + timedelta(days=days)).date()


def erase(desk: Desk, name: str, second: str) -> BatchErasure:
    """Erase a closed or refused batch. Raises :class:`NotReturned`, BatchUnfit, and NotCompacted where free pages of
    the database may still hold what was sealed.
    """
    desk.must(Act.RETENTION)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
        returned = tx.bureau_finish.handovers(batch.id, RETURNED)
        if batch.state is BatchState.ERASED:
            require_move(tx, batch, BatchState.ERASED)
    require_state(batch, BatchState.CLOSED, BatchState.REFUSED)
    if batch.state is BatchState.CLOSED and not returned:
        raise NotReturned(
            Text(f"Batch {batch.reference} has no return file yet; after erasing none can be written.",
                 f"批次 {batch.reference} 尚未生成回盘文件；清除后将无法生成。"),
            do=Text(f"Write it first: 'cardfab bureau return {batch.id} --out FILE'.",
                    f"请先生成：cardfab bureau return {batch.id} --out 文件。"),
        )  # fmt: skip
    approver = second_person(desk, second, Act.RETENTION)
    token = desk.token()
    with desk.database.transaction("erase batch") as tx:
        sums = {kind: sum_of(values) for kind, values in tx.bureau_finish.sealed(batch.id)}
        sums = {kind: one for kind, one in sums.items() if one.count}
        tx.bureau_finish.erase(batch.id)
        at = desk.at()
        told = {
            "at": at, "approved_by": approver.login, "batch": batch.reference, "by": desk.person.login,
            "closed": batch.changed_at, "erased": {kind: asdict(one) for kind, one in sums.items()}, "erasure": token,
            "issuer": batch.issuer, "station": desk.station,
        }  # fmt: skip
        text = json.dumps(told, ensure_ascii=False, sort_keys=True) + "\n"
        record = sign_note(text, desk.audit_key(), desk.sign_audit).encode()
        tx.retention.keep(token=token, at=at, by=desk.person.login, approved_by=approver.login, record=record)
        digest = hashlib.sha256(record).hexdigest()
        counts = {kind.replace(" ", "-"): str(one.count) for kind, one in sums.items()}
        total = sum(one.count for one in sums.values())
        hand_over(desk, tx, batch, ERASED, token, total, digest, approver.login, **counts)
        batch = tx.batches.move(batch, BatchState.ERASED, at=at)
        desk.checkpoint(tx)
    compact(desk, token)
    return BatchErasure(batch, sums, record)


__all__ = ["ERASED", "BatchErasure", "NotReturned", "erase", "erase_by"]
