"""The stock book and the day as pages: by a scanner, by two people, blind, each person as much as they need."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from cardfab.production import Place
from cardfab.web.floor import Floor
from tests.web.browser import Browser

STOCK = "training-ssc2"
DRAW = {"stock": STOCK, "count": "10", "counted": "10", "second_login": "operator", "second_count": "10"}
RECEIVE = {
    "note": "SH-7", "stock": STOCK, "to": "vault", "first": "A001", "last": "A050",
    "counted": "50", "second_login": "operator", "second_count": "50",
}  # fmt: skip


def held(floor: Floor) -> dict[Place, int]:
    with floor.base.database.reading() as tx:
        return {place: count for place, count in tx.stock.held(STOCK).items() if count > 0}


def send(browser: Browser, act: str, **fields: str) -> str:
    """Fill in a form and send it; where it led, or the fault it showed."""
    browser.get(f"/stock/{act}")
    answer = browser.post(f"/stock/{act}", once=browser.hidden("once"), **fields)
    if answer.status_code == 303:
        return answer.headers["location"]
    found = re.search(r"CF-[0-9]{4}", answer.text)
    return found[0] if found else str(answer.status_code)


def focus(text: str) -> str:
    found = re.search(r'<input id="[^"]*" name="([^"]*)"[^>]*autofocus', text)
    return found[1] if found else ""


@pytest.mark.proof
@pytest.mark.shows(
    "receive, draw with a second person's count, spoil, test, return, destroy, close at the page (proof)"
)
def test_a_day_of_the_book_at_the_page(floor: Floor, supervisor: Browser) -> None:
    assert send(supervisor, "receive", **RECEIVE) == "/stock"
    assert send(supervisor, "draw", **DRAW) == "/stock"
    assert send(supervisor, "draw", **DRAW | {"second_count": "9"}) == "CF-7110"
    assert send(supervisor, "draw", **DRAW | {"second_login": "supervisor"}) == "CF-7402"
    assert send(supervisor, "spoil", stock=STOCK, first="A003", last="A003", reason="bent") == "/stock"
    assert send(supervisor, "test", stock=STOCK, count="1", reason="ribbon") == "/stock"
    assert (
        send(supervisor, "return", **DRAW | {"to": "vault", "count": "2", "counted": "2", "second_count": "2"})
        == "/stock"
    )
    destroyed = {"box": "spoiled", "reason": "shredded", "count": "1", "counted": "1", "second_count": "1"}
    assert send(supervisor, "destroy", **DRAW | destroyed) == "/stock/done/XH2026000001"
    assert "XH2026000001" in supervisor.get("/stock/done/XH2026000001").text
    assert supervisor.get("/stock/destruction/XH2026000001.pdf").content.startswith(b"%PDF")
    assert supervisor.get("/stock/destruction/XH2026999999.pdf").status_code == 409
    assert held(floor) == {Place.STOCK: 26, Place.VAULT: 42, Place.TESTED: 1, Place.DESTROYED: 1}

    page = supervisor.get("/day").text
    work = page[page.index("<main") :]
    assert "Count the cards" in work
    assert not {"26", "42"} & set(re.findall(r">\s*([0-9]+)\s*<", work)), "the count is blind, the rail too"
    counted = {"stock.000": STOCK, "count.0.stock": "25", "count.0.vault": "42", "count.0.spoiled": "0"}
    assert focus(supervisor.post("/day/count", **counted).text) == "count.0.tested", "an empty place is asked for"
    assert supervisor.post("/day/count", **counted, **{"count.0.tested": "1"}).headers["location"] == "/day"
    page = supervisor.get("/day").text
    assert "The counts differ" in page
    assert "-1" in page
    close = {"of.0": supervisor.hidden("of.0"), "why.0": "lost"}
    assert "CF-7111" in supervisor.post("/day/close", once=supervisor.hidden("once"), **close).text
    close |= {"second_login": "operator"}
    answer = supervisor.post("/day/close", once=supervisor.hidden("once"), **close)
    closed = supervisor.follow(answer)
    assert "lost" in closed.text
    paper = answer.headers["location"]
    assert supervisor.get(f"{paper}/paper.pdf").content.startswith(b"%PDF")
    assert supervisor.get(f"{paper}/figures.json").json()["stock"][0]["closing"] == 67
    assert STOCK in supervisor.get(f"{paper}/figures.csv").text
    assert paper in supervisor.get("/day/history").text
    assert send(supervisor, "spoil", stock=STOCK, count="1", reason="bent") == "CF-7130"
    assert "No day is open" in supervisor.get("/day").text
    assert supervisor.post("/day/open", reason="late customer").headers["location"] == "/stock"
    assert send(supervisor, "spoil", stock=STOCK, count="1", reason="bent") == "/stock"
    assert "late" not in supervisor.get("/stock/book").text


def test_a_scanner_fills_the_form_field_by_field(supervisor: Browser) -> None:
    """Enter after each field asks for the next; nothing typed is lost, and nothing is a fault."""
    supervisor.get("/stock/receive")
    fields = {"stock": STOCK, "to": "vault"}
    for name, value, after in (
        ("note", "SH-7", "first"),
        ("first", "a001", "last"),
        ("last", "A050", "counted"),
        ("counted", "50", "second_login"),
        ("second_login", "operator", "second_count"),
    ):
        fields[name] = value
        answer = supervisor.post("/stock/receive", once=supervisor.hidden("once"), **fields)
        assert (answer.status_code, focus(answer.text)) == (200, after)
        assert 'class="fault"' not in answer.text
    fields["second_count"] = "50"
    assert supervisor.post("/stock/receive", once=supervisor.hidden("once"), **fields).status_code == 303


def test_the_same_form_twice_books_once(floor: Floor, supervisor: Browser) -> None:
    supervisor.get("/stock/spoil")
    once = supervisor.hidden("once")
    for _ in range(2):
        answer = supervisor.post("/stock/spoil", once=once, stock=STOCK, count="1", reason="bent")
        assert answer.headers["location"] == "/stock"
    assert held(floor)[Place.SPOILED] == 1


@pytest.mark.proof
@pytest.mark.shows("operators see what is left at the machine, not the vault nor the book (proof)")
def test_an_operator_sees_the_machine_only(floor: Floor, operator: Browser, supervisor: Browser) -> None:
    send(
        supervisor,
        "receive",
        **RECEIVE | {"first": "", "last": "", "count": "4711", "counted": "4711", "second_count": "4711"},
    )
    page = operator.get("/stock").text
    assert "Left at the machine" in page
    assert "4711" not in page
    for path in (
        "/stock/book", f"/stock/book.pdf?stock={STOCK}", "/stock/draw", "/stock/receive", "/stock/return",
        "/stock/destroy", "/stock/find", "/stock/done/XH1", "/day", "/day/history", "/day/closed/RJ1",
        "/day/closed/RJ1/paper.pdf", "/day/closed/RJ1/figures.csv", "/day/closed/RJ1/figures.json",
    ):  # fmt: skip
        assert operator.get(path).status_code == 403, path
    for path in ("/stock/draw", "/stock/destroy", "/day/count", "/day/close", "/day/open"):
        operator.get("/stock")
        assert operator.post(path, **DRAW).status_code == 403, path
    assert send(operator, "spoil", stock=STOCK, count="1", reason="bent") == "/stock"
    assert held(floor)[Place.SPOILED] == 1


def test_a_day_that_was_not_closed_is_said_at_once(floor: Floor) -> None:
    """On the next date, at the home page and the stock page, to who can close it; the vault stays shut."""
    late = replace(floor, base=replace(floor.base, now=lambda: floor.base.now() + timedelta(days=1)))
    for login, said in (("supervisor", True), ("operator", False)):
        browser = Browser(late).sign_in(login)
        assert ("An earlier day is not closed" in browser.get("/").text) is said
    supervisor = Browser(late).sign_in("supervisor")
    assert "is not closed" in supervisor.get("/stock").text
    assert send(supervisor, "receive", **RECEIVE) == "CF-7131"


def test_the_pages_in_chinese(floor: Floor) -> None:
    browser = Browser(floor, "zh").sign_in("supervisor")
    for path, words in (
        ("/stock", "库存台账"),
        ("/stock/draw", "领用上机"),
        ("/day", "清点卡片"),
        ("/stock/book", "入库"),
    ):
        assert words in browser.get(path).text, path
    assert browser.get("/stock/no-such-act").status_code == 404
    assert browser.get("/stock/book?stock=nobody").status_code == 409
