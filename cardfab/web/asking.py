"""One request of a signed-in person: their desk, what the form says, and how pages are given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cardfab.documents.counter import Language
from cardfab.errors import CardfabError, InDoubt, Text
from cardfab.production import Act, Person
from cardfab.station import access
from cardfab.station.access import AskWord, NotSignedIn
from cardfab.station.acting import act_as
from cardfab.station.desk import Desk
from cardfab.web import guard
from cardfab.web.floor import Floor
from cardfab.web.given import Given
from cardfab.web.rail import rail_of
from cardfab.web.words import LANGUAGES, pages, preferred

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class SessionLocked(NotSignedIn):
    """The session waits for its person's password. ``kept``: what the form held that was sent meanwhile."""

    default_code = "CF-7803"

    def __init__(self, login: str, kept: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(
            Text("The page is locked.", "页面已锁定。"),
            do=Text("Enter your password; your work is kept.", "请输入口令，所办业务已保留。"),
        )
        self.login, self.kept = login, kept


def floor_of(request: HTTPConnection) -> Floor:
    """The floor that the application stands on."""
    found: Floor = request.app.state.floor
    return found


def language_of(request: HTTPConnection) -> Language:
    """The language of a request: the person's choice, else the browser's, else the station's."""
    chosen = request.cookies.get(guard.LANGUAGE)
    for one in LANGUAGES:
        if one == chosen:
            return one
    return preferred(request.headers.get("accept-language", ""), floor_of(request).language)


def render(request: HTTPConnection, template: str, status: int = 200, **values: Any) -> Response:
    """A page for nobody in particular: what every page has, and ``values``."""
    floor = floor_of(request)
    common: dict[str, Any] = {
        "station": floor.base.station,
        "training": floor.base.training,
        "path": request.url.path,
        "here": _here(request),
        "person": None,
        "rail": None,
        "said": None,
        "form_token": "",
        "idle_seconds": 0,
    }
    return HTMLResponse(pages(language_of(request)).get_template(template).render(common | values), status)


def _here(request: HTTPConnection) -> str:
    """The address that shows this page again; the home page where it was the answer to a form."""
    if request.scope.get("method") != "GET":
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@dataclass(frozen=True, slots=True)
class Asking:
    """One request. ``form`` holds the text fields, ``files`` what was uploaded, ``several`` fields that repeat."""

    floor: Floor
    desk: Desk
    language: Language
    request: Request
    visit: guard.Visit = field(repr=False)
    sent: guard.Sent = guard.NOTHING_SENT

    @property
    def person(self) -> Person:
        """Who asks."""
        return self.desk.person

    @property
    def form(self) -> Mapping[str, str]:
        """The text fields of the form, as they came; of one that repeats the last."""
        return self.sent.fields

    @property
    def several(self) -> Mapping[str, tuple[str, ...]]:
        """All values of each text field."""
        return self.sent.several

    @property
    def files(self) -> Mapping[str, UploadFile]:
        """Files by field; they are in memory: ``asking.files["photo"].file.read()``."""
        return self.sent.files

    @property
    def once(self) -> str:
        """The key of this act; the same key twice is the same act. Empty where the form carries none."""
        return self.form.get("once", "")

    @property
    def swaps(self) -> bool:
        """Whether a part of a page is asked for, by htmx."""
        return self.request.headers.get("hx-request") == "true" and "hx-boosted" not in self.request.headers

    def say(self, text: Text) -> str:
        """A text in the language of the person."""
        return text.of(self.language)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page of this person, or a part of one. In answer to a form it says that nothing was made of it yet."""
        self.floor.onces.drop(self.desk, self.once)
        common = {
            "person": self.person,
            "form_token": guard.form_token(self.visit.token),
            "said": None if self.swaps else self.floor.notices.take(self.person.login),
            "rail": None if self.swaps else rail_of(self.floor),
            "idle_seconds": int(self.desk.entrance().rules.idle.total_seconds()),
        }
        return render(self.request, template, status, **(common | values))

    def go(self, path: str, said: Text | None = None) -> Response:
        """On to another page; ``said`` is shown there, once. A form with a key is done with this."""
        self.floor.onces.end(self.desk, self.once, path)
        if said is not None:
            self.floor.notices.leave(self.person.login, said)
        if self.request.headers.get("hx-request") == "true":
            return Response(status_code=204, headers={"HX-Redirect": quote(path, safe="/?=&%#")})
        return RedirectResponse(path, 303)

    def second(self) -> tuple[str | None, Desk]:
        """The second person that the form names, and a desk whose door takes the password they typed into it."""
        login = self.form.get("second_login", "").strip() or None
        ask: AskWord = Given({} if login is None else {login: self.form.get("second_word", "")})
        return login, self.floor.desk(self.person, ask)

    def must(self, act: Act) -> None:
        """Raise NotAllowed unless the person may; the refusal is on record."""
        self.desk.must(act)


async def signed_in(request: Request) -> AsyncIterator[Asking]:
    """Who asks, and what they sent. Raises NotSignedIn, SessionLocked, FormStale, FormUnreadable, FormUnsettled."""
    asking = await _asking(request, quiet=False)
    key, onces = asking.once, asking.floor.onces
    if key:
        await run_in_threadpool(onces.begin, asking.desk, key)
    try:
        yield asking
    except CardfabError as refused:
        if key and not isinstance(refused, InDoubt):
            await run_in_threadpool(onces.drop, asking.desk, key)
        raise
    finally:
        onces.leave(key)
        for file in asking.files.values():
            file.file.close()


async def watching(request: Request) -> Asking:
    """The same for what a page asks by itself: it does not keep a session from falling idle."""
    return await _asking(request, quiet=True)


async def _asking(request: Request, *, quiet: bool) -> Asking:
    floor, visit = floor_of(request), guard.session_of(request)
    if visit is None:
        raise _nobody()
    person = await run_in_threadpool(_person, floor, visit, quiet)
    sent = guard.NOTHING_SENT
    if request.method not in _READS:
        sent = await guard.read_form(request)
        guard.require_own(request, sent.fields, visit.token)
    if person is None:
        raise SessionLocked(visit.login, sent.several)
    act_as(person.login)  # in the context of this request, which the handler's thread takes over
    asking = Asking(floor, floor.desk(person), language_of(request), request, visit, sent)
    request.state.asking = asking
    return asking


def asking_of(request: Request) -> Asking | None:
    """Who looks at a page that belongs to nobody's act: a fault, say. None where nobody is signed in, or locked."""
    asking: Asking | None = getattr(request.state, "asking", None)
    visit = guard.session_of(request)
    if asking is not None or visit is None:
        return asking
    floor = floor_of(request)
    try:
        person = _person(floor, visit, quiet=True)
    except NotSignedIn:
        return None
    return None if person is None else Asking(floor, floor.desk(person), language_of(request), request, visit)


def _person(floor: Floor, visit: guard.Visit, quiet: bool) -> Person | None:
    """Who a session belongs to; None while it waits for its password."""
    door = floor.base.entrance()
    one = access.standing(door, visit.login, visit.token)
    if one.waits:
        return None
    return one.person if quiet else access.go_on(door, one)


def _nobody() -> NotSignedIn:
    return NotSignedIn(
        Text("Nobody is signed in here.", "当前无人登录。"),
        do=Text("Sign in.", "请登录。"),
        code="CF-7804",
    )


Asked = Annotated[Asking, Depends(signed_in)]
Watched = Annotated[Asking, Depends(watching)]
