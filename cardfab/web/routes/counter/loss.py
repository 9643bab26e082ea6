"""A report of loss in two steps: find the card, then confirm twice. It needs no card."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.production import Act
from cardfab.station.counter.kinds import state_words
from cardfab.station.counter.loss import Confirmed, Level
from cardfab.station.outlet.errands import losing, report
from cardfab.web.asking import Asked
from cardfab.web.routes.counter.serving import DOCUMENTS, RELATIONS, shown_of

router = APIRouter()


@router.get("/lost")
def form(asking: Asked) -> Response:
    """Whose card."""
    asking.must(Act.LOSS)
    card = asking.request.query_params.get("card", "")
    return asking.page("counter/lost.html", documents=DOCUMENTS, relations=RELATIONS, card=card)


@router.post("/lost/find")
def find(asking: Asked) -> Response:
    """The card that was found, and the two confirmations."""
    asking.must(Act.LOSS)
    shown, counter = shown_of(asking)
    subject = losing(counter, shown, asking.form.get("card", "").strip())
    state = state_words(subject.row.state) if subject.row else None
    return asking.page(
        "counter/lost_confirm.html", form=asking.form, subject=subject, number=_number(subject.card_number),
        state=state, second=bool(shown.identity.relation),
    )  # fmt: skip


@router.post("/lost")
def take(asking: Asked) -> Response:
    """List the card and tell the host."""
    asking.must(Act.LOSS)
    shown, counter = shown_of(asking)
    form = asking.form
    confirmed = Confirmed(form.get("confirmed") == "yes", form.get("last_four", ""))
    level: Level = next((one for one in get_args(Level) if one == form.get("level")), "formal")
    done = report(counter, shown, form.get("card", "").strip(), confirmed, level)
    return asking.go(f"/counter/receipts/{done.receipt.made.number}")


def _number(card: str) -> str:
    """Of the card's number what is read out to confirm it."""
    return f"{card[:1]}****{card[-4:]}"
