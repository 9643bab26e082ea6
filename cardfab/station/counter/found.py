"""A lost card is found again: a report of loss made for a time is taken back, by a supervisor who says why.

The card must lie in the reader: what is not there was not found. A formal report is not taken back here, since hosts
differ on it; its holder gets a replacement.
"""

from __future__ import annotations

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.production import CardState
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.loss import LISTED, loss_name
from cardfab.station.counter.outbox import report_completed, status_of
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Service, Shown, served, serving
from cardfab.station.host import Operation


class NotTakenBack(StockFault):
    """There is no report of loss that may be taken back."""

    default_code = "CF-7635"


def take_back(here: Presented, shown: Shown, reason: str) -> Served:
    """Take a report of loss back. Raises :class:`NotTakenBack`, SecondNeeded, HostRefused, HostInDoubt.

    The host is told first: as long as it lists the card, this station lists it too.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise InputRefused(
            Text("Taking a report of loss back needs a reason.", "解除挂失须说明原因。"),
            do=Text("Say why: --reason TEXT.", "请用 --reason 说明。"),
            code="CF-3580",
        )
    counter, desk = here.counter, here.counter.desk
    with serving(counter, Kind.FOUND, here.subject, shown) as service:
        _require_temporary(here)
        service.audit["reason"] = reason
        _tell_host(here, service)
        with desk.database.transaction("found") as tx:
            tx.black_list.end(here.index, at=desk.at(), by=desk.person.login)
            row = here.subject.row and tx.cards.get(here.subject.row.job_id)
            if row is not None and row.state is CardState.LOST:
                activated = any(one.outcome == "done" for one in tx.services.of_card(here.index, service=Kind.ACTIVATE))
                back = CardState.ACTIVATED if activated else CardState.HANDED_OVER
                tx.cards.move(row, back, desk.move(reason))
                service.values["state"] = str(back)
            details = {"receipt": service.row.receipt, "reason": reason}
            tx.audit.append(desk.event("card.off-black-list", service.row.token, "done", details))
        service.values |= {"black_list": False, "reason": reason}
        service.say("Reason", "原因", reason)
        service.say("Black list", "黑名单", Text("taken off", "已移出"), strong=True)
        service.outcome = Text("The report of loss is taken back; the card may be used.", "已解除挂失，该卡恢复使用。")
        service.next("Have the report to the bank taken back too, if you made one.", "如已向银行挂失，请另到银行解除。")
    return served(counter, service)


def _require_temporary(here: Presented) -> None:
    desk = here.counter.desk
    with desk.database.reading() as tx:
        listed = tx.black_list.get(here.index)
        ordered = tx.replacements.open_for(here.index)
    if listed is None:
        raise NotTakenBack(
            Text("No loss of this card is reported here.", "本网点没有该卡的挂失记录。"),
            do=Text("'cardfab card verify' says what is wrong with it.", "请用 cardfab card verify 查看该卡状态。"),
        )
    if listed.reason != LISTED["temporary"] or ordered is not None:
        raise NotTakenBack(
            Text("Only a loss reported for a time, without a replacement ordered, is taken back.",
                 "只有未办理补卡的临时挂失可以解除。"),
            do=Text("Keep the card and block it: 'cardfab card block'; replace it: 'cardfab card replace'.",
                    "请收回并锁定该卡（cardfab card block），再办理补卡（cardfab card replace）。"),
            code="CF-7636",
        )  # fmt: skip


def _tell_host(here: Presented, service: Service) -> None:
    host, subject = here.counter.host, here.subject
    if host is None:
        service.say("Issuer host", "发卡主机", Text("not connected; tell the card centre", "未连接，请通知卡管中心"))
        service.values["host"] = "none"
        return
    report_completed(host, subject)
    host.change(
        Operation.LOSS,
        loss_name(here.counter, subject, "release"),
        {**status_of(subject), "level": "release", "reason": "found"},
        status_of(subject),
        lambda said: said if said.get("state") == "normal" else None,
    )
    service.say("Issuer host", "发卡主机", Text("told", "已解除"))
    service.values["host"] = "done"
