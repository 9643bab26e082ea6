"""In and out: login, lock, language, the home page, and the rail that every page has."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from cardfab.errors import CardfabError, InputRefused, Text
from cardfab.production import Person
from cardfab.station import access
from cardfab.station.access import NOBODY, NotSignedIn
from cardfab.station.acting import act_as, acting
from cardfab.web import guard
from cardfab.web.asking import Asked, Watched, floor_of, render
from cardfab.web.floor import Floor
from cardfab.web.given import Given
from cardfab.web.guard import Sent, Visit
from cardfab.web.home import groups_for, open_work
from cardfab.web.rail import rail_of
from cardfab.web.words import LANGUAGES

router = APIRouter()


class NewWordNeeded(NotSignedIn):
    """The person's first password was set by somebody else: they have to choose their own."""

    default_code = "CF-7806"


class _Entering(Given):
    """The words of the login form; a new one is asked for only where the form has been shown to want it."""

    def __call__(self, login: str, *, new: bool = False) -> bytearray:
        if new and not self.new.get(login):
            raise NewWordNeeded(
                Text("The password was set by somebody else.", "该口令由他人设置。"),
                do=Text("Choose your own now.", "请自设口令。"),
            )
        return super().__call__(login, new=new)


def local(path: str) -> str:
    """A path of this station to go on to; the home page for anything that leads elsewhere."""
    parts = urlsplit(path)
    own = not parts.scheme and not parts.netloc and path.startswith("/") and path[1:2] not in ("/", "\\")
    if not own or any(ord(one) < 0x21 for one in path):
        return "/"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def _before_login(request: Request) -> tuple[Sent, bytes]:
    """The form of somebody who is not signed in, tied to this browser by its visit."""
    sent, visit = await guard.read_form(request), guard.visit_of(request)
    guard.require_own(request, sent.fields, visit)
    return sent, visit


Before = Annotated[tuple[Sent, bytes], Depends(_before_login)]


@router.get("/")
def home(asking: Asked) -> Response:
    """Tiles and open work."""
    with asking.desk.database.reading() as tx:
        groups = groups_for(asking.person, batches=tx.bureau_figures.any())
        waiting = open_work(asking.desk, tx)
    return asking.page("entrance/home.html", groups=groups, open_work=waiting)


@router.get("/rail")
def rail(asking: Watched, blind: str = "") -> Response:
    """The right rail by itself, asked for every few seconds."""
    return asking.page("rail.html", rail=rail_of(asking.floor, blind=bool(blind)))


@router.get("/login")
def login_form(request: Request) -> Response:
    """Who are you."""
    return _login_page(request, next=local(request.query_params.get("next", "/")))


@router.post("/login")
def login(request: Request, before: Before) -> Response:
    """Begin a session under a new token; a wrong word shows the form again."""
    (sent, _), floor = before, floor_of(request)
    form = sent.fields
    name = (form.get("login") or form.get("person", "")).strip()
    after = local(form.get("next", "/"))
    try:
        token = _enter(floor, name, form, _origin(request))
    except NewWordNeeded:
        return _login_page(request, 200, next=after, login=name, asks=True)
    except CardfabError as refused:
        return _login_page(request, 403, next=after, login=name, asks="new_word" in form, error=refused)
    former = guard.session_of(request)
    if former is not None and former.login != name:
        _leave(floor, former, "somebody else signed in")
    _settle(floor, name)
    answer = RedirectResponse(after, 303)
    guard.keep_session(answer, Visit(name, token), secure=floor.secure)
    return answer


def _settle(floor: Floor, login: str) -> None:
    """What a crash left in doubt is settled in the name of the first who comes in and may; what stops it is told by
    the lights and the jobs.
    """
    with floor.base.database.reading() as tx:
        person = tx.people.get(login)
    with acting(login), suppress(CardfabError):
        floor.line.settle(floor.desk(person))


def _enter(floor: Floor, name: str, form: Mapping[str, str], origin: str) -> bytes:
    if form.get("new_word", "") != form.get("new_again", ""):
        raise InputRefused(
            Text("The two new passwords differ.", "两次输入的新口令不一致。"),
            do=Text("Type them again.", "请重新输入。"),
            code="CF-3882",
        )
    words = _Entering({name: form.get("word", "")}, {name: form.get("new_word", "")})
    return access.sign_in(floor.desk(_nobody(), words).entrance(), name, origin)


def _login_page(request: Request, status: int = 200, **values: object) -> Response:
    floor, visit = floor_of(request), guard.visit_of(request)
    people: list[Person] = []
    worded = False
    if floor.base.training:
        with floor.base.database.reading() as tx:
            here = [one for one in tx.people.all() if tx.people.access(one.login).disabled_at is None]
            people = sorted(here, key=lambda one: (not groups_for(one), -len(one.roles), one.login))
            worded = any(tx.people.access(one.login).hash for one in people)
    given = {"people": people, "worded": worded, "login": "", "asks": False, "error": None}
    given["form_token"] = guard.form_token(visit)
    answer = render(request, "entrance/login.html", status, **(given | values))
    guard.keep_visit(answer, visit, secure=floor.secure)
    return answer


@router.post("/out")
async def out(request: Request) -> Response:
    """End the session, locked or not."""
    floor, visit = floor_of(request), guard.session_of(request)
    sent = await guard.read_form(request)
    answer = RedirectResponse("/login", 303)
    if visit is not None:
        guard.require_own(request, sent.fields, visit.token)
        await run_in_threadpool(_leave, floor, visit, "signed out")
    guard.drop_session(answer)
    return answer


def _leave(floor: Floor, visit: Visit, why: str) -> None:
    """End a session if it is one: a cookie alone ends nobody else's."""
    door = floor.base.entrance()
    try:
        access.standing(door, visit.login, visit.token)
    except NotSignedIn:
        return
    access.sign_out(door, visit.login, why)


@router.post("/language")
async def language(request: Request) -> Response:
    """Keep which language the person reads; before the login too."""
    sent = await guard.read_form(request)
    visit = guard.session_of(request)
    guard.require_own(request, sent.fields, guard.visit_of(request) if visit is None else visit.token)
    answer = RedirectResponse(local(sent.fields.get("here", "/")), 303)
    wanted = sent.fields.get("language")
    if wanted in LANGUAGES:
        answer.set_cookie(
            guard.LANGUAGE, wanted, path="/", max_age=31536000, httponly=True, samesite="strict",
            secure=floor_of(request).secure,
        )  # fmt: skip
    return answer


@router.post("/lock")
def lock(asking: Asked) -> Response:
    """Have the page wait for the person's password."""
    access.lock(asking.desk.entrance(), asking.person.login)
    return RedirectResponse(local(asking.form.get("here", "/")), 303)


@router.post("/unlock")
async def unlock(request: Request) -> Response:
    """The password again: the curtain of a page asks for it by script (204), the lock page without."""
    floor, visit = floor_of(request), guard.session_of(request)
    if visit is None:
        return RedirectResponse("/login", 303)
    sent = await guard.read_form(request)
    guard.require_own(request, sent.fields, visit.token)
    act_as(visit.login)
    return await run_in_threadpool(_unlock, request, floor, visit, sent)


def _unlock(request: Request, floor: Floor, visit: Visit, sent: Sent) -> Response:
    whole, form_token = sent.fields.get("whole") == "yes", guard.form_token(visit.token)
    after = local(sent.fields.get("next", "/"))
    kept = {name.removeprefix("kept:"): values for name, values in sent.several.items() if name.startswith("kept:")}
    door = floor.desk(_nobody(), Given({visit.login: sent.fields.get("word", "")})).entrance()
    try:
        person = access.resume(door, visit.login, visit.token)
    except NotSignedIn:
        raise
    except CardfabError as refused:
        if not whole:
            return render(request, "entrance/refused.html", 403, error=refused)
        with floor.base.database.reading() as tx:
            name = tx.people.get(visit.login).name
        given = {"name": name, "kept": kept, "next": after, "error": refused, "form_token": form_token}
        return render(request, "entrance/locked.html", 403, **given)
    if not whole:
        return Response(status_code=204)
    if kept:
        return render(request, "entrance/resend.html", person=person, kept=kept, next=after, form_token=form_token)
    return RedirectResponse(after, 303)


def _nobody() -> Person:
    return Person(NOBODY, NOBODY, frozenset())


def _origin(request: Request) -> str:
    return f"page {request.client.host}" if request.client else "page"
