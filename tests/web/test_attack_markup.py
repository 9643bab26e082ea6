"""Attacks by what a holder's record says: markup in a name is text wherever it is shown. And by numbers of others."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from cardfab.prepare.request import IssuanceRequest
from cardfab.production import Person, Role
from cardfab.station.vault import holder_index, open_request, seal_request
from cardfab.store.tables import request as table
from cardfab.web.floor import Floor
from tests.web.browser import Browser
from tests.web.callers import program
from tests.web.test_api import a_request

MARKUP = "<script>alert(1)</script>"
NAMES = (MARKUP, '"><img src=x onerror=alert(1)>', "{{7*7}}", "%(name)s${7*7}", "</textarea><svg/onload=alert(1)>")
ACTIVE = re.compile(r"<script>alert|<img src=x|<svg/onload|onerror=alert\(1\)>|\b49\b x49")


def renamed(floor: Floor, request_id: str, name: str) -> str:
    """Put a name into the books that no import would take; the holder's number."""
    desk = floor.desk(Person("trainee", "-", frozenset(Role)))
    with floor.base.database.transaction("a name") as tx:
        row = tx.requests.get(request_id)
        request: IssuanceRequest = replace(
            open_request(desk.keys, row), name=name, household_address=name, employer=name
        )
        assert row.salt is not None
        tx.requests._connection.execute(
            table.update()
            .where(table.c.id == request_id)
            .values(sealed=seal_request(desk.keys, request, row.token, row.salt))
        )
    assert holder_index(desk.keys, request.social_security_number) == row.holder_index
    return request.social_security_number


@pytest.mark.proof
@pytest.mark.shows("XSS by holder's name (proof)")
def test_markup_in_a_name_is_shown_as_text(floor: Floor, operator: Browser) -> None:
    sender = program(floor, "operator")
    for name in NAMES:
        number = renamed(floor, "R2026112100003", name)
        shown = sender.get("/requests/R2026112100003")
        assert shown.headers["content-type"] == "application/json"
        assert shown.json()["name"] == name
        operator.get("/issue")
        found = operator.post("/issue/find", number=number, once="f" * 32)
        page = operator.get(found.headers["location"]) if found.status_code == 303 else found
        assert page.status_code == 200, found.text
        seen = [page.text]
        for step in ("documents", "photo", "check"):
            seen.append(operator.get(f"{page.url.path}?step={step}").text)
        for text in seen:
            assert not ACTIVE.search(text), name
        token = str(page.url.path).rpartition("/")[2]
        operator.get(page.url.path)
        operator.post(f"/issue/{token}/leave")


@pytest.mark.proof
def test_a_name_with_markup_is_refused_at_the_door(floor: Floor) -> None:
    sender = program(floor, "operator")
    for number, name in enumerate(NAMES):
        answer = sender.post("/requests", a_request(f"XSS{number}", name=name))
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status_code == 422:
            assert name not in json.dumps(answer.json(), ensure_ascii=False), "it is not said again"


@pytest.mark.proof
def test_markup_in_paths_logins_and_queries_is_text_too(floor: Floor, operator: Browser, supervisor: Browser) -> None:
    administrator = Browser(floor).sign_in("administrator")
    for browser in (operator, supervisor, administrator):
        for path in (
            f"/jobs/{MARKUP}", f"/issue/{MARKUP}", f"/people/of/{MARKUP}", f"/temporary/{MARKUP}", f"/stock/{MARKUP}",
            f"/counter/receipts/{MARKUP}", f"/day/closed/{MARKUP}", f"/login?next={MARKUP}", f"/jobs?state={MARKUP}",
            f"/stock/book?stock={MARKUP}", f"/counter/receipts?number={MARKUP}", f"/nothing/{MARKUP}",
        ):  # fmt: skip
            answer = browser.get(path)
            assert answer.status_code < 500, path
            assert MARKUP not in answer.text, path
    answer = administrator.post("/people/new", login="markup", name=MARKUP, role="operator")
    assert answer.status_code == 303
    for path in ("/people", "/people/of/markup"):
        page = administrator.get(path).text
        assert MARKUP not in page
        assert "&lt;script&gt;alert(1)" in page
    browser = Browser(floor)
    assert MARKUP not in browser.get("/login").text
    browser.post("/login", person=MARKUP, login=MARKUP, word="")
    assert MARKUP not in browser.page


@pytest.mark.proof
@pytest.mark.shows("IDOR over job ids (proof)")
def test_the_number_of_a_job_opens_nothing_to_who_has_no_right(floor: Floor) -> None:
    """Numbers are easily guessed: each asking is judged by the person's right, and an unknown one says nothing."""
    with floor.base.database.transaction("others") as tx:
        tx.people.add(Person("keys", "Keys", frozenset({Role.KEY_CUSTODIAN})))
    custodian, auditor = Browser(floor).sign_in("keys"), program(floor, "auditor")
    known, unknown = list(range(1, 13)), [0, 13, 10**6, 2**53 - 1]
    for number in known + unknown:
        for path in (f"/jobs/{number}", f"/jobs/{number}/steps", f"/jobs/{number}/moved", f"/jobs/{number}/events"):
            answer = custodian.get(path)
            assert (answer.status_code, "R20261121" in answer.text) == (403, False), path
        for act in ("issue", "inspect", "resolve"):
            body = {"issue": None, "inspect": {"verdict": "accept"}, "resolve": {}}[act]
            if number:
                assert auditor.post(f"/jobs/{number}/{act}", body).status_code == 403
    seen = auditor.get("/jobs/1").text
    assert "name" not in json.loads(seen)
    for number in unknown[1:]:
        assert auditor.get(f"/jobs/{number}").status_code == 404
    for odd in ("0", "-1", "1e1", "٣", "1%00", "1;DROP TABLE job", str(2**63), "9" * 400):
        assert auditor.get(f"/jobs/{odd}").status_code in (404, 422), odd
    assert auditor.get("/requests/R2026112100003").status_code == 403


@pytest.mark.proof
def test_a_case_is_for_who_opened_it(floor: Floor, operator: Browser) -> None:
    operator.get("/issue")
    begun = operator.post("/issue/next", once="a" * 32)
    assert begun.status_code == 303, begun.text
    place = begun.headers["location"]
    with floor.base.database.transaction("another operator") as tx:
        tx.people.add(Person("second", "Second", frozenset({Role.OPERATOR})))
    other = Browser(floor).sign_in("second")
    answer = other.get(place)
    assert answer.status_code in (303, 403, 404, 409), "not opened by knowing its address"
