"""A whole day at the outlet by keyboard alone, in both languages, on Debian's Chromium."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from cardfab.production import CardState, JobState
from tests.browser.books import check_record_whole, check_settled
from tests.browser.day import (
    BLANKS,
    LATE,
    LOST_CARD,
    NEW_HOLDER,
    POOR,
    RETIREE,
    URGENT,
    Day,
)
from tests.browser.hands import Hands, Tongue
from tests.browser.outlet import STOCK, Outlet

PICTURES = os.environ.get("CARDFAB_PICTURES")
"""A folder where every screen is drawn, by language."""
LOCALES: dict[Tongue, str] = {"zh": "zh-CN", "en": "en-GB"}
NEW_DATA = {
    "name": "周样例", "ethnicity": "01", "birthplace": "440199", "region": "440199", "card_class": "3",
    "household_type": "20", "household_address": "示例省示例市第8街道8号", "phone": "19900001111",
    "marital_status": "2", "employment_status": "1", "identity_category": "80", "bank_product": "debit",
}  # fmt: skip


@pytest.mark.proof
@pytest.mark.service
@pytest.mark.shows(
    "Playwright on Debian's Chromium in both languages: a whole day by keyboard alone: log in, receive stock, issue "
    "five cards (one with a chip that fails, one with a jam, one quality reject), one temporary card, one loss and "
    "replacement, one PIN reset, a statement, close the day; the books balance; no console error; axe-core finds no "
    "serious fault (proof)"
)
@pytest.mark.parametrize("tongue", ["zh", "en"])
def test_a_whole_day_by_keyboard(tongue: Tongue, browser: Browser, new_outlet: Callable[..., Outlet]) -> None:
    outlet = new_outlet(range(1, BLANKS + 1), wrong=[2])
    outlet.serve()
    context = browser.new_context(locale=LOCALES[tongue], viewport={"width": 1280, "height": 800})
    try:
        hands = Hands(context.new_page(), tongue, Path(PICTURES) / tongue if PICTURES else None)
        with hands.telling():
            hands.page.goto(outlet.address)
            whole_day(Day(hands, outlet))
            hands.check_clean()
    finally:
        context.close()


def whole_day(day: Day) -> None:
    open_the_day(day)
    chip = a_new_holder(day)
    a_chip_that_fails(day)
    a_jam(day)
    a_quality_reject(day)
    lost = the_fifth(day)
    day.home()
    a_temporary_card(day)
    a_pin_reset_and_a_statement(day, chip)
    a_loss_and_a_replacement(day, lost)
    nothing_waits(day)
    close_the_day(day)


def open_the_day(day: Day) -> None:
    hands = day.hands
    day.sign_in("zhao", look="login")
    hands.look("home-supervisor")
    day.receive()
    day.draw(BLANKS - 2)
    day.home()
    day.sign_out()
    day.sign_in("li")
    hands.look("home")


def a_new_holder(day: Day) -> str:
    """No request was there: papers, photo, data, approval. The chip of the card."""
    day.find(NEW_HOLDER, look="issue")
    day.category("new-enrolment", look="issue-category")
    day.papers(NEW_HOLDER, look="issue-papers")
    day.photo(look="issue-photo")
    day.data(NEW_DATA, look="issue-data")
    day.approve(look="issue-approve")
    day.hands.look("issue-preview")
    day.make(look="issue-live")
    day.accept(look="issue-look")
    day.hand_over(NEW_HOLDER, look="issue-hand")
    day.signed()
    job = day.outlet.jobs()[-1]
    assert job.state is JobState.DONE
    assert job.chip is not None
    return job.chip


def a_chip_that_fails(day: Day) -> None:
    """The second blank refuses the key: spoiled, and made again as the supervisor says at the same page."""
    day.a_card(RETIREE)
    day.make()
    day.again(look="issue-spoiled")
    day.see_preview()
    day.make()
    day.accept()
    day.hand_over(RETIREE)
    day.signed()
    assert [job.state for job in day.jobs_of(RETIREE)] == [JobState.SPOILED, JobState.DONE]


def a_jam(day: Day) -> None:
    """The card jams while it is printed: in doubt, the page leads through it, the print is seen to be bad."""
    hands, outlet = day.hands, day.outlet
    day.a_card(POOR)
    outlet.hand("arm", fault="jam:Dbc")
    day.make()
    hands.see("What became of the card is found by reading it back. Nothing is made a second time.")
    hands.look("issue-doubt")
    hands.enter()
    hands.see("What to do now", "heading")
    hands.look("job-doubt")
    outlet.hand("clear-jam")
    hands.enter()
    hands.see("Take the card from the tray and look at it. Say what you see.")
    hands.look("job-doubt-eye")
    hands.enter("F8")
    hands.see("Go on with the case")
    hands.enter()
    day.again()
    day.see_preview()
    day.make()
    day.accept()
    day.hand_over(POOR)
    day.signed()
    assert [job.state for job in day.jobs_of(POOR)] == [JobState.SPOILED, JobState.DONE]


def a_quality_reject(day: Day) -> None:
    """The print is not good enough: rejected with a reason, a linked remake."""
    day.a_card(LOST_CARD)
    day.make()
    day.reject(1, look="issue-reject")
    day.again()
    day.see_preview()
    day.make()
    day.accept()
    day.hand_over(LOST_CARD)
    day.signed()
    first, second = day.jobs_of(LOST_CARD)
    assert (first.state, second.state, second.remake_of) == (JobState.SPOILED, JobState.DONE, first.id)


def the_fifth(day: Day) -> str:
    day.a_card(LATE)
    day.make()
    day.accept()
    day.hand_over(LATE)
    day.signed()
    chip = day.jobs_of(LATE)[-1].chip
    assert chip is not None
    return chip


def a_temporary_card(day: Day) -> None:
    hands = day.hands
    day.a_card(URGENT)
    day.leave()
    day.home()
    hands.enter("F4")
    hands.look("temporary-register")
    hands.reach(hands.page.locator("a[href*='/temporary/issue?request=R2026112100010']").first)
    hands.enter()
    hands.fill("Its number", URGENT)
    hands.look("temporary-issue")
    hands.enter()
    hands.see("Open the paper to print it")
    hands.look("temporary")


def a_pin_reset_and_a_statement(day: Day, chip: str) -> None:
    day.put(chip)
    day.counter(look="counter")
    day.service("Alt+A", NEW_HOLDER, look="activate")
    day.counter()
    day.service("Alt+R", NEW_HOLDER, look="pin-reset")
    day.counter()
    day.service("Alt+S", NEW_HOLDER, look="statement")
    day.counter()
    hands = day.hands
    hands.enter("F2")
    hands.look("read")
    hands.enter()
    hands.see("Checks", "heading")
    hands.look("read-card")
    day.lift()


def a_loss_and_a_replacement(day: Day, chip: str) -> None:
    hands = day.hands
    day.put(chip)
    day.counter()
    day.service("Alt+A", LATE)
    day.lift()
    day.counter()
    hands.enter("F4")
    hands.fill("Its number", LATE)
    hands.look("loss")
    hands.enter()
    hands.see("Last four characters of the card number")
    number = hands.page.locator("dl.facts dd.number").inner_text().replace(" ", "")
    hands.tick("The holder says that the card is lost")
    hands.fill("Last four characters of the card number", number[-4:])
    hands.look("loss-confirm")
    hands.enter()
    hands.see("Receipt")
    hands.look("loss-receipt")
    day.counter()
    day.service("Alt+N", LATE, look="replacement")
    with day.outlet.database() as database, database.reading() as tx:
        assert [card.state for card in tx.cards.all() if card.chip == chip] == [CardState.LOST]
        assert tx.replacements.open()


def nothing_waits(day: Day) -> None:
    day.home()
    day.hands.enter("F7")
    day.hands.see("Nothing waits for the host.")
    day.hands.look("queue")
    day.home()
    day.hands.enter("F3")
    day.hands.look("jobs")
    day.home()
    day.sign_out()


def close_the_day(day: Day) -> None:
    hands, outlet = day.hands, day.outlet
    day.sign_in("zhao")
    hands.enter("F8")
    hands.look("stock-evening")
    hands.enter("F10")
    hopper, spoiled = len(outlet.lying("hopper")), 3
    counted = {"stock": hopper - 2, "vault": 2, "spoiled": spoiled, "tested": 0}
    day.count(counted)
    hands.look("day-count")
    hands.enter()
    hands.see("Everything agrees", "heading")
    hands.look("day-close")
    hands.enter()
    hands.see("The equation")
    hands.look("day-closed")
    check_settled(outlet)
    account = outlet.account()
    assert (account.opening, account.issued, account.spoiled, account.remaining, account.vault) == (
        BLANKS, 5, spoiled, counted["stock"], counted["vault"],
    )  # fmt: skip
    closed = json.loads(day.fetch("JSON"))
    (line,) = [one for one in closed["stock"] if one["stock"] == STOCK]
    check_equation(line)
    assert (line["issued"], line["spoiled"], line["in_doubt"]) == (5, spoiled, 0)
    assert day.fetch("Print the paper").startswith(b"%PDF-")
    day.home()
    day.sign_out()
    check_record_whole(outlet)


def check_equation(line: dict[str, int]) -> None:
    left = line["opening"] + line["received"] + line["found"]
    right = ("issued", "spoiled", "tested", "returned", "missing", "in_doubt", "closing")
    assert left == sum(line[name] for name in right), line
