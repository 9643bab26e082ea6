"""``cardfab plan export``, ``import`` and ``host-file``: bank data out and in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.output import talk_of
from cardfab.cli.wiring import write_private
from cardfab.errors import CardfabError, InputRefused, Text
from cardfab.keys import Sealed
from cardfab.prepare.financial.handover import HandedGrouping, read_groupings
from cardfab.station.handover import compare_groupings, export_groupings, host_file

Out = Annotated[Path, typer.Option("--out", help="The file to write; readable by its owner alone.")]


class FilesDiffer(InputRefused):
    """A file of data groupings that is not what the station prepared."""

    default_code = "CF-3170"


def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A request or a job.")],
    out: Out,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Secrets go along, sealed for this station; else they are left out.")
    ] = False,
) -> None:
    """The data groupings of one card as text (DGI0101=...): account number in clear, secrets never."""
    talk = talk_of(context)
    with talk.desk() as desk:
        text = export_groupings(desk, name, sealed=sealed)
    write_private(out, text.encode())
    count = sum(line.startswith("DGI") for line in text.splitlines())
    words = Text(f"{count} data groupings are in {out}.", f"{count} 个数据分组已写入 {out}。")
    talk.give(
        {"file": str(out), "groupings": count, "sealed": sealed}, lambda: talk.out.print(talk.of(words), markup=False)
    )


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Data groupings as text.")],
    compare: Annotated[
        str | None, typer.Option("--compare", help="A request or job that should have the same.")
    ] = None,
) -> None:
    """Read a file of data groupings: what it holds, and where it differs from a prepared card (then exit 3)."""
    talk = talk_of(context)
    handed = read_groupings(_text(file))
    wrong: list[tuple[str, str]] = []
    if compare is not None:
        with talk.desk() as desk:
            wrong = compare_groupings(desk, compare, handed)
    rows = [(aid.hex().upper(), one) for aid, lines in handed.items() for one in lines]
    value = {
        "applications": {
            aid.hex().upper(): [{"dgi": one.dgi, "length": one.length, "secret": _secret(one)} for one in lines]
            for aid, lines in handed.items()
        },
        "differs": [{"application": aid, "dgi": dgi} for aid, dgi in wrong],
    }
    columns = (Text("application", "应用"), Text("DGI", "DGI"), Text("bytes", "字节"), Text("secret", "机密"))
    shown = [(aid, one.dgi, str(one.length), _secret(one)) for aid, one in rows]
    talk.give(value, lambda: talk.table(columns, shown, empty=Text("The file holds none.", "文件为空。")))
    if wrong:
        names = ", ".join(f"{aid} {dgi}".strip() for aid, dgi in wrong)
        raise FilesDiffer(
            Text(f"The file differs from '{compare}': {names}.", f"文件与“{compare}”不一致：{names}。"),
            do=Text("Find out which of the two is right.", "请核实以哪一方为准。"),
        )


def host_file_(
    context: typer.Context,
    out: Out,
    whole: Annotated[
        bool, typer.Option("--whole", help="Account numbers and certificates whole; a supervisor's decision.")
    ] = False,
) -> None:
    """The file for the issuer's host: account (masked), key check values, certificates and expiry of every card."""
    talk = talk_of(context)
    with talk.desk() as desk:
        text, count = host_file(desk, whole=whole)
    write_private(out, text.encode())
    words = Text(f"{count} cards are in {out}.", f"{count} 张卡已写入 {out}。")
    talk.give({"file": str(out), "cards": count, "whole": whole}, lambda: talk.out.print(talk.of(words), markup=False))


def _secret(one: HandedGrouping) -> str:
    return "left out" if one.value is None else "sealed" if isinstance(one.value, Sealed) else ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unusable:
        raise _unreadable(file) from unusable


def _unreadable(file: Path) -> CardfabError:
    return InputRefused(Text(f"{file} cannot be read as text.", f"无法按文本读取 {file}。"), code="CF-3171")
