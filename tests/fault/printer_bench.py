"""One card on one simulated printer with one fault: issued, mended, settled, and gone on with until it is there.

Everything in one process: the station is a copy of the template, its keys are open and its faces drawn once.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import cardfab.station.work
from cardfab.apdu.message import historical_bytes
from cardfab.apdu.remote import RemoteConnection
from cardfab.cli.wiring import font_book, open_keys, profile_source, prompt
from cardfab.errors import CardfabError, InDoubt
from cardfab.face.canvas import Canvas
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.printer.evolis import EvolisPrinter
from cardfab.printer.matica import MaticaPrinter
from cardfab.printer.stream import open_stream
from cardfab.production import JobState, StockAccount
from cardfab.profile.loader import load
from cardfab.profile.printer import EvolisProfile, PrinterProfile
from cardfab.settings import FontsSection, read_settings
from cardfab.simulator.chip import make_blank
from cardfab.simulator.printer import Card
from cardfab.simulator.printer import MaticaPrinter as SimulatedMatica
from cardfab.simulator.rig import Rig
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.issue import issue
from cardfab.station.recovery import Eye, settle, settle_all
from cardfab.station.work import open_work
from cardfab.store import JobRow
from tests.fault.conftest import BLANKS, STOCK
from tests.fault.issue_worker import Points, desk_of

Family = Literal["evolis", "matica"]
PROFILES: dict[Family, str] = {"evolis": "evolis-ymcko", "matica": "matica-xid580ie"}
PANELS: dict[Family, list[str]] = {"evolis": list("ymcko"), "matica": list("ymck")}
QUIET = 0.3
"""Seconds of silence after which these drivers give a printer up."""
SERIALS = itertools.count(1000)


class Shop:
    """What all worlds of a test process share."""

    def __init__(self, template: Path) -> None:
        self.template = template
        self.keys: SoftKeyStore = open_keys(read_settings((template / "cardfab.toml",)), prompt)
        self.fonts: FontBook = font_book(FontsSection().dirs)
        self.profiles = {
            family: load(profile_source(None), "printers", name, PrinterProfile) for family, name in PROFILES.items()
        }
        desk = desk_of(template, self.keys, self.fonts, Points(None))
        with desk.database.reading() as tx:
            self.job = tx.jobs.all(JobState.QUEUED)[0]
        self._faces = {}
        for family in PROFILES:
            work = open_work(desk, self.job, print_=True, canvas=self.canvas(family))
            self._faces[self.canvas(family)] = work.faces
        desk.database.close()

    def canvas(self, family: Family) -> Canvas:
        dots = self.profiles[family].canvas
        return Canvas(dots.width, dots.height, dots.dpi)

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Every world makes the same card, so its faces are drawn once a family."""
        before = cardfab.station.work.faces_of
        cardfab.station.work.faces_of = lambda desk, card, chosen, canvas: self._faces[canvas]  # type: ignore[assignment, misc, return-value]
        try:
            yield
        finally:
            cardfab.station.work.faces_of = before


@dataclass
class Trial:
    """One station, one rig, one request."""

    shop: Shop
    family: Family
    folder: Path
    bezel: bool = False
    errors: list[CardfabError] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.station = self.folder / f"station-{next(SERIALS)}"
        shutil.copytree(self.shop.template, self.station)
        self.desk: Desk = desk_of(self.station, self.shop.keys, self.shop.fonts, Points(None))
        blanks = [make_blank(serial=next(SERIALS)) for _ in range(BLANKS)]
        self.rig = Rig(blanks, family=self.family, model="XID580ie", bezel=self.bezel)
        self.rig.printer.machine.taker = self.bezel
        if isinstance(self.rig.printer, SimulatedMatica):
            self.rig.printer.warm_up = 0.5
        self.rig.start()

    def close(self) -> None:
        self.rig.stop()
        self.desk.database.close()
        shutil.rmtree(self.station)

    @contextmanager
    def devices(self) -> Iterator[Devices]:
        """Reader and printer as the station opens them, with little patience."""
        stream = open_stream(f"socket://127.0.0.1:{self.rig.printer_port}", write_timeout=2.0)
        profile = self.shop.profiles[self.family].printer
        printer: EvolisPrinter | MaticaPrinter
        if isinstance(profile, EvolisProfile):
            known = profile.settings()
            quiet = replace(
                known.timeouts, parameter=QUIET, move=QUIET, download=8 * QUIET, end=2 * QUIET, settle=QUIET / 3
            )
            take = 0.02 if self.bezel else 0.0
            printer = EvolisPrinter(stream, replace(known, timeouts=quiet, query_pause=0.002, take_seconds=take))
        else:
            given = profile.settings()  # type: ignore[union-attr]
            times = replace(
                given.times, query=QUIET, move=QUIET, panel=8 * QUIET, print=8 * QUIET, poll=0.002, touch=0.002
            )
            printer = MaticaPrinter(stream, replace(given, times=times, query_attempts=3))
        reader = f"tcp://127.0.0.1:{self.rig.reader_port}"
        try:
            yield Devices(lambda: RemoteConnection(reader), printer, True, self.shop.canvas(self.family))
        finally:
            printer.close()

    # what the station does

    def issue(self) -> bool:
        """Whether a card came out of it; what went wrong is kept."""
        try:
            with self.devices() as devices:
                issue(self.desk, devices, self.shop.job.request_id, self._note)
        except CardfabError as error:
            self.errors.append(error)
            self.check_books()
            return False
        self.check_books()
        return True

    def _note(self, stage: str, done: int, of: int) -> None:
        self.marks.setdefault(stage, self.rig.reader.apdus)
        self.check_books()

    def settle(self) -> None:
        """The next start; where only an eye can tell, a person looks at what lies there."""
        with self.devices() as devices:
            for _ in settle_all(self.desk, devices):
                self.check_books()
        for _ in range(2):
            waiting = [job for job in self.jobs() if job.state in (JobState.IN_DOUBT, JobState.INSPECTED)]
            for job in waiting:
                with self.devices() as devices:
                    try:
                        settle(self.desk, devices, job, self.look(job))
                    except InDoubt as needs:
                        self.errors.append(needs)
                self.check_books()

    def look(self, job: JobRow) -> Eye:
        """The printed card by its picture; the blank of a feed that was cut off by counting the feeder."""
        if job.state is JobState.IN_DOUBT and job.doubt_from is JobState.CLAIMED:
            account = self.account()
            return Eye.GOOD if len(self.rig.hopper) == account.remaining + account.in_doubt else Eye.BAD
        mine = [card for card in self.rig.output if chip_name(card) == job.chip]
        return Eye.GOOD if mine and self.whole(mine[0]) else Eye.BAD

    # what must hold

    def whole(self, card: Card) -> bool:
        wanted = PANELS[self.family]
        return card.front.printed == wanted == card.back.printed and not card.ruined

    def check_books(self) -> None:
        account = self.account()
        assert account.opening == BLANKS
        assert account.balanced, account

    def account(self) -> StockAccount:
        with self.desk.database.reading() as tx:
            return tx.stock.account(STOCK)

    def jobs(self) -> tuple[JobRow, ...]:
        with self.desk.database.reading() as tx:
            return tuple(job for job in tx.jobs.all() if job.request_id == self.shop.job.request_id)

    def check_end(self, *, seen: bool = True) -> None:
        """Nothing is in doubt; the books say what lies where; no chip in two jobs, no panel twice on a side.

        ``seen`` False: the print is wrong and nobody could know without a look at it.
        """
        self.check_books()
        account, rig = self.account(), self.rig
        assert rig.inside is None
        assert account.in_doubt == 0, [job.state for job in self.jobs()]
        assert account.remaining == len(rig.hopper)
        assert account.issued + account.spoiled == len(rig.output) + len(rig.rejected) + len(rig.removed)
        chips = [job.chip for job in self.jobs() if job.chip]
        assert len(set(chips)) == len(chips)
        for card in rig.cards:
            for side in (card.front, card.back):
                assert len(set(side.printed)) == len(side.printed), f"card {card.number} was printed twice"
        done = [job for job in self.jobs() if job.state is JobState.DONE]
        assert len(done) == account.issued <= 1
        for job in done:
            (made,) = [card for card in rig.cards if chip_name(card) == job.chip]
            assert made in rig.output
            assert self.whole(made) or not seen

    def check_said(self) -> None:
        """Whatever went wrong was said in both languages, with what to do."""
        for error in self.errors:
            assert error.do is not None, error
            assert error.do.en
            assert error.do.zh

    def go_on(self) -> None:
        """The request still gets its card, one and no more."""
        for _ in range(3):
            state = self.jobs()[-1].state
            if state is JobState.DONE:
                break
            assert state in (JobState.QUEUED, JobState.SPOILED), state
            self.issue()
            self.settle()
        assert self.jobs()[-1].state is JobState.DONE, self.errors


def chip_name(card: Card) -> str:
    """The number by which a job knows the chip of a card."""
    return historical_bytes(card.chip.atr)[5:].hex().upper()
