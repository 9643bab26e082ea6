"""``cardfab printer`` and ``cardfab face print``: what a printer says, a test face, its cleaning, a proof of a face."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.cli.wiring import profile_source, sole_worker
from cardfab.errors import CardfabError, Text, UsageRefused
from cardfab.face.canvas import Canvas
from cardfab.profile.loader import load
from cardfab.profile.printer import IppProfile, PrinterProfile
from cardfab.settings import Located
from cardfab.station.desk import Desk
from cardfab.station.proof import Machine, clean, print_proof, print_test

app = typer.Typer(help="Card printers.", no_args_is_help=True)

Address = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME|ADDRESS]",
        help="socket://HOST:PORT, a serial device or ipp://HOST/PATH; without one, or by its profile, the station's.",
    ),
]
Profile = Annotated[str | None, typer.Option("--profile", help="Which model and ribbon: 'cardfab printer list'.")]
_DEFAULT, _BEHIND_IPP = "evolis-ymcko", "ipp-card"


@app.command("list")
def printers(context: typer.Context) -> None:
    """The station's printer and all printer profiles."""
    talk = talk_of(context)
    here = _station(talk)
    source = profile_source(here.folder if here else None)
    found = [load(source, "printers", name, PrinterProfile).printer for name in source.names("printers")]
    own = {here.values.devices.printer_profile: here.values.devices.printer} if here else {}
    value = [
        {"profile": one.name, "family": one.family, "title": talk.of(Text(one.title_en, one.title_zh))}
        | ({"address": own[one.name]} if one.name in own else {})
        for one in found
    ]
    columns = (
        Text("profile", "配置"),
        Text("language", "指令语言"),
        Text("this station's", "本站地址"),
        Text("printer", "打印机"),
    )
    rows = [(one.name, one.family, own.get(one.name, ""), talk.of(Text(one.title_en, one.title_zh))) for one in found]
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("none", "无")))


@app.command()
def status(context: typer.Context, address: Address = None, profile: Profile = None) -> None:
    """What a printer says of itself now."""
    talk = talk_of(context)
    here = _station(talk)
    at, name = _place(here, address, profile)
    with closing(_profile(here, name).open(at)) as printer:
        identity, now = printer.identify(), printer.status()
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
    said = "; ".join(talk.of(fault.what) for fault in now.faults) or talk.of(Text("ready", "就绪"))
    rows = [(each, said if each == "faults" else "" if part is None else str(part)) for each, part in value.items()]
    columns = (Text("item", "项目"), Text("value", "值"))
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("", "")))


@app.command("test")
def try_out(
    context: typer.Context,
    address: Address = None,
    profile: Profile = None,
    stock: Annotated[
        str | None, typer.Option("--stock", help="The hopper holds these blanks: the one used is booked as spoiled.")
    ] = None,
    white: Annotated[
        bool, typer.Option("--white", help="A white card without chip lies on top in the hopper; nothing is booked.")
    ] = False,
) -> None:
    """Print a test face: inks, steps, words of each size, millimetres. No holder's data is on it."""
    talk = talk_of(context)
    with _machine(talk, address, profile) as (desk, machine):
        named = (stock is not None) + white
        if named != machine.feeds:
            raise UsageRefused(
                Text(
                    "Say what the test is printed on: --white or --stock NAME.", "请说明测试用卡：--white 或 --stock。"
                )
                if machine.feeds
                else Text("This printer takes no blanks: neither --white nor --stock.", "该打印机不使用空白卡。"),
                code="CF-2124",
            )
        print_test(desk, machine, stock)
    value = {"profile": machine.name, "spoiled": stock}
    talk.give(value, lambda: talk.out.print(talk.of(Text("The test face is printed.", "测试面已打印。"))))


@app.command("clean")
def clean_(context: typer.Context, address: Address = None, profile: Profile = None) -> None:
    """Run the cleaning cycle: ribbon out, cleaning card in."""
    talk = talk_of(context)
    with _machine(talk, address, profile) as (desk, machine):
        clean(desk, machine)
    talk.give({"profile": machine.name}, lambda: talk.out.print(talk.of(Text("Cleaned.", "清洁完成。"))))


def face_print(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A request or a job.")],
    printer: Annotated[str | None, typer.Option("--printer", help="ipp://HOST[:PORT]/PATH")] = None,
    profile: Profile = None,
) -> None:
    """Print a face as a proof, marked so on both edges; a card is printed by 'cardfab issue' alone."""
    talk = talk_of(context)
    with _machine(talk, printer, profile) as (desk, machine):
        request = print_proof(desk, machine, name)
    done = Text(f"{request}: proof printed; it is no card.", f"{request}：校样已打印，并非卡片。")
    talk.give({"request": request, "proof": True, "profile": machine.name}, lambda: talk.out.print(talk.of(done)))


@contextmanager
def _machine(talk: Talk, address: str | None, profile: str | None) -> Iterator[tuple[Desk, Machine]]:
    """The desk, and a printer that nobody else moves cards in."""
    located = talk.located()
    at, name = _place(located, address, profile)
    with sole_worker(located), talk.desk() as desk:
        found = _profile(located, name)
        canvas = Canvas(found.canvas.width, found.canvas.height, found.canvas.dpi)
        with closing(found.open(at)) as printer:
            yield desk, Machine(printer, canvas, name, feeds=not isinstance(found.printer, IppProfile))


def _station(talk: Talk) -> Located | None:
    """The station here, None where there is none: a printer can be asked without one."""
    try:
        return talk.located()
    except CardfabError:
        if talk.config is not None:
            raise
        return None


def _profile(here: Located | None, name: str) -> PrinterProfile:
    return load(profile_source(here.folder if here else None), "printers", name, PrinterProfile)


def _place(here: Located | None, address: str | None, profile: str | None) -> tuple[str, str]:
    """Address and profile of the printer that is meant."""
    own = here.values.devices if here else None
    if address is None or (own and address == own.printer_profile):
        if own is None or own.printer in ("simulated", "none"):
            raise UsageRefused(
                Text("This station has no printer that stands by itself.", "本制卡点没有独立的打印机。"),
                do=Text(
                    "Name an address; 'cardfab simulate printer' starts a training printer with one.",
                    "请给出地址；cardfab simulate printer 可启动培训打印机。",
                ),
                code="CF-2125",
            )
        return own.printer, profile or own.printer_profile
    if address.startswith(("ipp:", "ipps:")):
        return address, profile or _BEHIND_IPP
    return address, profile or (own.printer_profile if own else _DEFAULT)
