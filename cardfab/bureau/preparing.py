"""A shard of a batch becomes prepared cards: what is random is drawn once, the rest follows from it.

A shard can be prepared again by anybody at any time, after a kill too: the draws (:mod:`cardfab.bureau.drawing`) are
committed before the first of them is used, and the cards, the digest (:mod:`cardfab.bureau.content`) and the state are
one transaction. Of two that prepare a shard at once, the first puts it and the second finds it done with the digest
that it has itself; who works on what is noted for people and keeps nobody off.

Rows are prepared some at a time. Until the end of the shard its cards, sealed, wait in a file without a name
(:mod:`cardfab.bureau.aside`): the database has one writer, and nobody waits for it while he computes. Every card is
made by the code that makes one at a station; what its questions to the key store are, the cards of a lot ask together
(:mod:`cardfab.prepare.financial.asking`). The rules of the bank side, and the plan, are gone through for the first card
of each lot: the profiles are the same for all, and what may differ between cards (numbers, names, lengths, the chain of
certificates) is refused for each where it is made, as each signature is verified where it is made.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from cardfab.bureau.aside import Aside
from cardfab.bureau.content import batch_digest
from cardfab.bureau.drawing import Drawn, draw_packed, unpack
from cardfab.bureau.lot import Lot, Row
from cardfab.errors import InputRefused, KeyFault, Text
from cardfab.keys.auditing import about
from cardfab.keys.kinds import require_kind
from cardfab.production.batches import BatchState, ShardState
from cardfab.station.assembling import Making
from cardfab.station.custody import custody_of
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.preparing import faces_of, labels_of, plan_of
from cardfab.station.vault import Erased, open_draws, open_requests, seal_draws
from cardfab.store.batches import BureauBatchRow, BureauRowRow
from cardfab.store.shards import CardRow, ShardRow

AT_ONCE = 1000
"""Rows that are prepared together: what the questions to the key store have in common, and what memory holds."""
_PART = struct.Struct(">I")


class NotPreparable(InputRefused):
    """The batch is not approved, its product cannot be prepared ahead, or not all of it is prepared."""

    default_code = "CF-3491"


class ShardDiffers(KeyFault):
    """A shard that was prepared twice came out differently."""

    default_code = "CF-6421"


def draw_shard(desk: Desk, batch_id: int, shard: int) -> None:
    """Draw what is random in the cards of a shard, once: PINs, chip keys. Kept sealed and committed when this returns.

    Nothing is done where it was drawn before. Who dies in between has lost keys of the pool, and used none twice.
    Raises PoolEmpty, :class:`NotPreparable`.
    """
    work = _Work.open(desk, batch_id, shard)
    if work.row.state is not ShardState.WAITING:
        return
    with desk.database.reading() as tx:
        places = [row.place for row in tx.batches.rows_of(batch_id, work.row.first, work.row.last)]
    draws = work.lot.draws
    with about(work.batch.token):
        parts, rsa = draw_packed(desk.keys, desk.pool, draws, places, AT_ONCE)
        sealed = seal_draws(desk.keys, parts, work.batch.token, shard, work.lot.salt)
        del parts
    with desk.database.transaction("draw shard") as tx:
        kept = tx.shards.keep_draws(batch_id, shard, b"".join(_PART.pack(len(one)) + one for one in sealed))
    if not kept and draws.rsa is not None and desk.pool is not None:
        desk.pool.give_back(*draws.rsa, rsa)


def do_shard(desk: Desk, batch_id: int, shard: int, worker: str) -> str:
    """Prepare the cards of a shard and keep them; its digest. Idempotent: of two at once one puts it, both give it.

    Raises CardfabError, and then nothing of the shard was kept but what was drawn.
    """
    work = _Work.open(desk, batch_id, shard)
    if work.row.state is ShardState.DONE and work.row.digest is not None:
        return work.row.digest
    draw_shard(desk, batch_id, shard)
    with desk.database.transaction("shard begun") as tx:
        tx.shards.begin(batch_id, shard, worker, desk.at())
    start, whole = time.thread_time(), hashlib.sha256()
    with Aside(desk.database.path.parent) as aside:
        with about(work.batch.token):
            for rows, drawn in work.lots():
                for card, own in work.prepared(rows, drawn):
                    whole.update(_PART.pack(card.place) + own)
                    aside.add(card)
        digest, cost = whole.hexdigest(), round(time.thread_time() - start, 3)
        with desk.database.transaction("shard") as tx:
            if tx.shards.done(batch_id, shard, digest, worker=worker, at=desk.at(), cost=cost):
                count = tx.shards.put_cards(aside.cards())
                details = {"batch": str(batch_id), "shard": str(shard), "cards": str(count), "digest": digest}
                tx.audit.append(desk.event("batch.shard", work.batch.token, "done", details))
            found = tx.shards.get(batch_id, shard).digest
    if found != digest:
        raise ShardDiffers(
            Text(
                f"Shard {shard} of batch {batch_id} was prepared twice and came out differently.",
                f"批次 {batch_id} 的分片 {shard} 两次准备的结果不一致。",
            ),
            do=Text(
                "Stop: profiles or keys differ between the machines that prepare.",
                "请停止准备：各准备机器的配置或密钥不一致。",
            ),
        )
    return digest


def require_approved(batch: BureauBatchRow) -> None:
    """Raise :class:`NotPreparable` of a batch that nobody approved, or of which nothing is left."""
    if batch.state in (BatchState.RECEIVING, BatchState.WAITING):
        raise _unapproved(batch)
    if batch.state in (BatchState.REFUSED, BatchState.ERASED):
        state = batch.state.text
        raise NotPreparable(
            Text(f"Batch {batch.id} is {state.en}: no card is made of it.",
                 f"批次 {batch.id} 状态为“{state.zh}”，不能制卡。"),
            do=Text("'cardfab bureau list' shows the batches that are open.", "cardfab bureau list 列出未结的批次。"),
            code="CF-3494",
        )  # fmt: skip


def finish_prepare(desk: Desk, batch_id: int) -> str:
    """All shards are done: the batch is PREPARED; its digest. Raises :class:`NotPreparable` while one is not, and as
    :func:`require_approved` does.
    """
    with desk.database.transaction("batch prepared") as tx:
        batch, shards = tx.batches.get(batch_id), tx.shards.of(batch_id)
        require_approved(batch)
        if batch.state is not BatchState.APPROVED and batch.digest is not None:
            return batch.digest
        left = [one.shard for one in shards if one.digest is None]
        if left or not shards:
            raise NotPreparable(
                Text(
                    f"{len(left)} of {len(shards)} shards of batch {batch_id} are not prepared.",
                    f"批次 {batch_id} 共 {len(shards)} 个分片，尚有 {len(left)} 个未准备。",
                ),
                do=Text(f"Go on: 'cardfab bureau prepare {batch_id}'.", f"请继续：cardfab bureau prepare {batch_id}。"),
            )
        digest = batch_digest(one.digest for one in shards if one.digest is not None)
        tx.batches.move(batch, BatchState.PREPARED, at=desk.at(), digest=digest)
        details = {"batch": str(batch_id), "shards": str(len(shards)), "digest": digest}
        tx.audit.append(desk.event("batch.prepare", batch.token, "done", details))
        desk.checkpoint(tx)
    return digest


@dataclass(frozen=True, slots=True)
class _Work:
    """One shard with all that its cards have in common."""

    desk: Desk
    batch: BureauBatchRow
    row: ShardRow
    lot: Lot

    @classmethod
    def open(cls, desk: Desk, batch_id: int, shard: int) -> _Work:
        with desk.database.reading() as tx:
            batch, row = tx.batches.get(batch_id), tx.shards.get(batch_id, shard)
        if batch.salt is None:
            raise Erased(Text(f"Batch {batch_id} has been erased.", f"批次 {batch_id} 的个人数据已清除。"))
        if batch.issue_date is None or batch.first_card is None or batch.first_account is None:
            raise _unapproved(batch)
        chosen = desk.product(batch.product)
        _require_no_holder(chosen)
        require_kind(desk.keys, labels_of(chosen), training=chosen.product.training, product=chosen.product.name)
        making = Making.of(desk, chosen, date.fromisoformat(batch.issue_date))
        return cls(desk, batch, row, Lot.of(making, batch.salt, custody_of(desk, chosen)))

    def lots(self) -> Iterator[tuple[Sequence[BureauRowRow], Sequence[Drawn]]]:
        """Rows and their draws, some at a time. A row that was left out since is passed over with what it drew."""
        with self.desk.database.reading() as tx:
            kept = tx.shards.draws(self.batch.id, self.row.shard) or b""
        sealed, at = [], 0
        while at < len(kept):
            (length,) = _PART.unpack_from(kept, at)
            at += _PART.size + length
            sealed.append(kept[at - length : at])
        del kept
        for number in range(len(sealed)):
            drawn = self._opened(sealed, number)
            with self.desk.database.reading() as tx:
                found = tx.batches.rows_of(self.batch.id, drawn[0].place, drawn[-1].place)
                rows = {row.place: row for row in found if row.sealed is not None}
            chosen = [one for one in drawn if one.place in rows]
            if chosen:
                yield [rows[one.place] for one in chosen], chosen

    def _opened(self, sealed: Sequence[bytes], number: int) -> list[Drawn]:
        return unpack(open_draws(self.desk.keys, sealed, self.batch.token, self.row.shard, self.lot.salt, part=number))

    def prepared(self, rows: Sequence[BureauRowRow], drawn: Sequence[Drawn]) -> Iterator[tuple[CardRow, bytes]]:
        """The cards of these rows, sealed, with their digests."""
        desk, chosen = self.desk, self.lot.making.chosen
        first_card, first_account = self.batch.first_card or 0, self.batch.first_account or 0
        tokens = [row.token for row in rows]
        requests = open_requests(desk.keys, [row.sealed or b"" for row in rows], tokens, self.lot.salt)
        given = [
            Row(request, row.token, first_card + row.place - 1, first_account + row.place - 1, own)
            for request, row, own in zip(requests, rows, drawn, strict=True)
        ]
        for place, (row, one) in enumerate(zip(rows, self.lot.made(desk.keys, given), strict=True)):
            if place == 0:
                plan_of(one.card, chosen)
            if chosen.product.print:
                faces_of(desk, one.card, chosen)
            yield CardRow(self.batch.id, row.place, self.row.shard, one.number_index, one.sealed), one.digest


def _unapproved(batch: BureauBatchRow) -> NotPreparable:
    return NotPreparable(
        Text(f"Batch {batch.id} is not approved.", f"批次 {batch.id} 尚未审核。"),
        do=Text(f"Approve it: 'cardfab bureau approve {batch.id}'.", f"请先审核：cardfab bureau approve {batch.id}。"),
    )


def _require_no_holder(chosen: ProductSet) -> None:
    if chosen.financial.pin.first == "holder":
        raise NotPreparable(
            Text(
                f"Holders of '{chosen.product.name}' enter their PIN: it cannot be prepared ahead.",
                f"产品“{chosen.product.name}”由持卡人输入密码，不能批量准备。",
            ),
            do=Text("Choose a product whose PIN the key store makes.", "请选用由密钥库生成密码的产品。"),
            code="CF-3492",
        )


__all__ = ["AT_ONCE", "NotPreparable", "ShardDiffers", "do_shard", "draw_shard", "finish_prepare", "require_approved"]
