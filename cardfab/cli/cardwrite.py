"""``cardfab card update`` and ``offsite``: items of the information files, approval of treatment elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from cardfab.cli.counterdesk import PinAsked, PinFd, Reader, Secrets, Serving, with_card
from cardfab.cli.options import spread
from cardfab.cli.output import talk_of
from cardfab.errors import Text, UsageRefused
from cardfab.station.counter.offsite import approve as approve_offsite
from cardfab.station.counter.offsite import withdraw as withdraw_offsite
from cardfab.station.counter.updating import update as update_card

offsite = typer.Typer(help="Treatment elsewhere: approved and withdrawn on the card.", no_args_is_help=True)
Institutions = Annotated[
    list[str] | None, typer.Option("--institution", help="Code of a designated institution; may be repeated.")
]


@spread
def update(
    context: typer.Context,
    serving: Serving,
    item: Annotated[list[str] | None, typer.Option("--item", help="ADDRESS=VALUE, as DF03/EF05/60=20261122.")] = None,
    pin: PinAsked = False,
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """Write items of the card's files; values are checked by their rules before the card is touched."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    items = dict(_pair(one) for one in item or ())
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        word = secrets.entered() if pin or pin_fd is not None else None
        serving.give(talk, here.counter, update_card(here, shown, items, pin=word))


@offsite.command()
@spread
def approve(
    context: typer.Context,
    serving: Serving,
    institution: Institutions = None,
    reader: Reader = None,
) -> None:
    """Write the approval sign (item 81) and designated institutions."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = serving.shown(Secrets(talk))
        serving.give(talk, here.counter, approve_offsite(here, shown, institution or ()))


@offsite.command()
@spread
def withdraw(
    context: typer.Context,
    serving: Serving,
    institution: Institutions = None,
    reader: Reader = None,
) -> None:
    """Take the approval back, and the institutions named."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = serving.shown(Secrets(talk))
        serving.give(talk, here.counter, withdraw_offsite(here, shown, institution or ()))


def _pair(word: str) -> tuple[str, str]:
    address, equals, value = word.partition("=")
    if not equals:
        raise UsageRefused(
            Text(f"{word!r} is no ADDRESS=VALUE.", f"{word!r} 须为 地址=值。"),
            do=Text("As --item DF03/EF05/60=20261122.", "如 --item DF03/EF05/60=20261122。"),
            code="CF-2235",
        )
    return address.strip(), value
