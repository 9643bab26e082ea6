"""Cards and applications blocked for good: BK and LK, a second person, the black list, the books."""

from __future__ import annotations

from cardfab.errors import InputRefused, Text
from cardfab.production import CardState
from cardfab.production.states import CARD_TABLE
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.loss import black_list
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Shown, served, serving
from cardfab.terminal.services import block_application as exchange_application
from cardfab.terminal.services import block_card as exchange_card


def block_card(here: Presented, shown: Shown, reason: str) -> Served:
    """Block the whole card; it answers nothing afterwards. A card reported lost is taken out of use by this."""
    counter, desk = here.counter, here.counter.desk
    reason = _reason(reason)
    with serving(counter, Kind.BLOCK_CARD, here.subject, shown) as service:
        service.audit["reason"] = reason
        service.touched = True
        here.run(exchange_card(here.card))
        with desk.database.transaction("blocked") as tx:
            black_list(desk, tx, service, "blocked")
            row = here.subject.row and tx.cards.get(here.subject.row.job_id)
            if row is not None and CardState.BLOCKED in CARD_TABLE[row.state]:
                tx.cards.move(row, CardState.BLOCKED, desk.move(reason))
        service.values |= {"blocked": "card", "reason": reason}
        service.say("Reason", "原因", reason)
        service.outcome = Text("The card is blocked for good.", "该卡已永久锁定。")
    return served(counter, service)


def block_application(here: Presented, shown: Shown, directory: str, reason: str) -> Served:
    """Block one application; the others go on. Raises InputRefused for a directory the card's generation has not."""
    counter, reason = here.counter, _reason(reason)
    known = [one.name for one in here.card.book.files.directories]
    if directory not in known:
        raise InputRefused(
            Text(f"{directory!r} is no application of this card.", f"该卡没有应用 {directory!r}。"),
            do=Text(f"It has {', '.join(known)}.", f"可选：{'、'.join(known)}。"),
            code="CF-3574",
        )  # fmt: skip
    with serving(counter, Kind.BLOCK_APPLICATION, here.subject, shown) as service:
        service.audit |= {"reason": reason, "application": directory}
        service.touched = True
        here.run(exchange_application(here.card, directory))
        service.values |= {"blocked": directory, "reason": reason}
        service.say("Application", "应用", directory)
        service.say("Reason", "原因", reason)
        service.outcome = Text("The application is blocked for good.", "该应用已永久锁定。")
    return served(counter, service)


def _reason(given: str) -> str:
    reason = " ".join(given.split())
    if not reason:
        raise InputRefused(
            Text("Blocking needs a reason.", "锁定须说明原因。"), do=Text("Say why: --reason.", "请用 --reason 说明。"),
            code="CF-3575",
        )  # fmt: skip
    return reason
