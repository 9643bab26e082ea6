"""``cardfab card verify --emv``: a whole transaction against the bank application, each check told in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from cardfab.apdu.link import Exchange, drive
from cardfab.cli.banking import training_authorities
from cardfab.cli.counterdesk import Secrets, devices
from cardfab.cli.output import Talk
from cardfab.cli.wiring import sole_worker
from cardfab.errors import CardRefused, Text, UsageRefused
from cardfab.keys.certificates import PublicKey
from cardfab.prepare.spoken import fen, yuan
from cardfab.station.desk import Desk
from cardfab.station.payment import PaymentCard, authorities, issuer_host, payment_card
from cardfab.terminal.emv import (
    BlockApplication,
    Deal,
    EmvReport,
    EmvTerminal,
    Holder,
    KeyHost,
    Kind,
    Order,
    Outcome,
    UnblockApplication,
    UnblockPin,
    contact,
    contactless,
)

_SCRIPTS: dict[str, Callable[[], Order]] = {
    "pin-unblock": UnblockPin,
    "block": BlockApplication,
    "unblock": UnblockApplication,
}
_WITH_PAD, _WITHOUT_PAD = bytes.fromhex("E0F8C8"), bytes.fromhex("E0B8C8")
_OFFLINE_FLOOR = 10**11


@dataclass(frozen=True, slots=True)
class EmvOptions:
    """The options of ``card verify`` that belong to the bank application."""

    emv: Annotated[bool, typer.Option("--emv", help="A transaction with the bank application instead.")] = False
    kind: Annotated[Kind, typer.Option("--kind", help="With --emv: what is done.")] = Kind.PURCHASE
    amount: Annotated[str, typer.Option("--amount", help="With --emv: yuan.")] = "1.00"
    online: Annotated[bool, typer.Option("--online", help="With --emv: play the issuer's host.")] = False
    decline: Annotated[bool, typer.Option("--decline", help="With --online: the issuer declines.")] = False
    antenna: Annotated[bool, typer.Option("--contactless", help="With --emv: one tap (qPBOC).")] = False
    sm: Annotated[bool, typer.Option("--sm", help="With --emv: SM2 and SM4 where the card has them.")] = False
    chip_pin: Annotated[bool, typer.Option("--chip-pin", help="With --emv: ask for the PIN; the chip checks it.")] = (
        False
    )
    online_pin: Annotated[
        bool, typer.Option("--online-pin", help="With --online: ask for the PIN; the issuer checks it.")
    ] = False
    product: Annotated[
        str | None, typer.Option("--product", help="With --online: whose card it is, where the books do not say.")
    ] = None
    script: Annotated[
        str | None, typer.Option("--script", help="With --online, training: pin-unblock, block or unblock.")
    ] = None


def verify_emv(talk: Talk, options: EmvOptions, reader: str | None, pin_fd: int | None) -> None:
    """One transaction; the report to standard output, exit status 4 where a check failed."""
    amount = fen(options.amount)
    _check(options)
    located = talk.located()
    with (
        talk.desk() as desk,
        sole_worker(located),
        devices(located, desk, reader, contactless=options.antenna) as found,
        found.chip() as chip,
    ):
        card = payment_card(desk, chip.serial, options.product)
        holder = _holder(talk, desk, options, card, pin_fd)
        terminal = _terminal(desk, options)
        deal = Deal(options.kind, amount, _now(desk), desk.random(4))
        host = _host(desk, options, card)
        run: Callable[..., Exchange[EmvReport]] = contactless if options.antenna else contact
        report = drive(run(terminal, deal, holder, host), chip.link)
    talk.give(as_json(report, options.kind, contactless=options.antenna), lambda: show(talk, report))
    if not report.good:
        raise CardRefused(
            Text("The bank application does not prove itself.", "银行应用未通过验证。"),
            do=Text("The failed checks above say why.", "原因见上列未通过的检查。"),
            code="CF-4650",
        )


def _check(options: EmvOptions) -> None:
    for name, given in (
        ("--decline", options.decline),
        ("--online-pin", options.online_pin),
        ("--script", options.script),
    ):
        if given and not options.online:
            raise UsageRefused(
                Text(f"{name} is for --online: the issuer's host does it.", f"{name} 须与 --online 同用。"),
                code="CF-2240",
            )
    if options.script is not None and options.script not in _SCRIPTS:
        raise UsageRefused(
            Text(f"--script takes {', '.join(_SCRIPTS)}.", f"--script 可用 {'、'.join(_SCRIPTS)}。"), code="CF-2241"
        )


def _terminal(desk: Desk, options: EmvOptions) -> EmvTerminal:
    keys: dict[bytes, PublicKey] = authorities(desk)
    if desk.training:
        from cardfab.simulator import authority

        keys |= {authority.RID + index: key for index, key in training_authorities().items()}
    return EmvTerminal(
        keys,
        sm=options.sm,
        capabilities=_WITH_PAD if options.online_pin else _WITHOUT_PAD,
        floor_limit=_OFFLINE_FLOOR if options.kind is Kind.OFFLINE else 0,
        branch=options.script == "unblock",
    )


def _host(desk: Desk, options: EmvOptions, card: PaymentCard | None) -> KeyHost | None:
    if not options.online:
        return None
    if card is None:
        raise UsageRefused(
            Text("The books do not know this card.", "本网点没有该卡的登记。"),
            do=Text("Name its product with --product.", "请用 --product 指定产品。"),
            code="CF-2242",
        )
    orders: tuple[Order, ...] = ()
    if options.script is not None:
        if not desk.training:
            raise UsageRefused(
                Text("--script is for training: a script changes a card.", "--script 仅用于训练：脚本会改变卡片。"),
                code="CF-2243",
            )
        orders = (_SCRIPTS[options.script](),)
    return issuer_host(desk, card, declines=options.decline, orders=orders)


def _holder(talk: Talk, desk: Desk, options: EmvOptions, card: PaymentCard | None, pin_fd: int | None) -> Holder:
    """PINs come from a prompt or a descriptor. A training station's own key store stands for the PIN pad."""
    secrets = Secrets(talk, pin_fd)
    pin = secrets.pin("PIN for the chip", "芯片 PIN") if options.chip_pin else None
    pad = None
    if options.online_pin and card is not None:
        typed = secrets.pin("PIN for the issuer", "联机 PIN")
        pad = partial(desk.keys.pad_block, card.pad_key, 0, typed)
    return Holder(pin=pin, pad=pad, tries_chip_pin=options.chip_pin)


def _now(desk: Desk) -> datetime:
    return desk.now().astimezone()


_MARKS = {
    Outcome.PASSED: Text("passed", "通过"),
    Outcome.FAILED: Text("FAILED", "未通过"),
    Outcome.NOT_DONE: Text("not done", "未进行"),
}


def show(talk: Talk, report: EmvReport) -> None:
    """The report for people: a line a check, then how it ended."""
    rows = [(talk.of(one.name), talk.of(_MARKS[one.outcome]), one.tag, talk.of(one.text)) for one in report.checks]
    columns = (Text("check", "检查"), Text("outcome", "结果"), Text("tag", "标签"), Text("finding", "说明"))
    talk.table(columns, rows, empty=Text("", ""))
    for one in report.failed:
        talk.out.print(talk.of(one.sentence), style="red")
    talk.out.print(talk.of(report.result.text), style="bold")
    if report.balance is not None:
        balance = Text(f"E-cash balance: {yuan(report.balance)}", f"电子现金余额：{yuan(report.balance)}")
        talk.out.print(talk.of(balance))


def as_json(report: EmvReport, kind: Kind, *, contactless: bool) -> dict[str, object]:
    """The report for a program."""
    return {
        "kind": str(kind),
        "contactless": contactless,
        "good": report.good,
        "result": str(report.result),
        "application": report.aid.hex().upper(),
        "pan": report.pan,
        "algorithm": report.algorithm,
        "atc": report.atc,
        "tvr": report.tvr.hex().upper(),
        "balance": report.balance,
        "values": report.values,
        "checks": [
            {
                "check": one.item.value,
                "name": {"en": one.name.en, "zh": one.name.zh},
                "outcome": str(one.outcome),
                "tag": one.tag,
                "text": {"en": one.text.en, "zh": one.text.zh},
            }
            for one in report.checks
        ],
    }
