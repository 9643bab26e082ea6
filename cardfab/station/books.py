"""Every move of a job that touches a blank: its state, its stock, its audit line, in one transaction each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cardfab.audit import Outcome
from cardfab.errors import CardfabError, CardRefused, Text
from cardfab.production import JobEvent, JobState, Place, StockMovement
from cardfab.station.alive import alive
from cardfab.station.desk import Desk
from cardfab.station.keyuse import keys_of
from cardfab.station.lives import life_of
from cardfab.station.restoring import require_settled
from cardfab.station.work import Work
from cardfab.store import JobRow, Transaction


class ChipUsed(CardRefused):
    """This chip was in a job before; a blank that was touched is never a blank again."""

    default_code = "CF-4210"


def claim(desk: Desk, work: Work, feed_counter: int | None) -> Work:
    """Intent: a blank leaves the stock for this job."""
    with desk.database.transaction("claim", places=False) as tx:
        require_settled(tx)
        alive(desk, tx)
        hands = {"feed_counter": feed_counter, "station": desk.station, "slot": desk.slot}
        job = tx.jobs.move(work.job, JobEvent.CLAIM, desk.move(), **hands)
        _stock(desk, tx, job, Place.STOCK, Place.IN_WORK, "claimed")
        _note(desk, tx, job, "card.feed", "intent", {"feed_counter": str(feed_counter)})
    return replace(work, job=job)


def unclaim(desk: Desk, work: Work, why: CardfabError) -> JobRow:
    """Outcome: the blank provably never left the feeder; it is stock again and the job waits."""
    with desk.database.transaction("unclaim") as tx:
        return untouched(desk, tx, tx.jobs.get(work.job.id), f"{why.code}: {why}")


def untouched(desk: Desk, tx: Transaction, job: JobRow, why: str) -> JobRow:
    """The same, inside a transaction that has begun."""
    job = tx.jobs.move(job, JobEvent.UNTOUCHED, desk.move(why), feed_counter=None, station=None, slot=None)
    _stock(desk, tx, job, Place.IN_WORK, Place.STOCK, "not fed")
    _note(desk, tx, job, "card.feed", "failed", {"why": why})
    return job


def require_unused(desk: Desk, chip: str) -> None:
    """Raise :class:`ChipUsed` when a job has touched this chip before."""
    with desk.database.reading() as tx:
        _require_unused(tx, chip)


def _require_unused(tx: Transaction, chip: str) -> None:
    if tx.jobs.chip_is_known(chip):
        raise ChipUsed(
            Text("The chip in the reader was used for a job before.", "读卡器中的芯片已用于其他作业。"),
            do=Text("Put the card aside and count the blanks.", "请将该卡单独存放，并清点空白卡。"),
        )


def begin_encoding(desk: Desk, work: Work, chip: str, digest: bytes) -> Work:
    """Intent: this chip is written for this job, by this plan and with these keys."""
    keys = keys_of(desk, work)
    with desk.database.transaction("encode", places=False) as tx:
        _require_unused(tx, chip)
        alive(desk, tx)
        job = tx.jobs.move(work.job, JobEvent.ENCODE, desk.move(), chip=chip, plan_digest=digest)
        keys.keep(tx, job.id)
        _note(desk, tx, job, "card.feed", "done", {})
        _note(desk, tx, job, "chip.encode", "intent", {"chip": chip, "plan": digest.hex()})
    return replace(work, job=job)


def encoded(desk: Desk, work: Work) -> Work:
    """Outcome: every write was answered."""
    with desk.database.transaction("encoded", places=False) as tx:
        job = tx.jobs.move(work.job, JobEvent.ENCODED, desk.move())
        _note(desk, tx, job, "chip.encode", "done", {})
    return replace(work, job=job)


def begin_printing(desk: Desk, work: Work) -> Work:
    """Intent: this card's face is printed."""
    with desk.database.transaction("print", places=False) as tx:
        alive(desk, tx)
        job = tx.jobs.move(work.job, JobEvent.PRINT, desk.move("number on the chip is the job's"))
        _note(desk, tx, job, "card.print", "intent", {})
    return replace(work, job=job)


def printed(desk: Desk, work: Work) -> Work:
    """Outcome: printed and given out."""
    with desk.database.transaction("printed", places=False) as tx:
        job = tx.jobs.move(work.job, JobEvent.PRINTED, desk.move(), printed=1)
        _note(desk, tx, job, "card.print", "done", {})
    return replace(work, job=job)


def finish(desk: Desk, work: Work) -> Work:
    """Outcome: a card is made. The record is signed up to here."""
    with desk.database.transaction("done") as tx:
        event = JobEvent.ACCEPT if work.job.state is JobState.INSPECTED else JobEvent.FINISH_UNPRINTED
        job = tx.jobs.move(work.job, event, desk.move())
        tx.cards.made(job, life_of(desk, work, tx.requests.get(job.request_id)), desk.move())
        _stock(desk, tx, job, Place.IN_WORK, Place.ISSUED, "issued")
        _note(desk, tx, job, "card.issue", "done", {"job": str(job.id)})
        desk.checkpoint(tx)
    return replace(work, job=job)


def spoil(desk: Desk, job: JobRow, code: str, why: str) -> JobRow:
    """Outcome: the blank is waste, counted as such."""
    with desk.database.transaction("spoil") as tx:
        job = tx.jobs.get(job.id)
        pending = {
            JobState.CLAIMED: "card.feed",
            JobState.ENCODING: "chip.encode",
            JobState.PRINTING: "card.print",
        }.get(job.doubt_from or job.state)
        job = tx.jobs.move(job, JobEvent.SPOIL, desk.move(why), reason=f"{code}: {why}")
        if pending:
            _note(desk, tx, job, pending, "refused", {"code": code, "why": why})
        _stock(desk, tx, job, Place.IN_WORK, Place.SPOILED, code)
        desk.checkpoint(tx)
    return job


def found_inside(desk: Desk, stock: str) -> bool:
    """Outcome: a card that no job knows lay in the printer and went to the reject box; counted as a spoiled blank.

    False when the stock had no blank left: then the card was never in the books, and only the record tells of it.
    """
    with desk.database.transaction("found") as tx:
        counted = tx.stock.account(stock).remaining > 0
        tx.audit.append(desk.event("card.found", stock, "done", {"counted": str(counted)}))
        if counted:
            movement = StockMovement(stock, Place.STOCK, Place.SPOILED, 1, "found in the printer")
            movement = tx.stock.move(movement, at=desk.at(), by=desk.person.login, station=desk.station)
            tx.audit.append(desk.event("stock.move", stock, "done", movement.details()))
        desk.checkpoint(tx)
    return counted


def doubt_job(desk: Desk, job: JobRow, why: str) -> JobRow:
    """The work was cut off; what became of the card is settled by reading it back."""
    with desk.database.transaction("doubt") as tx:
        job = tx.jobs.move(job, JobEvent.LOSE, desk.move(why))
        _note(desk, tx, job, "job.doubt", "failed", {"interrupted": str(job.doubt_from), "why": why})
    return job


def intact(desk: Desk, work: Work) -> Work:
    """Read back after a cut: the chip holds the whole card."""
    with desk.database.transaction("intact") as tx:
        was = work.job.doubt_from
        job = tx.jobs.move(work.job, JobEvent.INTACT, desk.move())
        if was is JobState.ENCODING:
            _note(desk, tx, job, "chip.encode", "done", {"read_back": "equal"})
        _note(desk, tx, job, "job.settle", "done", {"how": str(JobEvent.INTACT)})
    return replace(work, job=job)


def seen_good(desk: Desk, work: Work) -> Work:
    """Seen after a cut in print: the print is whole."""
    with desk.database.transaction("seen") as tx:
        job = tx.jobs.move(work.job, JobEvent.SEEN_GOOD, desk.move(), printed=1)
        _note(desk, tx, job, "card.print", "done", {"seen": "whole"})
        _note(desk, tx, job, "job.settle", "done", {"how": str(JobEvent.SEEN_GOOD)})
    return replace(work, job=job)


def remake(desk: Desk, job: JobRow, authorised_by: str | None = None) -> JobRow:
    """A new job for the request of a spoiled one: the same numbers and approval, linked to it. The first is void."""
    with desk.database.transaction("remake") as tx:
        return remade(desk, tx, job, authorised_by)


def remade(desk: Desk, tx: Transaction, job: JobRow, authorised_by: str | None = None) -> JobRow:
    """The same, inside a transaction that has begun."""
    new = tx.jobs.create(desk.token(), job.request_id, job.stock, desk.move(), remake_of=job.id)
    note = desk.move(f"remake of job {job.id}")
    new = tx.jobs.move(new, JobEvent.APPROVE, note, approved_by=job.approved_by)
    kept: dict[str, Any] = {"sealed_card": job.sealed_card, "card_number_index": job.card_number_index}
    new = tx.jobs.move(new, JobEvent.PREPARE, note, **kept)
    new = tx.jobs.move(new, JobEvent.QUEUE, note)
    details = {"job": str(new.id), "remake_of": str(job.id)}
    if authorised_by is not None:
        details["authorised_by"] = authorised_by
    _note(desk, tx, new, "job.remake", "done", details)
    return new


def _stock(desk: Desk, tx: Transaction, job: JobRow, source: Place, target: Place, reason: str) -> None:
    movement = StockMovement(job.stock, source, target, 1, reason)
    movement = tx.stock.move(movement, at=desk.at(), by=desk.person.login, job_id=job.id, station=desk.station)
    tx.audit.append(desk.event("stock.move", job.token, "done", movement.details()))


def _note(desk: Desk, tx: Transaction, job: JobRow, action: str, outcome: Outcome, details: Mapping[str, str]) -> None:
    tx.audit.append(desk.event(action, job.token, outcome, details))
