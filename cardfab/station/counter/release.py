"""Cards that wait for their activation: the list of those coming due, and the release of a restricted one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.production import TO_ACTIVATE, Act, CardState
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kinds import Kind, state_words
from cardfab.station.counter.service import Counter, Served, Shown, Subject, served, serving
from cardfab.station.desk import Desk
from cardfab.station.lives import activate_until, rules_of, sweep


class NotRestricted(StockFault):
    """There is nothing to release."""

    default_code = "CF-7621"


@dataclass(frozen=True, slots=True)
class DueCard:
    """A card that must be activated by a day, or whose day has passed."""

    job: int
    state: CardState
    until: date
    days: int
    """Days left; below zero it is too late."""


@dataclass(frozen=True, slots=True)
class DueReplacement:
    """A replacement and the day it is due."""

    request: str
    until: date
    days: int


@dataclass(frozen=True, slots=True)
class Due:
    """What the counter has to see to, the most urgent first."""

    cards: tuple[DueCard, ...]
    replacements: tuple[DueReplacement, ...]


def due(desk: Desk, within: int | None = None) -> Due:
    """Restrict what is overdue, then list cards due within some days (else the profile's) and open replacements."""
    desk.must(Act.READ)
    today = here_and_now(desk).date()
    with desk.database.transaction("sweep") as tx:
        sweep(desk, tx)
        waiting = tx.cards.all(*TO_ACTIVATE, CardState.RESTRICTED)
        orders = tx.replacements.open()
    cards = []
    for row in waiting:
        until = activate_until(desk, row)
        notice = rules_of(desk, row.product).due_notice_days if within is None else within
        if row.state is CardState.RESTRICTED or until - timedelta(days=notice) <= today:
            cards.append(DueCard(row.job_id, row.state, until, (until - today).days))
    replacements = [
        DueReplacement(one.request_id, date.fromisoformat(one.due_on), (date.fromisoformat(one.due_on) - today).days)
        for one in orders
    ]
    return Due(tuple(sorted(cards, key=lambda one: one.until)), tuple(replacements))


def release(counter: Counter, subject: Subject, shown: Shown, reason: str) -> Served:
    """A named supervisor lifts the restriction for some days. Raises :class:`NotRestricted`."""
    desk, reason = counter.desk, " ".join(reason.split())
    desk.must(Act.RELEASE)
    if not reason:
        raise InputRefused(
            Text("A release needs a reason.", "解除限制须说明原因。"),
            do=Text("Say why: --reason TEXT.", "请用 --reason 说明。"),
            code="CF-3571",
        )
    with desk.database.transaction("sweep") as tx:
        sweep(desk, tx)
    with serving(counter, Kind.RELEASE, subject, shown, second=False) as service:
        with desk.database.transaction("release") as tx:
            row = None if subject.row is None else tx.cards.get(subject.row.job_id)
            if row is None or row.state is not CardState.RESTRICTED:
                words = state_words(row.state) if row else Text("of another station", "不是本网点所发")
                raise NotRestricted(
                    Text(f"The card is {words.en}; nothing restricts it here.", f"该卡{words.zh}，本网点未限制使用。"),
                    do=Text("'cardfab card due' lists the restricted ones.", "cardfab card due 列出受限制的卡。"),
                )
            until = here_and_now(desk).date() + timedelta(days=rules_of(desk, row.product).release_days)
            tx.cards.move(row, CardState.HANDED_OVER, desk.move(), activate_until=until.isoformat())
        service.audit |= {"reason": reason, "until": until.isoformat()}
        service.values |= {"until": until.isoformat(), "reason": reason}
        service.say("Reason", "原因", reason)
        service.say("To be activated by", "启用截止日", until.isoformat(), strong=True)
        service.outcome = Text("The restriction is lifted.", "已解除限制。")
        service.next("Activate the card at the counter by that day.", "请在截止日前到柜台启用。")
    return served(counter, service)
