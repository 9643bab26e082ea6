"""Two hands on a keyboard and a pair of eyes at Debian's Chromium: no mouse, no address but the first.

Elements are found as a screen reader finds them, by role and name, and reached by Tab; names are given in English and
looked up in the catalogues. Every screen that comes up is measured: axe-core in both colour schemes, nothing wider than
the window, no error in the console, no failed request.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from babel.messages.pofile import read_po
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, sync_playwright
from playwright.sync_api import Error as BrowserError

import cardfab.web

Tongue = Literal["zh", "en"]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--font-render-hinting=none"]  # fmt: skip
SEVERE = ("serious", "critical")
AXE = Axe()
RULES: dict[Literal["light", "dark"], dict[str, list[str]]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
"""The same page in the dark differs in its colours alone."""
PATIENCE = 300_000
"""Milliseconds; an upper bound, for a machine that others use too."""
MOST_TABS = 150


@cache
def catalogue() -> dict[str, str]:
    """Chinese by English message, of every area."""
    found: dict[str, str] = {}
    for file in sorted((Path(cardfab.web.__file__).parent / "words" / "zh_CN").glob("*.po")):
        with file.open("rb") as stream:
            found |= {str(one.id): str(one.string) for one in read_po(stream, locale="zh_CN") if one.id and one.string}
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Hands:
    """A person at one page. ``pictures``: a folder for a picture of every screen that is named by :meth:`look`."""

    page: Page
    tongue: Tongue
    pictures: Path | None = None
    faults: list[str] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)
    """Screens that were measured: their key, and the address."""
    service_may_die: bool = False

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        # From the start: the browser takes a moment to hand over its window for files, and an Enter may be quicker.
        self.page.on("filechooser", lambda _: None)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What goes wrong inside is told with the page that was there."""
        try:
            yield
        except BaseException as wrong:
            wrong.add_note(f"the page {self.page.url} said:\n{self.text()}\n" + "\n".join(self.faults))
            raise

    # words

    def say(self, english: str, **values: object) -> str:
        """The words of the page's language."""
        words = self._words(english)
        return words % values if values else words

    # hands

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def reach(self, found: Locator) -> None:
        """Tab until the focus is there."""
        self.page.wait_for_load_state("load")
        found.wait_for(state="visible")
        handle = found.element_handle()
        assert handle is not None
        for _ in range(MOST_TABS):
            if handle.evaluate("one => document.activeElement === one"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {found}")

    def fill(self, label: str, text: str, *, at: int = 0) -> None:
        """The field with that label gets that text."""
        self.reach(self.page.get_by_label(self._name(label)).nth(at))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def pick(self, label: str, option: str) -> None:
        """An entry of a list, by the arrow keys."""
        found = self.page.get_by_label(self._name(label)).first
        self.reach(found)
        wanted = self._words(option)
        for _ in range(100):
            if wanted in found.evaluate("one => one.selectedOptions[0].text"):
                return
            before = found.evaluate("one => one.selectedIndex")
            self.page.keyboard.press("ArrowDown")
            if found.evaluate("one => one.selectedIndex") == before:
                break
        raise AssertionError(f"no {option!r} in {label!r}")

    def tick(self, label: str, *, at: int = 0) -> None:
        """A box that is not ticked yet, or a radio button."""
        found = self.page.get_by_label(self._name(label)).nth(at)
        if found.evaluate("one => one.type") == "radio":
            self._radio(found)
        elif not found.is_checked():
            self.reach(found)
            self.page.keyboard.press("Space")
        assert found.is_checked(), label

    def choose(self, name: str, at: int) -> None:
        """The radio button at that place of the group of that name."""
        self._radio(self.page.locator(f"input[type=radio][name='{name}']").nth(at))

    def choose_value(self, name: str, value: str) -> None:
        """The radio button of that value."""
        self._radio(self.page.locator(f"input[type=radio][name='{name}'][value='{value}']"))

    def put(self, selector: str, value: str) -> None:
        """A field by its name: typed into, or for a list the entry of that value by the arrow keys."""
        found = self.page.locator(selector)
        self.reach(found)
        if found.evaluate("one => one.tagName") != "SELECT":
            self.press("Control+A")
            self.type(value)
            return
        for key in ("Home", *["ArrowDown"] * found.evaluate("one => one.length")):
            self.press(key)
            if found.input_value() == value:
                return
        raise AssertionError(f"no entry {value!r} in {selector}")

    def _radio(self, found: Locator) -> None:
        """Tab leads to the group; the arrows within it."""
        if found.is_checked():
            return
        name = found.get_attribute("name")
        assert name is not None
        for _ in range(MOST_TABS):
            if self.page.evaluate("name => document.activeElement?.name === name", name):
                break
            self.page.keyboard.press("Tab")
        for _ in range(30):
            if found.is_checked():
                return
            focused = found.evaluate("one => document.activeElement === one")
            self.page.keyboard.press("Space" if focused else "ArrowDown")
        raise AssertionError(f"the arrows do not lead to {found}")

    def give_file(self, label: str, file: Path) -> None:
        """A file is chosen in the window that Enter opens."""
        found = self.page.get_by_label(self._name(label)).first
        self.reach(found)
        with self.page.expect_file_chooser() as chooser:
            self.page.keyboard.press("Enter")
        chooser.value.set_files(file)
        self.until(lambda: bool(found.evaluate("one => one.files.length")), "no file was chosen")

    def go(self, role: Literal["link", "button"], name: str, *, at: int = 0) -> None:
        """Tab to a link or button and press Enter; waits for the next page."""
        self.reach(self.page.get_by_role(role, name=self._name(name)).nth(at))
        self.enter()

    def enter(self, key: str = "Enter") -> None:
        """A key that leads to another page. It is pressed when this one listens to keys: its script has run."""
        self.page.wait_for_load_state("load")
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press(key)

    # eyes

    def see(self, name: str | re.Pattern[str], role: str | None = None) -> Locator:
        """Wait until it is there. ``name``: English words of the catalogue, or a pattern."""
        wanted = name if isinstance(name, re.Pattern) else self._name(name)
        found = (
            self.page.get_by_text(wanted).filter(visible=True).first
            if role is None
            else self.page.get_by_role(role, name=wanted).first  # type: ignore[arg-type]
        )
        found.wait_for(state="visible")
        return found

    def shows(self, name: str) -> bool:
        """Whether these words stand there now."""
        return self.page.get_by_text(self._name(name)).filter(visible=True).count() > 0

    def text(self) -> str:
        """All that a person reads there."""
        return self.page.locator("body").inner_text()

    def until(self, true: Callable[[], bool], what: str, seconds: float = 300) -> None:
        for _ in range(int(seconds * 20)):
            if true():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{what}; the page says:\n{self.text()}")

    def look(self, name: str) -> None:
        """A screen of the day: measured, and drawn where pictures are wanted."""
        self.page.wait_for_load_state("load")
        key = f"{name}"
        if key not in self.seen:
            self.seen[key] = self.page.url
            self._measure(name)
        if self.pictures is not None:
            self.pictures.mkdir(parents=True, exist_ok=True)
            self.page.evaluate("scrollTo(0, 0)")
            save(self.page.screenshot(animations="disabled", caret="hide"), self.pictures / f"{name}.png")

    def check_clean(self) -> None:
        """What the browser had to complain of; nothing."""
        assert not self.faults, "\n".join(self.faults)

    def _measure(self, name: str) -> None:
        for scheme in RULES:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = AXE.run(self.page, options=RULES[scheme]).response["violations"]
            severe = [one for one in found if one["impact"] in SEVERE]
            for one in severe:
                nodes = "; ".join(f"{node['target']} {node['failureSummary']}" for node in one["nodes"][:3])
                self.faults.append(f"axe, {name}, {scheme}: {one['id']}: {one['help']}: {nodes}")
        self.page.emulate_media(color_scheme="light")
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.faults.append(f"{name} is {wide} pixels wider than the window")

    def _console(self, said: ConsoleMessage) -> None:
        if said.type == "error" and not self.service_may_die:
            self.faults.append(f"console at {self.page.url}: {said.text}")

    def _failed(self, asked: Request) -> None:
        # A stream that ends because its page is left is no failure.
        if not self.service_may_die and asked.failure != "net::ERR_ABORTED":
            self.faults.append(f"failed: {asked.method} {asked.url}: {asked.failure}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 500 or (answer.status == 404):
            self.faults.append(f"{answer.status}: {answer.request.method} {answer.url}")

    def _words(self, english: str) -> str:
        return english if self.tongue == "en" else catalogue().get(english, english)

    def _name(self, english: str) -> re.Pattern[str]:
        return re.compile(re.escape(self._words(english)))


def save(png: bytes, file: Path) -> None:
    """A small picture: 128 colours are enough for a page."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    small = picture.quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


__all__ = ["PATIENCE", "BrowserError", "Hands", "Tongue", "catalogue", "chromium", "save"]
