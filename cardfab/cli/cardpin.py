"""``cardfab card pin-change``, ``pin-reset``, ``pin-unblock``: the holder's PIN, never an argument."""

from __future__ import annotations

import typer

from cardfab.cli.counterdesk import PinFd, Reader, Secrets, Serving, with_card
from cardfab.cli.options import spread
from cardfab.cli.output import talk_of
from cardfab.station.counter.pins import change_pin, reset_pin, unblock


@spread
def pin_change(
    context: typer.Context,
    serving: Serving,
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """The holder changes the PIN. Asked for: document number, old PIN, new PIN."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        old, new = secrets.entered("old PIN", "原密码"), secrets.entered("new PIN", "新密码", again=True)
        serving.give(talk, here.counter, change_pin(here, shown, old, new))


@spread
def pin_reset(
    context: typer.Context,
    serving: Serving,
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """A new PIN by the holder's document, under PUK and STK. Asked for: document number, new PIN."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        serving.give(talk, here.counter, reset_pin(here, shown, secrets.entered("new PIN", "新密码", again=True)))


@spread
def pin_unblock(
    context: typer.Context,
    serving: Serving,
    reader: Reader = None,
) -> None:
    """Unblock the PIN by the holder's document; it stays as it was."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = serving.shown(Secrets(talk))
        serving.give(talk, here.counter, unblock(here, shown))
