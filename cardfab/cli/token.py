"""``cardfab user token``: tokens by which another program acts here in a person's name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from cardfab.cli.output import talk_of
from cardfab.errors import Text
from cardfab.production import Role
from cardfab.station.tokens import DAYS, add_token, revoke_token, serves, tokens
from cardfab.store.apitokens import TokenRow

token_app = typer.Typer(help="Tokens of the JSON interface.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME")]


@token_app.command()
def add(
    context: typer.Context,
    name: Name,
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="Who the other program acts for; their password.")],
    roles: Annotated[list[Role], typer.Argument(metavar="ROLE", case_sensitive=False)],
    days: Annotated[int, typer.Option("--days", help="How long it serves.")] = DAYS,
) -> None:
    """Make a token. It is shown once, on standard output; only its digest is kept."""
    talk = talk_of(context)
    with talk.desk() as desk:
        made = add_token(desk, name, login, frozenset(roles), days)
    talk.give({**_value(made.row), "token": made.shown}, lambda: talk.out.print(made.shown, markup=False))
    talk.say(
        f"Good until {made.row.ends_at[:10]}. It is not shown again: give it to the program that uses it, unseen.",
        f"有效期至 {made.row.ends_at[:10]}。不再显示：请直接交给使用它的程序，勿让他人看到。",
    )


@token_app.command("list")
def list_(context: typer.Context) -> None:
    """Every token there is or was."""
    talk = talk_of(context)
    with talk.desk() as desk:
        found = tokens(desk)
    columns = (
        Text("name", "名称"), Text("person", "人员"), Text("roles", "角色"), Text("until", "有效期至"),
        Text("last used", "最近使用"), Text("state", "状态"),
    )  # fmt: skip
    rows = [
        (one.label, one.login, ", ".join(sorted(one.roles)), one.ends_at[:10], (one.last_at or "")[:16],
         talk.of(state_of(one)))
        for one in found
    ]  # fmt: skip
    talk.give([_value(one) for one in found], lambda: talk.table(columns, rows, empty=Text("No tokens.", "没有令牌。")))


@token_app.command()
def revoke(context: typer.Context, name: Name) -> None:
    """End a token now."""
    talk = talk_of(context)
    with talk.desk() as desk:
        row = revoke_token(desk, name)
    talk.give(_value(row), lambda: talk.out.print(talk.of(Text(f"{name} is revoked.", f"{name} 已作废。"))))


def state_of(one: TokenRow) -> Text:
    """Whether a token serves, in words."""
    if one.revoked_at is not None:
        return Text("revoked", "已作废")
    return Text("in force", "有效") if serves(one, datetime.now(UTC)) else Text("over", "已过期")


def _value(one: TokenRow) -> dict[str, object]:
    return {
        "name": one.label,
        "login": one.login,
        "roles": sorted(one.roles),
        "until": one.ends_at,
        "last_used": one.last_at,
        "state": state_of(one).en,
    }
