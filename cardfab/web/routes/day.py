"""The close of a day as pages: a blind count, what differs, a reason and a second name, the paper."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.errors import CardfabError, Text
from cardfab.production import Act, Place
from cardfab.production.day import COUNTED
from cardfab.production.serials import SerialRange, serial_ranges
from cardfab.station.stockbook import closing, counting, views
from cardfab.station.stockbook.counting import NothingOpen
from cardfab.station.stockbook.papers import PLACES, day_csv, day_pdf, day_values
from cardfab.web.asking import Asked, Asking
from cardfab.web.faults import status_of
from cardfab.web.rail import rail_of
from cardfab.web.routes.stock import paper
from cardfab.web.routes.stockforms import number_of

router = APIRouter()
_CLOSED = Text("The day is closed. Print its paper; two sign it.", "已日结。请打印日结单，由两人签字。")
_OPENED = Text("The day is open.", "营业日已开启。")


@router.get("/day")
def day(asking: Asked, again: str = "") -> Response:
    """Where the day stands: to be counted, to be settled, ready to close, closed."""
    asking.must(Act.STOCK)
    return _day(asking, again=bool(again))


@router.post("/day/count")
def count(asking: Asked) -> Response:
    """Keep the count; what the books say is shown after it."""
    asking.must(Act.STOCK)
    given = asking.form
    names = [given[name] for name in sorted(given) if name.startswith("stock.")]
    try:
        if waits := _uncounted(given, len(names)):
            return _day(asking, given=given, focus=waits, again=True)
        counted = {
            stock: {place: number_of(given, f"count.{at}.{place}") or 0 for place in COUNTED}
            for at, stock in enumerate(names)
        }
        counting.count(asking.desk, counted)
    except CardfabError as refused:
        return _day(asking, given=given, refused=refused, again=True)
    return asking.go("/day")


@router.post("/day/close")
def close(asking: Asked) -> Response:
    """Close it; where a count differs with a reason and a second person."""
    asking.must(Act.STOCK)
    login, desk = asking.second()
    try:
        reasons, numbers = _settled(asking.form, counting.compared(desk))
        closed = closing.close_day(desk, reasons, login, numbers)
    except CardfabError as refused:
        desk.refused(refused)
        return _day(asking, given=asking.form, refused=refused)
    return asking.go(f"/day/closed/{closed.paper}", _CLOSED)


@router.post("/day/open")
def open_(asking: Asked) -> Response:
    """Another day although that of today is closed."""
    asking.must(Act.STOCK)
    try:
        closing.open_new(asking.desk, asking.form.get("reason", ""))
    except CardfabError as refused:
        return _day(asking, given=asking.form, refused=refused)
    return asking.go("/stock", _OPENED)


@router.get("/day/history")
def history(asking: Asked) -> Response:
    """The days that were closed."""
    return asking.page("stock/days.html", days=[one for one in views.days_of(asking.desk) if one.closed_at])


@router.get("/day/closed/{number}")
def closed(asking: Asked, number: str) -> Response:
    """One closed day, by the number of its paper."""
    return asking.page("stock/closed.html", closed=views.closed_day(asking.desk, number), places=PLACES)


@router.get("/day/closed/{number}/paper.pdf")
def closed_pdf(asking: Asked, number: str) -> Response:
    """Its paper, signed by the station."""
    return paper(*day_pdf(asking.desk, number, asking.language))


@router.get("/day/closed/{number}/figures.csv")
def closed_csv(asking: Asked, number: str) -> Response:
    """Its figures for a spreadsheet."""
    found = views.closed_day(asking.desk, number)
    headers = {"Content-Disposition": f'attachment; filename="{found.day.paper}.csv"'}
    return Response(day_csv(found).encode(), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/day/closed/{number}/figures.json")
def closed_json(asking: Asked, number: str) -> Response:
    """Its figures for a program."""
    found = views.closed_day(asking.desk, number)
    headers = {"Content-Disposition": f'attachment; filename="{found.day.paper}.json"'}
    body = json.dumps(day_values(found), ensure_ascii=False)
    return Response(body.encode(), media_type="application/json", headers=headers)


def _day(
    asking: Asking,
    *,
    given: Mapping[str, str] | None = None,
    focus: str = "",
    refused: CardfabError | None = None,
    again: bool = False,
) -> Response:
    status = 200 if refused is None else status_of(refused)
    kept = {name: value for name, value in (given or {}).items() if name != "second_word"}
    common = {"given": kept, "refused": refused, "today": views.today(asking.desk), "places": PLACES}
    try:
        found = counting.compared(asking.desk)
    except NothingOpen:
        return asking.page("stock/day_closed.html", status, **common)
    if again or found.waiting:
        stocks = counting.to_count(asking.desk)
        moved = bool(found.waiting) and len(found.waiting) < len(stocks)
        jobs = closing.jobs_at_stake(asking.desk)
        return asking.page(
            "stock/count.html", status, **common, stocks=stocks, counted=COUNTED, jobs=jobs, moved=moved,
            rail=rail_of(asking.floor, blind=True),
            focus=focus or f"count.0.{COUNTED[0]}",
        )  # fmt: skip
    return asking.page(
        "stock/close.html", status, **common, found=found, jobs=closing.jobs_at_stake(asking.desk), first="why.0"
    )


def _uncounted(given: Mapping[str, str], stocks: int) -> str:
    """The first place without a figure."""
    fields = (f"count.{at}.{place}" for at in range(stocks) for place in COUNTED)
    return next((name for name in fields if not given.get(name, "").strip()), "")


def _settled(
    given: Mapping[str, str], found: counting.Compared
) -> tuple[dict[tuple[str, Place], str], dict[tuple[str, Place], tuple[SerialRange, ...]]]:
    """Reasons and numbers as the form gives them, in the order of the differences."""
    reasons: dict[tuple[str, Place], str] = {}
    numbers: dict[tuple[str, Place], tuple[SerialRange, ...]] = {}
    for at, one in enumerate(found.differences):
        if given.get(f"of.{at}") != f"{one.stock}:{one.place}":
            continue
        reasons[one.stock, one.place] = given.get(f"why.{at}", "")
        if words := given.get(f"numbers.{at}", "").strip():
            numbers[one.stock, one.place] = serial_ranges(words.replace("，", ",").split(","))
    return reasons, numbers
