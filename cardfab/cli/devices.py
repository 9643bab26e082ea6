"""``cardfab reader``, ``printer`` and ``simulate``: what is connected, and a training rig to connect to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.apdu import pcsc
from cardfab.cli.output import talk_of
from cardfab.cli.wiring import profile_source
from cardfab.errors import Text, UsageRefused
from cardfab.printer.evolis import EvolisPrinter
from cardfab.printer.stream import open_stream
from cardfab.profile.loader import load
from cardfab.profile.printer import PrinterProfile

reader_app = typer.Typer(help="Card readers.", no_args_is_help=True)
printer_app = typer.Typer(help="Card printers.", no_args_is_help=True)
simulate_app = typer.Typer(help="Training devices to connect to.", no_args_is_help=True)


@reader_app.command("list")
def readers(context: typer.Context) -> None:
    """Readers that PC/SC knows."""
    talk = talk_of(context)
    found = pcsc.list_readers()
    rows = [(name, f"pcsc:{name}") for name in found]
    columns = (Text("reader", "读卡器"), Text("use as --reader", "用法 --reader"))
    talk.give(found, lambda: talk.table(columns, rows, empty=Text("PC/SC knows no reader.", "没有 PC/SC 读卡器。")))


@printer_app.command("list")
def printers(context: typer.Context) -> None:
    """Printer profiles."""
    talk = talk_of(context)
    source = profile_source(None)
    found = [load(source, "printers", name, PrinterProfile) for name in source.names("printers")]
    rows = [(one.name, talk.of(Text(one.title_en, one.title_zh))) for one in found]
    columns = (Text("profile", "配置"), Text("printer", "打印机"))
    talk.give([one.name for one in found], lambda: talk.table(columns, rows, empty=Text("none", "无")))


@printer_app.command()
def status(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="socket://HOST:PORT or a serial device.")],
    profile: Annotated[str, typer.Option("--profile")] = "evolis-ymcko",
) -> None:
    """What a printer says of itself now."""
    talk = talk_of(context)
    settings = load(profile_source(None), "printers", profile, PrinterProfile)
    printer = EvolisPrinter(open_stream(address, **settings.line.model_dump()), settings.settings())
    try:
        identity, now = printer.identify(), printer.status()
    finally:
        printer.close()
    value = {
        "model": identity.model,
        "serial": identity.serial,
        "firmware": identity.firmware,
        "position": now.position.value,
        "ribbon": now.ribbon.value,
        "ribbon_left": now.ribbon_left,
        "cover_open": now.cover_open,
        "feeder_empty": now.feeder_empty,
        "faults": [fault.name for fault in now.faults],
    }
    rows = [(name, str(part)) for name, part in value.items()]
    columns = (Text("item", "项目"), Text("value", "值"))
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("", "")))


@simulate_app.command("printer")
def simulate_printer(
    context: typer.Context,
    cards: Annotated[int, typer.Option("--cards", min=0, help="Blanks in the hopper.")] = 10,
    out: Annotated[Path | None, typer.Option("--out", help="Draw finished cards here.")] = None,
    port: Annotated[int, typer.Option("--port", help="The printer's port; 0 any free one.")] = 0,
    reader_port: Annotated[int, typer.Option("--reader-port", help="The reader's port; 0 any free one.")] = 0,
) -> None:
    """A training printer with a hopper of training chips, on ports of the loopback, until Ctrl-C."""
    from cardfab.simulator.rig import run_rig

    run_rig(cards, out, port, reader_port)


@simulate_app.command("card")
def simulate_card(
    context: typer.Context,
    vpcd: Annotated[str, typer.Option("--vpcd", help="HOST:PORT of a vpcd to connect to as a card.")],
    serial: Annotated[int, typer.Option("--serial", min=0, max=99_999_999)] = 1,
    region: Annotated[str, typer.Option("--region", help="Of the training card.")] = "440199",
    profile: Annotated[str, typer.Option("--profile", help="Which card; a wrong name lists all.")] = "training-ssc2",
) -> None:
    """A training chip in a virtual PC/SC reader (vpcd), until Ctrl-C."""
    import threading

    from cardfab.simulator.chip import CARDS, make_card, serve_vpcd

    if profile not in CARDS:
        names = ", ".join(CARDS)
        raise UsageRefused(
            Text(f"There is no card profile {profile!r}: take {names}.", f"没有卡配置 {profile!r}，可用：{names}。")
        )
    host, _, port = vpcd.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageRefused(Text("--vpcd takes HOST:PORT.", "--vpcd 须为 主机:端口。"))
    talk_of(context).say("The chip is in the reader; Ctrl-C takes it out.", "芯片已插入，按 Ctrl-C 取出。")
    chip = make_card(profile, serial, region=region)
    serve_vpcd(chip, host, int(port), threading.Event())
