"""People of the station: who they are, what they may do, how they come in; and the tokens of other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.errors import CardfabError, InputRefused, Text
from cardfab.production import Act, Person, Role
from cardfab.station import people
from cardfab.station.desk import Desk
from cardfab.station.linelights import LightState
from cardfab.station.tokens import DAYS, MOST_DAYS, NewToken, add_token, revoke_token, serves, tokens
from cardfab.store.people import Access
from cardfab.web.asking import Asked, Asking
from cardfab.web.faults import status_of
from cardfab.web.given import Given

router = APIRouter(prefix="/people")

ROLES: Mapping[Role, Text] = {
    Role.OPERATOR: Text("makes cards and serves holders", "制卡、办理柜面业务"),
    Role.SUPERVISOR: Text("approves, keeps the stock, closes the day", "审批、管理库存、日结"),
    Role.AUDITOR: Text("reads the record, reviews who has access", "查阅审计记录、复核权限"),
    Role.KEY_CUSTODIAN: Text("holds keys", "保管密钥"),
    Role.ADMINISTRATOR: Text("people and settings, no cards", "管理人员与设置，不制卡"),
}
TOKEN_ROLES = (Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR)


class WordsDiffer(InputRefused):
    """A new password was not typed twice alike."""

    default_code = "CF-3950"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a person stands, as a light and in words."""

    light: LightState
    word: Text


def standing(access: Access, now: datetime, *, training: bool) -> Standing:
    """Whether a person can come in."""
    if access.disabled_at is not None:
        return Standing("unknown", Text("disabled", "已停用"))
    if access.locked_until is not None and datetime.fromisoformat(access.locked_until) > now:
        return Standing("stop", Text("locked", "已锁定"))
    if access.hash is None:
        return Standing("good" if training else "wait", Text("no password", "未设口令"))
    if access.once:
        return Standing("wait", Text("first password", "初始口令"))
    return Standing("good", Text("password set", "口令已设置"))


@router.get("")
def everybody(asking: Asked) -> Response:
    """Everybody, and how they stand."""
    _may_look(asking)
    with asking.desk.database.reading() as tx:
        found = [(one, tx.people.access(one.login)) for one in tx.people.all()]
        at_work = {one.login for one, _ in found if tx.sessions.of(one.login) is not None}
        due = people.review_due(tx.people.last_review(), asking.desk.now()) and not asking.desk.training
    rows = [(one, _roles(one.roles), _standing(asking, access), access, one.login in at_work) for one, access in found]
    return asking.page("people/list.html", rows=rows, review_due=due)


@router.get("/new")
def new(asking: Asked) -> Response:
    """A person to be added."""
    asking.must(Act.STAFF)
    return _new_page(asking)


@router.post("/new")
def add(asking: Asked) -> Response:
    """Add a person, with a first password at a real station, and the second person where a duty wants one."""
    asking.must(Act.STAFF)
    login, name = asking.form.get("login", "").strip(), " ".join(asking.form.get("name", "").split())
    one = Person(login, name or login, _ticked(asking))
    try:
        second, desk = _with_first_word(asking, login)
        people.add_person(desk, one, second)
    except CardfabError as refused:
        return _again(asking, refused, lambda error: _new_page(asking, error))
    return asking.go(f"/people/of/{login}", Text(f"{one.name} was added.", f"已添加{one.name}。"))


@router.get("/of/{login}")
def one_person(asking: Asked, login: str) -> Response:
    """One person, and what can be done about their access."""
    _may_look(asking)
    return _person_page(asking, login)


@router.post("/of/{login}/roles")
def roles(asking: Asked, login: str) -> Response:
    """Give a person other roles."""
    second, desk = asking.second()
    return _act(
        asking,
        login,
        lambda: _change_roles(asking, desk, login, second),
        Text("The roles are changed.", "角色已更改。"),
    )


@router.post("/of/{login}/disable")
def disable(asking: Asked, login: str) -> Response:
    """Keep a person out."""
    done = Text(f"{login} is kept out from now on.", f"{login} 已停用。")
    return _act(asking, login, lambda: people.set_disabled(asking.desk, login, True), done)


@router.post("/of/{login}/enable")
def enable(asking: Asked, login: str) -> Response:
    """Let a person in again."""
    done = Text(f"{login} may come in again.", f"{login} 已启用。")
    return _act(asking, login, lambda: people.set_disabled(asking.desk, login, False), done)


@router.post("/of/{login}/unlock")
def unlock(asking: Asked, login: str) -> Response:
    """Let a locked person try again at once; a supervisor has looked who asks for it."""
    second, desk = asking.second()
    return _act(
        asking,
        login,
        lambda: people.unlock(desk, login, _named(second)),
        Text(f"{login} is unlocked.", f"{login} 已解锁。"),
    )


@router.post("/of/{login}/password")
def first_word(asking: Asked, login: str) -> Response:
    """Set a first password, which serves once."""

    def act() -> None:
        second, desk = _with_first_word(asking, login)
        people.reset_password(desk, login, second)

    done = Text(f"{login} signs in with it once and sets their own.", f"{login} 须用其登录一次并自设口令。")
    return _act(asking, login, act, done)


@router.post("/of/{login}/session")
def end_session(asking: Asked, login: str) -> Response:
    """End the person's session, wherever it is."""
    done = Text(f"The session of {login} is ended.", f"{login} 的登录已结束。")
    return _act(asking, login, lambda: people.end_session(asking.desk, login), done)


@router.get("/review")
def review_form(asking: Asked) -> Response:
    """The quarterly look, before it."""
    asking.must(Act.REVIEW)
    with asking.desk.database.reading() as tx:
        last = tx.people.last_review()
    return asking.page("people/review.html", last=last, rows=None)


@router.post("/review")
def review(asking: Asked) -> Response:
    """Everybody with roles, password and last login; that it was looked at is on record."""
    found, last = people.review(asking.desk)
    rows = [(one.person, _roles(one.person.roles), _standing(asking, one.access), one.access) for one in found]
    return asking.page("people/review.html", last=last, rows=rows)


@router.get("/tokens")
def token_list(asking: Asked) -> Response:
    """The tokens by which other programs act here."""
    return _tokens_page(asking)


@router.post("/tokens")
def token_new(asking: Asked) -> Response:
    """Make a token. It is shown on this page and never again; its person proves themselves."""
    asking.must(Act.STAFF)
    login = asking.form.get("person", "").strip()
    days = asking.form.get("days", str(DAYS))
    ask = Given({login: asking.form.get("person_word", "")})
    desk = asking.floor.desk(asking.person, ask)
    try:
        made = add_token(
            desk, asking.form.get("name", "").strip(), login, _ticked(asking), int(days) if days.isdecimal() else 0
        )
    except CardfabError as refused:
        return _again(asking, refused, lambda error: _tokens_page(asking, error=error))
    return _tokens_page(asking, made=made)


@router.post("/tokens/{name}/revoke")
def token_revoke(asking: Asked, name: str) -> Response:
    """End a token now."""
    revoke_token(asking.desk, name)
    return asking.go("/people/tokens", Text(f"Token {name} is revoked.", f"令牌 {name} 已作废。"))


def _may_look(asking: Asking) -> None:
    if not asking.person.may(Act.REVIEW):
        asking.must(Act.STAFF)


def _new_page(asking: Asking, error: CardfabError | None = None) -> Response:
    return asking.page(
        "people/new.html", status_of(error) if error else 200, error=error, roles=_choices(Role), form=asking.form,
        ticked=asking.several.get("role", ()),
    )  # fmt: skip


def _person_page(asking: Asking, login: str, error: CardfabError | None = None) -> Response:
    with asking.desk.database.reading() as tx:
        one, access, session = tx.people.get(login), tx.people.access(login), tx.sessions.of(login)
    return asking.page(
        "people/one.html", status_of(error) if error else 200, error=error, one=one, access=access, session=session,
        standing=_standing(asking, access), named=_roles(one.roles), roles=_choices(Role),
        staff=asking.person.may(Act.STAFF), myself=login == asking.person.login,
    )  # fmt: skip


def _tokens_page(asking: Asking, *, made: NewToken | None = None, error: CardfabError | None = None) -> Response:
    found = tokens(asking.desk)
    now = asking.desk.now()
    rows = [(one, _roles(one.roles), serves(one, now)) for one in found]
    return asking.page(
        "people/tokens.html", status_of(error) if error else 200, rows=rows, made=made, error=error,
        roles=_choices(TOKEN_ROLES), form=asking.form, ticked=asking.several.get("role", ()),
        staff=asking.person.may(Act.STAFF), days=DAYS, most_days=MOST_DAYS,
    )  # fmt: skip


def _again(asking: Asking, refused: CardfabError, page: Callable[[CardfabError], Response]) -> Response:
    """The form again with what is wrong, once it is on record; a person who is refused at all gets the fault page."""
    asking.desk.refused(refused)
    return page(refused)


def _act(asking: Asking, login: str, act: Callable[[], object], done: Text) -> Response:
    asking.must(Act.STAFF)
    try:
        act()
    except CardfabError as refused:
        return _again(asking, refused, lambda error: _person_page(asking, login, error))
    return asking.go(f"/people/of/{login}", done)


def _change_roles(asking: Asking, desk: Desk, login: str, second: str | None) -> None:
    people.change_roles(desk, login, _ticked(asking), second)


def _ticked(asking: Asking) -> frozenset[Role]:
    """The roles ticked in the form; raises InputRefused for none and for what is no role."""
    try:
        found = frozenset(Role(one) for one in asking.several.get("role", ()))
    except ValueError:
        found = frozenset()
    if not found:
        raise InputRefused(
            Text("No role is ticked.", "未选择角色。"),
            do=Text("Tick one at least.", "请至少选择一个。"),
            code="CF-3951",
        )
    return found


def _with_first_word(asking: Asking, login: str) -> tuple[str | None, Desk]:
    """The second person of the form, and a desk whose door takes their password and the first one of ``login``."""
    first = asking.form.get("first_word", "")
    if first != asking.form.get("first_word_again", ""):
        raise WordsDiffer(
            Text("The two passwords differ.", "两次输入的口令不一致。"), do=Text("Type them again.", "请重新输入。")
        )
    second, _ = asking.second()
    words = {} if second is None else {second: asking.form.get("second_word", "")}
    return second, asking.floor.desk(asking.person, Given(words, {login: first}))


def _named(second: str | None) -> str:
    if second is None:
        raise InputRefused(
            Text("A second person has to look who asks for it.", "须由第二人核实。"),
            do=Text("A supervisor enters their login and password.", "请主管输入登录名和口令。"),
            code="CF-3952",
        )
    return second


def _choices(roles: Iterable[Role]) -> list[tuple[str, Text, Text]]:
    return [(str(role), Text(str(role), role.zh), ROLES[role]) for role in roles]


def _roles(roles: frozenset[Role]) -> Text:
    return Text(", ".join(sorted(roles)), "、".join(role.zh for role in sorted(roles)))


def _standing(asking: Asking, access: Access) -> Standing:
    return standing(access, asking.desk.now(), training=asking.desk.training)
