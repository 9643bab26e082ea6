"""``cardfab card activate``, ``release``, ``due``, ``lost``, ``found``, ``replace``, ``block``, ``black-list``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from cardfab.cli.counterdesk import PinFd, Reader, Secrets, Serving, at_counter, with_card
from cardfab.cli.options import spread
from cardfab.cli.output import Talk, talk_of
from cardfab.documents import hidden
from cardfab.documents.wording import moment
from cardfab.errors import Text
from cardfab.production import Act, CardState
from cardfab.station.counter.activation import activate as activate_card
from cardfab.station.counter.blocking import block_application, block_card
from cardfab.station.counter.clock import in_china
from cardfab.station.counter.found import take_back
from cardfab.station.counter.kinds import state_words
from cardfab.station.counter.loss import Confirmed, listed_number, reason_words, report_loss
from cardfab.station.counter.release import due as what_is_due
from cardfab.station.counter.release import release as release_card
from cardfab.station.counter.replace import REASONS, replace_card, require_reason
from cardfab.station.counter.service import Subject
from cardfab.station.outlet.errands import losing, subject_of

Card = Annotated[
    str | None, typer.Argument(metavar="CARD", help="Its job or request; without one, the holder's only card.")
]


@spread
def activate(
    context: typer.Context,
    serving: Serving,
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """Activate the card in the reader, within the term; the old account's balance goes onto it."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        serving.give(talk, here.counter, activate_card(here, shown, secrets.entered()))


@spread
def release(
    context: typer.Context,
    serving: Serving,
    card: Card = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it may still be activated.")] = "",
) -> None:
    """A supervisor releases a card that was not activated in time."""
    talk = talk_of(context)
    with at_counter(talk) as (counter, _):
        shown = serving.shown(Secrets(talk))
        subject = subject_of(counter, shown, card or "")
        serving.give(talk, counter, release_card(counter, subject, shown, reason))


def due(
    context: typer.Context,
    within: Annotated[int | None, typer.Option("--within", min=0, help="Days; else the product's notice.")] = None,
) -> None:
    """Cards to be activated soon or too late, and replacements by the day they are due."""
    talk = talk_of(context)
    with talk.desk() as desk:
        found = what_is_due(desk, within)
    value = {
        "cards": [asdict(one) | {"until": one.until.isoformat()} for one in found.cards],
        "replacements": [asdict(one) | {"until": one.until.isoformat()} for one in found.replacements],
    }
    rows = [
        (str(one.job), talk.of(state_words(one.state)), one.until.isoformat(), str(one.days)) for one in found.cards
    ]
    rows += [
        (one.request, talk.of(Text("replacement to be fetched", "补换卡待领取")), one.until.isoformat(), str(one.days))
        for one in found.replacements
    ]
    columns = (
        Text("job or request", "作业或申请"),
        Text("state", "状态"),
        Text("day", "日期"),
        Text("days left", "剩余天数"),
    )
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("Nothing is due.", "没有到期事项。")))


@spread
def lost(
    context: typer.Context,
    serving: Serving,
    card: Card = None,
    level: Annotated[
        Literal["temporary", "formal"], typer.Option("--level", help="A temporary one can be taken back: 'card found'.")
    ] = "formal",
) -> None:
    """Take a report of loss. Asked for: document number, yes, the last four characters of the card number."""
    talk = talk_of(context)
    secrets = Secrets(talk)
    with at_counter(talk) as (counter, _):
        shown = serving.shown(secrets)
        subject = losing(counter, shown, card or "")
        confirmed = _confirmed(talk, secrets, subject)
        serving.give(talk, counter, report_loss(counter, subject, shown, confirmed, level))


@spread
def found(
    context: typer.Context,
    serving: Serving,
    reason: Annotated[str, typer.Option("--reason", help="How it was found.")] = "",
    reader: Reader = None,
) -> None:
    """Take a temporary report of loss back: the card in the reader was found. A supervisor approves."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = serving.shown(Secrets(talk))
        serving.give(talk, here.counter, take_back(here, shown, reason))


@spread
def replace(
    context: typer.Context,
    serving: Serving,
    card: Card = None,
    reason: Annotated[str, typer.Option("--reason", metavar="|".join(REASONS), help="Why.")] = "loss",
    request: Annotated[str | None, typer.Option("--request", help="An imported request that replaces it.")] = None,
) -> None:
    """Order a replacement: balance and records from the host, the term counted, a request that waits for approval."""
    talk = talk_of(context)
    with at_counter(talk) as (counter, _):
        shown = serving.shown(Secrets(talk))
        require_reason(reason)
        states = (CardState.LOST, CardState.BLOCKED) if reason == "loss" else ()
        subject = subject_of(counter, shown, card or "", *states)
        serving.give(talk, counter, replace_card(counter, subject, shown, reason, request))


@spread
def block(
    context: typer.Context,
    serving: Serving,
    reason: Annotated[str, typer.Option("--reason", help="Why; it cannot be undone.")] = "",
    application: Annotated[
        str | None, typer.Option("--application", help="Only this one (DF04); else the whole card.")
    ] = None,
    reader: Reader = None,
) -> None:
    """Block the card in the reader, or one application of it, for good. A second person approves."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = serving.shown(Secrets(talk))
        if application is None:
            done = block_card(here, shown, reason)
        else:
            done = block_application(here, shown, application, reason)
        serving.give(talk, here.counter, done)


def black_list(context: typer.Context) -> None:
    """Cards that this station listed; numbers masked."""
    talk = talk_of(context)
    with talk.desk() as desk:
        desk.must(Act.READ)
        with desk.database.reading() as tx:
            found = tx.black_list.all()
        numbers = [hidden(listed_number(desk, one.sealed, one.salt) or "") for one in found]
    values = [
        {"card": number, "reason": one.reason, "listed_at": one.listed_at, "listed_by": one.listed_by}
        for one, number in zip(found, numbers, strict=True)
    ]
    columns = (Text("card", "卡号"), Text("reason", "原因"), Text("listed", "列入时间"), Text("by", "经办"))
    rows = [
        (one["card"], talk.of(reason_words(one["reason"])), moment(in_china(one["listed_at"])), one["listed_by"])
        for one in values
    ]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("The list is empty.", "黑名单为空。")))


def _confirmed(talk: Talk, secrets: Secrets, subject: Subject) -> Confirmed:
    """Two confirmations: a word, then something read from the screen or the application."""
    number = subject.card_number
    talk.say(
        f"Card {number[:1]}****{number[-4:]} will be put on the black list at once.",
        f"卡 {number[:1]}****{number[-4:]} 将即时列入黑名单。",
        "bold",
    )
    yes = secrets.line("report it lost? yes/no", "确认挂失？yes/no").lower() in ("yes", "y", "是")
    return Confirmed(yes, secrets.line("last four characters of the card number", "卡号后四位") if yes else "")
