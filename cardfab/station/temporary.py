"""A temporary card on paper, for who is in hospital today and whose card is not made yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cardfab.audit import VerifierKey
from cardfab.documents import TemporaryCard, temporary_card_pdf
from cardfab.errors import InputRefused, StockFault, Text
from cardfab.production import Act, JobState
from cardfab.station.desk import Desk
from cardfab.station.vault import open_request

TEMPORARY_KEY = "station/temporary"


class NotForTemporary(StockFault):
    """The request is not one a temporary card is given for."""

    default_code = "CF-7500"


@dataclass(frozen=True, slots=True)
class TemporaryIssued:
    """A temporary card: its number and the paper."""

    number: str
    pdf: bytes


def temporary_key(desk: Desk) -> VerifierKey:
    """The public key that checks this station's temporary cards."""
    return VerifierKey(f"cardfab/{desk.station}/temporary", desk.keys.public(TEMPORARY_KEY))


def issue_temporary(desk: Desk, request_id: str) -> TemporaryIssued:
    """Make the temporary card of an urgent request; booked before the paper exists. Raises CardfabError."""
    desk.person.must(Act.TEMPORARY)
    with desk.database.reading() as tx:
        row = tx.requests.get(request_id)
        job = tx.jobs.of_request(request_id)
    if not row.urgent:
        raise NotForTemporary(
            Text(f"Request {request_id} is not marked urgent.", f"申请 {request_id} 未标为急需。"),
            do=Text("A temporary card is for urgent cases.", "临时卡仅用于急需情形。"),
        )
    if job.state is JobState.REQUESTED:
        raise NotForTemporary(
            Text(f"Request {request_id} is not approved.", f"申请 {request_id} 尚未审批。"),
            do=Text(
                f"Approve it: 'cardfab request approve {request_id}'.",
                f"请先审批：cardfab request approve {request_id}。",
            ),
        )
    request = open_request(desk.keys, row)
    if request.photo is None:
        raise InputRefused(Text(f"Request {request_id} has no photo.", f"申请 {request_id} 没有相片。"), code="CF-3142")
    rules = desk.product(row.product).product.temporary
    key = temporary_key(desk)
    now = desk.now()
    with desk.database.transaction("temporary") as tx:
        number = f"LS{now:%Y%m%d}{tx.jobs.next_number(f'temporary:{now:%Y%m%d}', 1):04d}"
        card = TemporaryCard(
            number=number,
            request_id=request_id,
            name=request.name,
            social_security_number=request.social_security_number,
            category=desk.codes().category[request.category].text,
            valid_from=now.date(),
            valid_until=now.date() + timedelta(days=rules.days),
            station=desk.station,
            issued_by=desk.person.login,
            issued_at=now,
            uses=(Text(rules.uses_en, rules.uses_zh),),
        )
        tx.temporary_cards.add(
            number, request_id, card.valid_from.isoformat(), card.valid_until.isoformat(), desk.person.login
        )
        details = {"number": number, "until": card.valid_until.isoformat()}
        tx.audit.append(desk.event("temporary.issue", job.token, "done", details))
        desk.checkpoint(tx)
        pdf = temporary_card_pdf(
            card,
            request.photo,
            desk.fonts,
            lambda signed: desk.keys.sign(TEMPORARY_KEY, signed),
            public_key_name=key.name,
            specimen=desk.training,
        )
    return TemporaryIssued(number, pdf)


__all__ = ["TEMPORARY_KEY", "NotForTemporary", "TemporaryIssued", "issue_temporary", "temporary_key"]
