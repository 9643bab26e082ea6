"""``cardfab card pin-change``, ``pin-reset``, ``pin-unblock``: the holder's PIN, never an argument."""

from __future__ import annotations

import typer

from cardfab.cli.counterdesk import (
    Acting,
    DocumentKind,
    Paper,
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
from cardfab.production import Document
from cardfab.station.counter.pins import change_pin, reset_pin, unblock


def pin_change(
    context: typer.Context,
    reader: Reader = None,
    document: DocumentKind = Document.ID_CARD,
    acting_for: Acting = "",
    second: Second = None,
    pin_fd: PinFd = None,
    receipt: ReceiptFile = None,
    paper: Paper = "roll",
) -> None:
    """The holder changes the PIN. Asked for: document number, old PIN, new PIN."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    with with_card(talk, reader) as here:
        shown = shown_by(secrets, document, acting_for, second)
        old, new = secrets.pin("old PIN", "原密码"), secrets.pin("new PIN", "新密码", again=True)
        give(talk, here.counter, change_pin(here, shown, old, new), receipt, paper)


def pin_reset(
    context: typer.Context,
    reader: Reader = None,
    document: DocumentKind = Document.ID_CARD,
    acting_for: Acting = "",
    second: Second = None,
    pin_fd: PinFd = None,
    receipt: ReceiptFile = None,
    paper: Paper = "roll",
) -> None:
    """A new PIN by the holder's document, under PUK and STK. Asked for: document number, new PIN."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    with with_card(talk, reader) as here:
        shown = shown_by(secrets, document, acting_for, second)
        give(talk, here.counter, reset_pin(here, shown, secrets.pin("new PIN", "新密码", again=True)), receipt, paper)


def pin_unblock(
    context: typer.Context,
    reader: Reader = None,
    document: DocumentKind = Document.ID_CARD,
    acting_for: Acting = "",
    second: Second = None,
    receipt: ReceiptFile = None,
    paper: Paper = "roll",
) -> None:
    """Unblock the PIN by the holder's document; it stays as it was."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = shown_by(Secrets(talk), document, acting_for, second)
        give(talk, here.counter, unblock(here, shown), receipt, paper)
