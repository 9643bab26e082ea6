"""The frame of every page in a real browser: keys, focus, lock, both languages and themes, no console error, axe."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from cardfab.crypto.password import hash_password
from cardfab.web.app import create_app
from cardfab.web.floor import Floor

pytestmark = [pytest.mark.proof, pytest.mark.service]
WORD = "green stones in a river"
SIZES = [((1280, 800), "light"), ((1024, 768), "dark"), ((768, 1024), "light"), ((1280, 800), "dark")]


@contextmanager
def served(floor: Floor) -> Iterator[str]:
    """The address at which a station answers browsers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        config = uvicorn.Config(create_app(floor), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture
def address(floor: Floor) -> Iterator[str]:
    """Where the station answers."""
    with served(floor) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """Debian's browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def visit(chromium: Chromium, *, language: str = "en", size: tuple[int, int] = (1280, 800), theme: str = "light",
          script: bool = True) -> Iterator[Page]:  # fmt: skip
    """A page of a person's own; fails at its end when the console had an error."""
    context: BrowserContext = chromium.new_context(
        locale="zh-CN" if language == "zh" else "en-US",
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=script,
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not [one for one in errors if "status of 4" not in one], errors


def come_in(page: Page, address: str, login: str) -> None:
    """Sign in by keyboard."""
    page.goto(f"{address}/login")
    page.locator(f"input[value={login}]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/")


def sound(page: Page) -> None:
    """Axe finds nothing, and nothing is wider than the screen."""
    found = [(one["id"], [node["html"] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]]
    assert not found, found
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_frame_is_sound_in_both_themes_and_on_a_tablet(chromium: Chromium, address: str, language: str) -> None:
    for size, theme in SIZES:
        with visit(chromium, language=language, size=size, theme=theme) as page:
            page.goto(f"{address}/login")
            sound(page)
            come_in(page, address, "trainee")
            for path in ("/", "/approvals", "/nosuch"):
                page.goto(address + path)
                sound(page)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_without_a_number_is_sound(chromium: Chromium, address: str, floor: Floor, language: str) -> None:
    from tests.web.browser import Browser

    paths = [one.path for one in Browser(floor).routes() if "GET" in one.methods and "{" not in one.path]
    pages = [one for one in paths if not one.startswith("/api") and "." not in one and one not in ("/rail", "/login")]
    pages = [one for one in pages if one not in ("/healthz", "/readyz", "/metrics")]
    assert len(pages) >= 10
    with visit(chromium, language=language) as page:
        come_in(page, address, "trainee")
        for path in pages:
            page.goto(address + path)
            if page.locator("main").count():
                sound(page)


def test_keys_lead_to_acts_and_back_and_are_quiet_while_a_word_is_composed(chromium: Chromium, address: str) -> None:
    with visit(chromium) as page:
        come_in(page, address, "trainee")
        page.keyboard.press("F8")
        page.wait_for_url(f"{address}/stock")
        page.keyboard.press("Escape")
        page.wait_for_url(f"{address}/")
        page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown',"
                      "{key: 'F2', bubbles: true, isComposing: true, cancelable: true}))")  # fmt: skip
        page.wait_for_timeout(300)
        assert page.url == f"{address}/"
        page.keyboard.press("Alt+v")
        page.wait_for_url(f"{address}/approvals")


def test_the_rail_renews_itself_and_takes_no_focus(chromium: Chromium, address: str) -> None:
    with visit(chromium) as page:
        come_in(page, address, "trainee")
        page.goto(f"{address}/approvals")
        box = page.locator("input[name=request]").first
        box.focus()
        with page.expect_response(re.compile("/rail$"), timeout=15000):
            pass
        page.wait_for_timeout(200)
        expect(box).to_be_focused()
        expect(page.locator("#rail")).to_be_visible()


def test_the_lock_falls_over_the_work_keeps_it_and_opens_by_the_password(
    chromium: Chromium, address: str, floor: Floor
) -> None:
    import os

    with floor.base.database.transaction("password") as tx:
        kept = hash_password(bytearray(WORD.encode()), os.urandom)
        tx.people.change("supervisor", hash=kept, set_at=floor.base.at())
    with visit(chromium) as page:
        page.goto(f"{address}/login")
        page.check("input[value=supervisor]")
        page.fill("#word", WORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{address}/")
        page.goto(f"{address}/approvals")
        page.locator("input[name=request]").first.check()
        with floor.base.database.transaction("idle") as tx:
            tx.sessions.touch("supervisor", boot="locked")
        word = page.locator("#curtain-word")
        expect(word).to_be_focused(timeout=15000)  # the lights were asked for, and answered by the lock
        assert Axe().run(page).response["violations"] == []
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_be_visible()
        page.keyboard.type("not the word")
        page.keyboard.press("Enter")
        expect(page.locator("#curtain-error")).to_contain_text("wrong")
        page.keyboard.type(WORD)
        page.keyboard.press("Enter")
        expect(page.locator("dialog")).to_be_hidden(timeout=10000)
        expect(page.locator("input[name=request]").first).to_be_checked()
        page.locator("button.primary:visible").click()
        expect(page.locator(".said")).to_contain_text("approved")


def test_every_form_works_without_scripts(chromium: Chromium, address: str) -> None:
    with visit(chromium, script=False) as page:
        page.goto(f"{address}/login")
        page.check("input[value=supervisor]")
        page.click("button.primary")
        page.click("a[href='/approvals']")
        page.locator("input[name=request]").first.check()
        page.locator("main button.primary").click()
        expect(page.locator(".said")).to_contain_text("1 requests approved")
        page.locator("#language button").click()
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        page.locator("#out button").click()
        expect(page).to_have_url(f"{address}/login")
