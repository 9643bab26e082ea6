"""Replacement: balance and records from the issuer host, a request for the new card, the day it is due.

A lost card cannot be asked, so the host is (issuing host, 6.2); what it says lies sealed with the order until the new
card is activated. The request goes the way of every request: approved by a second duty, prepared, made.
"""

from __future__ import annotations

import json
from dataclasses import replace as with_changes
from datetime import date

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.prepare.request import IssuanceRequest
from cardfab.prepare.spoken import yuan
from cardfab.production import CardState, due_after
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kinds import Kind, state_words
from cardfab.station.counter.outbox import about, report_completed, status_of
from cardfab.station.counter.service import Counter, Served, Service, Shown, Subject, served, serving
from cardfab.station.desk import Desk
from cardfab.station.host import Fields, HostCode, Operation
from cardfab.station.hostdesk import HostDesk, HostRefused
from cardfab.station.lives import rules_of
from cardfab.station.vault import holder_index, number_index, open_request, seal_request
from cardfab.store import ReplacementRow, RequestRow, Transaction

_SEAL = "station/seal"

REASONS = {
    "loss": Text("lost", "丢失"),
    "damage": Text("damaged", "损坏"),
    "expiry": Text("expired", "到期"),
    "data": Text("data changed", "信息变更"),
}


class NotReplaceable(StockFault):
    """The card cannot be replaced now."""

    default_code = "CF-7630"


def replace_card(
    counter: Counter, subject: Subject, shown: Shown, reason: str, request_id: str | None = None
) -> Served:
    """Order the replacement of a card; ``request_id`` names a request that was imported for it, else one is made.

    Raises :class:`NotReplaceable` (the loss was not reported, ordered already), HostRefused, HostInDoubt, HostAbsent.
    """
    desk = counter.desk
    desk.must(Kind.REPLACE.act)
    host = counter.require_host()
    with serving(counter, Kind.REPLACE, subject, shown) as service:
        _replaceable(desk, subject, reason)
        told = _ask_host(host, subject, reason)
        rules = rules_of(desk, subject.row.product if subject.row else None)
        today = here_and_now(desk).date()
        working = rules.replacement_count == "working"
        due = due_after(today, rules.replacement_days, working=working, closed=rules.closed_days)
        with desk.database.transaction("replace") as tx:
            if tx.replacements.open_for(number_index(desk.keys, subject.card_number)) is not None:
                raise _ordered_already()
            request = _own_request(desk, tx, subject, request_id) or _new_request(desk, tx, service)
            _order(desk, tx, service, request, reason, due, told)
        service.audit |= {"reason": reason, "due": due.isoformat(), "request": request}
        service.values |= {"request": request, "due": due.isoformat(), "reason": reason, "account": dict(told)}
        service.say("Reason", "原因", REASONS[reason])
        if "balance" in told:
            service.say("Balance at the issuer host, yuan", "主机账户余额（元）", yuan(int(str(told["balance"]))))
        service.say("Request of the new card", "新卡申请号", request)
        service.say("To be fetched from", "领卡日期", due.isoformat(), strong=True)
        service.outcome = Text("The replacement is ordered.", "补换卡申请已受理。")
        service.next(
            f"Come from {due.isoformat()} with your identity document to fetch and activate the new card.",
            f"请自 {due.isoformat()} 起凭身份证件领取并启用新卡。",
        )
    return served(counter, service)


def require_reason(reason: str) -> None:
    """Raise InputRefused for a reason that is none of :data:`REASONS`."""
    if reason not in REASONS:
        raise InputRefused(
            Text(f"{reason!r} is no reason for a replacement.", f"补换原因“{reason}”不可用。"),
            do=Text(f"Take one: {_reasons('en')}.", f"可选：{_reasons('zh')}。"),
            code="CF-3572",
        )


def _replaceable(desk: Desk, subject: Subject, reason: str) -> None:
    require_reason(reason)
    with desk.database.reading() as tx:
        row = tx.cards.get(subject.row.job_id) if subject.row else None
        listed = tx.black_list.get(number_index(desk.keys, subject.card_number))
        if tx.replacements.open_for(number_index(desk.keys, subject.card_number)) is not None:
            raise _ordered_already()
    if row is not None and row.state in (CardState.REPLACED, CardState.UNCOLLECTED, CardState.DESTROYED):
        raise NotReplaceable(
            Text(f"The card is {state_words(row.state).en}.", f"该卡{state_words(row.state).zh}。"),
            do=Text("Ask for a new card instead.", "请改为申领新卡。"),
        )
    if reason == "loss" and listed is None:
        raise NotReplaceable(
            Text("The loss of the card has not been reported.", "该卡尚未挂失。"),
            do=Text("Report it first: 'cardfab card lost'.", "请先办理挂失：cardfab card lost。"),
            code="CF-7631",
        )


def _reasons(language: str) -> str:
    told = [f"{name} ({words.of(language)})" for name, words in REASONS.items()]
    return ", ".join(told) if language == "en" else "、".join(f"{n}（{w.zh}）" for n, w in REASONS.items())


def _ordered_already() -> NotReplaceable:
    return NotReplaceable(
        Text("A replacement of this card is ordered already.", "该卡的补换已受理。"),
        do=Text("'cardfab card due' shows the day.", "cardfab card due 可查看领卡日期。"),
        code="CF-7632",
    )


def _ask_host(host: HostDesk, subject: Subject, reason: str) -> Fields:
    """Check, account, application, in this order: nothing is applied for before the balance is known."""
    report_completed(host, subject)
    fields: Fields = {**status_of(subject), "kind": "replace", "reason": reason}
    try:
        host.read(Operation.CHECK, about(subject), fields)
    except HostRefused as refused:
        # The application that is in the way may be our own, of an order that was cut off.
        if refused.host_code is not HostCode.DUPLICATE or not host.asked(Operation.APPLY, about(subject)):
            raise
    told = host.read_if_offered(Operation.ACCOUNT, about(subject), status_of(subject)) or {}
    host.change(
        Operation.APPLY,
        about(subject),
        fields,
        status_of(subject),
        lambda said: said if said.get("application") else None,
    )
    return told


def _own_request(desk: Desk, tx: Transaction, subject: Subject, request_id: str | None) -> str | None:
    """The id of an imported request, after a look whether it is for this holder and this card."""
    if request_id is None:
        return None
    row = tx.requests.get(request_id)
    same = row.holder_index == holder_index(desk.keys, subject.social_security_number)
    if not same or open_request(desk.keys, row).replaces_card != subject.card_number:
        raise NotReplaceable(
            Text(f"Request {request_id} does not replace this card.", f"申请 {request_id} 不是为补换该卡提出的。"),
            do=Text(
                "Leave --request out, or import a request that names this card in 'replaces_card'.",
                "请去掉 --request，或导入 replaces_card 注明该卡号的申请。",
            ),
            code="CF-7633",
        )
    return request_id


def _new_request(desk: Desk, tx: Transaction, service: Service) -> str:
    """A request like the holder's newest one, with the receipt's number as its id; its job waits for approval."""
    subject = service.subject
    kept = tx.requests.of_holder(holder_index(desk.keys, subject.social_security_number))
    whole = [row for row in kept if row.salt is not None]
    if not whole:
        raise NotReplaceable(
            Text("This station has no request of the holder to repeat.", "本网点没有该持卡人的申请资料。"),
            do=Text(
                "Import one that names the card it replaces, then give its id with --request.",
                "请导入注明原卡号的申请，再用 --request 指明。",
            ),
            code="CF-7634",
        )
    old = open_request(desk.keys, whole[-1])
    category = next(key for key, one in desk.codes().category.items() if one.replaces_card)
    new = with_changes(
        old, request_id=service.row.receipt, category=category, replaces_card=subject.card_number, urgent=False
    )
    return _book(desk, tx, new)


def _book(desk: Desk, tx: Transaction, new: IssuanceRequest) -> str:
    move, salt, token = desk.move("replacement at the counter"), desk.random(32), desk.token()
    batch = tx.requests.add_batch("counter", 1, salt, at=move.at, by=move.by)
    row = RequestRow(
        id=new.request_id,
        token=token,
        batch_id=batch,
        holder_index=holder_index(desk.keys, new.social_security_number),
        product=new.bank_product,
        category=new.category,
        urgent=new.urgent,
        sealed=seal_request(desk.keys, new, token, salt),
        salt=salt,
    )
    tx.requests.add([row])
    stock = load(desk.profiles, "products", row.product, Product).stock
    tx.jobs.create(desk.token(), row.id, stock, move)
    details = {"batch": str(batch), "requests": "1"}
    tx.audit.append(desk.event("request.import", desk.token(), "done", details))
    return row.id


def _order(
    desk: Desk, tx: Transaction, service: Service, request: str, reason: str, due: date, told: Fields
) -> ReplacementRow:
    subject, salt, token = service.subject, desk.random(32), desk.token()
    plain = json.dumps({"card_number": subject.card_number, "account": dict(told)}, ensure_ascii=False).encode()
    return tx.replacements.order(
        token=token,
        old_index=number_index(desk.keys, subject.card_number),
        old_job_id=subject.row.job_id if subject.row else None,
        request_id=request,
        reason=reason,
        ordered_on=here_and_now(desk).date().isoformat(),
        due_on=due.isoformat(),
        ordered_by=desk.person.login,
        sealed=desk.keys.seal(_SEAL, salt, plain, f"replacement:{token}".encode()),
        salt=salt,
    )
