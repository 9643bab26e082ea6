"""One form and one answer for every act of :mod:`cardfab.station.outlet.errands`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cardfab.errors import Text
from cardfab.station.counter.replace import REASONS
from cardfab.station.outlet.errands import Errand, at_reader, errand, in_the_books
from cardfab.web.asking import Asked, Asking
from cardfab.web.routes.counter.pad import pad_light
from cardfab.web.routes.counter.serving import (
    DOCUMENTS,
    RELATIONS,
    card_on_reader,
    required,
    shown_of,
    training_cards,
)

router = APIRouter()

_REQUIRED = {
    "reason": Text("The reason", "原因"),
    "amount": Text("The amount", "金额"),
    "month_day": Text("The day", "日期"),
}


@router.get("/{name}")
def form(asking: Asked, name: str) -> Response:
    """What the act needs."""
    wanted = _known(name)
    asking.must(wanted.kind.act)
    return asking.page("counter/errand.html", **form_values(asking, wanted))


@router.post("/{name}")
def do(asking: Asked, name: str) -> Response:
    """Do it; the receipt is the next page."""
    wanted = _known(name)
    asking.must(wanted.kind.act)
    for field in wanted.fields:
        if field in _REQUIRED:
            required(asking, field, _REQUIRED[field])
    shown, counter = shown_of(asking)
    if wanted.at_reader:
        with card_on_reader(asking, counter) as here:
            done = at_reader(wanted, here, shown, asking.form)
    else:
        done = in_the_books(wanted, counter, shown, asking.form)
    return asking.go(f"/counter/receipts/{done.receipt.made.number}")


def form_values(asking: Asking, wanted: Errand) -> dict[str, Any]:
    """What the form of an act is drawn with."""
    desk = asking.desk
    applications: list[tuple[str, Text]] = []
    if "application" in wanted.fields:
        files = desk.product(min(desk.codes().bank_product)).files
        applications = [(one.name, Text(f"{one.name} {one.name_en}", f"{one.name} {one.name_zh}"))
                        for one in files.directories if one.inside is not None]  # fmt: skip
    query = asking.request.query_params
    return {
        "errand": wanted,
        "documents": DOCUMENTS,
        "relations": RELATIONS,
        "cards": training_cards(asking) if wanted.at_reader else (),
        "reader": query.get("reader", ""),
        "card": query.get("card", ""),
        "applications": applications,
        "causes": tuple(REASONS.items()),
        "light_state": pad_light(desk),
    }


def _known(name: str) -> Errand:
    found = errand(name)
    if found is None:
        raise HTTPException(404)
    return found
