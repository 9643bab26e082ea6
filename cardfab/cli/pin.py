"""``cardfab pin mailer`` and the training devices for first PINs. No PIN is an argument, and none is shown here."""

from __future__ import annotations

import os
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.errors import DeviceFault, Text, UsageRefused
from cardfab.station.pinmailer import Send, print_mailer

if TYPE_CHECKING:
    from cardfab.simulator.rig.servers import Session

app = typer.Typer(help="First PINs of bank applications.", no_args_is_help=True)
Port = Annotated[int, typer.Option("--port", help="0 any free one.")]
SECONDS = 30.0
_PROMPTS = {
    "first": Text("PIN", "请输入密码"),
    "current": Text("the card's PIN", "请输入卡密码"),
    "new": Text("new PIN", "请输入新密码"),
}
_AGAIN = Text("new PIN, again", "请再次输入新密码")
_DIGITS = Text("{} digits", "{} 位")


class MailerFault(DeviceFault):
    """The printer of PIN mailers does not take the page."""

    default_code = "CF-5650"


@app.command()
def mailer(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A request or job.")],
    printer: Annotated[
        str | None, typer.Option("--printer", help="socket://HOST:PORT or a device such as /dev/usb/lp0.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="The first one was spoiled and destroyed.")] = False,
) -> None:
    """Print the PIN mailer of a card, once. The page goes to the printer and nowhere else."""
    talk = talk_of(context)
    address = mailer_address(talk, printer)
    with talk.desk() as desk, mailer_printer(address) as send:
        number = print_mailer(desk, name, send, again=again)
    words = Text(f"Mailer {number} is in the printer.", f"密码信封 {number} 已送打印机。")
    talk.give({"mailer": number}, lambda: talk.out.print(talk.of(words), markup=False))


def mailer_address(talk: Talk, printer: str | None) -> str:
    """Where PIN mailers are printed, as named or by the settings; raises UsageRefused where nowhere."""
    address = printer or talk.located().values.devices.mailer
    if not address.startswith(("socket://", "/dev/")):
        raise UsageRefused(
            Text("This station has no printer for PIN mailers.", "本制卡点没有密码信封打印机。"),
            do=Text("Name it: --printer, or [devices] mailer.", "请用 --printer 或配置 [devices] mailer 指定。"),
            code="CF-2150",
        )
    return address


@contextmanager
def mailer_printer(address: str) -> Iterator[Send]:
    """The printer itself, as something that takes a page. A file, a pipe or a queue would keep it and is refused."""
    with ExitStack() as stack:
        try:
            take = _line(stack, address) if address.startswith("socket://") else _device(stack, address)
        except (OSError, ValueError) as error:
            raise _fault(address, error, begun=False) from None

        def send(page: memoryview) -> None:
            try:
                take(page)
            except OSError as error:
                raise _fault(address, error, begun=True) from None

        yield send


def _line(stack: ExitStack, address: str) -> Send:
    parts = urlsplit(address)
    line = stack.enter_context(socket.create_connection((parts.hostname or "", parts.port or 0), SECONDS))
    return line.sendall


def _device(stack: ExitStack, address: str) -> Send:
    handle = os.open(address, os.O_WRONLY | os.O_NOCTTY)
    stack.callback(os.close, handle)
    if not stat.S_ISCHR(os.fstat(handle).st_mode):
        raise MailerFault(
            Text(f"{address} is no printer: a file would keep the PIN.", f"{address} 不是打印机：文件会留存密码。"),
            do=Text("Name the device of the printer itself.", "请指定打印机设备本身。"),
        )

    def take(page: memoryview) -> None:
        while page:
            page = page[os.write(handle, page) :]

    return take


def _fault(address: str, error: Exception, *, begun: bool) -> MailerFault:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not there"
    return MailerFault(
        Text(f"The printer of PIN mailers at {address}: {reason}.", f"密码信封打印机 {address} 无法使用。"),
        do=Text("If a page came out, destroy it; print with --again.", "如已打出，请销毁后使用 --again 重新打印。")
        if begun
        else Text("Nothing was printed. Put the printer right and try again.", "未打印任何内容。请检查打印机后重试。"),
    )


def simulate_pinpad(context: typer.Context, port: Port = 0) -> None:
    """A training pin pad on a port of the loopback: asks for PINs on this terminal, until Ctrl-C."""
    import getpass

    from cardfab.simulator.pinpad import Prompt, TrainingPad

    talk = talk_of(context)

    def press(prompt: Prompt) -> str:
        digits = str(prompt.most) if prompt.least == prompt.most else f"{prompt.least}-{prompt.most}"
        what = _AGAIN if prompt.again else _PROMPTS[prompt.entry]
        red = Text("empty: cancel", "空为取消")
        return getpass.getpass(f"{talk.of(what)} ({talk.of(_DIGITS).format(digits)}; {talk.of(red)}): ")

    _serve(talk, "pinpad", TrainingPad(press), port, "tcp")


def simulate_mailer(context: typer.Context, port: Port = 0) -> None:
    """A training printer of PIN mailers on a port of the loopback: shows its pages here, until Ctrl-C."""
    from cardfab.simulator.mailer import TrainingMailer

    talk = talk_of(context)
    _serve(talk, "mailer", TrainingMailer(talk.err.print), port, "socket")


def _serve(talk: Talk, name: str, session: Session, port: int, scheme: str) -> None:
    from cardfab.simulator.rig.servers import Server

    server = Server(name, session, port)
    server.start()
    address = f"{scheme}://127.0.0.1:{server.port}"
    try:
        talk.give({name: address}, lambda: talk.out.print(address))
        talk.end()
        sys.stdout.flush()
        threading.Event().wait()
    finally:
        server.stop()
