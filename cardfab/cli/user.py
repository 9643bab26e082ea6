"""``cardfab user``: people of the station, their passwords and sessions. No password is an argument."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.cli.session import SESSION, open_door, person_here, sign_in, sign_out, signed_in
from cardfab.cli.token import token_app
from cardfab.cli.words import asker
from cardfab.errors import Text
from cardfab.production import Person, Role
from cardfab.station import people
from cardfab.station.access import authenticate, set_password
from cardfab.store.people import Access

user_app = typer.Typer(help="People of the station.", no_args_is_help=True)
user_app.add_typer(token_app, name="token")
Login = Annotated[str, typer.Argument(metavar="LOGIN")]
Second = Annotated[str | None, typer.Option("--second", help="Login of the second person, who proves themselves too.")]


@user_app.command("list")
def users(context: typer.Context) -> None:
    """Everybody, and who is signed in."""
    talk = talk_of(context)
    located = talk.located()
    with open_door(located) as door, door.database.reading() as tx:
        found = [(one, tx.people.access(one.login)) for one in tx.people.all()]
        late = people.review_due(tx.people.last_review(), datetime.now(UTC)) and not door.training
    here = signed_in(located) if located.path(SESSION).is_file() else None
    values = [
        {"login": p.login, "name": p.name, "roles": sorted(p.roles), "signed_in": p.login == here, **_how(access)}
        for p, access in found
    ]
    columns = (
        Text("login", "登录名"), Text("name", "姓名"), Text("roles", "角色"), Text("signed in", "已登录"),
        Text("state", "状态"),
    )  # fmt: skip
    rows = [
        (p.login, p.name, ", ".join(sorted(p.roles)), "*" if p.login == here else "", talk.of(_state(access)))
        for p, access in found
    ]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("Nobody.", "无人员。"), wide=2))
    if late:
        talk.say(
            "Nobody reviewed these rights for a quarter: an auditor runs 'cardfab user review'.",
            "已有一个季度未复核权限：请审计员运行 cardfab user review。",
        )


@user_app.command()
def add(
    context: typer.Context,
    login: Login,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    roles: Annotated[list[Role], typer.Argument(metavar="ROLE", case_sensitive=False)],
    second: Second = None,
) -> None:
    """Add a person with roles. At a real station a first password is asked for, which serves once, and a second person
    vouches for whoever approves, holds keys or gives roles."""
    talk = talk_of(context)
    one = Person(login, name, frozenset(roles))
    with open_door(talk.located(), asker(talk.password_fd, talk.of)) as door:
        with door.database.reading() as tx:
            nobody = not tx.people.all()
        if nobody:
            people.add_first(door, one)
    if not nobody:
        with talk.desk() as desk:
            people.add_person(desk, one, second)
    talk.give({"login": login}, lambda: talk.out.print(login))


@user_app.command()
def roles(
    context: typer.Context,
    login: Annotated[str | None, typer.Argument(metavar="LOGIN")] = None,
    given: Annotated[list[Role] | None, typer.Argument(metavar="ROLE...", case_sensitive=False)] = None,
    second: Second = None,
) -> None:
    """The roles there are; with a login and roles: give that person these and no other."""
    talk = talk_of(context)
    if login is None:
        talk.give([str(role) for role in Role], lambda: talk.out.print("\n".join(Role)))
        return
    if not given:
        raise typer.BadParameter("one role at least", param_hint="ROLE")
    with talk.desk() as desk:
        one = people.change_roles(desk, login, given, second)
    words = ", ".join(sorted(one.roles))
    talk.give({"login": login, "roles": sorted(one.roles)}, lambda: talk.out.print(f"{login}: {words}"))


@user_app.command()
def login(context: typer.Context, name: Annotated[str, typer.Argument(metavar="LOGIN")]) -> None:
    """Work as this person until 'logout'. The password is asked for; in training only who has set one is asked."""
    talk = talk_of(context)
    located = talk.located()
    sign_in(located, name, asker(talk.password_fd, talk.of))
    with open_door(located) as door, door.database.reading() as tx:
        person = tx.people.get(name)
    _say(talk, {"login": name}, f"Signed in: {person.name}", f"已登录：{person.name}")


@user_app.command()
def logout(context: typer.Context) -> None:
    """Nobody works here any more."""
    talk = talk_of(context)
    sign_out(talk.located())
    _say(talk, {"login": None}, "Signed out.", "已退出。")


@user_app.command()
def passwd(
    context: typer.Context,
    login: Annotated[str | None, typer.Argument(metavar="LOGIN", help="Somebody else: an administrator's act.")] = None,
    second: Second = None,
) -> None:
    """Set one's own password: the old one is asked for, then the new one. For somebody else: a first one, once."""
    talk = talk_of(context)
    located = talk.located()
    with open_door(located, asker(talk.password_fd, talk.of)) as door:
        me = person_here(located, door).login
        if login in (None, me):
            with door.database.reading() as tx:
                has = tx.people.access(me).hash is not None
            if has:
                authenticate(door, me, door.word(me), purpose="new password")
            set_password(door, me, by=me)
    if login is not None and login != me:
        with talk.desk() as desk:
            people.reset_password(desk, login, second)
    _say(talk, {"login": login or me}, "The password is set.", "口令已设置。")


@user_app.command()
def unlock(
    context: typer.Context,
    login: Login,
    second: Annotated[str, typer.Option("--second", help="Login of the supervisor who looked who asks for it.")],
) -> None:
    """Let a locked person try again at once."""
    talk = talk_of(context)
    with talk.desk() as desk:
        people.unlock(desk, login, second)
    _say(talk, {"login": login}, f"{login} is unlocked.", f"{login} 已解锁。")


@user_app.command()
def disable(context: typer.Context, login: Login) -> None:
    """Keep a person out. Nobody is ever removed: the record names them."""
    _disabled(context, login, True)


@user_app.command()
def enable(context: typer.Context, login: Login) -> None:
    """Let a disabled person in again."""
    _disabled(context, login, False)


@user_app.command()
def review(context: typer.Context) -> None:
    """The quarterly look: who has what, and their last login. That it was made is recorded."""
    talk = talk_of(context)
    with talk.desk() as desk:
        found, before = people.review(desk)
    values = {
        "people": [
            {"login": one.person.login, "name": one.person.name, "roles": sorted(one.person.roles), **_how(one.access)}
            for one in found
        ],
        "last_review": before,
    }
    columns = (
        Text("login", "登录名"), Text("name", "姓名"), Text("roles", "角色"), Text("state", "状态"),
        Text("password set", "口令设置"), Text("last login", "最近登录"),
    )  # fmt: skip
    never = talk.of(Text("never", "从未"))
    rows = [
        (
            one.person.login, one.person.name, ", ".join(sorted(one.person.roles)), talk.of(_state(one.access)),
            (one.access.set_at or never)[:10], (one.access.last_login or never)[:10],
        )
        for one in found
    ]  # fmt: skip
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("Nobody.", "无人员。"), wide=2))
    last = before[:10] if before else None
    talk.say(f"Recorded. The look before: {last or 'never'}.", f"已记录。上次复核：{last or '从未'}。")


def _disabled(context: typer.Context, login: str, disabled: bool) -> None:
    talk = talk_of(context)
    with talk.desk() as desk:
        people.set_disabled(desk, login, disabled)
    words = Text("disabled", "停用") if disabled else Text("enabled", "启用")
    _say(talk, {"login": login, "disabled": disabled}, f"{login} is {words.en}.", f"{login} 已{words.zh}。")


def _say(talk: Talk, value: dict[str, object], en: str, zh: str) -> None:
    talk.give(value, lambda: talk.out.print(talk.of(Text(en, zh))))


def _how(access: Access) -> dict[str, object]:
    return {
        "state": _state(access).en,
        "password_set": access.set_at,
        "last_login": access.last_login,
        "locked_until": access.locked_until,
    }


def _state(access: Access) -> Text:
    if access.disabled_at is not None:
        return Text("disabled", "已停用")
    if access.locked_until is not None and datetime.fromisoformat(access.locked_until) > datetime.now(UTC):
        return Text("locked", "已锁定")
    if access.hash is None:
        return Text("no password", "无口令")
    return Text("first password", "初始口令") if access.once else Text("password", "有口令")
