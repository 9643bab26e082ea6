"""``cardfab card update`` and ``offsite``: items of the information files, approval of treatment elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from cardfab.cli.counterdesk import (
    Acting,
    DocumentKind,
    Paper,
    PinAsked,
    PinFd,
    Reader,
    ReceiptFile,
    Second,
    Secrets,
    give,
    shown_by,
    with_card,
)
from cardfab.cli.output import talk_of
from cardfab.errors import Text, UsageRefused
from cardfab.production import Document
from cardfab.station.counter.offsite import approve as approve_offsite
from cardfab.station.counter.offsite import withdraw as withdraw_offsite
from cardfab.station.counter.updating import update as update_card

offsite = typer.Typer(help="Treatment elsewhere: approved and withdrawn on the card.", no_args_is_help=True)
Institutions = Annotated[
    list[str] | None, typer.Option("--institution", help="Code of a designated institution; may be repeated.")
]


def update(
    context: typer.Context,
    item: Annotated[list[str] | None, typer.Option("--item", help="ADDRESS=VALUE, as DF03/EF05/60=20261122.")] = None,
    pin: PinAsked = False,
    reader: Reader = None,
    document: DocumentKind = Document.ID_CARD,
    acting_for: Acting = "",
    second: Second = None,
    pin_fd: PinFd = None,
    receipt: ReceiptFile = None,
    paper: Paper = "roll",
) -> None:
    """Write items of the card's files; values are checked by their rules before the card is touched."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    items = dict(_pair(one) for one in item or ())
    with with_card(talk, reader) as here:
        shown = shown_by(secrets, document, acting_for, second)
        word = secrets.pin() if pin or pin_fd is not None else None
        give(talk, here.counter, update_card(here, shown, items, pin=word), receipt, paper)


@offsite.command()
def approve(
    context: typer.Context,
    institution: Institutions = None,
    reader: Reader = None,
    document: DocumentKind = Document.ID_CARD,
    acting_for: Acting = "",
    second: Second = None,
    receipt: ReceiptFile = None,
    paper: Paper = "roll",
) -> None:
    """Write the approval sign (item 81) and designated institutions."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = shown_by(Secrets(talk), document, acting_for, second)
        give(talk, here.counter, approve_offsite(here, shown, institution or ()), receipt, paper)


@offsite.command()
def withdraw(
    context: typer.Context,
    institution: Institutions = None,
    reader: Reader = None,
    document: DocumentKind = Document.ID_CARD,
    acting_for: Acting = "",
    second: Second = None,
    receipt: ReceiptFile = None,
    paper: Paper = "roll",
) -> None:
    """Take the approval back, and the institutions named."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = shown_by(Secrets(talk), document, acting_for, second)
        give(talk, here.counter, withdraw_offsite(here, shown, institution or ()), receipt, paper)


def _pair(word: str) -> tuple[str, str]:
    address, equals, value = word.partition("=")
    if not equals:
        raise UsageRefused(
            Text(f"{word!r} is no ADDRESS=VALUE.", f"{word!r} 须为 地址=值。"),
            do=Text("As --item DF03/EF05/60=20261122.", "如 --item DF03/EF05/60=20261122。"),
            code="CF-2235",
        )
    return address.strip(), value
