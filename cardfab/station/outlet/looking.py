"""The card in the hand: a person looks at it and accepts it, or rejects it with a reason and has it made again.

What was issued for a rejected card is void: its number at the host, its certificates at their authority
(:mod:`cardfab.station.outlet.voiding`). Where its chip was touched the new card therefore has numbers of its own.
"""

from __future__ import annotations

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.production import Act, JobEvent, JobState
from cardfab.profile.policy import RejectReason
from cardfab.station.books import finish, remake, spoil
from cardfab.station.counter.clock import here_and_now
from cardfab.station.desk import Desk
from cardfab.station.issue import RemakeUnauthorised, authorised
from cardfab.station.people import second_person
from cardfab.station.preparing import prepare
from cardfab.station.work import open_work
from cardfab.store import JobRow, LookRow

_SPOILED_CODE = "CF-9105"
"""Stands before the reason in the books of a card that a person rejected."""


class NotToBeLookedAt(StockFault):
    """There is no card of this job that waits for a look."""

    default_code = "CF-7340"


class NoReason(InputRefused):
    """A card is not rejected without a reason of the list."""

    default_code = "CF-3318"


class SecondLookNeeded(StockFault):
    """Two persons look at cards of this product."""

    default_code = "CF-7341"


def accept(desk: Desk, job_id: int, second: str | None = None) -> JobRow:
    """The card is good: it is issued. Raises :class:`NotToBeLookedAt`, :class:`SecondLookNeeded`, SamePerson."""
    desk.must(Act.ISSUE)
    job = _waiting(desk, job_id)
    work = open_work(desk, job, print_=False)
    approver = _second(desk, work.chosen.product.inspection == "second person", job, second)
    work = finish(desk, work)
    _keep(desk, LookRow(job.id, "good", None, desk.at(), desk.person.login, approver))
    return work.job


def reject(desk: Desk, job_id: int, reason: str, second: str | None = None) -> JobRow:
    """The card is not good: it is spoiled, for a reason of the policy's list. Raises :class:`NoReason`."""
    desk.must(Act.ISSUE)
    job = _waiting(desk, job_id)
    listed = desk.policy().reject.get(reason)
    if listed is None:
        raise NoReason(
            Text("A card is rejected for a reason of the list.", "判为不合格须选择原因。"),
            do=Text("Choose what is wrong with the card.", "请选择不合格的原因。"),
        )
    product = desk.product(_product(desk, job)).product
    approver = _second(desk, product.inspection == "second person", job, second)
    job = spoil(desk, job, _SPOILED_CODE, f"rejected by eye: {listed.en} ({reason})")
    _keep(desk, LookRow(job.id, "bad", reason, desk.at(), desk.person.login, approver))
    return job


def make_again(desk: Desk, job_id: int, second: str | None = None) -> JobRow:
    """A new job for the request of a spoiled one, linked to it and ready to be made; the same twice is one.

    Raises BureauCard, RemakeUnauthorised, SamePerson, :class:`NotToBeLookedAt`.
    """
    desk.must(Act.ISSUE)
    with desk.database.reading() as tx:
        job = tx.jobs.get(job_id)
        newest = tx.jobs.of_request(job.request_id)
    if newest.remake_of == job.id:
        return newest if newest.state is not JobState.APPROVED else prepare(desk, newest.id)
    if job.state is not JobState.SPOILED or newest.id != job.id:
        raise _not_waiting(job)
    who = authorised(desk, job, second)
    if job.chip is None:  # nothing of the card got onto a chip: its numbers are unused
        return remake(desk, job, who)
    with desk.database.transaction("remake") as tx:
        note = desk.move(f"remake of job {job.id}, new numbers")
        new = tx.jobs.create(desk.token(), job.request_id, job.stock, note, remake_of=job.id)
        new = tx.jobs.move(new, JobEvent.APPROVE, note, approved_by=job.approved_by)
        details = {"job": str(new.id), "remake_of": str(job.id), "numbers": "new"}
        if who is not None:
            details["authorised_by"] = who
        tx.audit.append(desk.event("job.remake", new.token, "done", details))
    return prepare(desk, new.id)


def reasons(desk: Desk) -> tuple[tuple[str, RejectReason], ...]:
    """The list that a rejection chooses from."""
    return tuple(desk.policy().reject.items())


def _waiting(desk: Desk, job_id: int) -> JobRow:
    with desk.database.reading() as tx:
        job = tx.jobs.get(job_id)
    if job.state is not JobState.INSPECTED:
        raise _not_waiting(job)
    return job


def _not_waiting(job: JobRow) -> NotToBeLookedAt:
    state = job.state.text
    return NotToBeLookedAt(
        Text(f"Job {job.id} is {state.en}; it does not wait for this.", f"作业 {job.id} 为{state.zh}，无须此操作。"),
        do=Text("Look at the job again.", "请重新查看该作业。"),
    )


def _second(desk: Desk, needed: bool, job: JobRow, second: str | None) -> str | None:
    if second is not None:
        return second_person(desk, second, Act.WITNESS, job.made_by).login
    if needed:
        raise SecondLookNeeded(
            Text("A second person looks at this card too.", "该产品须由第二人共同验收。"),
            do=Text("Let them enter login and password on this page.", "请第二人在本页输入账户和口令。"),
        )
    return None


def _product(desk: Desk, job: JobRow) -> str:
    with desk.database.reading() as tx:
        return tx.requests.get(job.request_id).product


def _keep(desk: Desk, look: LookRow) -> None:
    with desk.database.transaction("look") as tx:
        tx.outlet.looked(look)
        job = tx.jobs.get(look.job_id)
        details = {"job": str(job.id), "verdict": look.verdict, "day": f"{here_and_now(desk):%Y-%m-%d}"}
        if look.reason:
            details["reason"] = look.reason
        if look.second:
            details["second"] = look.second
        tx.audit.append(desk.event("card.look", job.token, "done", details))


__all__ = [
    "NoReason",
    "NotToBeLookedAt",
    "RemakeUnauthorised",
    "SecondLookNeeded",
    "accept",
    "make_again",
    "reasons",
    "reject",
]
