"""A template station, copied for every test, on a rig of its own; the program is run in this process and heard."""

from __future__ import annotations

import io
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import typer.main

from cardfab.cli import wiring
from cardfab.cli.founding import found_training_station
from cardfab.cli.main import run
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.request import IssuanceRequest
from cardfab.production import StockAccount
from cardfab.resources import data_folder
from cardfab.settings import Located, read_settings
from cardfab.simulator.cardfile import save_chip
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.host import TrainingHost
from cardfab.simulator.printer import Card
from cardfab.simulator.rig import Rig
from cardfab.station.desk import Desk
from cardfab.station.intake import approve, import_requests
from cardfab.station.issue import issue
from cardfab.station.lives import open_life
from cardfab.station.stockroom import receive
from cardfab.station.vault import open_card, open_request
from cardfab.store import Database, JobRow
from tests.counter_place import TODAY, Place

EXAMPLES = data_folder("examples")
STOCK = "training-ssc2"
BLANKS = 3

RARE = {
    "R2026112100002": "王䶮",
    "R2026112100003": "张𠅤",
    "R2026112100014": "龘龖",
    "R2026112100007": "古丽巴哈尔·阿卜力米提艾合麦提江",
}
PLAIN = "R2026112100013"  # 陈犇犇, not urgent
URGENT = "R2026112100015"
UNAPPROVED = "R2026112100001"
UNAPPROVED_URGENT = "R2026112100010"
APPROVED = (*RARE, PLAIN, URGENT)

QUICK = """\
# The printer of these tests: a silent command is given up soon.
extends = "evolis-ymcko"
name = "quick"

[timeouts]
parameter = 1.5
move = 2.0
download = 4.0
end = 2.0
settle = 0.05

[query]
pause = 0.01
"""


@dataclass(frozen=True)
class Said:
    """What one run of the program left: exit status and its two streams."""

    exit: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        """Standard output as the one JSON document that it must be; anything beside it is an error."""
        return json.loads(self.out)


def cardfab(*arguments: str | Path, out: io.StringIO | None = None, err: io.StringIO | None = None) -> Said:
    """Run the program in this process."""
    out, err = out or io.StringIO(), err or io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run([str(word) for word in arguments])
    return Said(status, out.getvalue(), err.getvalue())


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


_OPENED: dict[bytes, SoftKeyStore] = {}
_BOOKS: dict[tuple[str, ...], FontBook] = {}
_open_keys, _font_book = wiring.open_keys, wiring.font_book
_commands = cache(typer.main.get_command)


def _opened_once(located: Located, ask: wiring.ReadSecret, *more: Any) -> SoftKeyStore:
    """The store, its Argon2id paid once a file; what is missing or wrong goes the real way."""
    file = located.path(located.values.keystore.file)
    if not file.is_file() or located.values.keystore.unlock_file is None:
        return _open_keys(located, ask, *more)
    content = file.read_bytes() + located.path(located.values.keystore.unlock_file).read_bytes()
    if content not in _OPENED:
        _OPENED[content] = _open_keys(located, ask, *more)
        _OPENED[content].close = lambda: None  # type: ignore[method-assign]  # the next test uses it again
    return _OPENED[content]


def _book_once(dirs: tuple[str, ...]) -> FontBook:
    return _BOOKS.setdefault(tuple(dirs), _font_book(dirs))


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """An English terminal of a fixed width, nobody's station; fonts and key store are opened once for all tests."""
    for name in ("LC_ALL", "LC_MESSAGES", "CARDFAB_CONFIG", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"LANG": "C.UTF-8", "COLUMNS": "250", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(wiring, "open_keys", _opened_once)
    monkeypatch.setattr(wiring, "font_book", _book_once)
    monkeypatch.setattr(typer.main, "get_command", _commands)  # else the whole program is put together for every run


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training station with the twelve examples, six of them approved, and three blanks."""
    folder = tmp_path_factory.mktemp("template") / "station"
    located = found_training_station(folder, "integration-01")
    (folder / "profiles" / "printers").mkdir(parents=True)
    (folder / "profiles" / "printers" / "quick.toml").write_text(QUICK, encoding="utf-8")
    with wiring.open_desk(located) as desk:
        import_requests(
            desk,
            (EXAMPLES / "requests.csv").read_bytes(),
            source="requests.csv",
            form="csv",
            photos=lambda name: (EXAMPLES / name).read_bytes(),
        )
        approve(desk, APPROVED)
        receive(desk, STOCK, BLANKS)
    return folder


SERIALS = itertools.count(1)


@dataclass
class World:
    """One station and, when the test wants one, the rig its settings point to."""

    folder: Path
    rig: Rig | None = None

    @property
    def config(self) -> Path:
        return self.folder / "cardfab.toml"

    def cli(self, *arguments: str | Path) -> Said:
        return cardfab("--config", self.config, *arguments)

    def typed(self, lines: str, *arguments: str | Path) -> Said:
        """As ``cli``, with lines on standard input."""
        with patch("sys.stdin", io.StringIO(lines)):
            return self.cli(*arguments)

    def holder(self, request: str) -> str:
        """The number of the holder's identity card, as it is typed."""
        with self.desk() as desk, desk.database.reading() as tx:
            row = tx.requests.get(request)
        return f"{open_request(desk.keys, row).social_security_number}\n"

    def devices(self) -> tuple[str, ...]:
        """The rig as the options of a command name it."""
        assert self.rig is not None
        reader, printer = self.rig.reader_port, self.rig.printer_port
        return "--reader", f"tcp://127.0.0.1:{reader}", "--printer", f"socket://127.0.0.1:{printer}"

    def set_devices(self, reader: str, printer: str) -> None:
        text = self.config.read_text(encoding="utf-8")
        text = text.replace('reader = "simulated"', f'reader = "{reader}"')
        text = text.replace('printer = "simulated"', f'printer = "{printer}"')
        self.config.write_text(text.replace('"evolis-ymcko"', '"quick"'), encoding="utf-8")

    @contextmanager
    def desk(self, **more: Any) -> Iterator[Desk]:
        with wiring.open_desk(read_settings((self.config,)), **more) as desk:
            yield desk

    def books(self) -> StockAccount:
        database = Database(self.folder / "station.db")
        try:
            with database.reading() as tx:
                return tx.stock.account(STOCK)
        finally:
            database.close()

    def jobs(self, request: str) -> tuple[JobRow, ...]:
        database = Database(self.folder / "station.db")
        try:
            with database.reading() as tx:
                return tuple(job for job in tx.jobs.all() if job.request_id == request)
        finally:
            database.close()

    def state(self, request: str) -> str:
        """The state of the request's newest job."""
        return str(self.jobs(request)[-1].state)

    def prepared(self, request: str) -> tuple[IssuanceRequest, PreparedCard]:
        """White box: the request and the prepared card of its newest job."""
        job = self.jobs(request)[-1]
        with self.desk() as desk, desk.database.reading() as tx:
            row = tx.requests.get(request)
            return open_request(desk.keys, row), open_card(desk.keys, job, row)

    def balanced(self, **expected: int) -> None:
        """opening = issued + spoiled + in doubt + remaining, the named parts as given, and the cards lie so."""
        books = self.books()
        assert books.balanced, books
        assert books.opening == BLANKS
        assert {name: getattr(books, name) for name in expected} == expected, books
        if self.rig is not None:
            here = self.rig.count()
            assert sum(here.values()) == BLANKS
            assert here["hopper"] == books.remaining
            assert here["output"] + here["rejected"] + here["removed"] + here["inside"] == BLANKS - books.remaining

    def chips(self) -> list[TrainingChip]:
        assert self.rig is not None
        chips = [card.chip for card in self.rig.cards]
        assert all(isinstance(chip, TrainingChip) for chip in chips)
        return chips  # type: ignore[return-value]

    def tray(self) -> Card:
        """The newest card in the tray."""
        assert self.rig is not None
        return self.rig.output[-1]


@pytest.fixture
def station(template: Path, tmp_path: Path) -> World:
    """A station alone; its settings say simulated devices."""
    folder = tmp_path / "station"
    shutil.copytree(template, folder)
    return World(folder)


@pytest.fixture
def new_world(template: Path, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes stations that work with a rig; ``chips`` are the blanks in its hopper, the next one first."""
    running: list[Rig] = []

    def make(*chips: TrainingChip) -> World:
        folder = tmp_path / f"station-{next(SERIALS)}"
        shutil.copytree(template, folder)
        rig = Rig([*chips, *(make_blank(serial=next(SERIALS)) for _ in range(BLANKS - len(chips)))])
        rig.start()
        running.append(rig)
        world = World(folder, rig)
        world.set_devices(f"tcp://127.0.0.1:{rig.reader_port}", f"socket://127.0.0.1:{rig.printer_port}")
        return world

    yield make
    for rig in running:
        rig.stop()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """One station with a rig of three good blanks."""
    return new_world()


@pytest.fixture(scope="session")
def counter_station(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station that has made one card, and the card: ``one.card``."""
    folder = tmp_path_factory.mktemp("counter") / "station"
    shutil.copytree(template, folder)
    chip = make_blank(serial=4711)
    located = read_settings((folder / "cardfab.toml",))
    with Rig([chip]) as rig, wiring.open_desk(located, now=lambda: TODAY) as desk:
        bench = wiring.Bench(
            f"tcp://127.0.0.1:{rig.reader_port}", f"socket://127.0.0.1:{rig.printer_port}", "evolis-ymcko"
        )
        with wiring.open_devices(desk, bench) as devices:
            issue(desk, devices, PLAIN)
    save_chip(chip, folder / "one.card")
    return folder


@pytest.fixture
def place(counter_station: Path, tmp_path: Path) -> Place:
    """A counter with that card, made but not activated, and a host."""
    folder = tmp_path / "station"
    shutil.copytree(counter_station, folder)
    here = Place(folder, folder / "one.card", TrainingHost(), "")
    with here.counter() as counter, counter.desk.database.reading() as tx:
        life = open_life(counter.desk, tx, tx.cards.all()[0])
    assert life is not None
    here.number = life.social_security_number
    return here
