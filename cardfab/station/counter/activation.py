"""Activation: within half a year of issue, at the host, in the books, and the old account's balance onto the card.

The order is such that a cut-off activation is taken up again by the same command: what the host did is answered from
the journal, and the balance is loaded once.
"""

from __future__ import annotations

from cardfab.errors import StockFault, Text
from cardfab.production import CardState
from cardfab.production.states import CARD_TABLE
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.loss import black_list
from cardfab.station.counter.medical import credit, enter_pin
from cardfab.station.counter.outbox import about, report_completed, status_of
from cardfab.station.counter.pending import require_settled
from cardfab.station.counter.pinentry import Given
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Service, Shown, Subject, served, serving
from cardfab.station.counter.transactions import report_transactions
from cardfab.station.host import Fields, Operation
from cardfab.station.lives import activate_until, open_life
from cardfab.station.temporary import end_at_hand_over
from cardfab.store import CardRow, Transaction

_FROM_OLD = Text("Moved from the old account, yuan", "原账户余额转入（元）")


class TooLate(StockFault):
    """The card was not activated in time and is restricted."""

    default_code = "CF-7620"


class ActiveAlready(StockFault):
    """Nothing is left to activate."""

    default_code = "CF-7622"


def activate(here: Presented, shown: Shown, pin: Given) -> Served:
    """Activate the card in the reader. Raises :class:`TooLate`, :class:`ActiveAlready`, HostRefused, HostInDoubt."""
    counter = here.counter
    with serving(counter, Kind.ACTIVATE, here.subject, shown) as service:
        row = _current(here)
        _in_time(here, row)
        here.require_served()
        require_settled(here)
        enter_pin(here, pin)  # the holder has the PIN before the card is theirs to use
        amount = _at_host(here, service)
        _in_books(here, service, row)
        if amount:
            credit(here, service, amount, label=_FROM_OLD)
            report_transactions(here)
        service.outcome = Text("The card is activated.", "该卡已启用。")
        service.next("Change the first PIN, if you have not done so.", "如未修改初始密码，请尽快修改。")
    return served(counter, service)


def _current(here: Presented) -> CardRow | None:
    if here.subject.row is None:
        return None
    with here.counter.desk.database.reading() as tx:
        return tx.cards.get(here.subject.row.job_id)


def _in_time(here: Presented, row: CardRow | None) -> None:
    if row is None:
        return
    if row.state is CardState.RESTRICTED:
        until = activate_until(here.counter.desk, row)
        raise TooLate(
            Text(
                f"The card had to be activated by {until}; it is restricted.",
                f"该卡须于 {until} 前启用，现已限制使用。",
            ),
            do=Text("A supervisor releases it: 'cardfab card release'.", "须由主管解除限制：cardfab card release。"),
        )
    if row.state is CardState.ACTIVATED and (here.counter.host is None or _loaded(here)):
        raise ActiveAlready(
            Text("The card is activated already.", "该卡此前已启用。"),
            do=Text(
                "Nothing more is to be done; 'cardfab card read' shows the card.",
                "无需再办；cardfab card read 可查看。",
            ),
        )


def _at_host(here: Presented, service: Service) -> int:
    """Activate at the host and take over the old balance; the fen that are still to be loaded."""
    host, subject = here.counter.host, here.subject
    if host is None:
        service.say("Issuer host", "发卡主机", Text("not connected; no balance moved", "未连接，未转入余额"))
        service.values["host"] = "none"
        return 0
    report_completed(host, subject)
    fields: Fields = {**status_of(subject), "kind": "social", "receiver": service.shown.identity.relation or "self"}
    host.change(
        Operation.ACTIVATE,
        about(subject),
        fields,
        status_of(subject),
        lambda said: said if said.get("activated") else None,
    )
    named = status_of(subject)
    moved = host.change_if_offered(Operation.MOVE_BALANCE, about(subject), named, named, _moved)
    service.values["host"] = "done"
    amount = int(str(moved.answer.get("amount", 0))) if moved is not None else 0
    return 0 if _loaded(here) else amount


def _moved(said: Fields) -> Fields | None:
    moved = int(str(said.get("moved", -1)))
    return {"amount": moved} if moved >= 0 else None


def _loaded(here: Presented) -> bool:
    """Whether an activation has put the old balance onto this card before."""
    with here.counter.desk.database.reading() as tx:
        activations = {one.id for one in tx.services.of_card(here.index, service=Kind.ACTIVATE)}
        done = tx.medical.transactions(here.index)
    return any(one.service_id in activations and one.outcome == "done" for one in done)


def _in_books(here: Presented, service: Service, row: CardRow | None) -> None:
    if row is None or row.state is CardState.ACTIVATED:
        return
    desk = here.counter.desk
    with desk.database.transaction("activated") as tx:
        if row.state is CardState.MADE:
            row = tx.cards.move(row, CardState.HANDED_OVER, desk.move())
        end_at_hand_over(desk, tx, tx.jobs.get(row.job_id).request_id)
        tx.cards.move(row, CardState.ACTIVATED, desk.move())
        replaced = _retire_old(here, tx, service, row)
    if replaced:
        service.say("The old card", "原卡", Text("is replaced and no longer valid", "已换发，不再有效"))
    service.values |= {"state": str(CardState.ACTIVATED), "replaces": replaced}


def _retire_old(here: Presented, tx: Transaction, service: Service, row: CardRow) -> bool:
    """The card that this one replaces is REPLACED and on the black list; the order is done."""
    desk = here.counter.desk
    order = tx.replacements.of_request(tx.jobs.get(row.job_id).request_id)
    if order is None:
        return False
    tx.replacements.done(order.request_id, here_and_now(desk).date().isoformat())
    if order.old_job_id is not None:
        old = tx.cards.get(order.old_job_id)
        if CardState.REPLACED in CARD_TABLE[old.state]:
            tx.cards.move(old, CardState.REPLACED, desk.move(f"replaced by job {row.job_id}"))
    _list_old(here, tx, service, order.old_index)
    tx.audit.append(desk.event("card.replaced", order.token, "done", {"request": order.request_id}))
    return True


def _list_old(here: Presented, tx: Transaction, service: Service, old_index: bytes) -> None:
    if tx.black_list.get(old_index) is None:
        number = _old_number(here, tx, old_index)
        if number:
            old = Subject(number, here.subject.social_security_number, here.subject.name, here.subject.region)
            black_list(here.counter.desk, tx, Service(service.kind, service.row, old, service.shown), "replaced")


def _old_number(here: Presented, tx: Transaction, old_index: bytes) -> str:
    old = tx.cards.by_number(old_index)
    life = open_life(here.counter.desk, tx, old) if old else None
    return life.card_number if life else ""
