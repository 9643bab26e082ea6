"""Pages of people: added, given roles, kept out, unlocked; reviewed; tokens made and revoked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cardfab.crypto import password
from cardfab.production import Role
from cardfab.web.floor import Floor
from tests.people import events
from tests.web.browser import Browser
from tests.web.callers import Program
from tests.web.real import WORDS, come_in, real

pytestmark = pytest.mark.proof
FIRST = "the first word of a new one"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_KIB", 64)


@pytest.fixture
def station(floor: Floor) -> Floor:
    return real(floor)


@pytest.fixture
def administrator(station: Floor) -> Browser:
    return come_in(station, "administrator")


def add(browser: Browser, login: str, role: str, second: str = "", word: str = "", first: str = FIRST) -> int:
    browser.get("/people/new")
    return browser.post(
        "/people/new", once=browser.hidden("once"), login=login, name=f"Name of {login}", role=role, first_word=first,
        first_word_again=first, second_login=second, second_word=word,
    ).status_code  # fmt: skip


def roles_of(floor: Floor, login: str) -> set[Role] | None:
    with floor.base.database.reading() as tx:
        found = tx.people.find(login)
    return None if found is None else set(found.roles)


def test_one_administrator_alone_adds_operators_only(station: Floor, administrator: Browser) -> None:
    assert add(administrator, "qian", "operator") == 303
    assert roles_of(station, "qian") == {Role.OPERATOR}
    for role in ("supervisor", "key-custodian", "administrator", "auditor"):
        assert add(administrator, "sun", role) == 409
        assert add(administrator, "sun", role, "administrator", WORDS["administrator"]) == 409
        assert add(administrator, "sun", role, "operator", WORDS["operator"]) == 403
        assert add(administrator, "sun", role, "supervisor", "not the word of anybody") == 403
    assert roles_of(station, "sun") is None
    assert add(administrator, "sun", "key-custodian", "supervisor", WORDS["supervisor"]) == 303
    assert roles_of(station, "sun") == {Role.KEY_CUSTODIAN}
    [first, second] = events(station.base.database, "person.add")[-2:]
    assert ("approved_by" in first.details, second.details["approved_by"]) == (False, "supervisor")


def test_roles_are_changed_at_the_page_with_a_second_person_where_one_is_needed(
    station: Floor, administrator: Browser
) -> None:
    administrator.get("/people/of/operator")
    assert administrator.post("/people/of/operator/roles", role="key-custodian").status_code == 409
    assert roles_of(station, "operator") == {Role.OPERATOR}
    words = {"second_login": "auditor", "second_word": WORDS["auditor"]}
    assert administrator.post("/people/of/operator/roles", role="key-custodian", **words).status_code == 303
    assert roles_of(station, "operator") == {Role.KEY_CUSTODIAN}
    assert administrator.post("/people/of/operator/roles", role="operator").status_code == 303, "a lesser one alone"
    assert administrator.post("/people/of/administrator/roles", role="operator", **words).status_code == 409
    assert administrator.post("/people/of/operator/roles", role="emperor").status_code == 422
    assert administrator.post("/people/of/nobody/disable").status_code == 409


def test_who_is_kept_out_is_out_at_once(station: Floor, administrator: Browser) -> None:
    operator = come_in(station, "operator")
    administrator.get("/people/of/operator")
    assert administrator.post("/people/of/operator/disable").status_code == 303
    assert operator.get("/").status_code == 303
    operator.get("/login")
    assert operator.post("/login", login="operator", word=WORDS["operator"]).status_code == 403
    administrator.get("/people/of/operator")
    assert administrator.post("/people/of/operator/enable").status_code == 303
    operator = come_in(station, "operator")
    assert administrator.post("/people/of/operator/session").status_code == 303
    assert operator.get("/").status_code == 303


def test_a_locked_login_is_unlocked_at_the_page_by_two(station: Floor, administrator: Browser) -> None:
    with station.base.database.transaction("locked") as tx:
        tx.people.change(
            "operator", failed=6, locked_until=station.base.entrance().at(station.base.entrance().rules.lock)
        )
    assert "locked" in administrator.get("/people/of/operator").text
    assert administrator.post("/people/of/operator/unlock").status_code == 422
    words = {"second_login": "supervisor", "second_word": WORDS["supervisor"]}
    assert administrator.post("/people/of/operator/unlock", **words).status_code == 303
    come_in(station, "operator")


def test_a_first_password_for_who_had_one_needs_a_second_look(station: Floor, administrator: Browser) -> None:
    administrator.get("/people/of/operator")
    new = {"first_word": FIRST, "first_word_again": FIRST}
    assert administrator.post("/people/of/operator/password", **new).status_code == 409
    assert administrator.post("/people/of/operator/password", **(new | {"first_word_again": "x"})).status_code == 422
    words = {"second_login": "supervisor", "second_word": WORDS["supervisor"]}
    assert administrator.post("/people/of/operator/password", **new, **words).status_code == 303
    browser = Browser(station)
    browser.get("/login")
    assert "Choose your own" in browser.post("/login", login="operator", word=FIRST).text
    page = administrator.get("/people/of/operator").text
    assert FIRST not in page


def test_the_quarterly_look_is_on_record(station: Floor) -> None:
    auditor = come_in(station, "auditor")
    assert "never" in auditor.get("/people/review").text
    page = auditor.post("/people/review")
    assert "Name" in page.text
    assert "supervisor2" in page.text
    assert [one.actor for one in events(station.base.database, "person.review")] == ["auditor"]
    assert come_in(station, "administrator").get("/people/review").status_code == 403


def test_a_token_is_shown_once_and_its_person_gives_their_password(station: Floor, administrator: Browser) -> None:
    administrator.get("/people/tokens")
    asked = {"name": "front-end", "person": "operator", "role": "operator", "days": "30"}
    assert administrator.post("/people/tokens", **asked).status_code == 403
    assert administrator.post("/people/tokens", **asked, person_word="not the word at all").status_code == 403
    page = administrator.post("/people/tokens", **asked, person_word=WORDS["operator"])
    found = re.search(r"cft_[A-Za-z0-9_-]{43}", page.text)
    assert found
    assert found[0] not in administrator.get("/people/tokens").text
    with_it = Program(station, found[0])
    assert with_it.get("/jobs").status_code == 200
    files = [one.read_bytes() for one in Path(station.folder).rglob("*") if one.is_file()]
    assert not any(found[0].encode() in one for one in files), "its digest alone is kept"
    assert administrator.post("/people/tokens/front-end/revoke").status_code == 303
    assert with_it.get("/jobs").status_code == 401
    again = administrator.post("/people/tokens", **asked, person_word=WORDS["operator"])
    assert again.status_code == 409, "a name is used once"


def test_a_token_gives_no_more_than_its_person_has(administrator: Browser) -> None:
    administrator.get("/people/tokens")
    for asked, code in (
        ({"person": "operator", "role": "supervisor"}, "CF-7912"),
        ({"person": "administrator", "role": "administrator"}, "CF-7912"),
        ({"person": "operator", "role": "operator", "days": "367"}, "CF-7913"),
        ({"person": "operator", "role": "operator", "days": "soon"}, "CF-7913"),
        ({"person": "operator", "role": "operator", "name": "<b>"}, "CF-7911"),
        ({"person": "nobody", "role": "operator"}, "CF-7410"),
    ):
        given = {"name": "x1", "days": "90", "person_word": WORDS.get(asked["person"], "-"), **asked}
        assert code in administrator.post("/people/tokens", **given).text, asked


def test_the_pages_of_people_are_for_administrators_and_auditors(station: Floor) -> None:
    for login, status in (("operator", 403), ("supervisor", 403), ("auditor", 200)):
        browser = come_in(station, login)
        assert browser.get("/people").status_code == status
        assert browser.get("/people/tokens").status_code == status
        assert browser.get("/people/new").status_code == 403
        assert browser.post("/people/of/operator/disable").status_code == 403
