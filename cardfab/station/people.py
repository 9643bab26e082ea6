"""People managed, and a second person proved. The rules here hold for the page and the command line alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cardfab.errors import StockFault, Text
from cardfab.production import Act, Person, Role, require_apart, require_other
from cardfab.production.people import weighty
from cardfab.station.access import NOBODY, Door, prove, set_password, sign_out
from cardfab.station.desk import Desk
from cardfab.store.people import Access

REVIEW_DAYS = 92
"""A quarter: how often somebody looks at who has access (PCI CP-L 7)."""
_LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,31}")


def second_person(desk: Desk, login: str, act: Act = Act.WITNESS, *makers: str | None) -> Person:
    """The second person of an act, proved here by their own password. The one place where that is decided.

    Never the one who acts, nor one of ``makers`` of the thing. Raises SamePerson, NotAllowed, PersonUnknown, and the
    refusals of :func:`cardfab.station.access.prove`.
    """
    try:
        with desk.database.reading() as tx:
            person = tx.people.get(login)
        require_other(login, desk.person.login, *makers)
        person.must(act)
    except StockFault as refused:
        desk.refused(refused, act=act, second=login)
        raise
    return prove(desk.entrance(), login, purpose=f"second person: {act}")


def require_not_maker(desk: Desk, act: Act, *makers: str | None) -> None:
    """Raise SamePerson when who acts made the thing, or approved it; the refusal is on record."""
    try:
        require_other(desk.person.login, *makers)
    except StockFault as refused:
        desk.refused(refused, act=act)
        raise


def add_person(desk: Desk, one: Person, second: str | None = None) -> None:
    """Add a person; at a real station with a first password, which serves once.

    ``second`` is the login of who vouches for a duty that no administrator gives alone: see :func:`_vouched`.
    """
    desk.must(Act.STAFF)
    _check(desk, one)
    by = _vouched(desk, one, frozenset(), second)
    with desk.database.transaction("person") as tx:
        tx.people.add(one)
        details = {"login": one.login, "roles": _listed(one.roles)} | by
        tx.audit.append(desk.event("person.add", desk.token(), "done", details))
    if not desk.training:
        set_password(desk.entrance(), one.login, by=desk.person.login)


def add_first(door: Door, one: Person) -> None:
    """The administrator of a station that has nobody yet; raises StockFault at any other."""
    with door.database.transaction("first person") as tx:
        if tx.people.all() or one.roles != {Role.ADMINISTRATOR}:
            raise StockFault(
                Text("The first person of a station is its administrator.", "制卡点的第一位人员须为管理员。"),
                do=Text("Sign in to add others: 'cardfab user login LOGIN'.", "添加他人请先登录。"),
                code="CF-7412",
            )
        _require_login(one.login)
        tx.people.add(one)
        door.note(tx, NOBODY, "person.add", login=one.login, roles=_listed(one.roles), why="first")
    set_password(door, one.login, by=one.login)


def change_roles(desk: Desk, login: str, roles: Iterable[Role], second: str | None = None) -> Person:
    """Give a person these roles and no other; ``second`` as in :func:`add_person`."""
    desk.must(Act.STAFF)
    with desk.database.reading() as tx:
        old = tx.people.get(login)
    one = Person(login, old.name, frozenset(roles))
    _check(desk, one)
    by = _vouched(desk, one, old.roles, second)
    with desk.database.transaction("roles") as tx:
        tx.people.set_roles(one)
        details = {"login": login, "before": _listed(old.roles), "roles": _listed(one.roles)} | by
        tx.audit.append(desk.event("person.roles", desk.token(), "done", details))
    return one


def unlock(desk: Desk, login: str, second: str) -> None:
    """Let a locked person try again at once; a second person has looked who asks for it (PCI DSS 8.3.4)."""
    desk.must(Act.STAFF)
    approver = second_person(desk, second, Act.WITNESS, login)
    with desk.database.transaction("unlock") as tx:
        tx.people.get(login)
        tx.people.change(login, failed=0, locked_until=None)
        details = {"login": login, "approved_by": approver.login}
        tx.audit.append(desk.event("person.unlock", desk.token(), "done", details))


def reset_password(desk: Desk, login: str, second: str | None) -> None:
    """A first password for somebody else, which serves once. Who had one before needs a second look."""
    desk.must(Act.STAFF)
    with desk.database.reading() as tx:
        had = tx.people.access(tx.people.get(login).login).hash is not None
    if had:
        if second is None:
            raise StockFault(
                Text("A second person has to look who asks for a new password.", "重设口令须由第二人核实。"),
                do=Text("Name the supervisor: --second LOGIN.", "请指明主管：--second 登录名。"),
                code="CF-7413",
            )
        second_person(desk, second, Act.WITNESS, login)
    set_password(desk.entrance(), login, by=desk.person.login)


def set_disabled(desk: Desk, login: str, disabled: bool) -> None:
    """Keep a person out, or let them in again. A person is never removed: the record names them."""
    desk.must(Act.STAFF)
    with desk.database.transaction("disable") as tx:
        tx.people.get(login)
        tx.people.change(login, disabled_at=desk.at() if disabled else None)
        if disabled:
            tx.sessions.end(login)
        action = "person.disable" if disabled else "person.enable"
        tx.audit.append(desk.event(action, desk.token(), "done", {"login": login}))


def end_session(desk: Desk, login: str) -> None:
    """End a person's session, wherever it is."""
    desk.must(Act.STAFF)
    with desk.database.reading() as tx:
        tx.people.get(login)
    sign_out(desk.entrance(), login, f"ended by {desk.person.login}")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One person as the quarterly look sees them."""

    person: Person
    access: Access


def review(desk: Desk) -> tuple[tuple[Reviewed, ...], str | None]:
    """Everybody with roles and last login, and when the last look was; that there was one now is on record."""
    desk.must(Act.REVIEW)
    with desk.database.transaction("review") as tx:
        people = tuple(Reviewed(one, tx.people.access(one.login)) for one in tx.people.all())
        before = tx.people.last_review()
        tx.people.reviewed(at=desk.at(), by=desk.person.login, people=len(people))
        tx.audit.append(desk.event("person.review", desk.token(), "done", {"people": str(len(people))}))
    return people, before


def review_due(last: str | None, now: datetime) -> bool:
    """Whether the quarter since the last look is over."""
    return last is None or now - datetime.fromisoformat(last) > timedelta(days=REVIEW_DAYS)


def _check(desk: Desk, one: Person) -> None:
    """Refuse what may not be given; in training one person may hold every role."""
    try:
        _require_login(one.login)
        require_other(desk.person.login, None if desk.training else one.login)
        if not desk.training:
            require_apart(one.login, one.roles)
    except StockFault as refused:
        desk.refused(refused, act=Act.STAFF, login=one.login, roles=_listed(one.roles))
        raise


class Unvouched(StockFault):
    """A duty that approves, holds keys or gives roles was to be given by one person alone."""

    default_code = "CF-7900"


def _vouched(desk: Desk, one: Person, held: frozenset[Role], second: str | None) -> dict[str, str]:
    """Who vouches for the weighty roles that the person gets new, for the record. Nobody has to in training.

    One administrator alone could else make both persons of every second look. A new station has nobody to vouch: its
    second person, and only that one, is added by the first alone, and must be somebody who can vouch from then on.
    Raises Unvouched, and the refusals of :func:`second_person`.
    """
    if second is not None:
        return {"approved_by": second_person(desk, second, Act.VOUCH, one.login).login}
    if desk.training:
        return {}
    with desk.database.reading() as tx:
        alone = {known.login for known in tx.people.all()} == {desk.person.login}
    if alone and one.may(Act.VOUCH):
        return {"why": "second person of the station"}
    if not alone and not weighty(one.roles - held):
        return {}
    refused = Unvouched(
        Text("The second person of a station is one who can vouch for the others: auditor, supervisor, administrator.",
             "制卡点的第二位人员须能为他人复核：审计员、主管或管理员。"),
        do=Text("Add that person first.", "请先添加该人员。"),
        code="CF-7901",
    ) if alone else Unvouched(
        Text(f"'{one.login}' would get a duty that nobody gives alone: {_listed(weighty(one.roles - held))}.",
             f"“{one.login}”将获得不得由一人单独授予的职责：{_named(weighty(one.roles - held))}。"),
        do=Text("A supervisor, an auditor or another administrator vouches for it in person: --second LOGIN.",
                "须由主管、审计员或另一管理员以本人口令复核：--second 登录名。"),
    )  # fmt: skip
    desk.refused(refused, act=Act.STAFF, login=one.login, roles=_listed(one.roles))
    raise refused


def _require_login(login: str) -> None:
    if not _LOGIN.fullmatch(login):
        raise StockFault(
            Text(f"{login!r} is no login: small letters, digits, '.', '_', '-', 2 to 32 of them.",
                 f"{login!r} 不是登录名：须为 2 至 32 个小写字母、数字、点、下划线或连字符。"),
            do=Text("Choose another.", "请另选。"),
            code="CF-7414",
        )  # fmt: skip


def _listed(roles: Iterable[Role]) -> str:
    return ",".join(sorted(roles))


def _named(roles: Iterable[Role]) -> str:
    return "、".join(role.zh for role in sorted(roles))
