"""What the counter does for a holder, act by act, as pages and programs offer it.

Every act goes the same way: card in the reader (or found in the books), identity check with the document, PIN where it
is asked for, the act, its receipt. What an act needs stands here as data; how it is done is in ``station/counter``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cardfab.errors import Text
from cardfab.prepare.spoken import fen
from cardfab.production import CardState
from cardfab.station.counter.activation import activate
from cardfab.station.counter.blocking import block_application, block_card
from cardfab.station.counter.finding import CardNotFound, card_of, card_of_holder
from cardfab.station.counter.found import take_back
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.loss import Confirmed, Level, report_loss
from cardfab.station.counter.medical import load, recover, set_start_day
from cardfab.station.counter.offsite import approve, withdraw
from cardfab.station.counter.pinentry import PinDesk
from cardfab.station.counter.pins import change_pin, reset_pin, unblock
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.release import release
from cardfab.station.counter.replace import replace_card, require_reason
from cardfab.station.counter.service import Counter, Served, Shown, Subject
from cardfab.station.counter.statement import print_statement

Pins = Literal["", "current", "new", "change"]
"""Which PIN the holder enters: none, the card's, a new one, both."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One act. ``fields`` are what the form asks for beside the document; ``destroys`` says what cannot be undone."""

    name: str
    kind: Kind
    what: Text
    button: Text
    at_reader: bool = True
    pins: Pins = ""
    fields: tuple[str, ...] = ()
    second: bool = False
    """Whether another person of the outlet always approves."""
    destroys: Text | None = None
    title: Text | None = None

    @property
    def heading(self) -> Text:
        """What the act is called."""
        return self.title or self.kind.text


ERRANDS: tuple[Errand, ...] = (
    Errand(
        "activate", Kind.ACTIVATE,
        Text("A new card, at its hand-over or later", "新卡领取时或之后启用"),
        Text("Activate the card", "启用该卡"), pins="current",
        title=Text("Activate a card", "启用卡"),
    ),
    Errand(
        "pin-change", Kind.PIN_CHANGE,
        Text("By the holder, who knows the old one", "持卡人知道原密码"),
        Text("Change the PIN", "修改密码"), pins="change",
        title=Text("Change the PIN", "修改密码"),
    ),
    Errand(
        "pin-reset", Kind.PIN_RESET,
        Text("A new one, by the identity document", "忘记密码，凭证件重置"),
        Text("Set a new PIN", "重置密码"), pins="new",
        title=Text("Reset the PIN", "重置密码"),
    ),
    Errand(
        "pin-unblock", Kind.PIN_UNBLOCK,
        Text("Tries used up; the PIN stays as it is", "输错锁定，原密码不变"),
        Text("Unblock the PIN", "解锁密码"),
        title=Text("Unblock the PIN", "解锁密码"),
    ),
    Errand(
        "statement", Kind.STATEMENT,
        Text("Of the medical account; the count begins again", "医保个人账户对账单，计数清零"),
        Text("Print the statement", "打印对账单"), pins="current",
        title=Text("Medical statement", "医保对账单"),
    ),
    Errand(
        "found", Kind.FOUND,
        Text("A temporary report; the card was found", "临时挂失后找回卡片"),
        Text("Take the report back", "解除挂失"), fields=("reason",), second=True,
        title=Text("Take a report of loss back", "解除挂失"),
    ),
    Errand(
        "replace", Kind.REPLACE,
        Text("A new card for one that is lost, damaged or expired", "遗失、损坏、到期或信息变更换卡"),
        Text("Order the replacement", "受理补换卡"), at_reader=False, fields=("card", "cause"),
        title=Text("Order a replacement", "补换卡"),
    ),
    Errand(
        "release", Kind.RELEASE,
        Text("A card that was not activated in time", "逾期未启用的卡"),
        Text("Lift the restriction", "解除限制"), at_reader=False, fields=("card", "reason"),
        title=Text("Lift a restriction", "解除限制"),
    ),
    Errand(
        "block", Kind.BLOCK_CARD,
        Text("The card in the reader, or one application, for good", "永久锁定读卡器中的卡或其中一个应用"),
        Text("Block for good", "永久锁定"), fields=("application", "reason"), second=True,
        destroys=Text("This blocks 1 card for good; nobody can undo it.", "将永久锁定 1 张卡，无法恢复。"),
        title=Text("Block a card", "锁定卡"),
    ),
    Errand(
        "load", Kind.LOAD,
        Text("Money of the insurance into the medical account", "医保个人账户划入"),
        Text("Load the account", "划入账户"), pins="current", fields=("amount",),
        title=Text("Load the medical account", "个人账户划入"),
    ),
    Errand(
        "start-day", Kind.START_DAY,
        Text("When the insurance year begins", "医保年度起始日"),
        Text("Set the day", "设置起始日"), fields=("month_day",),
        title=Text("Start of the insurance year", "年度起始日"),
    ),
    Errand(
        "recover", Kind.RECOVER,
        Text("A transaction or a change of the PIN was cut off", "交易或改密中断后核实"),
        Text("Ask the card", "核实"), pins="current",
        title=Text("Settle what was interrupted", "核实中断业务"),
    ),
    Errand(
        "offsite", Kind.OFFSITE,
        Text("Approved or withdrawn on the card", "备案写入卡内或撤销"),
        Text("Write to the card", "写入卡内"), fields=("direction", "institution"),
        title=Text("Treatment elsewhere", "异地就医备案"),
    ),
)  # fmt: skip
"""All but the report of loss, which is confirmed in two steps, and reading, which changes nothing."""


def errand(name: str) -> Errand | None:
    """The act of that name."""
    return next((one for one in ERRANDS if one.name == name), None)


def at_reader(one: Errand, here: Presented, shown: Shown, given: Mapping[str, str]) -> Served:
    """Do an act with the card in the reader. ``given`` are the fields; raises what the act raises."""
    pin, said = PinDesk(), {name: value.strip() for name, value in given.items()}
    match one.kind:
        case Kind.ACTIVATE:
            return activate(here, shown, pin)
        case Kind.PIN_CHANGE:
            return change_pin(here, shown, pin, pin)
        case Kind.PIN_RESET:
            return reset_pin(here, shown, pin)
        case Kind.PIN_UNBLOCK:
            return unblock(here, shown)
        case Kind.STATEMENT:
            return print_statement(here, shown, pin, lambda _: None)
        case Kind.FOUND:
            return take_back(here, shown, said.get("reason", ""))
        case Kind.BLOCK_CARD if said.get("application"):
            return block_application(here, shown, said["application"], said.get("reason", ""))
        case Kind.BLOCK_CARD:
            return block_card(here, shown, said.get("reason", ""))
        case Kind.LOAD:
            return load(here, shown, pin, fen(said.get("amount", "")))
        case Kind.START_DAY:
            return set_start_day(here, shown, said.get("month_day", ""))
        case Kind.RECOVER:
            return recover(here, shown, pin)
        case Kind.OFFSITE:
            change = withdraw if said.get("direction") == "withdraw" else approve
            institution = said.get("institution", "")
            return change(here, shown, (institution,) if institution else ())
    raise ValueError(one.name)


def in_the_books(one: Errand, counter: Counter, shown: Shown, given: Mapping[str, str]) -> Served:
    """Do an act that needs no card."""
    said = {name: value.strip() for name, value in given.items()}
    if one.kind is Kind.REPLACE:
        cause = said.get("cause", "")
        require_reason(cause)
        states = (CardState.LOST, CardState.BLOCKED) if cause == "loss" else ()
        return replace_card(counter, subject_of(counter, shown, said.get("card", ""), *states), shown, cause)
    if one.kind is Kind.RELEASE:
        return release(counter, subject_of(counter, shown, said.get("card", "")), shown, said.get("reason", ""))
    raise ValueError(one.name)


def subject_of(counter: Counter, shown: Shown, card: str, *states: CardState) -> Subject:
    """Whose card: the one that was named by job, request or number, else the holder's only one."""
    if card:
        return card_of(counter.desk, card)
    return card_of_holder(counter.desk, shown.identity.number, *states)


def losing(counter: Counter, shown: Shown, card: str) -> Subject:
    """The card in use; else the one reported lost before, so that a report for a time can be made formal."""
    try:
        return subject_of(counter, shown, card)
    except CardNotFound as none:
        try:
            return subject_of(counter, shown, card, CardState.LOST)
        except CardNotFound:
            raise none from None


def report(counter: Counter, shown: Shown, card: str, confirmed: Confirmed, level: Level) -> Served:
    """Take a report of loss."""
    return report_loss(counter, losing(counter, shown, card), shown, confirmed, level)
