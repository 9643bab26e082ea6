"""In and out of the pages: login, lockout, one session a person, the lock that keeps the work, the language."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from cardfab.crypto.password import hash_password
from cardfab.station import access
from cardfab.web.floor import Floor
from cardfab.web.guard import SESSION
from tests.people import events
from tests.web.browser import Browser

WORD = "green stones in a river"


@pytest.fixture(scope="module")
def floor(shared: Browser) -> Floor:
    """One station for all tests here."""
    return shared.floor


@pytest.fixture(autouse=True)
def no_passwords(floor: Floor) -> Iterator[None]:
    """Each test finds people without passwords."""
    yield
    with floor.base.database.transaction("forget") as tx:
        for one in tx.people.all():
            tx.people.change(one.login, hash=None, failed=0, locked_until=None, once=0)


def give_word(floor: Floor, login: str, *, by: str | None = None) -> None:
    """Let a person have a password."""
    with floor.base.database.transaction("password") as tx:
        tx.people.change(login, hash=_hash(), set_at=floor.base.at(), once=int(by not in (None, login)))


@cache
def _hash() -> str:
    return hash_password(bytearray(WORD.encode()), os.urandom)


def test_a_person_of_a_training_station_is_picked_from_a_list_and_comes_in(nobody: Browser) -> None:
    page = nobody.get("/day")
    assert page.headers["location"] == "/login?next=/day"
    assert "Operator 操作员" in nobody.get("/login?next=/day").text
    assert nobody.hidden("next") == "/day"
    nobody.sign_in("operator")
    home = nobody.get("/")
    assert home.status_code == 200
    assert "Issue a card" in home.text
    assert "Close the day" not in home.text


@pytest.mark.proof
@pytest.mark.shows("lockout (proof)")
def test_wrong_passwords_are_counted_and_the_last_allowed_one_locks_the_login(floor: Floor) -> None:
    give_word(floor, "operator")
    door = replace(floor.base.entrance(), rules=access.AccessRules(attempts=2))
    nobody = Browser(replace(floor, base=replace(floor.base, door=door)))
    nobody.get("/login")
    for _ in range(2):
        refused = nobody.post("/login", person="operator", word="something else")
        assert refused.status_code == 403
        assert "Login or password is wrong." in refused.text
    locked = nobody.post("/login", person="operator", word=WORD)
    assert locked.status_code == 403
    assert "is locked" in locked.text
    assert SESSION not in nobody.client.cookies
    assert [one.details["login"] for one in events(floor.base.database, "person.lock")] == ["operator"]


@pytest.mark.shows("session fixation (test)")
def test_a_token_that_was_there_before_the_login_is_not_taken_over(floor: Floor, nobody: Browser) -> None:
    planted = f"{'ab' * 32}.operator"
    nobody.client.cookies.set(SESSION, planted, domain="testserver.local", path="/")
    assert nobody.get("/").headers["location"] == "/login"
    nobody.sign_in("operator")
    first = nobody.client.cookies[SESSION]
    assert first != planted
    nobody.sign_in("operator")
    second = nobody.client.cookies[SESSION]
    assert second not in (first, planted)
    other = Browser(floor)
    for former in (planted, first):
        other.client.cookies.set(SESSION, former)
        assert other.get("/").status_code == 303


def test_who_signs_in_elsewhere_is_signed_out_here(floor: Floor, operator: Browser) -> None:
    elsewhere = Browser(floor).sign_in("operator")
    assert operator.get("/").headers["location"] == "/login"
    assert elsewhere.get("/").status_code == 200


def test_signing_out_ends_the_session_and_not_only_the_cookie(operator: Browser) -> None:
    operator.get("/")
    kept = operator.client.cookies[SESSION]
    assert operator.post("/out").headers["location"] == "/login"
    operator.client.cookies.set(SESSION, kept)
    assert operator.get("/").headers["location"] == "/login"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(nobody: Browser) -> None:
    nobody.get("/login")
    cookie = nobody.post("/login", person="operator").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "max-age" not in cookie
    assert "expires" not in cookie


@pytest.mark.proof
def test_a_locked_page_keeps_the_form_but_no_password_and_goes_on_after_the_password(
    floor: Floor, nobody: Browser
) -> None:
    give_word(floor, "supervisor")
    nobody.sign_in("supervisor", WORD)
    nobody.get("/")
    assert nobody.post("/lock", here="/").status_code == 303
    assert nobody.get("/").status_code == 401
    sent = {"stock": "training-ssc2", "count": "7", "second_word": "their secret"}
    locked = nobody.post("/stock/receive", **sent)
    assert locked.status_code == 401
    assert 'name="kept:count" value="7"' in locked.text
    assert "their secret" not in locked.text
    wrong = nobody.post("/unlock", word="no", whole="yes", next="/stock/receive", **{"kept:count": "7"})
    assert wrong.status_code == 403
    assert 'name="kept:count" value="7"' in wrong.text
    again = nobody.post("/unlock", word=WORD, whole="yes", next="/stock/receive", **{"kept:count": "7"})
    assert again.status_code == 200
    assert 'action="/stock/receive"' in again.text
    assert 'name="count" value="7"' in again.text
    assert nobody.get("/").status_code == 200


@pytest.mark.proof
def test_the_curtain_over_a_page_falls_by_a_sign_and_opens_by_the_password(floor: Floor, nobody: Browser) -> None:
    give_word(floor, "operator")
    nobody.sign_in("operator", WORD)
    nobody.get("/")
    nobody.post("/lock", part=True)
    part = nobody.get("/rail", headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-trigger"]) == (401, "locked")
    wrong = nobody.post("/unlock", word="no")
    assert wrong.status_code == 403
    assert "<" not in wrong.text
    assert nobody.post("/unlock", word=WORD).status_code == 204
    assert nobody.get("/rail").status_code == 200


@pytest.mark.proof
def test_a_page_without_a_hand_on_it_falls_idle_though_its_lights_are_asked_for(floor: Floor, nobody: Browser) -> None:
    give_word(floor, "operator")
    nobody.sign_in("operator", WORD)
    _set_back(floor, "operator", minutes=14)
    assert nobody.get("/rail").status_code == 200
    _set_back(floor, "operator", minutes=16, unless_after=14)
    assert nobody.get("/rail").status_code == 401
    assert nobody.get("/").status_code == 401


def _set_back(floor: Floor, login: str, *, minutes: int, unless_after: int | None = None) -> None:
    """Have a session be used last so long ago; ``unless_after``: it must not have been used since then."""
    now = datetime.now(UTC)
    with floor.base.database.transaction("set back") as tx:
        row = tx.sessions.of(login)
        assert row is not None
        if unless_after is not None:
            assert now - datetime.fromisoformat(row.last_at) > timedelta(minutes=unless_after - 1)
        tx.sessions.touch(login, last_at=(now - timedelta(minutes=minutes)).isoformat(timespec="milliseconds"))


@pytest.mark.proof
def test_a_first_password_serves_once_and_the_person_chooses_their_own(floor: Floor, nobody: Browser) -> None:
    give_word(floor, "operator", by="administrator")
    nobody.get("/login")
    asks = nobody.post("/login", person="operator", word=WORD)
    assert 'name="new_word"' in asks.text
    own = "lamp oil for the winter"
    differ = nobody.post("/login", person="operator", word=WORD, new_word=own, new_again="another one")
    assert "differ" in differ.text
    assert nobody.post("/login", person="operator", word=WORD, new_word=own, new_again=own).status_code == 303
    Browser(floor).sign_in("operator", own)


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/\n/evil", "evil"]
)
def test_the_login_leads_nowhere_outside(shared: Browser, path: str) -> None:
    shared.get("/login", params={"next": path})
    assert shared.hidden("next") == "/"
    assert shared.post("/login", person="operator", next=path).headers["location"] == "/"


def test_the_language_is_the_browsers_until_the_person_chooses(floor: Floor) -> None:
    browser = Browser(floor, "zh-CN,zh;q=0.9,en;q=0.5")
    assert '<html lang="zh-CN">' in browser.get("/login").text
    browser.post("/language", language="en", here="/login")
    assert '<html lang="en">' in browser.get("/login").text
    browser.sign_in("operator")
    assert "What is to be done?" in browser.get("/").text
