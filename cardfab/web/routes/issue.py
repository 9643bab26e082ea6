"""Instant issuance: one holder from the identity card to the signed receipt, step by step on one screen."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.documents import receipt_pdf
from cardfab.errors import Text
from cardfab.face.preview import preview_png
from cardfab.prepare.finding import COLUMN_NAMES
from cardfab.production import Act, Document, JobState, identity
from cardfab.profile.codes import CODED_FIELDS
from cardfab.station.counter.reprint import reprint
from cardfab.station.counter.service import Shown
from cardfab.station.outlet import cases, filing, handing, holder, looking, papers, portrait, voiding
from cardfab.station.outlet.cases import WAITING, Case
from cardfab.station.work import open_work
from cardfab.web.asking import Asked, Asking, Watched
from cardfab.web.issuing import live_of, rail_of, sitting_of, step_of

router = APIRouter()


@router.get("/issue")
def start(asking: Asked) -> Response:
    """Find a holder, or take the next request."""
    return _start(asking)


def _start(asking: Asking, status: int = 200, **values: Any) -> Response:
    asking.must(Act.ISSUE)
    desk = asking.desk
    with desk.database.reading() as tx:
        mine = tx.outlet.open_cases(by=desk.person.login)
        jobs = {one.id: tx.jobs.of_request(one.request_id) for one in mine if one.request_id is not None}
        waiting = tx.jobs.count(*WAITING)
    rows = [(one, jobs.get(one.id)) for one in mine]
    return asking.page("issue/start.html", status, rail_steps=rail_of("find"), mine=rows, waiting=waiting, **values)


@router.post("/issue/find")
def find(asking: Asked) -> Response:
    """By the number of the identity card, typed or scanned."""
    cases.sweep_cases(asking.desk)
    case = cases.find_case(asking.desk, asking.form.get("number", ""), sitting_of(asking))
    return asking.go(f"/issue/{case.token}")


@router.post("/issue/next")
def take_next(asking: Asked) -> Response:
    """The request that waits longest."""
    case = cases.take_next(asking.desk, sitting_of(asking), asking.once)
    return asking.go(f"/issue/{case.token}")


@router.post("/issue/take/{request_id}")
def take(asking: Asked, request_id: str) -> Response:
    """One request of the queue."""
    case = cases.take_request(asking.desk, request_id, sitting_of(asking))
    return asking.go(f"/issue/{case.token}")


@router.get("/issue/{token}")
def show(asking: Asked, token: str, step: str = "") -> Response:
    """Where the case is."""
    return _show(asking, _case(asking, token), step)


def _case(asking: Asking, token: str) -> Case:
    asking.must(Act.ISSUE)
    return cases.open_case(asking.desk, token, sitting_of(asking))


def _show(asking: Asking, case: Case, wished: str = "", status: int = 200, **values: Any) -> Response:
    desk, line = asking.desk, asking.floor.line
    step = step_of(desk, line, case, wished)
    number = cases.holder_number(desk, case)
    common: dict[str, Any] = {"case": case, "number": number, "rail_steps": rail_of(step), "step": step, "errors": {}}
    common |= {"wanted": None if case.request is None else cases.request_of(desk, case)}
    return asking.page(f"issue/{step}.html", status, **(common | _VIEWS[step](asking, case) | values))


def _documents(asking: Asking, case: Case) -> dict[str, Any]:
    desk = asking.desk
    listed = papers.checklist(desk, case)
    return {"categories": papers.categories(desk), "listed": listed, "bearer": papers.bearer_of(case)}


def _photo(asking: Asking, case: Case) -> dict[str, Any]:
    desk = asking.desk
    found = portrait.verdict(desk, case)
    sliders = None
    if case.row.picture is not None:
        sliders = portrait.sliders_of(desk, case, portrait.suggested(desk, case))
        asked = [asking.request.query_params.get(name, "") for name in ("middle", "top", "zoom")]
        if all(one.isdecimal() and len(one) < 5 for one in asked):
            sliders = int(asked[0]), int(asked[1]), int(asked[2])
    return {"verdict": found, "sliders": sliders, "has_portrait": portrait.portrait_of(desk, case) is not None}


def _check(asking: Asking, case: Case) -> dict[str, Any]:
    desk = asking.desk
    listed = papers.checklist(desk, case)
    values: dict[str, Any] = {
        "listed": listed,
        "approval": filing.approval_of(desk, case),
        "names": COLUMN_NAMES,
        "word": None,
    }
    if case.request is None:
        codes = desk.codes()
        tables = {
            name: [("", "—"), *((key, one.text) for key, one in codes.table(name).items())]
            for name in filing.ASKED
            if name in CODED_FIELDS
        }
        replaces = listed is not None and codes.category[listed.category].replaces_card
        values["typed"] = filing.prefilled(desk, case)
        values |= {"tables": tables, "replaces": replaces}
        number = cases.holder_number(desk, case)
        values["word"] = holder.ask_host(asking.floor.counter(desk, asking.language), number, replaces=replaces)
    elif case.job is not None:
        values["prepared"] = case.job.sealed_card is not None
        stock = case.job.stock
        with desk.database.reading() as tx:
            values["left"] = next((one.remaining for one in tx.stock.accounts() if one.stock == stock), 0)
        values["lights"] = asking.floor.line.status()
    return values


def _make(asking: Asking, case: Case) -> dict[str, Any]:
    job = case.job
    if job is None:
        return {}
    return {"job": job, "live": live_of(asking.floor.line, job.id), "doubtful": job.state is JobState.IN_DOUBT}


def _look(asking: Asking, case: Case) -> dict[str, Any]:
    desk, job = asking.desk, case.job
    if job is None:
        return {}
    with desk.database.reading() as tx:
        look = tx.outlet.look_of(job.id)
        product = tx.requests.get(job.request_id).product
    both = desk.product(product).product.inspection == "second person"
    live = live_of(asking.floor.line, job.id)
    return {"job": job, "look": look, "reasons": looking.reasons(desk), "both": both, "live": live}


def _hand(asking: Asking, case: Case) -> dict[str, Any]:
    job = case.job
    if job is None:
        return {}
    given = handing.given_of(asking.desk, job.id)
    row = handing.card_row(asking.desk, job.id)
    documents = [(one, one.text) for one in Document]
    return {"job": job, "given": given, "card": row, "documents": documents, "bearer": papers.bearer_of(case)}


_VIEWS = {
    "documents": _documents,
    "photo": _photo,
    "check": _check,
    "make": _make,
    "look": _look,
    "hand": _hand,
}


@router.post("/issue/{token}/category")
def category(asking: Asked, token: str) -> Response:
    """What kind of case it is, and who stands there."""
    case = _case(asking, token)
    papers.choose(asking.desk, case, asking.form.get("category", ""), asking.form.get("bearer", "holder"))
    return asking.go(f"/issue/{token}?step=documents")


@router.post("/issue/{token}/papers")
def see_papers(asking: Asked, token: str) -> Response:
    """What was looked at."""
    case = _case(asking, token)
    numbers = {name.removeprefix("number_"): value for name, value in asking.form.items() if name.startswith("number_")}
    listed = papers.look_at(asking.desk, case, asking.several.get("seen", ()), numbers)
    return asking.go(f"/issue/{token}" if listed.complete else f"/issue/{token}?step=documents")


@router.post("/issue/{token}/request")
def file_request(asking: Asked, token: str) -> Response:
    """The holder's data become a request; what is wrong is marked."""
    case = _case(asking, token)
    try:
        filing.file_request(asking.desk, case, asking.form)
    except filing.DataRefused as refused:
        return _show(asking, _case(asking, token), status=422, errors=refused.fields, refused=refused)
    return asking.go(f"/issue/{token}")


@router.post("/issue/{token}/approve")
def approve(asking: Asked, token: str) -> Response:
    """A second person, at this page."""
    second, desk = asking.second()
    filing.approve_case(desk, _case(asking, token), second)
    return asking.go(f"/issue/{token}")


@router.post("/issue/{token}/make")
def make(asking: Asked, token: str) -> Response:
    """Issue: the machine makes the card."""
    case = _case(asking, token)
    papers.require_papers(asking.desk, case)
    if case.job is not None and case.job.state is JobState.QUEUED:
        asking.floor.line.order(str(case.job.id), asking.desk)
    return asking.go(f"/issue/{token}")


@router.get("/issue/{token}/moved")
def moved(asking: Watched, token: str) -> Response:
    """The machine has ended: on to what comes next."""
    asking.must(Act.ISSUE)
    return asking.go(f"/issue/{token}")


@router.post("/issue/{token}/look")
def look(asking: Asked, token: str) -> Response:
    """The card was looked at: good, or bad with a reason."""
    case = _case(asking, token)
    second, desk = asking.second()
    if case.job is None or case.job.state is not JobState.INSPECTED:
        return asking.go(f"/issue/{token}")
    if asking.form.get("verdict") == "good":
        looking.accept(desk, case.job.id, second)
    else:
        looking.reject(desk, case.job.id, asking.form.get("reason", ""), second)
        voiding.void_spoiled(asking.desk, asking.floor.counter(asking.desk, asking.language).host)
    return asking.go(f"/issue/{token}")


@router.post("/issue/{token}/again")
def again(asking: Asked, token: str) -> Response:
    """A spoiled card is made again."""
    case = _case(asking, token)
    second, desk = asking.second()
    if case.job is not None and case.job.state is JobState.SPOILED:
        looking.make_again(desk, case.job.id, second)
        voiding.void_spoiled(asking.desk, asking.floor.counter(asking.desk, asking.language).host)
    return asking.go(f"/issue/{token}")


@router.post("/issue/{token}/hand")
def hand(asking: Asked, token: str) -> Response:
    """The card is handed over against a receipt."""
    case = _case(asking, token)
    second, desk = asking.second()
    if case.job is not None and handing.given_of(desk, case.job.id) is None:
        form = asking.form
        kind = Document(form["document"]) if form.get("document") in set(Document) else Document.ID_CARD
        shown = identity(kind, form.get("number", ""), form.get("relation", ""))
        handing.hand_over(asking.floor.counter(desk, asking.language), case.job.id, Shown(shown, second))
    return asking.go(f"/issue/{token}")


@router.get("/issue/{token}/receipt.pdf")
def receipt(asking: Asked, token: str) -> Response:
    """The receipt that the holder signs."""
    case = _case(asking, token)
    given = None if case.job is None else handing.given_of(asking.desk, case.job.id)
    if given is None:
        return asking.go(f"/issue/{token}")
    found = reprint(asking.floor.counter(asking.desk, asking.language), given.receipt)
    data = receipt_pdf(found, asking.desk.fonts, form="a4")
    return Response(data, media_type="application/pdf", headers={"content-disposition": "inline; filename=receipt.pdf"})


@router.post("/issue/{token}/signed")
def signed(asking: Asked, token: str) -> Response:
    """The receipt came back signed: the case is done."""
    case = _case(asking, token)
    if case.job is not None:
        handing.signed(asking.desk, case.job.id)
    cases.let_go(asking.desk, case, "given")
    said = Text("The card is handed over and the receipt is signed.", "卡片已领取，回执已签收。")
    return asking.go("/issue", said)


@router.post("/issue/{token}/leave")
def leave(asking: Asked, token: str) -> Response:
    """Let the case go; its request waits for whoever takes it next."""
    cases.let_go(asking.desk, _case(asking, token))
    return asking.go("/issue", Text("The case was let go.", "已退出该笔业务。"))


@router.get("/issue/{token}/face-{side}.png")
def face(asking: Asked, token: str, side: str) -> Response:
    """The card as it will be printed."""
    case = _case(asking, token)
    if case.job is None or case.job.sealed_card is None:
        return Response(status_code=404)
    work = open_work(asking.desk, case.job, print_=True)
    if work.faces is None:
        return Response(status_code=404)
    front, back = work.faces
    template = work.chosen.face
    one, masks = (back, template.back.masks) if side == "back" else (front, template.front.masks)
    return Response(preview_png(one, 720, masks), media_type="image/png")
