"""``cardfab reader``, ``printer`` and ``simulate``: what is connected, and a training rig to connect to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cardfab.apdu import pcsc
from cardfab.cli.output import talk_of
from cardfab.cli.tray import NoSuchCard
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
    vpcd: Annotated[str | None, typer.Option("--vpcd", help="HOST:PORT of a vpcd to connect to as a card.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Serve it as --reader tcp://127.0.0.1:PORT; 0 any free one.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="The card of this file, changed in it; made where there is none.")
    ] = None,
    serial: Annotated[int, typer.Option("--serial", min=0, max=99_999_999)] = 1,
    region: Annotated[str, typer.Option("--region", help="Of the training card.")] = "440199",
    profile: Annotated[str, typer.Option("--profile", help="Which card; a wrong name lists all.")] = "training-ssc2",
    contactless: Annotated[bool, typer.Option("--contactless", help="On the antenna, not in the contacts.")] = False,
) -> None:
    """A training chip in a virtual PC/SC reader (vpcd) or on a port of the loopback, until Ctrl-C."""
    import threading

    from cardfab.simulator.cardfile import load_chip, save_chip
    from cardfab.simulator.chip import CARDS, make_card, serve_vpcd

    if profile not in CARDS:
        names = ", ".join(CARDS)
        raise UsageRefused(
            Text(f"There is no card profile {profile!r}: take {names}.", f"没有卡配置 {profile!r}，可用：{names}。")
        )
    if (vpcd is None) == (port is None):
        raise UsageRefused(Text("Either --vpcd HOST:PORT or --port PORT.", "--vpcd 与 --port 须且只能选一个。"))
    host, _, at = (vpcd or "127.0.0.1:0").rpartition(":")
    if not host or not at.isdecimal():
        raise UsageRefused(Text("--vpcd takes HOST:PORT.", "--vpcd 须为 主机:端口。"))
    chip = make_card(profile, serial, region=region)
    if file is not None:
        if not file.exists():
            save_chip(chip, file)
        try:
            chip = load_chip(file)
        except ValueError as wrong:
            raise NoSuchCard(Text(f"{file} is no training card.", f"{file} 不是训练卡文件。")) from wrong
    chip.contactless = contactless
    talk = talk_of(context)
    talk.say("The chip is in the reader; Ctrl-C takes it out.", "芯片已插入，按 Ctrl-C 取出。")
    if port is None:
        serve_vpcd(chip, host, int(at), threading.Event())
        return
    from cardfab.simulator.rig.servers import Server
    from cardfab.simulator.rig.slot import CardSlot

    server = Server("reader", CardSlot(chip), port)
    server.start()
    try:
        talk.give(
            {"reader": f"tcp://127.0.0.1:{server.port}"}, lambda: talk.out.print(f"tcp://127.0.0.1:{server.port}")
        )
        talk.end()
        sys.stdout.flush()
        threading.Event().wait()
    finally:
        server.stop()


@simulate_app.command("host")
def simulate_host(
    context: typer.Context,
    file: Annotated[Path | None, typer.Option("--file", help="Where its books are kept; else in memory.")] = None,
    port: Annotated[int, typer.Option("--port", help="0 any free one.")] = 0,
    play: Annotated[
        list[str] | None,
        typer.Option(
            "--play",
            help="OPERATION=WHAT[:TIMES]; WHAT a refusal code, silent-after, silent-before, garbled; * for any.",
        ),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Wait before every answer.")] = 0.0,
) -> None:
    """A training issuer host on a port of the loopback, until Ctrl-C."""
    import threading

    from cardfab.simulator.host import Books, HostServer, Mood, TrainingHost

    try:
        mood = Mood.of(play or [], seconds)
        books = Books() if file is None else Books.open(file)
    except ValueError as wrong:
        raise UsageRefused(
            Text(f"The training host cannot play {str(wrong)!r}.", f"训练主机无法按 {str(wrong)!r} 运行。"),
            do=Text(
                "As --play loss=silent-after:1, with the file of a training host.", "如 --play loss=silent-after:1。"
            ),
        ) from wrong
    talk = talk_of(context)
    with HostServer(TrainingHost(books, mood), port) as server:
        address = f"tcp://127.0.0.1:{server.port}"
        talk.give({"host": address}, lambda: talk.out.print(address))
        talk.end()
        sys.stdout.flush()
        threading.Event().wait()
