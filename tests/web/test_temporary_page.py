"""Temporary cards as pages: issued, printed, extended, checked, taken back, revoked by a second person."""

from __future__ import annotations

import re

import pytest

from cardfab.production.temporary import TemporaryState
from cardfab.station.vault import open_request
from cardfab.web.floor import Floor
from tests.web.browser import Browser

URGENT = "R2026112100015"


@pytest.fixture
def number(floor: Floor) -> str:
    """The number of the holder's identity card."""
    with floor.base.database.reading() as tx:
        row = tx.requests.get(URGENT)
    return open_request(floor.base.keys, row).social_security_number


def issue(browser: Browser, number: str, path: str = "/temporary/issue", **more: str) -> str:
    """Make a paper by its form; its number."""
    browser.get(path)
    given = {"request": URGENT, "document": "id-card", "number": number, "size": "a4", **more}
    answer = browser.post(path, once=browser.hidden("once"), **given)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].rpartition("/")[2])


def state(floor: Floor, paper: str) -> TemporaryState:
    with floor.base.database.reading() as tx:
        return tx.temporary_cards.get(paper).state


@pytest.mark.proof
def test_a_paper_from_the_list_of_urgent_requests_to_its_return(floor: Floor, operator: Browser, number: str) -> None:
    listed = operator.get("/temporary").text
    assert f"/temporary/issue?request={URGENT}" in listed
    paper = issue(operator, number)
    page = operator.get(f"/temporary/{paper}")
    assert "is made, good until" in page.text
    pdf = operator.get(f"/temporary/{paper}/paper.pdf")
    assert pdf.content.startswith(b"%PDF")
    assert pdf.content == operator.get(f"/temporary/{paper}/paper.pdf").content, "the signed paper itself"
    assert f"request={URGENT}" not in operator.get("/temporary").text
    operator.get("/temporary/check")
    checked = operator.post("/temporary/check", files={"file": ("paper.pdf", pdf.content, "application/pdf")}, text="")
    assert "Genuine and in force" in checked.text
    operator.get(f"/temporary/{paper}")
    operator.follow(operator.post(f"/temporary/{paper}/return", once=operator.hidden("once")))
    assert state(floor, paper) is TemporaryState.RETURNED
    operator.get("/temporary/check")
    refused = operator.post("/temporary/check", files={"file": ("paper.pdf", pdf.content, "application/pdf")}, text="")
    assert refused.status_code != 200


@pytest.mark.proof
def test_a_revocation_needs_a_reason_and_another_person(floor: Floor, operator: Browser, number: str) -> None:
    paper = issue(operator, number)
    path = f"/temporary/{paper}/revoke"
    operator.get(path)
    assert "The reason is missing." in operator.post(path, once=operator.hidden("once"), reason=" ").text
    operator.get(path)
    assert "CF-7610" in operator.post(path, once=operator.hidden("once"), reason="lost").text
    operator.get(path)
    mine = operator.post(path, once=operator.hidden("once"), reason="lost", second_login="operator")
    assert mine.status_code != 303
    assert state(floor, paper) is TemporaryState.ISSUED
    operator.get(path)
    done = operator.post(path, once=operator.hidden("once"), reason="lost", second_login="supervisor")
    assert "is revoked" in operator.follow(done).text
    assert state(floor, paper) is TemporaryState.REVOKED
    assert paper in operator.get("/temporary?all=yes").text
    assert paper not in re.sub(r"said.*?</p>", "", operator.get("/temporary").text)


@pytest.mark.proof
def test_the_paper_goes_with_its_request_and_forms_are_for_those_who_may(
    floor: Floor, operator: Browser, supervisor: Browser, number: str
) -> None:
    paper = issue(operator, number)
    with floor.base.database.reading() as tx:
        kept = tx.temporary_cards.paper(paper)
    assert kept is not None
    assert number.encode() not in kept
    assert b"%PDF" not in kept
    assert supervisor.get("/temporary").status_code == 403
    assert operator.get("/temporary/LS209901010001").status_code == 422
    assert operator.get("/temporary/nothing").status_code == 404
