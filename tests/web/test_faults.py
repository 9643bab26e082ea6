"""Faults as pages: what happened, to what, what to do; and a form that is done once."""

from __future__ import annotations

import logging
import secrets
import threading

import pytest
from starlette.responses import Response

from cardfab.errors import DeviceFault, InDoubt, Text
from cardfab.production import Act
from cardfab.web.asking import Asked
from cardfab.web.floor import Floor
from tests.web.browser import Browser

NAME = "secret name in a message"


@pytest.fixture(scope="module")
def floor(shared: Browser) -> Floor:
    """One station for all tests here."""
    return shared.floor


@pytest.fixture
def browser(floor: Floor) -> Browser:
    """An operator's, at a station with pages that go wrong."""
    made = Browser(floor)

    @made.app.get("/probe/{what}")
    def probe(what: str, asking: Asked) -> Response:
        if what == "bug":
            raise RuntimeError(NAME)
        if what == "device":
            raise DeviceFault(Text("The <b>reader</b> is away.", "读卡器未连接。"), do=Text("Plug it in.", "请连接。"))
        asking.must(Act.STOCK)
        return asking.go("/")

    return made.sign_in("operator")


def test_who_may_not_is_told_who_may(browser: Browser) -> None:
    page = browser.get("/probe/stock")
    assert page.status_code == 403
    assert "Not allowed" in page.text
    assert "Supervisor 主管" in page.text
    assert "cardfab user login" not in page.text


@pytest.mark.proof
def test_a_fault_says_what_to_do_and_nothing_of_it_is_markup(browser: Browser) -> None:
    page = browser.get("/probe/device")
    assert page.status_code == 503
    assert "The &lt;b&gt;reader&lt;/b&gt; is away." in page.text
    assert "Plug it in." in page.text
    assert "CF-5000" in page.text


def test_for_htmx_a_fault_is_a_part_above_the_work(browser: Browser) -> None:
    part = browser.get("/probe/device", headers={"hx-request": "true"})
    assert (part.headers["hx-retarget"], part.headers["hx-reswap"]) == ("#fault", "innerHTML")
    assert "<html" not in part.text


def test_a_bug_shows_a_number_and_neither_trace_nor_message(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        page = browser.get("/probe/bug")
    assert page.status_code == 500
    assert "CF-1000" in page.text
    assert NAME not in page.text
    assert "Traceback" not in page.text
    assert "test_faults.py" not in page.text
    ours = [one.getMessage() for one in caplog.records if one.name == "cardfab.web"]
    assert len(ours) == 1
    assert NAME not in ours[0]
    assert ours[0].split()[1].rstrip(":") in page.text


def test_a_page_that_is_not_there_keeps_the_frame_of_who_is_signed_in(browser: Browser) -> None:
    page = browser.get("/nosuch")
    assert page.status_code == 404
    assert "There is no such page." in page.text
    assert "Operator 操作员" in page.text


@pytest.fixture
def done(floor: Floor) -> tuple[Browser, list[str]]:
    """A browser at a page with a form, and what was done by it."""
    made, acts = Browser(floor), list[str]()
    hold = threading.Event()

    @made.app.get("/form")
    def form(asking: Asked) -> Response:
        return asking.page("entrance/home.html", groups=(), open_work=())

    @made.app.post("/form")
    def act(asking: Asked) -> Response:
        what = asking.form["what"]
        acts.append(what)
        if what == "wait":
            hold.wait(0.3)
        if what == "refuse":
            raise DeviceFault(Text("The reader is away.", "读卡器未连接。"))
        if what == "doubt":
            raise InDoubt(Text("Nobody knows.", "结果未知。"))
        if what == "bug":
            raise RuntimeError
        return asking.go(f"/form?{what}", Text("It is done.", "已办理。"))

    return made.sign_in("operator"), acts


@pytest.fixture
def key() -> str:
    """Of one form."""
    return secrets.token_hex(16)


def test_a_form_sent_twice_is_done_once_and_leads_to_the_same_page(done: tuple[Browser, list[str]], key: str) -> None:
    browser, acts = done
    browser.get("/form")
    for _ in range(2):
        answer = browser.post("/form", what="stock", once=key)
        assert (answer.status_code, answer.headers["location"]) == (303, "/form?stock")
    assert acts == ["stock"]
    assert "It is done." in browser.get("/form").text
    assert "It is done." not in browser.get("/form").text


def test_a_form_sent_twice_at_the_same_moment_is_done_once(done: tuple[Browser, list[str]], key: str) -> None:
    browser, acts = done
    browser.get("/form")
    found: list[str] = []
    sent = {"form_token": browser.token, "what": "wait", "once": key}

    def send() -> None:
        found.append(browser.client.post("/form", data=sent).headers["location"])

    threads = [threading.Thread(target=send) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == ["/form?wait"] * 3
    assert acts == ["wait"]


def test_a_form_that_was_refused_may_be_sent_again(done: tuple[Browser, list[str]], key: str) -> None:
    browser, acts = done
    browser.get("/form")
    assert browser.post("/form", what="refuse", once=key).status_code == 503
    assert browser.post("/form", what="stock", once=key).status_code == 303
    assert acts == ["refuse", "stock"]


@pytest.mark.parametrize("end", ["doubt", "bug"])
def test_a_form_whose_end_nobody_knows_is_not_done_again(done: tuple[Browser, list[str]], end: str, key: str) -> None:
    browser, acts = done
    browser.get("/form")
    assert browser.post("/form", what=end, once=key).status_code in (409, 500)
    again = browser.post("/form", what="stock", once=key)
    assert again.status_code == 409
    assert "CF-9800" in again.text
    assert acts == [end]
