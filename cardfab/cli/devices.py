"""``cardfab reader`` and ``simulate``: what is connected, and a training rig to connect to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cardfab.apdu import pcsc
from cardfab.cli.output import talk_of
from cardfab.cli.tray import NoSuchCard
from cardfab.errors import Text, UsageRefused

reader_app = typer.Typer(help="Card readers.", no_args_is_help=True)
simulate_app = typer.Typer(help="Training devices to connect to.", no_args_is_help=True)


@reader_app.command("list")
def readers(context: typer.Context) -> None:
    """Readers that PC/SC knows."""
    talk = talk_of(context)
    found = pcsc.list_readers()
    rows = [(name, f"pcsc:{name}") for name in found]
    columns = (Text("reader", "读卡器"), Text("use as --reader", "用法 --reader"))
    talk.give(found, lambda: talk.table(columns, rows, empty=Text("PC/SC knows no reader.", "没有 PC/SC 读卡器。")))


@simulate_app.command("printer")
def simulate_printer(
    context: typer.Context,
    cards: Annotated[int, typer.Option("--cards", min=0, help="Blanks in the hopper.")] = 10,
    out: Annotated[Path | None, typer.Option("--out", help="Draw finished cards here.")] = None,
    port: Annotated[int, typer.Option("--port", help="The printer's port; 0 any free one.")] = 0,
    reader_port: Annotated[int, typer.Option("--reader-port", help="The reader's port; 0 any free one.")] = 0,
    family: Annotated[str, typer.Option("--family", help="evolis or matica.")] = "evolis",
    speed: Annotated[float, typer.Option("--speed", min=0, help="So many times as fast; 0 takes no time.")] = 1.0,
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", help="NAME[:COMMAND[:SKIP]], as jam:Se; a wrong name lists all."),
    ] = None,
    control: Annotated[
        int | None, typer.Option("--control", help="A port for orders, one JSON object a line; 0 any free one.")
    ] = None,
) -> None:
    """A training printer with a hopper of training chips, on ports of the loopback, until Ctrl-C."""
    from cardfab.simulator.rig import run_rig
    from cardfab.simulator.rig.control import FAULTS

    if family not in ("evolis", "matica"):
        raise UsageRefused(Text("--family is evolis or matica.", "--family 须为 evolis 或 matica。"))
    for one in fault or []:
        name, _, rest = one.partition(":")
        skip = rest.partition(":")[2]
        if name not in FAULTS or not (skip or "0").isdecimal():
            raise UsageRefused(
                Text(
                    f"--fault is NAME[:COMMAND[:SKIP]]; names: {', '.join(FAULTS)}.",
                    f"--fault 格式为 名称[:命令[:跳过次数]]，名称：{', '.join(FAULTS)}。",
                )
            )
    run_rig(
        cards,
        out,
        port,
        reader_port,
        family="matica" if family == "matica" else "evolis",
        speed=speed,
        faults=fault or [],
        control_port=control,
    )


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
