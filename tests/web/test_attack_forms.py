"""Attacks on the forms of the pages: forged, fixed, guessed, led astray."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cardfab.crypto import password
from cardfab.production import Person, Role
from cardfab.web.floor import Floor
from cardfab.web.given import Given
from tests.people import events
from tests.web.browser import Browser
from tests.web.callers import Program, token_of
from tests.web.real import WORDS, come_in, real
from tests.web.test_api import a_request


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_KIB", 64)


def cookies_of(browser: Browser) -> dict[str, str]:
    return {one.name: one.value or "" for one in browser.client.cookies.jar}


def program_of(station: Floor, login: str) -> Program:
    """A program of a person of the real station, who gives their password for its token."""
    return Program(station, token_of(station, login, ask=Given(WORDS)))


@pytest.mark.shows("CSRF (test)")
def test_a_form_that_this_session_did_not_give_out_does_nothing(floor: Floor, operator: Browser) -> None:
    other = Browser(floor).sign_in("supervisor")
    other.get("/")
    mine = operator.get("/").text
    token = operator.token
    assert token
    assert token in mine
    tries: dict[str, tuple[dict[str, str], dict[str, str]]] = {
        "no token": ({}, {}),
        "an empty one": ({"form_token": ""}, {}),
        "one of another session": ({"form_token": other.token}, {}),
        "another origin": ({"form_token": token}, {"origin": "http://evil.example"}),
        "no origin, of a sandbox": ({"form_token": token}, {"origin": "null"}),
        "another site, as browsers say": ({"form_token": token}, {"sec-fetch-site": "cross-site"}),
        "a neighbour of the same site": ({"form_token": token}, {"sec-fetch-site": "same-site"}),
    }
    for name, (fields, headers) in tries.items():
        answer = operator.client.post("/out", data=fields, headers=headers)
        assert answer.status_code == 403, name
        assert operator.get("/").status_code == 200, f"{name}: still open"
    simple = operator.client.post(
        "/out", content=b"form_token=" + token.encode(), headers={"content-type": "text/plain"}
    )
    assert simple.status_code in (403, 422)
    assert operator.client.get("/out").status_code in (404, 405), "nothing is done by a link"
    assert operator.client.post("/out", data={"form_token": token}).status_code == 303
    assert operator.get("/").status_code == 303


@pytest.mark.proof
def test_the_login_form_is_tied_to_its_browser(floor: Floor) -> None:
    """Nobody is signed in as somebody else by a forged login."""
    victim, attacker = Browser(floor), Browser(floor)
    victim.get("/login")
    attacker.get("/login")
    forged = victim.client.post(
        "/login", data={"form_token": attacker.token, "person": "operator", "login": "operator"}
    )
    assert forged.status_code == 403
    assert victim.get("/").status_code == 303


@pytest.mark.shows("session fixation (test)")
def test_a_session_that_was_planted_is_no_session(floor: Floor) -> None:
    planted = f"{'ab' * 32}.operator"
    browser = Browser(floor)
    browser.client.cookies.set("cardfab_session", planted)
    assert browser.get("/").status_code == 303
    browser = Browser(floor)
    browser.client.cookies.set("cardfab_session", planted, domain="testserver.local", path="/")
    browser.sign_in("operator")
    mine = [one.value for one in browser.client.cookies.jar if one.name == "cardfab_session"]
    assert any(one != planted for one in mine), "a login is a new session"
    stranger = Browser(floor)
    stranger.client.cookies.set("cardfab_session", planted)
    assert stranger.get("/").status_code == 303


@pytest.mark.proof
def test_a_session_ends_with_its_sign_out_and_with_a_login_elsewhere(floor: Floor) -> None:
    first = Browser(floor).sign_in("operator")
    kept = cookies_of(first)["cardfab_session"]
    second = Browser(floor).sign_in("operator")
    assert first.get("/").status_code == 303, "one session a person"
    assert second.get("/").status_code == 200
    kept = cookies_of(second)["cardfab_session"]
    assert second.post("/out").status_code == 303
    thief = Browser(floor)
    thief.client.cookies.set("cardfab_session", kept)
    assert thief.get("/").status_code == 303


@pytest.mark.proof
def test_a_cookie_says_nothing_of_whose_session_it_is_but_what_is_checked(floor: Floor) -> None:
    operator = Browser(floor).sign_in("operator")
    token, _, _ = cookies_of(operator)["cardfab_session"].partition(".")
    thief = Browser(floor)
    thief.client.cookies.set("cardfab_session", f"{token}.supervisor")
    assert thief.get("/").status_code == 303
    for odd in ("", ".", "x.operator", f"{token}.", f"{token}.operator\x00", f"{token[:-2]}.operator", "a" * 9000):
        other = Browser(floor)
        answer = other.client.get("/", headers={"cookie": f"cardfab_session={odd}".encode("latin-1", "ignore")})
        assert answer.status_code == 303, odd


def test_cookies_are_for_this_server_and_no_script(floor: Floor) -> None:
    for secure in (False, True):
        browser = Browser(replace(floor, secure=secure))
        page = browser.get("/login")
        answer = browser.client.post(
            "/login", data={"form_token": browser.token, "person": "operator", "login": "operator"},
            headers={"cookie": re.sub(r";.*", "", page.headers["set-cookie"])},
        )  # fmt: skip
        given = page.headers.get_list("set-cookie") + answer.headers.get_list("set-cookie")
        assert len(given) == 2
        for cookie in given:
            parts = {part.strip().lower() for part in cookie.split(";")}
            assert {"httponly", "samesite=strict", "path=/"} <= parts
            assert ("secure" in parts) is secure
            assert not any(part.startswith(("domain=", "expires=", "max-age=")) for part in parts)


@pytest.mark.proof
@pytest.mark.shows("lockout (proof)")
def test_a_login_is_locked_at_the_page_and_by_the_second_persons_form_alike(floor: Floor) -> None:
    station = real(floor)
    administrator = come_in(station, "administrator")
    guesser = Browser(station)
    guesser.get("/login")
    for _ in range(3):
        assert guesser.post("/login", login="supervisor", word="not the word at all").status_code == 403
    administrator.get("/people/of/operator")
    for _ in range(3):
        words = {"second_login": "supervisor", "second_word": "another guess of it"}
        assert administrator.post("/people/of/operator/unlock", **words).status_code == 403
    guesser.get("/login")
    locked = guesser.post("/login", login="supervisor", word=WORDS["supervisor"])
    assert (locked.status_code, "CF-6701" in locked.text) == (403, True)
    right = {"second_login": "supervisor", "second_word": WORDS["supervisor"]}
    by_form = administrator.post("/people/of/operator/unlock", **right)
    assert (by_form.status_code, "CF-6701" in by_form.text) == (403, True)
    [lock] = events(station.base.database, "person.lock")
    assert lock.details["login"] == "supervisor"


@pytest.mark.proof
def test_an_unknown_login_and_a_wrong_word_look_alike(floor: Floor) -> None:
    station = real(floor)
    said = []
    for login in ("operator", "nobody-here"):
        browser = Browser(station)
        browser.get("/login")
        answer = browser.post("/login", login=login, word="not the word at all")
        page = re.sub(r'value="[^"]*"|[0-9a-f]{64}', "", answer.text)
        said.append((answer.status_code, page))
    assert said[0] == said[1]


@pytest.mark.proof
@pytest.mark.shows("a supervisor cannot approve what they made (proof)")
def test_nobody_approves_what_they_made_by_whatever_way(floor: Floor) -> None:
    """By page and by token, as the one signed in and as the second person of somebody else's form."""
    station = real(floor)
    maker = program_of(station, "operator2")
    assert maker.post("/requests", a_request()).status_code == 201
    with station.base.database.transaction("became a supervisor") as tx:
        tx.people.set_roles(Person("operator2", "-", frozenset({Role.SUPERVISOR})))
    promoted = program_of(station, "operator2")
    refused = promoted.post("/requests/API2026112200001/approve")
    assert (refused.status_code, refused.json()["code"]) == (403, "CF-7402")
    with station.base.database.reading() as tx:
        assert tx.jobs.of_request("API2026112200001").state == "REQUESTED"
    assert program_of(station, "supervisor").post("/requests/API2026112200001/approve").status_code == 200


@pytest.mark.proof
def test_a_way_out_of_the_station_is_not_taken(floor: Floor) -> None:
    """Open redirects, and headers made of what was sent."""
    for wanted in (
        "//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
        "/%0d%0aSet-Cookie: a=b", "/\r\nSet-Cookie: a=b", "///evil.example", "/\t/evil.example", "evil.example",
    ):  # fmt: skip
        browser = Browser(floor)
        browser.get("/login", params={"next": wanted})
        answer = browser.post("/login", person="operator", login="operator", word="", next=wanted)
        assert answer.status_code == 303
        place = answer.headers["location"]
        assert place.startswith("/"), wanted
        assert not place.startswith(("//", "/\\")), wanted
        assert "evil" not in place.lstrip("/%") or place.startswith("/%"), wanted
        assert not any("a=b" in one for one in answer.headers.get_list("set-cookie")), wanted
        browser.get("/")
        language = browser.post("/language", language="en", next=wanted)
        assert language.headers["location"].startswith("/")
        assert not language.headers["location"].startswith(("//", "/\\"))


@pytest.mark.proof
def test_another_host_name_is_not_answered(floor: Floor) -> None:
    browser = Browser(floor)
    for host in ("evil.example", "testserver.evil.example", "testserver@evil.example", "", "testserver:80:80", "[::1"):
        for path in ("/login", "/api/v1/health", "/healthz", "/static/station.css"):
            answer = browser.client.get(path, headers={"host": host})
            assert answer.status_code == 421, (host, path)
            assert "evil" not in answer.text
    answer = browser.client.get("/", headers={"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"})
    assert "evil" not in answer.text + str(answer.headers)


def test_no_page_may_be_framed_sniffed_kept_or_scripted(floor: Floor, operator: Browser) -> None:
    for answer in (
        operator.get("/"), operator.get("/login"), operator.get("/no/such/page"), operator.get("/people"),
        operator.get("/api/v1/jobs"), operator.get("/api/v1/"), operator.get("/healthz"),
    ):  # fmt: skip
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "form-action 'self'" in policy
        assert "base-uri 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    assert operator.client.options("/api/v1/jobs", headers={"origin": "http://evil.example"}).status_code == 405
    assert operator.client.request("TRACE", "/").status_code in (404, 405)
