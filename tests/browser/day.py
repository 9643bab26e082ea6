"""The acts of a day at the outlet, by keyboard: who signs in, what is typed, what the page has to say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cardfab.prepare.gb11643 import check_character
from cardfab.resources import data_folder
from cardfab.store import JobRow
from tests.browser.hands import PATIENCE, Hands
from tests.browser.outlet import PEOPLE, STOCK, WORDS, Outlet

NAMES = {one.login: one.name for one in PEOPLE}
BLANKS = 12
NEW = "44019919880315" + "102"
NEW_HOLDER = NEW + check_character(NEW)
"""Somebody for whom no request was imported."""
RETIREE = "110199196506082374"
POOR = "650199199803231208"
LOST_CARD = "650199195009244038"
URGENT = "330199195806289162"
LATE = "65019919740822691X"
REQUESTS = {RETIREE: "R2026112100003", POOR: "R2026112100007", LOST_CARD: "R2026112100002",
            URGENT: "R2026112100010", LATE: "R2026112100032"}  # fmt: skip


@dataclass
class Day:
    """One person after another at one page of one outlet."""

    hands: Hands
    outlet: Outlet

    # in and out

    def sign_in(self, login: str, *, look: str = "") -> None:
        hands = self.hands
        hands.tick(NAMES[login])
        hands.fill("Password, if you set one", WORDS[login])
        if look:
            hands.look(look)
        hands.enter()
        hands.see("What is to be done?", "heading")

    def sign_out(self) -> None:
        self.hands.go("button", "Sign out")
        self.hands.see("Sign in", "heading")

    def home(self) -> None:
        """Back with Esc until the tiles are there."""
        for _ in range(6):
            if self.hands.page.url.rstrip("/") == self.outlet.address:
                return
            self.hands.enter("Escape")
        raise AssertionError(f"Esc does not lead home from {self.hands.page.url}")

    # the stock

    def receive(self) -> None:
        """The supervisor takes a delivery in, an operator counts too."""
        hands = self.hands
        hands.enter("F8")
        hands.look("stock-empty")
        hands.enter("F2")
        hands.fill("Number of the delivery note", "SH-2026-0611")
        hands.pick("Stock", STOCK)
        hands.fill("How many cards", str(BLANKS))
        hands.fill("You counted", str(BLANKS))
        self._second("li", BLANKS)
        hands.look("stock-receive")
        hands.enter()
        hands.see("Where the cards are")

    def draw(self, count: int) -> None:
        hands = self.hands
        hands.enter("F3")
        hands.fill("How many cards", str(count))
        hands.fill("You counted", str(count))
        self._second("li", count)
        hands.look("stock-draw")
        hands.enter()
        hands.see("Where the cards are")
        hands.look("stock")

    def _second(self, login: str, counted: int | None = None) -> None:
        self.hands.put("[name=second_login]", login)
        if counted is not None:
            self.hands.put("[name=second_count]", str(counted))
        self.hands.put("[name=second_word]", WORDS[login])

    # a card

    def find(self, number: str, *, look: str = "") -> None:
        hands = self.hands
        if not hands.page.url.endswith("/issue"):
            self.home()
            hands.enter("F2")
        if look:
            hands.look(look)
        hands.fill("Number of the identity card", number)
        hands.enter()

    def papers(self, number: str, *, look: str = "") -> None:
        """Every paper of the list is looked at and ticked; their numbers are the holder's."""
        hands = self.hands
        boxes = hands.page.get_by_role("checkbox")
        for at in range(boxes.count()):
            hands.reach(boxes.nth(at))
            hands.press("Space")
        for at in range(hands.page.get_by_label(hands.say("Its number")).count()):
            hands.fill("Its number", number, at=at)
        if look:
            hands.look(look)
        hands.enter()

    def category(self, key: str, *, look: str = "") -> None:
        """Which kind of case, for who stands there for themselves."""
        hands = self.hands
        hands.choose_value("category", key)
        if look:
            hands.look(look)
        hands.enter()

    def photo(self, *, look: str = "") -> None:
        """A picture is chosen, cut by the page, judged, used."""
        hands = self.hands
        self.wait("Photo")
        hands.give_file("Photo of the holder", photo())
        hands.go("button", "Take it in")
        hands.see("The photo is good.")
        if look:
            hands.look(look)
        hands.reach(hands.page.get_by_role("link", name=hands.say("Use this photo")))
        hands.enter()

    def data(self, values: dict[str, str], *, look: str = "") -> None:
        """The holder's data, by the names of their fields."""
        hands = self.hands
        self.wait("Check and preview")
        for name, value in values.items():
            hands.put(f"main [name='{name}']", value)
        if look:
            hands.look(look)
        hands.reach(hands.page.get_by_role("button", name=hands.say("File the request")))
        hands.enter()

    def approve(self, login: str = "zhao", *, look: str = "") -> None:
        self.hands.see("Check and preview", "heading")
        self._second(login)
        if look:
            self.hands.look(look)
        self.hands.enter()
        self.hands.see("Compare name, number and photo with the identity card before you issue.")

    def make(self, *, look: str = "") -> None:
        """Issue. To be looked at, the printer is held before it prints."""
        if look:
            self.outlet.hand("hold", command="Dbc")
        self.hands.enter()
        if look:
            self.hands.see("You may leave this page; the card is made all the same.")
            self.hands.page.locator(".steps.machine progress").wait_for(state="visible")
            self.hands.look(look)
            self.outlet.hand("go")

    def wait(self, heading: str) -> None:
        self.hands.see(heading, "heading")

    def accept(self, *, look: str = "") -> None:
        self.wait("Look at the card")
        if look:
            self.hands.look(look)
        self.hands.enter()
        self.wait("Hand over")

    def reject(self, reason: int, *, look: str = "") -> None:
        """Quality reject: open the part below, a reason, its button."""
        hands = self.hands
        self.wait("Look at the card")
        hands.reach(hands.page.locator("details.reject > summary"))
        hands.press("Enter")
        hands.choose("reason", reason)
        if look:
            hands.look(look)
        hands.go("button", "Reject: spoils 1 blank card")

    def again(self, *, look: str = "") -> None:
        """A spoiled card is made again: the supervisor says so at this page."""
        hands = self.hands
        hands.see("Put it into the box for spoiled cards. It counts as spoiled; what was issued for it is cancelled.")
        self._second("zhao")
        if look:
            hands.look(look)
        hands.enter()

    def hand_over(self, number: str, *, look: str = "") -> None:
        hands = self.hands
        hands.fill("Its number", number)
        if look:
            hands.look(look)
        hands.enter()
        hands.see("The holder signs both copies; one stays here.")
        if look:
            hands.look(f"{look}-receipt")

    def signed(self) -> None:
        self.hands.enter()
        self.wait("Issue a card")

    def a_card(self, number: str) -> None:
        """From the identity card to the preview."""
        self.find(number)
        self.papers(number)
        self.approve()

    def see_preview(self) -> None:
        self.hands.see("Compare name, number and photo with the identity card before you issue.")

    def leave(self) -> None:
        """The case is let go; its request waits."""
        self.hands.go("button", "Leave this case")
        self.wait("Issue a card")

    def jobs_of(self, number: str) -> list[JobRow]:
        """The jobs of the holder's request, oldest first."""
        return [job for job in self.outlet.jobs() if job.request_id == REQUESTS[number]]

    # at the counter

    def put(self, chip: str) -> None:
        self.outlet.hand("put", chip=chip)

    def lift(self) -> None:
        self.outlet.hand("lift")

    def counter(self, *, look: str = "") -> None:
        self.home()
        self.hands.enter("F6")
        if look:
            self.hands.look(look)

    def service(self, key: str, number: str, *, look: str = "") -> None:
        """A service with the card on the reader and the identity card shown; its receipt."""
        hands = self.hands
        hands.enter(key)
        hands.fill("Its number", number)
        if look:
            hands.look(look)
        hands.enter()
        hands.see("Receipt")
        if look:
            hands.look(f"{look}-receipt")

    # the end of the day

    def count(self, counts: dict[str, int]) -> None:
        """What lies in each place, typed before a figure is shown."""
        hands = self.hands
        for at, value in enumerate(counts.values()):
            found = hands.page.locator("main input[inputmode=numeric]").nth(at)
            hands.reach(found)
            hands.press("Control+A")
            hands.type(str(value))

    def fetch(self, link: str) -> bytes:
        """What a link of the page gives, with this person's session."""
        found = self.hands.page.get_by_role("link", name=self.hands.say(link)).first
        return self.get(str(found.get_attribute("href")))

    def get(self, path: str) -> bytes:
        answer = self.hands.page.request.get(f"{self.outlet.address}{path}", timeout=PATIENCE)
        assert answer.ok, answer.status
        return answer.body()


def photo() -> Path:
    return data_folder("examples") / "photos" / "p04.jpg"


def digits(text: str) -> list[int]:
    """The whole numbers in a text."""
    return [int(one) for one in re.findall(r"\d+", text)]
