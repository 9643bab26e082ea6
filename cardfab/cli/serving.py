"""``cardfab station serve``: the pages of the outlet, on this machine unless the settings say otherwise."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.counterdesk import counter_of, devices
from cardfab.cli.founding import FIRST_PRODUCT, PEOPLE, found_training_station
from cardfab.cli.issuerhost import courier_of
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.requests import read_photos
from cardfab.cli.wiring import StationBusy, bench_of, open_desk, open_devices, sole_worker
from cardfab.documents.counter import Language
from cardfab.errors import Text, UsageRefused
from cardfab.resources import data_folder
from cardfab.settings import Located, read_settings
from cardfab.station.counter.cutoff import end_cut_off
from cardfab.station.counter.service import Counter
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.intake import approve, import_requests
from cardfab.station.line import Line
from cardfab.station.stockroom import receive
from cardfab.web.floor import NOBODY_HERE, Floor

app = typer.Typer(help="The outlet station: pages for operators.", no_args_is_help=True)
TRAINING_FOLDER = Path("cardfab-training")
_PATIENCE = 5.0
"""Seconds that the counter waits for the line to let the reader go."""


@app.callback()
def group() -> None:
    """The outlet station: pages for operators."""


@contextmanager
def open_floor(
    located: Located, talk: Talk, *, line: Callable[[Desk, Located], Line] | None = None, names: Sequence[str] = ()
) -> Iterator[Floor]:
    """The station joined for its pages, its line at work. ``names``: more host names that a browser may use."""
    section = located.values.web

    def tell(advice: Text) -> None:
        talk.say(advice.en, advice.zh)

    with open_desk(located, person=NOBODY_HERE, tell=tell) as base, ExitStack() as stack:
        end_cut_off(base)  # before anybody sees a page, whether or not a printer answers
        made = (line or line_of)(base, located)
        made.start()
        try:
            if (courier := courier_of(located, base)) is not None:
                stack.enter_context(courier)
            yield Floor(
                base=base,
                line=made,
                counter=lambda desk, language: _counter(located, desk, language),
                card=lambda desk, reader: _card(located, desk, reader),
                folder=located.folder,
                language="zh" if talk.language == "zh" else "en",
                hosts=frozenset({"127.0.0.1", "localhost", "[::1]", *(one.lower() for one in section.names), *names}),
                secure=bool(section.certificate),
            )
        finally:
            made.stop()


def line_of(base: Desk, located: Located) -> Line:
    """The maker of this station's cards."""

    @contextmanager
    def opened(desk: Desk, stocks: Sequence[str]) -> Iterator[Devices]:
        bench = replace(bench_of(located, reader=None, printer=None), hopper=tuple(stocks))
        with sole_worker(located), open_devices(desk, bench) as found:
            yield found

    return Line(base, opened)


def _counter(located: Located, desk: Desk, language: Language) -> Counter:
    return counter_of(Talk(language=language), located, desk)


@contextmanager
def _card(located: Located, desk: Desk, reader: str | None) -> Iterator[Devices]:
    """The counter's reader; waits a little while the line has it."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            held = sole_worker(located)
            held.__enter__()
            break
        except StationBusy:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
    try:
        with devices(located, desk, reader) as found:
            yield found
    finally:
        held.__exit__(None, None, None)


@app.command()
def serve(
    context: typer.Context,
    training: Annotated[
        bool, typer.Option("--training", help="A training station, made here if there is none, with examples in it.")
    ] = False,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen at; else of this machine.")] = None,
) -> None:
    """Serve the pages of the station until Ctrl-C."""
    talk = talk_of(context)
    located = training_station(talk) if training else talk.located()
    section = located.values.web
    address, number = host or section.host, section.port if port is None else port
    _require_private(located, address)
    with _listening(address, number) as listener, open_floor(located, talk, names=(_name(address),)) as floor:
        at = listener.getsockname()[1]
        url = f"{'https' if floor.secure else 'http'}://{_name(address)}:{at}/"
        words = Text(
            f"The station {floor.base.station} is at {url} - Ctrl-C ends it.",
            f"制卡点 {floor.base.station} 已启动：{url}（按 Ctrl-C 结束）",
        )
        talk.give({"url": url, "station": floor.base.station}, lambda: talk.out.print(talk.of(words), markup=False))
        talk.end()
        _run(floor, listener, located)


def _run(floor: Floor, listener: socket.socket, located: Located) -> None:
    import uvicorn

    from cardfab.web import logs
    from cardfab.web.app import create_app
    from cardfab.web.patience import limits
    from cardfab.web.warming import warm

    logs.set_up()
    section = located.values.web
    config = uvicorn.Config(
        create_app(floor),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        timeout_graceful_shutdown=5,
        **limits(),
        ssl_certfile=str(located.path(section.certificate)) if section.certificate else None,
        ssl_keyfile=str(located.path(section.certificate_key)) if section.certificate_key else None,
    )
    warm(floor.language)
    uvicorn.Server(config).run(sockets=[listener])


def _name(address: str) -> str:
    return f"[{address}]" if ":" in address else address.lower()


@contextmanager
def _listening(address: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as taken:
            raise UsageRefused(
                Text(f"{address} port {port} cannot be listened at: {taken.strerror}.",
                     f"无法在 {address} 端口 {port} 上监听：{taken.strerror}。"),
                do=Text("Another station may be running; else take another port: --port 0.",
                        "可能已有制卡点在运行；或换用其他端口：--port 0。"),
                code="CF-2800",
            ) from taken  # fmt: skip
        listener.listen(128)
        yield listener


def _require_private(located: Located, address: str) -> None:
    """Passwords and personal data do not go over a network in the clear."""
    try:
        here = ip_address(address).is_loopback
    except ValueError:
        here = address == "localhost"
    if not here and not located.values.web.certificate:
        raise UsageRefused(
            Text(f"{address} is reached from other machines, and the pages have no certificate.",
                 f"{address} 可由其他机器访问，但页面尚无证书。"),
            do=Text("Set [web] certificate and certificate_key, or stay at 127.0.0.1.",
                    "请设置 [web] certificate 与 certificate_key，或仅用 127.0.0.1。"),
            code="CF-2801",
        )  # fmt: skip


def training_station(talk: Talk) -> Located:
    """The training station of the options or of :data:`TRAINING_FOLDER`; made, with examples in it, where none is."""
    if talk.config is not None:
        return _for_training(talk.located())
    settings = TRAINING_FOLDER / "cardfab.toml"
    if settings.is_file():
        return _for_training(read_settings((settings,)))
    talk.say(f"Making a training station in {TRAINING_FOLDER}.", f"正在 {TRAINING_FOLDER} 中建立训练制卡点。")
    located = with_pad(found_training_station(TRAINING_FOLDER, chip_keys=4))
    fill(located)
    return located


def with_pad(located: Located) -> Located:
    """The station with a training pin pad: holders of a page enter their PIN at a pad, never on a keyboard."""
    text = located.file.read_text(encoding="utf-8")
    pad = '[devices]\n# A pad that gives the published PIN 123456; a real one: "tcp://HOST:PORT" or "serial:///dev/ttyS0".\n'
    located.file.write_text(text.replace("[devices]\n", pad + 'pinpad = "simulated"\n', 1), encoding="utf-8")
    return read_settings((located.file,))


def _for_training(located: Located) -> Located:
    if not located.values.station.training:
        raise UsageRefused(
            Text("This station is not for training.", "本制卡点不是训练制卡点。"),
            do=Text("Leave --training out.", "请去掉 --training。"),
            code="CF-2802",
        )
    return located


def fill(located: Located, *, approved: int | None = None, blanks: int = 20) -> tuple[str, ...]:
    """Put the examples into a training station, approve them, and receive blanks; the requests."""
    examples = data_folder("examples")
    with open_desk(located, person=PEOPLE[0]) as desk:
        data = (examples / "requests.csv").read_bytes()
        ids = tuple(
            import_requests(
                desk, data, source="requests.csv", form="csv", photos=lambda name: read_photos(examples, name)
            )
        )
        approve(desk, ids[:approved])
        receive(desk, desk.product(FIRST_PRODUCT).product.stock, blanks)
    return ids
