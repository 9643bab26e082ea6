"""Two people decide on a batch that waits: it is approved, with or without its wrong rows, or refused."""

from __future__ import annotations

from cardfab.bureau.already import REFUSED, require_move
from cardfab.bureau.doubles import any_late, find_doubles
from cardfab.bureau.removing import remove_rows
from cardfab.errors import StockFault, Text
from cardfab.prepare.cardnumber import make_card_number
from cardfab.prepare.financial import make_pan
from cardfab.production import Act
from cardfab.production.batches import BatchState
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.people import require_not_maker, second_person
from cardfab.store import Transaction
from cardfab.store.batches import BureauBatchRow


class DecisionRefused(StockFault):
    """The batch cannot be approved so."""

    default_code = "CF-7352"


def approve(
    desk: Desk, batch_id: int, *, without_wrong_rows: bool = False, second: str | None = None
) -> BureauBatchRow:
    """Approve a batch that waits: numbers are set aside, shards and boxes made; what becomes of it is one transaction.

    Who took it in approves it neither first nor ``second``; a training station asks for a second person only where one
    is named. Raises DecisionRefused, the refusals of second_person, BatchStateRefused.
    """
    desk.must(Act.APPROVE)
    with desk.database.reading() as tx:
        batch = tx.batches.get(batch_id)
        require_move(tx, batch, BatchState.APPROVED)
    chosen = desk.product(batch.product)
    if chosen.product.approval == "second person" or not desk.training:
        require_not_maker(desk, Act.APPROVE, batch.received_by)
    if batch.wrong and not without_wrong_rows:
        raise DecisionRefused(
            Text(
                f"{batch.wrong} of the {batch.rows} rows of batch {batch_id} are wrong.",
                f"批次 {batch_id} 的 {batch.rows} 行中有 {batch.wrong} 行有误。",
            ),
            do=Text(
                "Approve it without them (--without-wrong-rows), or refuse it and ask for a corrected file.",
                "可不含这些行予以批准（--without-wrong-rows），或拒收并请发卡机构重发。",
            ),
        )
    if not batch.cards:
        raise DecisionRefused(
            Text(f"Batch {batch_id} has no row that is right.", f"批次 {batch_id} 没有一行正确。"),
            do=Text("Refuse it.", "请拒收。"),
            code="CF-7353",
        )
    other = _second(desk, batch, second)
    with desk.database.transaction("batch approved") as tx:
        require_move(tx, tx.batches.get(batch_id), BatchState.APPROVED)  # again, where nobody can come between
        late = any_late(desk, tx, batch_id)
        done = None if late else _approved(desk, tx, chosen, batch_id, other)
    if done is None:
        raise _late(desk, batch_id)
    return done


def _approved(desk: Desk, tx: Transaction, chosen: ProductSet, batch_id: int, second: str | None) -> BureauBatchRow:
    batch = tx.batches.get(batch_id)
    first_card, first_account = _numbers(tx, chosen, batch.rows)
    batch = tx.batches.move(
        batch,
        BatchState.APPROVED,
        at=desk.at(),
        approved_by=desk.person.login,
        second=second,
        first_card=first_card,
        first_account=first_account,
        issue_date=desk.now().date().isoformat(),
    )
    shards, boxes = tx.batches.divide(batch, at=desk.at())
    details = {
        "batch": str(batch_id), "cards": str(batch.cards), "left_out": str(batch.wrong), "second": second or "",
        "shards": str(shards), "boxes": str(boxes),
    }  # fmt: skip
    tx.audit.append(desk.event("batch.approve", batch.token, "done", details))
    return batch


def _late(desk: Desk, batch_id: int) -> DecisionRefused:
    """Rows became doubles while the batch waited: they are wrong from now on, and people decide again."""
    find_doubles(desk, batch_id, lambda _: None)
    with desk.database.transaction("batch compared again") as tx:
        wrong = tx.batches.wrong(batch_id)
        tx.batches.change(batch_id, wrong=wrong)
    refused = DecisionRefused(
        Text(
            f"Holders of batch {batch_id} got or await a card elsewhere since it was taken in; {wrong} rows are wrong.",
            f"批次 {batch_id} 接收后，有持卡人已在别处领卡或制卡；现有 {wrong} 行有误。",
        ),
        do=Text(
            f"'cardfab bureau rejected {batch_id} --out FILE' names them. Then approve without them "
            "(--without-wrong-rows), or refuse.",
            f"可用 cardfab bureau rejected {batch_id} --out 文件 查看，"
            "再不含这些行批准（--without-wrong-rows），或拒收。",
        ),
        code="CF-7356",
    )
    desk.refused(refused, act=Act.APPROVE, batch=str(batch_id), wrong=str(wrong))
    return refused


def refuse(desk: Desk, batch_id: int, *, why: str) -> BureauBatchRow:
    """Refuse a batch of which no card was begun: nothing of its holders is kept, only what was wrong with its rows."""
    desk.must(Act.APPROVE)
    with desk.database.transaction("batch refused") as tx:
        batch = tx.batches.get(batch_id)
        require_move(tx, batch, BatchState.REFUSED)
        batch = tx.batches.move(batch, BatchState.REFUSED, at=desk.at())
        by, at = desk.person.login, desk.at()
        tx.bureau_finish.hand_over(batch_id, REFUSED, "", batch.rows, batch.file_digest, by=by, second=None, at=at)
        tx.batches.remove_division(batch_id)
        tx.requests.erase_batch(batch_id)
        details = {"batch": str(batch_id), "rows": str(batch.rows), "wrong": str(batch.wrong), "why": why}
        tx.audit.append(desk.event("batch.refuse", batch.token, "done", details))
    remove_rows(desk, batch_id)  # cut here, the next start goes on: the salt is gone already
    with desk.database.reading() as tx:
        return tx.batches.get(batch_id)


def _second(desk: Desk, batch: BureauBatchRow, second: str | None) -> str | None:
    """The second person, proved; None where a training station named nobody."""
    if second is not None:
        return second_person(desk, second, Act.APPROVE, batch.received_by).login
    if desk.training:
        return None
    refused = DecisionRefused(
        Text("A batch is approved by two people.", "批次须由两人审批。"),
        do=Text("Name the other: --second LOGIN.", "请指定另一人：--second 登录名。"),
        code="CF-7354",
    )
    desk.refused(refused, act=Act.APPROVE, batch=str(batch.id))
    raise refused


def _numbers(tx: Transaction, chosen: ProductSet, count: int) -> tuple[int, int]:
    """The first card serial and the first account of so many in a row; all of them are numbers."""
    numbers, financial = chosen.product.numbers, chosen.financial
    card = tx.jobs.take_numbers(f"card:{numbers.letter}", numbers.first, count)
    account = tx.jobs.take_numbers(f"pan:{financial.iin}", 1, count)
    try:
        make_card_number(numbers.letter, card + count - 1)
    except ValueError:
        raise DecisionRefused(
            Text(
                f"The series of card numbers {numbers.letter} has no {count} left.",
                f"卡号序列 {numbers.letter} 剩余不足 {count} 个。",
            ),
            do=Text("Ask the issuer for another letter.", "请向发卡机构申请新的首字母。"),
            code="CF-7355",
        ) from None
    make_pan(financial, account + count - 1)
    return card, account


__all__ = ["DecisionRefused", "approve", "refuse"]
