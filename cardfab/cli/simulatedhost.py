"""``cardfab simulate host``: the training host behind one of its faces, told how to behave while it runs."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cardfab.cli.output import talk_of
from cardfab.errors import Text, UsageRefused

if TYPE_CHECKING:
    from cardfab.simulator.host import TrainingHost

Family = Literal["line", "json", "file", "soap", "xml"]


def simulate_host(
    context: typer.Context,
    family: Annotated[Family, typer.Option("--family", help="How it speaks.")] = "line",
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
    control: Annotated[
        int | None, typer.Option("--control", help="A port for commands: play, calm, lock, name, state, heard ...")
    ] = None,
    region: Annotated[
        Literal["henan", "jilin"], typer.Option("--region", help="Of the family soap: columns and states.")
    ] = "henan",
    charset: Annotated[str, typer.Option("--charset", help="Of the family soap, else the region's.")] = "",
    folder: Annotated[Path | None, typer.Option("--folder", help="Of the family file.")] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="Its TLS certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="The private key of that (PEM).")] = None,
    stations: Annotated[
        Path | None, typer.Option("--stations", help="The authority of the stations' certificates (PEM).")
    ] = None,
    station_key: Annotated[
        str, typer.Option("--station-key", help="The station's signing key, from 'cardfab host status'.")
    ] = "",
) -> None:
    """A training issuer host on a port of the loopback, until Ctrl-C."""
    from cardfab.simulator.host import Books, Mood, TrainingHost

    try:
        mood = Mood.of(play or [], seconds)
        books = Books() if file is None else Books.open(file)
        station = bytes.fromhex(station_key) or None
    except ValueError as wrong:
        raise UsageRefused(
            Text(f"The training host cannot play {str(wrong)!r}.", f"训练主机无法按 {str(wrong)!r} 运行。"),
            do=Text(
                "As --play loss=silent-after:1, with the file of a training host.", "如 --play loss=silent-after:1。"
            ),
        ) from wrong
    if (family == "file") != (folder is not None) or (certificate is None) != (key is None):
        raise UsageRefused(
            Text(
                "--family file goes with --folder, --certificate with --key.",
                "--family file 须同时给出 --folder，--certificate 须同时给出 --key。",
            ),
            do=Text("Give both or neither.", "请同时给出或同时省略。"),
            code="CF-2281",
        )
    host = TrainingHost(books, mood)
    talk = talk_of(context)
    with ExitStack() as stack:
        values = _serve(stack, host, family, port, (region, charset), folder, (certificate, key, stations), station)
        if control is not None:
            from cardfab.simulator.host.control import ControlServer

            values["control"] = f"127.0.0.1:{stack.enter_context(ControlServer(host, control)).port}"
        talk.give(values, lambda: talk.out.print("\n".join(values.values()), markup=False))
        talk.end()
        sys.stdout.flush()
        threading.Event().wait()


def _serve(
    stack: ExitStack,
    host: TrainingHost,
    family: Family,
    port: int,
    soap: tuple[Literal["henan", "jilin"], str],
    folder: Path | None,
    tls: tuple[Path | None, Path | None, Path | None],
    station: bytes | None,
) -> dict[str, str]:
    """Serve a family; what a station writes into its settings."""
    if family == "line":
        from cardfab.simulator.host import HostServer

        return {"host": f"tcp://127.0.0.1:{stack.enter_context(HostServer(host, port)).port}"}
    from cardfab.simulator.host.jsonface import PUBLIC, FileServer, JsonFace

    if family == "file" and folder is not None:
        stack.enter_context(FileServer(JsonFace(host, station), folder))
        return {"host": f"file:{folder}", "public_key": PUBLIC.hex()}
    from cardfab.simulator.host.web import Face, TlsFiles, WebServer

    face: Face
    if family == "soap":
        from cardfab.simulator.host.soapface import SoapFace

        face = SoapFace(host, *soap)
    elif family == "xml":
        from cardfab.simulator.host.xmlface import XmlFace

        face = XmlFace(host)
    else:
        face = JsonFace(host, station)
    files = None if tls[0] is None or tls[1] is None else TlsFiles(tls[0], tls[1], tls[2])
    server = stack.enter_context(WebServer(face, port, files))
    prefix = {"soap": "soap+", "xml": "xml+"}.get(family, "")
    values = {"host": f"{prefix}{'http' if files is None else 'https'}://127.0.0.1:{server.port}/host"}
    return values | ({"public_key": PUBLIC.hex()} if family == "json" else {})
