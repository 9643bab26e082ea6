"""The stock book as pages: what lies where, as far as the person may know, and the movements people make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cardfab.errors import CardfabError, Text
from cardfab.production import Act, Place
from cardfab.production.serials import listed
from cardfab.production.stock import is_premade, stock_text
from cardfab.station.stockbook import views
from cardfab.station.stockbook.moving import require_stock, stocks
from cardfab.station.stockbook.papers import destruction_paper, ledger_paper
from cardfab.web.asking import Asked, Asking
from cardfab.web.faults import status_of
from cardfab.web.routes.stockforms import FORMS, StockForm, counts_of, next_empty, wanted_of

router = APIRouter()
BOOKED = Text("Booked.", "已记账。")
_HELD = {
    Place.VAULT: Text("Vault", "库房"),
    Place.STOCK: Text("Machine", "机内"),
    Place.IN_WORK: Text("In work or doubt", "在制、存疑"),
    Place.SPOILED: Text("Spoiled", "废卡"),
    Place.TESTED: Text("Tests", "测试卡"),
}


@router.get("/stock")
def overview(asking: Asked) -> Response:
    """For who keeps the stock every place; for an operator the cards left at the machine."""
    if not asking.person.may(Act.COUNT):
        views.must_see_book(asking.desk)
    premade = any(is_premade(name) for name, _ in views.at_machine(asking.desk))
    shown = [
        one
        for one in FORMS.values()
        if any(asking.person.may(act) for act in one.acts) and (premade or one.path != "hand-out")
    ]
    values: dict[str, Any] = {"forms": shown, "today": views.today(asking.desk), "held": None}
    if views.may_see_book(asking.desk):
        values["held"] = [(name, [held[place] for place in _HELD]) for name, held in views.holds(asking.desk)]
        values |= {"places": list(_HELD.values()), "closes": asking.person.may(Act.STOCK)}
    else:
        values["machine"] = views.at_machine(asking.desk)
    return asking.page("stock/overview.html", **values)


@router.get("/stock/book")
def book(asking: Asked, stock: str = "") -> Response:
    """Every movement of one stock."""
    views.must_see_book(asking.desk)
    names = tuple(name for name, _ in views.holds(asking.desk))
    chosen = stock or (names[0] if names else "")
    if not chosen:
        return asking.page("stock/book.html", names=names, chosen="", book=None, numbers=())
    require_stock(asking.desk, chosen)
    found = views.book_of(asking.desk, chosen)
    numbers = [(text, listed(found.numbers[place])) for place, text in _HELD.items() if place in found.numbers]
    return asking.page("stock/book.html", names=names, chosen=chosen, book=found, numbers=numbers)


@router.get("/stock/book.pdf")
def book_pdf(asking: Asked, stock: str = "") -> Response:
    """The same as paper."""
    views.must_see_book(asking.desk)
    require_stock(asking.desk, stock)
    number, pdf = ledger_paper(asking.desk, stock, asking.language)
    return paper(number, pdf)


@router.get("/stock/destruction/{number}.pdf")
def destruction(asking: Asked, number: str) -> Response:
    """The record of a destruction, to be signed by both."""
    return paper(number, destruction_paper(asking.desk, number, asking.language))


@router.get("/stock/{name}")
def form(asking: Asked, name: str, stock: str = "", paper: str = "") -> Response:
    """The form of one act, empty; ``paper``: the number of what was just made."""
    shown = _form_of(asking, name)
    return _page(asking, shown, {"stock": stock}, "")


@router.post("/stock/{name}")
def act(asking: Asked, name: str) -> Response:
    """Carry it out; what is still to be typed is asked for, and what was refused stands above the form."""
    shown = _form_of(asking, name)
    given = asking.form
    if waits := next_empty(shown, given):
        return _page(asking, shown, given, waits)
    login, desk = asking.second()
    try:
        wanted = wanted_of(desk, given)
        number = shown.do(desk, wanted, counts_of(wanted, given, login), given)
    except CardfabError as refused:
        desk.refused(refused)
        return _page(asking, shown, given, "", refused)
    if number:
        return asking.go(f"/stock/done/{number}", BOOKED)
    return asking.go("/stock", BOOKED)


@router.get("/stock/done/{number}")
def destroyed(asking: Asked, number: str) -> Response:
    """What was destroyed, and the paper that both sign."""
    views.must_see_book(asking.desk)
    return asking.page("stock/destroyed.html", number=number)


def paper(number: str, pdf: bytes) -> Response:
    """A PDF to look at and print."""
    headers = {"Content-Disposition": f'inline; filename="{number}.pdf"'}
    return Response(pdf, media_type="application/pdf", headers=headers)


def _form_of(asking: Asking, name: str) -> StockForm:
    shown = FORMS.get(name)
    if shown is None:
        raise HTTPException(404)
    for one in shown.acts:
        asking.must(one)
    return shown


def _page(
    asking: Asking, shown: StockForm, given: Mapping[str, str], waits: str, refused: CardfabError | None = None
) -> Response:
    offered = [(name, stock_text(name)) for name in _offered(asking, shown)]
    kept = {name: value for name, value in given.items() if name not in ("second_word", "once", "form_token")}
    status = 200 if refused is None else status_of(refused)
    focus = waits or ("note" if "note" in shown.asks else "first")
    if refused is not None and shown.two:
        focus = "counted"
    return asking.page(
        "stock/act.html", status, shown=shown, given=kept, offered=offered, focus=focus, refused=refused,
        steps_list=_steps(shown, kept, waits),
    )  # fmt: skip


def _offered(asking: Asking, shown: StockForm) -> list[str]:
    """The stocks of a form: what the station has first, and where something comes in what it could have."""
    used = {name for name, _ in views.at_machine(asking.desk)}
    known = sorted(stocks(asking.desk), key=lambda name: (name not in used, is_premade(name), name))
    if shown.path == "hand-out":
        known = [name for name in known if is_premade(name)]
    return known if shown.path == "receive" else [name for name in known if name in used] or known


_STEPS = (
    (Text("Cards", "卡片"), ("note", "goods", "reason")),
    (Text("Your count", "本人清点"), ("counted",)),
    (Text("Second person", "第二人"), ("second_login", "second_count")),
)


def _steps(shown: StockForm, given: Mapping[str, str], waits: str) -> list[dict[str, object]]:
    """The left rail: how far the form is."""
    at = "first" if not given.get("first") and not given.get("count") else waits
    found: list[dict[str, object]] = []
    reached = False
    for title, names in _STEPS:
        if not any(name in shown.needed for name in names):
            continue
        fields = {*names, "first", "last"} if "goods" in names else set(names)
        state = "next" if reached else "now" if at in fields else "done"
        reached = reached or state == "now"
        found.append({"title": title, "state": state})
    if not reached and found:
        found[-1]["state"] = "now"
    return [*found, {"title": Text("Booked", "记账"), "state": "next"}]
