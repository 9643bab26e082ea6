"""``cardfab card load``, ``purchase``, ``balance``, ``statement``, ``start-day``, ``recover``: the medical account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.counterdesk import PinFd, Reader, Secrets, Serving, with_card
from cardfab.cli.options import spread
from cardfab.cli.output import Talk, talk_of
from cardfab.documents import statement_pdf
from cardfab.errors import Text
from cardfab.prepare.spoken import fen, yuan
from cardfab.production import Act
from cardfab.station.counter import medical
from cardfab.station.counter.medical import AccountView, Bill
from cardfab.station.counter.statement import entry_value, print_statement

Amount = Annotated[str, typer.Argument(metavar="YUAN", help="As 123.45.")]


def account_words(view: AccountView) -> Text:
    """The account in a sentence; the totals where the card has begun a year, the count where it is near its limit."""
    now = view.balance
    en, zh = f"Balance {yuan(now.account)} yuan", f"账户余额 {yuan(now.account)} 元"
    if now.year.strip("0"):
        en += f"; {now.year}: paid by the holder {yuan(now.own)}, by the pooled fund {yuan(now.pooled)}"
        zh += f"；{now.year} 年度个人自付 {yuan(now.own)} 元，统筹支付 {yuan(now.pooled)} 元"
    en += f"; {view.counted} of {view.limit} transactions since the last statement"
    zh += f"；上次对账后 {view.counted} 笔（上限 {view.limit} 笔）"
    return Text(f"{en}.", f"{zh}。")


def show_log(talk: Talk, view: AccountView) -> None:
    """The card's own log, newest first; amounts in yuan."""
    columns = (
        Text("no.", "序号"), Text("kind", "类型"), Text("time", "时间"), Text("account", "账户"), Text("own", "自付"),
        Text("pooled", "统筹"), Text("terminal", "终端"),
    )  # fmt: skip
    kinds = {"LOAD": Text("load", "划入"), "PURCHASE": Text("purchase", "结算")}
    rows = [
        (str(e.sequence), talk.of(kinds[e.kind.name]), f"{e.time:%Y-%m-%d %H:%M:%S}", yuan(e.account), yuan(e.own),
         yuan(e.pooled), e.terminal)
        for e in view.entries
    ]  # fmt: skip
    talk.table(columns, rows, empty=Text("No transaction yet.", "尚无交易。"))


@spread
def load(
    context: typer.Context,
    serving: Serving,
    amount: Amount,
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """Put money of the insurance into the medical account. No cash."""
    talk = talk_of(context)
    secrets, wanted = Secrets(talk, pin_fd), fen(amount)
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        serving.give(talk, here.counter, medical.load(here, shown, secrets.entered(), wanted))


@spread
def purchase(
    context: typer.Context,
    serving: Serving,
    institution: Annotated[str, typer.Option("--institution", help="Code of the medical institution.")] = "",
    settlement: Annotated[str, typer.Option("--settlement", help="Its number of the settlement.")] = "",
    account: Annotated[str, typer.Option("--account", help="Yuan from the account.")] = "0",
    own: Annotated[str, typer.Option("--own", help="Yuan paid by the holder.")] = "0",
    pooled: Annotated[str, typer.Option("--pooled", help="Yuan paid by the pooled fund.")] = "0",
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """Pay a medical settlement from the card; nothing else is paid from it."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    bill = Bill(fen(account), fen(own), fen(pooled), institution, settlement)
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        serving.give(talk, here.counter, medical.purchase(here, shown, secrets.entered(), bill))


def balance(context: typer.Context, reader: Reader = None, pin_fd: PinFd = None) -> None:
    """Account, totals of the year, and the card's log. Asked for: the PIN."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        here.counter.desk.must(Act.READ)
        view = medical.account(here, Secrets(talk, pin_fd).entered())
    now = view.balance
    value = {
        "balance": now.account, "own": now.own, "pooled": now.pooled, "year": now.year, "counted": view.counted,
        "limit": view.limit, "transactions": [entry_value(entry) for entry in view.entries],
    }  # fmt: skip

    def show() -> None:
        talk.out.print(talk.of(account_words(view)), style="bold")
        show_log(talk, view)

    talk.give(value, show)


@spread
def statement(
    context: typer.Context,
    serving: Serving,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The PDF.")],
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """Print the statement as PDF and clear the count, so that the card may pay again."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        fonts = here.counter.desk.fonts
        pin = secrets.entered()
        done = print_statement(here, shown, pin, lambda found: _written(file, statement_pdf(found, fonts)))
        done.values["statement"] = str(file)
        serving.give(talk, here.counter, done)


@spread
def start_day(
    context: typer.Context,
    serving: Serving,
    month_day: Annotated[str, typer.Argument(metavar="MMDD", help="The first day of the insurance year.")],
    reader: Reader = None,
) -> None:
    """Set the day on which the year of the totals begins."""
    talk = talk_of(context)
    with with_card(talk, reader) as here:
        shown = serving.shown(Secrets(talk))
        serving.give(talk, here.counter, medical.set_start_day(here, shown, month_day))


@spread
def recover(
    context: typer.Context,
    serving: Serving,
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """Settle an interrupted load or purchase by the proof that the card keeps."""
    talk = talk_of(context)
    secrets = Secrets(talk, pin_fd)
    with with_card(talk, reader) as here:
        shown = serving.shown(secrets)
        serving.give(talk, here.counter, medical.recover(here, shown, secrets.entered()))


def _written(file: Path, data: bytes) -> None:
    file.write_bytes(data)
