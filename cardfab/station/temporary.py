"""The temporary card and its register: issued, extended by a new paper, ended at the hand-over, returned, revoked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from cardfab.documents import DocumentSeen, IdentityChecked, TemporaryCard, temporary_card_pdf
from cardfab.documents.claim import TrustedKey, key_id
from cardfab.documents.revoked import Ended, RevocationList, Why
from cardfab.documents.signing import sign_pdf
from cardfab.documents.temporary import Size
from cardfab.errors import InputRefused, StockFault, Text
from cardfab.keys.auditing import about
from cardfab.prepare.request import IssuanceRequest
from cardfab.production import Act, Identity, JobState, require_holder
from cardfab.production.temporary import TemporaryState, temporary_after
from cardfab.profile.product import TemporaryRules
from cardfab.station.counter.clock import here_and_now, in_china
from cardfab.station.counter.service import SecondNeeded, Shown
from cardfab.station.desk import Desk
from cardfab.station.people import second_person
from cardfab.station.signing import document_signer, documents_public, earlier_publics
from cardfab.station.vault import open_request
from cardfab.store import Transaction
from cardfab.store.cards import CardUnknown
from cardfab.store.requests import RequestRow
from cardfab.store.temporary import TemporaryRow

_INDEX = "station/index"
_SEAL = "station/seal"
_LISTED: dict[TemporaryState, Why] = {
    TemporaryState.REVOKED: "revoked",
    TemporaryState.ENDED: "ended",
    TemporaryState.RETURNED: "returned",
    TemporaryState.EXTENDED: "extended",
}


class NotForTemporary(StockFault):
    """The request is not one a temporary card is given for."""

    default_code = "CF-7500"


class StillGood(StockFault):
    """The request has a temporary card that is good."""

    default_code = "CF-7501"


class NoMoreDays(StockFault):
    """The papers of a request may not be good for longer."""

    default_code = "CF-7502"


@dataclass(frozen=True, slots=True)
class TemporaryIssued:
    """A temporary card: its number, its last day and the paper."""

    number: str
    valid_until: date
    pdf: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """A request that a temporary card may be given for. ``follows`` is the paper that the new one extends."""

    row: RequestRow
    token: str
    request: IssuanceRequest
    photo: bytes
    rules: TemporaryRules
    first_day: date
    last_day: date
    follows: TemporaryRow | None = None


def trusted_keys(desk: Desk) -> tuple[TrustedKey, ...]:
    """The public keys that check this station's temporary cards: the one in use, then earlier ones, newest first."""
    public = (documents_public(desk), *earlier_publics(desk))
    return tuple(TrustedKey(desk.station, one, desk.training) for one in public)


def applied(desk: Desk, request_id: str, *, extend: bool = False) -> Applied:
    """Whether a temporary card may be issued for a request, or its paper extended, before anybody is asked anything.

    Raises :class:`NotForTemporary`, :class:`StillGood`, :class:`NoMoreDays`, NotAllowed, RequestUnknown.
    """
    desk.must(Act.TEMPORARY)
    today = here_and_now(desk).date()
    with desk.database.reading() as tx:
        row = tx.requests.get(request_id)
        job = tx.jobs.of_request(request_id)
        papers = tx.temporary_cards.of_request(request_id)
        handed = _handed_over(tx, job.id)
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
    if handed:
        raise NotForTemporary(
            Text(f"The card of request {request_id} was handed over.", f"申请 {request_id} 的正式卡已领取。"),
            do=Text("The holder uses the card.", "请持卡人使用正式卡。"),
            code="CF-7503",
        )
    open_paper = next((one for one in papers if one.state is TemporaryState.ISSUED), None)
    good = open_paper is not None and date.fromisoformat(open_paper.valid_until) >= today
    if good and open_paper is not None and not extend:
        raise StillGood(
            Text(
                f"Temporary card {open_paper.number} of this request is good until {open_paper.valid_until}.",
                f"该申请的临时卡 {open_paper.number} 有效期至 {open_paper.valid_until}。",
            ),
            do=Text(
                f"Extend it with 'cardfab temporary extend {open_paper.number}'; "
                f"where it was lost, revoke it first: 'cardfab temporary revoke {open_paper.number}'.",
                f"需延期请用 cardfab temporary extend {open_paper.number}；"
                f"已遗失的先作废：cardfab temporary revoke {open_paper.number}。",
            ),
        )
    rules = desk.product(row.product).product.temporary
    began = min((date.fromisoformat(one.valid_from) for one in papers), default=today)
    last = min(today + timedelta(days=rules.days - 1), began + timedelta(days=rules.most_days - 1))
    held = date.fromisoformat(open_paper.valid_until) if good and open_paper is not None else today - timedelta(days=1)
    if last <= held or last < today:
        raise NoMoreDays(
            Text(
                f"The temporary cards of request {request_id} may not be good after {max(last, held)}: "
                f"{rules.days} days each, {rules.most_days} in all.",
                f"申请 {request_id} 的临时卡最晚有效期为 {max(last, held)}："
                f"每张 {rules.days} 天，累计不超过 {rules.most_days} 天。",
            ),
            do=Text("Have the card made.", "请尽快制发正式卡。"),
        )
    request = open_request(desk.keys, row)
    if request.photo is None:
        raise InputRefused(Text(f"Request {request_id} has no photo.", f"申请 {request_id} 没有相片。"), code="CF-3142")
    return Applied(row, job.token, request, request.photo, rules, today, last, open_paper)


def extension_of(desk: Desk, number: str) -> Applied:
    """As :func:`applied` for the request of a paper that is in force and is to be extended."""
    desk.must(Act.TEMPORARY)
    with desk.database.reading() as tx:
        paper = tx.temporary_cards.get(number)
    if paper.state is not TemporaryState.ISSUED:
        raise NotForTemporary(
            Text(
                f"Temporary card {number} cannot be extended: {paper.state.text.en}.",
                f"临时卡 {number} 不能延期：{paper.state.text.zh}。",
            ),
            do=Text("'cardfab temporary list' shows the register.", "cardfab temporary list 可查看登记簿。"),
            code="CF-7504",
        )
    return replace(applied(desk, paper.request_id, extend=True), follows=paper)


def issue_temporary(desk: Desk, wanted: Applied, shown: Shown, *, size: Size = "a4") -> TemporaryIssued:
    """Make the paper; it is booked before anybody gets it. Raises NotTheHolder, FaceRefused and other CardfabErrors."""
    second = None if shown.second is None else second_person(desk, shown.second)
    seen = shown.identity
    require_holder(seen, wanted.request.social_security_number, wanted.first_day, second=second is not None)
    now = here_and_now(desk)
    with desk.database.transaction("temporary number") as tx:
        number = f"LS{now:%Y%m%d}{tx.jobs.next_number(f'temporary:{now:%Y%m%d}', 1):04d}"
    # A use of the key is on record by itself, so that nothing is signed inside a transaction.
    with about(wanted.token):
        pdf = _signed_paper(desk, _card(desk, wanted, seen, number, now), wanted.photo, size)
    # Under the salt of the request: what erases the one erases the other.
    sealed = desk.keys.seal(_SEAL, wanted.row.salt or b"", pdf, _bound(number))
    last = wanted.last_day.isoformat()
    details = {"number": number, "until": last, "document": str(seen.document)}
    if second:
        details["approved_by"] = second.login
    index = desk.keys.index(_INDEX, f"document:{seen.document}:{seen.number}".encode())
    with desk.database.transaction("temporary") as tx:
        if wanted.follows:
            details["extends"] = wanted.follows.number
            tx.temporary_cards.move(wanted.follows, TemporaryState.EXTENDED, desk.move(f"extended by {number}"))
        tx.temporary_cards.add(
            number, wanted.row.id, wanted.first_day.isoformat(), last, desk.person.login, token=desk.token(),
            issued_at=desk.at(), document=str(seen.document), document_index=index, relation=seen.relation,
            extends=wanted.follows.number if wanted.follows else None, approved_by=second.login if second else None,
        )  # fmt: skip
        tx.temporary_cards.keep_paper(number, sealed)
        act = "temporary.extend" if wanted.follows else "temporary.issue"
        tx.audit.append(desk.event(act, wanted.token, "done", details))
        desk.checkpoint(tx)
    return TemporaryIssued(number, wanted.last_day, pdf)


def _card(desk: Desk, wanted: Applied, seen: Identity, number: str, now: datetime) -> TemporaryCard:
    codes = desk.codes()
    document = DocumentSeen(seen.document.text, seen.last_digits, seen.relation)
    return TemporaryCard(
        number=number,
        request_id=wanted.row.id,
        name=wanted.request.name,
        social_security_number=wanted.request.social_security_number,
        region=wanted.request.region,
        region_name=codes.region[wanted.request.region].text,
        category=codes.category[wanted.request.category].text,
        valid_from=wanted.first_day,
        valid_until=wanted.last_day,
        uses=wanted.rules.uses,
        station=desk.station,
        checked=IdentityChecked(document, desk.person.name, desk.person.login),
        issued_at=now,
        extends=wanted.follows.number if wanted.follows else "",
    )


def _signed_paper(desk: Desk, card: TemporaryCard, photo: bytes, size: Size) -> bytes:
    signer = document_signer(desk)
    trusted = key_id(documents_public(desk))
    pdf = temporary_card_pdf(
        card, photo, desk.fonts, signer.sign, key_id=trusted, size=size, specimen=desk.training
    )  # fmt: skip
    reason = f"临时社会保障卡 Temporary social security card {card.number}"
    return sign_pdf(pdf, signer, when=card.issued_at, reason=reason, name=f"{desk.station} {card.checked.login}")


def reseal_paper(desk: Desk, number: str, old: bytes, new: bytes, sealed: bytes) -> bytes:
    """A kept paper under another salt of its batch."""
    return desk.keys.seal(_SEAL, new, desk.keys.unseal(_SEAL, old, sealed, _bound(number)), _bound(number))


def paper_of(desk: Desk, number: str) -> bytes | None:
    """The signed paper itself, PDF; None where it was erased or made by an earlier version. The giving is recorded."""
    desk.must(Act.TEMPORARY)
    with desk.database.reading() as tx:
        row = tx.temporary_cards.get(number)
        sealed, salt = tx.temporary_cards.paper(number), tx.requests.get(row.request_id).salt
    if sealed is None or salt is None:
        return None
    pdf = desk.keys.unseal(_SEAL, salt, sealed, _bound(number))
    with desk.database.transaction("temporary paper") as tx:
        tx.audit.append(desk.event("temporary.print", row.token or desk.token(), "done", {"number": number}))
    return pdf


def _bound(number: str) -> bytes:
    return f"temporary:{number}".encode()


def take_back(desk: Desk, number: str) -> TemporaryRow:
    """Book that a paper came back."""
    desk.must(Act.TEMPORARY)
    return _end(desk, number, TemporaryState.RETURNED, "temporary.return", "")


def revoke(desk: Desk, number: str, reason: str, second: str | None) -> TemporaryRow:
    """Revoke a paper: lost, issued wrongly, misused. A second person approves. Raises SecondNeeded, StateRefused."""
    desk.must(Act.TEMPORARY)
    if not reason.strip():
        raise InputRefused(
            Text("A reason is needed.", "请填写原因。"), do=Text("Give it with --reason.", "请用 --reason 填写。"),
            code="CF-3561",
        )  # fmt: skip
    with desk.database.reading() as tx:
        paper = tx.temporary_cards.get(number)
    temporary_after(paper.state, TemporaryState.REVOKED)
    if second is None:
        missing = SecondNeeded(
            Text("A second person has to approve this service.", "此业务须由第二人复核。"),
            do=Text("Name the supervisor who approves: --second LOGIN.", "请指明复核主管：--second 用户名。"),
        )
        desk.refused(missing, act=Act.WITNESS)
        raise missing
    by = second_person(desk, second, Act.WITNESS, paper.issued_by).login
    return _end(desk, number, TemporaryState.REVOKED, "temporary.revoke", " ".join(reason.split()), approved_by=by)


def end_at_hand_over(desk: Desk, tx: Transaction, request_id: str) -> None:
    """The card of a request is handed over: its temporary cards end, in the same transaction."""
    for paper in tx.temporary_cards.of_request(request_id):
        if paper.state is TemporaryState.ISSUED:
            tx.temporary_cards.move(paper, TemporaryState.ENDED, desk.move("the card was handed over"))
            subject = paper.token or tx.requests.get(request_id).token
            tx.audit.append(desk.event("temporary.end", subject, "done", {"number": paper.number}))


def revocation_list(desk: Desk, *, days: int) -> str:
    """The signed list of this station's papers that ended before their last day, good for so many days; recorded."""
    desk.must(Act.TEMPORARY)
    now, today = desk.now().replace(microsecond=0), here_and_now(desk).date()
    with desk.database.reading() as tx:
        rows = [one for one in tx.temporary_cards.all(*_LISTED) if date.fromisoformat(one.valid_until) >= today]
    entries = tuple(Ended(one.number, _LISTED[one.state], _day(one)) for one in rows)
    signer = document_signer(desk)
    now_in_use, *before = (one.key_id for one in trusted_keys(desk))
    made = RevocationList(desk.station, now_in_use, now, now + timedelta(days=days), entries, tuple(before))
    text = made.signed_text(signer.sign)
    with desk.database.transaction("revocations") as tx:
        details = {"entries": str(len(entries)), "until": made.until.isoformat()}
        tx.audit.append(desk.event("temporary.revocations", desk.token(), "done", details))
        desk.checkpoint(tx)
    return text


def _end(
    desk: Desk, number: str, target: TemporaryState, act: str, note: str, *, approved_by: str | None = None
) -> TemporaryRow:
    with desk.database.transaction(act) as tx:
        paper = tx.temporary_cards.get(number)
        tx.temporary_cards.move(paper, target, desk.move(note), approved_by=approved_by)
        details = {"number": number}
        if approved_by:
            details |= {"approved_by": approved_by, "reason": note}
        tx.audit.append(desk.event(act, paper.token or tx.requests.get(paper.request_id).token, "done", details))
        desk.checkpoint(tx)
        return tx.temporary_cards.get(number)


def without_paper(desk: Desk) -> tuple[RequestRow, ...]:
    """Urgent requests that were approved, whose card is still to come and that have no paper in force."""
    with desk.database.reading() as tx:
        held = {one.request_id for one in tx.temporary_cards.all(TemporaryState.ISSUED)}
        urgent = [row for row in tx.requests.all() if row.urgent and row.salt is not None and row.id not in held]
        jobs = [(row, tx.jobs.of_request(row.id)) for row in urgent]
        return tuple(row for row, job in jobs if job.state is not JobState.REQUESTED and not _handed_over(tx, job.id))


def _handed_over(tx: Transaction, job_id: int) -> bool:
    try:
        return tx.cards.get(job_id).handed_over_at is not None
    except CardUnknown:
        return False


def _day(one: TemporaryRow) -> date:
    """The day a paper ended, as the counter says it."""
    return in_china(one.changed_at).date() if one.changed_at else date.fromisoformat(one.valid_from)
