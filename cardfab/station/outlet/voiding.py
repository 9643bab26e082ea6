"""What was issued for a spoiled card is taken back: its number at the host, its certificates at their authority.

What is due is not noted anywhere: it is every spoiled job that touched a chip and is not booked as taken back. So
nothing is forgotten by a program that dies, and a host or an authority that is away is asked again later.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.errors import CardfabError, DeviceFault, InDoubt, Text
from cardfab.station.desk import Desk
from cardfab.station.host import Fields, HostCode, Operation
from cardfab.station.hostdesk import HostDesk, HostRefused
from cardfab.station.hosts.outbox import tell
from cardfab.station.vault import Erased, open_card
from cardfab.store import JobRow

_NOTHING_LEFT = frozenset({HostCode.NOT_FOUND, HostCode.NOT_SUPPORTED, HostCode.ALREADY})
"""Answers to a cancellation that leave nothing to cancel: the host has no such number, or no such operation."""
_REASON_BYTES = 50


@dataclass(frozen=True, slots=True)
class Voided:
    """What one round took back, and what is still due with why, by job."""

    numbers: int = 0
    certificates: int = 0
    left: tuple[tuple[int, Text], ...] = ()


def void_spoiled(desk: Desk, host: HostDesk | None) -> Voided:
    """Take back what is due. Never raises for a host or an authority that is away or refuses: it says what is left."""
    numbers, left = 0, []
    with desk.database.reading() as tx:
        due = [tx.jobs.get(job_id) for job_id in tx.outlet.to_void()]
    for job in due:
        try:
            numbers += _number(desk, host, job)
        except (DeviceFault, InDoubt, HostRefused) as away:
            _book(desk, job, "waiting", away.code)
            left.append((job.id, away.what))
    certificates, why = _certificates(desk)
    return Voided(numbers, certificates, (*left, *why))


def due(desk: Desk) -> int:
    """How many spoiled cards wait to be taken back."""
    with desk.database.reading() as tx:
        return len({*tx.outlet.to_void(), *(one.job_id for one in tx.outlet.to_revoke())})


def _number(desk: Desk, host: HostDesk | None, job: JobRow) -> bool:
    """Tell the host that the card failed, and have its number cancelled unless a remake goes on under it."""
    if host is None:
        _book(desk, job, "no host")
        return False
    with desk.database.reading() as tx:
        row = tx.requests.get(job.request_id)
        same = [one for one in tx.jobs.every_of(job.request_id) if one.remake_of == job.id]
        look = tx.outlet.look_of(job.id)
    try:
        card = open_card(desk.keys, job, row)
    except Erased:
        _book(desk, job, "done", "erased")
        return False
    policy = desk.policy()
    place = policy.reject[look.reason].place if look and look.reason in policy.reject else "chip"
    about: Fields = {
        "number": card.face["social_security_number"],
        "name": card.face["name"],
        "card_number": card.card_number,
    }
    failure: Fields = {
        **about,
        "result": "failure",
        "stage": "print" if place == "print" else "chip",
        "reason": _short(job.reason or "spoiled"),
        "blank": job.chip or "",
    }
    tell(desk, host, Operation.COMPLETE, f"failed:{card.card_number}:{job.chip}", failure)
    if not any(one.card_number_index == job.card_number_index for one in same):
        _cancel(host, card.card_number, about)
    _book(desk, job, "done")
    return True


def _cancel(host: HostDesk, number: str, about: Fields) -> None:
    try:
        host.change(
            Operation.LOSS,
            f"cancel:{number}",
            {**about, "level": "cancel", "reason": "spoiled"},
            about,
            lambda said: said if said.get("state") == "cancelled" else None,
        )
    except HostRefused as refused:
        if refused.host_code not in _NOTHING_LEFT:
            raise


def _certificates(desk: Desk) -> tuple[int, list[tuple[int, Text]]]:
    with desk.database.reading() as tx:
        rows = tx.outlet.to_revoke()
    revoked, left = 0, []
    for row in rows:
        why: CardfabError | None = None
        try:
            desk.run(b"").authority().revoke([int(row.serial, 16)])
            revoked += 1
        except CardfabError as away:
            why = away
            left.append((row.job_id, away.what))
        with desk.database.transaction("revoke") as tx:
            tx.outlet.revoke_tried(
                row.serial, revoked_at=None if why else desk.at(), code=None if why is None else why.code
            )
            if why is None:
                token = tx.jobs.get(row.job_id).token
                tx.audit.append(desk.event("certificate.revoke", token, "done", {"usage": row.usage}))
    return revoked, left


def _book(desk: Desk, job: JobRow, state: str, code: str | None = None) -> None:
    with desk.database.transaction("void") as tx:
        if state == "waiting":
            tx.outlet.void(job.id, "waiting", at=desk.at(), code=code)
            return
        tx.outlet.void(job.id, "no host" if state == "no host" else "done", at=desk.at(), code=code)
        details = {"job": str(job.id), "host": "none" if state == "no host" else "told"}
        tx.audit.append(desk.event("card.void", job.token, "done", details))


def _short(reason: str) -> str:
    """As much of a reason as hosts take: 50 bytes, whole characters."""
    return reason.encode()[:_REASON_BYTES].decode(errors="ignore")


__all__ = ["Voided", "due", "void_spoiled"]
