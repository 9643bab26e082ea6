"""A counter behind its pages: a station that has made a card, a training pad at which tests press keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cardfab.cli import wiring
from cardfab.cli.founding import PEOPLE
from cardfab.cli.output import Talk
from cardfab.cli.serving import open_floor, with_pad
from cardfab.settings import read_settings
from cardfab.simulator.cardfile import load_chip
from cardfab.simulator.chip import TrainingChip
from cardfab.simulator.pinpad import Prompt, TrainingPad
from cardfab.station.issue import issue
from cardfab.station.pinpad import LinePad
from cardfab.station.vault import open_request
from cardfab.web.floor import Floor
from tests.web.browser import Browser

PLAIN, URGENT = "R2026112100003", "R2026112100015"
PIN, NEW = "123456", "864209"


@dataclass
class Keys:
    """Somebody at the pad: gives ``pins`` in order, and keeps what the pad asked for."""

    pins: list[str] = field(default_factory=list)
    asked: list[Prompt] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    def press(self, prompt: Prompt) -> str:
        self.asked.append(prompt)
        return self.pins.pop(0) if self.pins else ""

    def pad(self) -> LinePad:
        inner = TrainingPad(self.press).answer

        def exchange(line: bytes) -> bytes:
            answer = inner(line)
            self.lines += [line, answer]
            return answer

        return LinePad(exchange)


@dataclass
class Counter:
    """The pages, the pad, and the card of the holder."""

    floor: Floor
    keys: Keys
    number: str
    """Of the holder's identity card."""
    card: Path

    def chip(self) -> TrainingChip:
        """The card as it is now."""
        chip = load_chip(self.card)
        chip.power_on()
        return chip

    def browser(self, login: str = "operator", language: str = "en") -> Browser:
        return Browser(self.floor, language).sign_in(login)

    def fields(self, browser: Browser, **more: str) -> dict[str, str]:
        """What every form of the counter holds."""
        shown = {"document": "id-card", "number": self.number, "relation": "", "reader": ""}
        return shown | {"once": browser.hidden("once")} | more

    def do(self, browser: Browser, name: str, **more: str) -> str:
        """An act by its form; the page of its receipt, or of what was refused."""
        page = browser.get(f"/counter/{name}")
        assert page.status_code == 200, page.text
        answer = browser.post(f"/counter/{name}", **self.fields(browser, **more))
        return browser.follow(answer).text if answer.status_code == 303 else answer.text


def make_card(folder: Path, name: str = PLAIN) -> None:
    """Give a founded station a pad and one made card in its tray."""
    located = with_pad(read_settings((folder / "cardfab.toml",)))
    with (
        wiring.open_desk(located, person=PEOPLE[0]) as desk,
        wiring.open_devices(desk, wiring.bench_of(located, reader=None, printer=None)) as devices,
    ):
        issue(desk, devices, name)


@contextmanager
def counter_at(folder: Path, keys: Keys | None = None, name: str = PLAIN) -> Iterator[Counter]:
    """The pages of a station."""
    pressed = keys or Keys()
    located = read_settings((folder / "cardfab.toml",))
    with open_floor(located, Talk(language="en"), names=("testserver",)) as floor:
        joined = replace(floor, base=replace(floor.base, pin_pad=pressed.pad()))
        with floor.base.database.reading() as tx:
            row = tx.requests.get(name)
            chip = tx.jobs.of_request(name).chip
        holder = open_request(floor.base.keys, row).social_security_number
        yield Counter(joined, pressed, holder, folder / "cards" / f"{chip}.card")
