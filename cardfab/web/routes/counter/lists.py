"""Lists of the counter: cards that come due, cards that no terminal takes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.documents import hidden
from cardfab.documents.wording import moment
from cardfab.errors import Text
from cardfab.production import Act, CardState
from cardfab.station.counter.clock import in_china
from cardfab.station.counter.kinds import state_words
from cardfab.station.counter.loss import listed_number, reason_words
from cardfab.station.counter.release import due as what_is_due
from cardfab.web.asking import Asked

router = APIRouter()


@router.get("/due")
def due(asking: Asked) -> Response:
    """Cards to be activated soon or too late, and replacements to be fetched."""
    found = what_is_due(asking.desk)
    cards = [
        (str(one.job), _light(one.days, one.state), state_words(one.state), one.until.isoformat(), one.days,
         one.state is CardState.RESTRICTED)
        for one in found.cards
    ]  # fmt: skip
    orders = [(one.request, one.until.isoformat(), one.days) for one in found.replacements]
    may_release = asking.person.may(Act.RELEASE)
    return asking.page("counter/due.html", cards=cards, orders=orders, may_release=may_release)


@router.get("/black-list")
def black_list(asking: Asked) -> Response:
    """Cards that this station listed; numbers masked."""
    asking.must(Act.READ)
    with asking.desk.database.reading() as tx:
        found = tx.black_list.all()
    rows = [
        (hidden(listed_number(asking.desk, one.sealed, one.salt) or ""), reason_words(one.reason),
         moment(in_china(one.listed_at)), one.listed_by)
        for one in found
    ]  # fmt: skip
    return asking.page("counter/black_list.html", rows=rows)


def _light(days: int, state: CardState) -> tuple[str, Text]:
    if state is CardState.RESTRICTED or days < 0:
        return "stop", Text("too late", "已逾期")
    return ("wait", Text("due soon", "即将到期")) if days <= 7 else ("good", Text("in time", "期限内"))
