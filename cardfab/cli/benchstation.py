"""``cardfab bench station``: pages and API under fifty clients, and our own time in a card from Issue to hand-over.

The station is served by this process as ``cardfab station serve`` serves it; the clients are a process of their own
with a thread each. A closed loop asks again at once and shows the limit; with think time the clients are people.
"""

from __future__ import annotations

import http.client
import logging
import multiprocessing
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from multiprocessing.queues import Queue
from pathlib import Path
from statistics import median
from typing import Annotated, Any, cast

import typer

from cardfab.apdu.link import CardConnection
from cardfab.cli.counterdesk import counter_of
from cardfab.cli.databases import database_at
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.serving import fill, open_floor, with_pad
from cardfab.cli.wiring import bench_of, open_desk, open_devices
from cardfab.errors import Text
from cardfab.printer.driver import CardPrinter
from cardfab.production import Person, Role
from cardfab.production.identity import Document, identity
from cardfab.settings import Located, read_settings
from cardfab.station import access
from cardfab.station.counter.service import Shown
from cardfab.station.devices import Devices
from cardfab.station.issue import issue
from cardfab.station.outlet.handing import hand_over
from cardfab.station.tokens import add_token
from cardfab.station.work import open_work
from cardfab.store import Database

PAGES = ("/", "/jobs", "/stock", "/issue")
API = ("/api/v1/jobs", "/api/v1/requests")
CARDS = 10
_WORDS = {
    "pages": Text("pages", "页面"),
    "api": Text("API", "接口"),
    "card": Text("a card, own time", "单卡自身耗时"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. ``think`` in seconds, None for a card; times in milliseconds; ``failed`` are answers other than 200."""

    database: str
    what: str
    think: float | None
    count: int
    per_second: float
    p50: float
    p99: float
    failed: int = 0


def station(
    context: typer.Context,
    postgres: Annotated[
        str | None, typer.Option("--postgresql", help="URL of an empty database, to measure too.")
    ] = None,
    clients: Annotated[int, typer.Option("--clients", min=1, max=200)] = 50,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Of each measurement.")] = 10.0,
    think: Annotated[float, typer.Option("--think", min=0.01, help="Mean pause of a person between two pages.")] = 2.0,
) -> None:
    """Latency of pages and API under many clients, and our own time in a card, on SQLite and PostgreSQL."""
    talk = talk_of(context)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="cardfab-bench-") as folder:
        first = found_training_station(Path(folder) / "first", chip_keys=CARDS)
        for name, where in (("SQLite", "station.db"), ("PostgreSQL", postgres)):
            if where is not None:
                located = _copy(first.folder, Path(folder) / name, where)
                figures += measure(talk, located, name, clients, seconds, think)
    columns = (
        Text("database", "数据库"), Text("what", "项目"), Text("think s", "思考秒数"), Text("count", "次数"),
        Text("per s", "每秒"), Text("p50 ms", "p50 毫秒"), Text("p99 ms", "p99 毫秒"), Text("failed", "失败"),
    )  # fmt: skip
    rows = [
        (f.database, talk.of(_WORDS[f.what]), "" if f.think is None else f"{f.think:g}", str(f.count),
         f"{f.per_second:.1f}", f"{f.p50:.1f}", f"{f.p99:.1f}", str(f.failed))
        for f in figures
    ]  # fmt: skip
    value = {"clients": clients, "seconds": seconds, "figures": [asdict(f) for f in figures]}
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("", "")))


def measure(talk: Talk, located: Located, name: str, clients: int, seconds: float, think: float) -> list[Figure]:
    """The figures of one station: a card first, then pages and API with think time and without."""
    fill(located)
    found = [_cards(talk, located, name)]
    with _served(talk, located) as port:
        cookies, token = _people(located, clients)
        for what, paths, heads in (
            ("pages", PAGES, [{"Cookie": cookie} for cookie in cookies]),
            ("api", API, [{"Authorization": f"Bearer {token}"}] * clients),
        ):
            for pause in (think, 0.0):
                found.append(_asked(name, what, port, paths, heads, seconds, pause))
    return found


def _copy(first: Path, folder: Path, where: str) -> Located:
    shutil.copytree(first, folder)
    file = folder / "cardfab.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"station.db"', f'"{where}"'), encoding="utf-8")
    located = with_pad(read_settings((file,)))
    if where.startswith("postgresql://"):
        database = database_at(located)
        database.upgrade()
        with database.transaction("people") as tx:
            for person in PEOPLE:
                tx.people.add(person)
        database.close()
    return located


# -- pages and API -----------------------------------------------------------------------------------------------------


@contextmanager
def _served(talk: Talk, located: Located) -> Iterator[int]:
    import uvicorn

    from cardfab.web.app import create_app
    from cardfab.web.warming import warm

    logging.getLogger("cardfab.web.request").setLevel(logging.ERROR)
    with open_floor(located, Talk(quiet=True, language=talk.language)) as floor:
        config = uvicorn.Config(create_app(floor), host="127.0.0.1", port=0, log_config=None, access_log=False,
                                lifespan="off")  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        warm(floor.language).join()
        while not server.started:
            time.sleep(0.02)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)


def _people(located: Located, count: int) -> tuple[list[str], str]:
    """So many clerks who are signed in, their cookies, and a token of the API."""
    database: Database = database_at(located)
    logins = [f"clerk-{number:03d}" for number in range(count)]
    with database.transaction("clerks") as tx:
        for login in logins:
            tx.people.add(Person(login, login, frozenset({Role.OPERATOR})))
    database.close()
    with open_desk(located, person=PEOPLE[0]) as desk:
        door = desk.entrance()
        cookies = [f"cardfab_session={access.sign_in(door, login, 'bench').hex()}.{login}" for login in logins]
        return cookies, add_token(desk, "bench", logins[0], frozenset({Role.OPERATOR})).shown


def _asked(
    database: str,
    what: str,
    port: int,
    paths: tuple[str, ...],
    heads: list[dict[str, str]],
    seconds: float,
    think: float,
) -> Figure:
    spawn = multiprocessing.get_context("spawn")
    queue: Queue[tuple[list[float], int]] = spawn.Queue()
    clients = spawn.Process(target=_clients, args=(queue, port, paths, heads, seconds, think))
    clients.start()
    times, failed = queue.get(timeout=seconds * 3 + 60)
    clients.join(30)
    return _figure(database, what, think, times, failed, seconds)


def _clients(
    queue: Queue[tuple[list[float], int]], port: int, paths: tuple[str, ...], heads: list[dict[str, str]],
    seconds: float, think: float,
) -> None:  # fmt: skip
    """All clients, in a process of their own."""
    each: list[list[float]] = [[] for _ in heads]
    failed = [0] * len(heads)
    until = time.monotonic() + seconds

    def ask(connection: http.client.HTTPConnection, path: str, number: int) -> http.client.HTTPResponse:
        connection.request("GET", path, headers=heads[number])
        answer = connection.getresponse()
        answer.read()
        return answer

    def work(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        pause = random.Random(number)
        turn = number
        if think:
            time.sleep(pause.uniform(0, think))
        while time.monotonic() < until:
            began = time.perf_counter()
            try:
                answer = ask(connection, paths[turn % len(paths)], number)
            except (http.client.HTTPException, OSError):  # the server ends idle connections; a browser asks again
                connection.close()
                answer = ask(connection, paths[turn % len(paths)], number)
            each[number].append((time.perf_counter() - began) * 1000)
            failed[number] += answer.status != 200
            turn += 1
            if think:
                time.sleep(pause.expovariate(1 / think))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(heads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(([one for times in each for one in times], sum(failed)))


def _figure(database: str, what: str, think: float | None, times: list[float], failed: int, seconds: float) -> Figure:
    ranked = sorted(times) or [0.0]
    p99 = ranked[min(len(ranked) - 1, round(0.99 * (len(ranked) - 1)))]
    rate = len(times) / seconds if seconds else 0.0
    return Figure(database, what, think, len(times), round(rate, 1), round(median(ranked), 2), round(p99, 2), failed)


# -- a card ------------------------------------------------------------------------------------------------------------


class _Meter:
    """Seconds that devices made us wait: the clock less what this thread computed meanwhile, which is our own."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def over(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, metered."""

        def metered(*given: Any, **named: Any) -> Any:
            if self._inside:
                return call(*given, **named)
            self._inside = True
            clock, own = time.perf_counter(), time.thread_time()
            try:
                return call(*given, **named)
            finally:
                self.seconds += time.perf_counter() - clock - (time.thread_time() - own)
                self._inside = False

        return metered


class _Metered:
    """A device whose calls are metered."""

    def __init__(self, inner: object, meter: _Meter) -> None:
        self._inner, self._meter = inner, meter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._meter.over(found) if callable(found) else found


def _cards(talk: Talk, located: Located, name: str) -> Figure:
    """Every card from Issue to hand-over, with a simulated pair; what the pair took is taken off."""
    times: list[float] = []
    with (
        open_desk(located, person=PEOPLE[0]) as desk,
        open_devices(desk, bench_of(located, reader=None, printer=None)) as found,
    ):
        meter = _Meter()
        devices: Devices = replace(
            found,
            connect=lambda: cast("CardConnection", _Metered(meter.over(found.connect)(), meter)),
            printer=cast("CardPrinter", _Metered(found.printer, meter)),
            find_reader=meter.over(found.find_reader),
            sees_card=None if found.sees_card is None else meter.over(found.sees_card),
        )
        counter = replace(counter_of(talk, located, desk), host=None)
        with desk.database.reading() as tx:
            waiting = [job for job in tx.jobs.all() if job.state == "QUEUED"][:CARDS]
        began = time.perf_counter()
        for job in waiting:
            open_work(desk, job, print_=True)  # the operator sees the face before Issue is pressed
            meter.seconds, clock = 0.0, time.perf_counter()
            made = issue(desk, devices, str(job.id))
            shown = identity(Document.ID_CARD, made.card.face["social_security_number"], "")
            hand_over(counter, job.id, Shown(shown))
            times.append((time.perf_counter() - clock - meter.seconds) * 1000)
        whole = time.perf_counter() - began
    return _figure(name, "card", None, times, 0, whole)
