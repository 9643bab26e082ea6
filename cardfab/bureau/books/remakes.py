"""Spoiled cards made again: asked for by one, approved by two others, each for the same place; or given up.

Never twice for one job: the database has one line for each spoiled job, and the new job hangs on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cardfab.bureau.books.handing import require_state
from cardfab.errors import StockFault, Text
from cardfab.production import Act, JobEvent, JobState
from cardfab.production.batches import BatchState
from cardfab.station.books import remade
from cardfab.station.desk import Desk
from cardfab.station.people import require_not_maker, second_person
from cardfab.station.stockbook.moving import reason_of
from cardfab.store import JobRow, Transaction
from cardfab.store.batches import BureauBatchRow
from cardfab.store.bureaufinish import RemakeRow

_S = BatchState
_MAKING = (_S.PREPARED, _S.RUNNING, _S.MADE)


class RemakeAlone(StockFault):
    """Two people approve a remake, and neither of them asked for it."""

    default_code = "CF-7374"


class NotForRemake(StockFault):
    """There is no spoiled card that waits for this."""

    default_code = "CF-7377"


def remake_list(desk: Desk, name: str) -> tuple[tuple[RemakeRow, ...], tuple[tuple[int, int], ...]]:
    """The remakes of a batch, and the spoiled places that nobody asked for yet: (place, job)."""
    desk.must(Act.COUNT)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
        return tx.bureau_finish.remakes(batch.id), tx.bureau_finish.to_remake(batch.id)


def ask(desk: Desk, name: str, places: Sequence[int] = ()) -> tuple[int, ...]:
    """Ask that spoiled cards be made again, all that wait or those of some places; the places."""
    desk.must(Act.BATCH)
    with desk.database.transaction("ask for remakes") as tx:
        batch = tx.batches.find(name)
        require_state(batch, *_MAKING)
        waiting = dict(tx.bureau_finish.to_remake(batch.id))
        if unknown := sorted(set(places) - waiting.keys()):
            raise NotForRemake(
                Text(
                    f"No spoiled card waits at place {_listed(unknown)}.", f"位置 {_listed(unknown)} 没有待重制的废卡。"
                ),
                do=Text("'cardfab bureau remake list' shows all.", "cardfab bureau remake list 可列出全部。"),
            )
        wanted = [(place, job) for place, job in waiting.items() if not places or place in places]
        tx.bureau_finish.ask(batch.id, wanted, by=desk.person.login, at=desk.at())
        details = {"batch": str(batch.id), "count": str(len(wanted)), "jobs": _listed(job for _, job in wanted)}
        tx.audit.append(desk.event("bureau.remake.ask", batch.token, "done", details))
    return tuple(place for place, _ in wanted)


def approve(desk: Desk, name: str, second: str | None = None) -> tuple[JobRow, ...]:
    """Have what was asked for made again; the new jobs. Each is committed alone: what is cut off goes on where it was.

    Raises :class:`RemakeAlone`, SamePerson. In training one person may do it, as elsewhere.
    """
    desk.must(Act.APPROVE)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
        asked = tx.bureau_finish.remakes(batch.id, waiting=True)
    require_state(batch, *_MAKING)
    approver = _approver(desk, second, *(one.asked_by for one in asked))
    made = []
    for one in asked:
        with desk.database.transaction("remake") as tx:
            job = tx.jobs.get(one.job_id)
            new = remade(desk, tx, job, approver or desk.person.login)
            if not tx.bureau_finish.remade(one, new.id, by=desk.person.login, second=approver, at=desk.at()):
                raise NotForRemake(
                    Text(f"Place {one.place} was decided by another program.", f"位置 {one.place} 已由其他程序处理。")
                )
            if (now := tx.batches.get(batch.id)).state is BatchState.MADE:
                tx.batches.move(now, BatchState.RUNNING, at=desk.at())
            tx.boxes.reopen(batch.id, tx.boxes.holding(batch.id, one.place), at=desk.at())
            made.append(new)
    with desk.database.transaction("remakes") as tx:
        details = {"batch": str(batch.id), "count": str(len(made)), "second": approver or ""}
        tx.audit.append(desk.event("bureau.remake", batch.token, "done", details))
        desk.checkpoint(tx)
    return tuple(made)


def give_up(desk: Desk, name: str, place: int, why: str, second: str | None = None) -> None:
    """No card is made of a place after all. Its blank is spoiled or was never taken; the issuer is told in the return.

    Raises :class:`NotForRemake` where its card is made, in work or in doubt, :class:`RemakeAlone`.
    """
    desk.must(Act.APPROVE)
    reason = reason_of(why)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
        asked = [one.asked_by for one in tx.bureau_finish.remakes(batch.id, waiting=True) if one.place == place]
    require_state(batch, *_MAKING)
    approver = _approver(desk, second, *asked)
    with desk.database.transaction("give up") as tx:
        row = tx.batches.row(batch.id, place)
        newest = next((one.job_id for one in tx.boxes.places(batch.id, place, place)), None)
        job = None if newest is None else tx.jobs.get(newest)
        if row.left_out is not None or (
            job and job.state not in (JobState.QUEUED, JobState.SPOILED, JobState.CANCELLED)
        ):
            raise NotForRemake(
                Text(
                    f"Place {place} is not open: it cannot be given up.",
                    f"位置 {place} 不处于待制或废卡状态，不能放弃。",
                ),
                do=Text(
                    "'cardfab bureau reconcile' says what became of it.", "请用 cardfab bureau reconcile 查看其状态。"
                ),
            )
        if job is not None and job.state is JobState.QUEUED:
            tx.jobs.move(job, JobEvent.CANCEL, desk.move(reason))
        tx.bureau_finish.give_up(batch.id, place, newest, reason, by=desk.person.login, second=approver, at=desk.at())
        details = {"batch": str(batch.id), "place": str(place), "reason": reason, "second": approver or ""}
        tx.audit.append(desk.event("bureau.give-up", batch.token, "done", details))
        made_if_all(desk, tx, tx.batches.get(batch.id))
        desk.checkpoint(tx)


def made_if_all(desk: Desk, tx: Transaction, batch: BureauBatchRow) -> BureauBatchRow:
    """The batch is MADE when every place has its card or was given up."""
    if batch.state is BatchState.RUNNING and set(tx.boxes.count(batch.id)) <= {JobState.DONE}:
        return tx.batches.move(batch, BatchState.MADE, at=desk.at())
    return batch


def _approver(desk: Desk, second: str | None, *askers: str) -> str | None:
    """The second who approves; nobody has to in training, where one person does everything."""
    if second is not None:
        require_not_maker(desk, Act.APPROVE, *askers)
        return second_person(desk, second, Act.WITNESS, *askers).login
    if desk.training:
        return None
    raise RemakeAlone(
        Text("Two people decide this, neither of them who asked for it.", "须由申请人以外的两人共同决定。"),
        do=Text("Name the second: --second LOGIN.", "请指明第二人：--second 登录名。"),
    )


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


__all__ = ["NotForRemake", "RemakeAlone", "approve", "ask", "give_up", "made_if_all", "remake_list"]
