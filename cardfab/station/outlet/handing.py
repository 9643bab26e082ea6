"""The card leaves the counter: the host knows of it, the document is compared, the receipt comes back signed."""

from __future__ import annotations

from cardfab.errors import DeviceFault, StockFault, Text
from cardfab.production import CardState
from cardfab.station.counter.finding import subject_of_row
from cardfab.station.counter.kinds import Kind, state_words
from cardfab.station.counter.outbox import about, status_of
from cardfab.station.counter.service import Counter, Served, Shown, Subject, served, serving
from cardfab.station.desk import Desk
from cardfab.station.host import Fields, Operation
from cardfab.station.hosts.outbox import HAND_OVER, tell
from cardfab.station.temporary import end_at_hand_over
from cardfab.store import CardRow, GivenRow


class NotToBeGiven(StockFault):
    """The card is not one that is handed over now."""

    default_code = "CF-7350"


class HostNotTold(DeviceFault):
    """The host has not taken that the card was made: until then it stays at the outlet."""

    default_code = "CF-5330"


def hand_over(counter: Counter, job_id: int, shown: Shown) -> Served:
    """Hand the card of a job over against a receipt. Raises :class:`NotToBeGiven`, :class:`HostNotTold`, NotTheHolder,
    SecondNeeded (an agent), HostRefused.
    """
    desk = counter.desk
    desk.must(Kind.HAND_OVER.act)
    with desk.database.reading() as tx:
        row = tx.cards.get(job_id)
        subject = subject_of_row(desk, tx, row)
    if row.state is not CardState.MADE:
        words = state_words(row.state)
        raise NotToBeGiven(
            Text(f"The card of job {job_id} is {words.en}.", f"作业 {job_id} 的卡{words.zh}。"),
            do=Text("Look at the job again.", "请重新查看该作业。"),
        )
    _require_told(counter, subject)
    with serving(counter, Kind.HAND_OVER, subject, shown) as service:
        receiver = "agent" if shown.identity.relation else "self"
        with desk.database.transaction("handed over") as tx:
            tx.cards.move(row, CardState.HANDED_OVER, desk.move(f"receipt {service.row.receipt}"))
            end_at_hand_over(desk, tx, tx.jobs.get(job_id).request_id)
            tx.outlet.given(job_id, service.row.receipt, receiver, at=desk.at(), by=desk.person.login)
            tx.audit.append(desk.event("card.hand-over", service.row.token, "done", {"job": str(job_id)}))
        fields: Fields = {**status_of(subject), "kind": HAND_OVER, "receiver": receiver}
        tell(desk, counter.host, Operation.ACTIVATE, f"handed:{subject.card_number}", fields)
        service.outcome = Text("The card is handed over.", "卡片已领取。")
        service.say("Card state", "卡片状态", Text("to be activated", "待启用"), strong=True)
        service.next("Activate the card now, or by the day on the notice.", "请当场启用，或在通知日期前启用。")
        service.next("Keep this receipt.", "请妥善保管本回执。")
        service.values |= {"job": job_id, "receiver": receiver}
    return served(counter, service)


def _require_told(counter: Counter, subject: Subject) -> None:
    """The host knows that the card was made; a station without one has nobody to tell. Raises :class:`HostNotTold`."""
    row = subject.row
    if counter.host is None or row is None:
        return
    fields: Fields = {
        **status_of(subject),
        "chip": row.chip,
        "region": subject.region,
        "made_at": row.made_at,
        "expires_on": row.expires_on or "",
        "result": "success",
    }
    told = tell(counter.desk, counter.host, Operation.COMPLETE, about(subject), fields)
    if told.waiting:
        raise HostNotTold(
            Text(
                "The issuer host has not taken yet that this card was made; it stays at the outlet.",
                "发卡主机尚未确认该卡已制成，暂不能领取。",
            ),
            do=Text(
                "Keep the card with its case. Hand it over when the host answers: 'Waiting for the host' shows it.",
                "请妥善保管该卡，待主机恢复应答后再发放；“待发主机”页可查看。",
            ),
        )


def signed(desk: Desk, job_id: int) -> None:
    """The receipt came back signed."""
    desk.must(Kind.HAND_OVER.act)
    with desk.database.transaction("receipt signed") as tx:
        if tx.outlet.given_of(job_id) is None:
            raise NotToBeGiven(
                Text(f"The card of job {job_id} was not handed over.", f"作业 {job_id} 的卡尚未领取。"),
                do=Text("Hand it over first.", "请先办理领卡。"),
                code="CF-7351",
            )
        tx.outlet.signed(job_id, at=desk.at(), by=desk.person.login)
        token = tx.jobs.get(job_id).token
        tx.audit.append(desk.event("receipt.signed", token, "done", {"job": str(job_id)}))


def given_of(desk: Desk, job_id: int) -> GivenRow | None:
    """How the card of a job was handed over."""
    with desk.database.reading() as tx:
        return tx.outlet.given_of(job_id)


def card_row(desk: Desk, job_id: int) -> CardRow:
    """The card of a finished job."""
    with desk.database.reading() as tx:
        return tx.cards.get(job_id)


__all__ = ["HostNotTold", "NotToBeGiven", "card_row", "given_of", "hand_over", "signed"]
