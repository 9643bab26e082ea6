"""Errors as pages and as parts of pages: what happened, to what, what to do, the code small."""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cardfab.errors import CardfabError, CardRefused, DeviceFault, InDoubt, InputRefused, KeyFault, StockFault, Text
from cardfab.production import Act, NotAllowed, Person
from cardfab.station.access import NotSignedIn
from cardfab.web import guard
from cardfab.web.asking import Asking, SessionLocked, asking_of, floor_of, render
from cardfab.web.onces import DoneBefore
from cardfab.web.pagewords import on_page

LOG = logging.getLogger("cardfab.web")
_STATUS: tuple[tuple[type[CardfabError], int], ...] = (
    (NotAllowed, 403), (guard.TooMuch, 413), (guard.FormStale, 403), (InDoubt, 409), (InputRefused, 422),
    (CardRefused, 409), (DeviceFault, 503), (KeyFault, 403), (StockFault, 409),
)  # fmt: skip
_TITLES = {
    403: Text("Not allowed", "无权办理"),
    404: Text("Not found", "未找到"),
    405: Text("Not found", "未找到"),
    409: Text("Not done", "未办理"),
    413: Text("Too large", "内容过大"),
    422: Text("Not accepted", "未受理"),
    500: Text("A fault of the program", "程序故障"),
    503: Text("A device does not answer", "设备故障"),
}
_NO_PAGE = Text("There is no such page.", "没有这个页面。")
_GO_HOME = Text("Go back, or to the home page.", "请返回，或回到首页。")


def status_of(error: CardfabError) -> int:
    """The status of HTTP that says most of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


async def refused(request: Request, error: Exception) -> Response:
    """The answer to an error that a person can act on."""
    if not isinstance(error, CardfabError):
        raise error
    return await run_in_threadpool(_refused, request, error)


def _refused(request: Request, error: CardfabError) -> Response:
    if isinstance(error, SessionLocked):
        return _locked(request, error)
    if isinstance(error, NotSignedIn):
        return _to_login(request)
    asking: Asking | None = getattr(request.state, "asking", None)
    if isinstance(error, DoneBefore) and asking is not None:
        return asking.go(error.led_to)
    if asking is not None:
        asking.desk.refused(error)
    act = getattr(error, "act", None)
    values = {"what": error.what, "do": on_page(error.do), "code": error.code, "people": _who_may(request, act)}
    return show(request, status_of(error), values)


def show(request: Request, status: int, values: dict[str, Any]) -> Response:
    """A fault as a page, or for htmx as the part of a page that stands above the work."""
    asking = asking_of(request)
    values = {"title": _TITLES.get(status, _TITLES[409]), "people": (), "home": "/"} | values
    request.state.code = values.get("code")
    draw = render if asking is None else lambda _request, *given, **more: asking.page(*given, **more)
    if request.headers.get("hx-request") == "true":
        part = draw(request, "fault_part.html", status, **values)
        part.headers["HX-Retarget"], part.headers["HX-Reswap"] = "#fault", "innerHTML"
        return part
    return draw(request, "fault.html", status, **values)


def _who_may(request: Request, act: Act | None) -> tuple[Person, ...]:
    """Who of the station may do what somebody else may not."""
    if act is None:
        return ()
    with floor_of(request).base.database.reading() as tx:
        return tuple(one for one in tx.people.all() if one.may(act))


def _to_login(request: Request) -> Response:
    after = request.url.path if request.method == "GET" else "/"
    path = "/login" if after in ("/", "/out") else f"/login?next={after}"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": path, "HX-Reswap": "none"})
    answer = RedirectResponse(path, 303)
    if guard.SESSION in request.cookies:
        guard.drop_session(answer)
    return answer


def _locked(request: Request, error: SessionLocked) -> Response:
    """For htmx a sign that lets the curtain fall over the page as it is; else a page that keeps the form."""
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Trigger": "locked", "HX-Reswap": "none"})
    visit = guard.session_of(request)
    with floor_of(request).base.database.reading() as tx:
        person = tx.people.get(error.login)
    kept = {name: values for name, values in error.kept.items() if name != "form_token" and "word" not in name}
    return render(
        request,
        "entrance/locked.html",
        401,
        name=person.name,
        kept=kept,
        next=request.url.path,
        error=None,
        form_token=guard.form_token(visit.token) if visit else "",
    )


async def no_page(request: Request, error: Exception) -> Response:
    """What FastAPI refuses by itself: no such page, no such method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    values = {"what": _NO_PAGE, "do": _GO_HOME, "code": f"HTTP {status}"}
    return await run_in_threadpool(show, request, status, values)


async def broken(request: Request, error: Exception) -> Response:
    """A fault of the program: a number to ask for, and in the log where it stood, without values."""
    report = secrets.token_hex(4).upper()
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    LOG.error("report %s: %s at %s", report, type(error).__qualname__, " < ".join(reversed(frames)))
    values = {
        "what": Text("This is a fault of the program.", "这是程序的故障。"),
        "do": Text(
            "Look whether the work was done before you repeat it; tell the number to who looks after the station.",
            "请先核实业务是否已办理，再决定是否重办；并将编号告知技术人员。",
        ),
        "code": f"CF-1000 {report}",
    }
    return await run_in_threadpool(show, request, 500, values)
