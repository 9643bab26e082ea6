"""Nothing without login and role: every route of the application, asked by nobody and by each role."""

from __future__ import annotations

import pytest

from cardfab.production import Act, Person, Role
from cardfab.web.floor import Floor
from tests.web.browser import Browser
from tests.web.callers import program
from tests.web.routesof import Route, filled, routes
from tests.web.test_api import a_request

ANYBODY = {
    ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/login"), ("POST", "/login"), ("POST", "/language"),
    ("GET", "/api/v1/openapi.json"), ("GET", "/api/v1/"), ("ANY", "/static"),
}  # fmt: skip
"""They do nothing for anybody but to let people in, or watch the process."""
OWN_SESSION = {("POST", "/out"), ("POST", "/unlock")}
"""They end or open the session that their cookie shows."""
BY_PLACE = {("GET", "/metrics")}
"""For this machine, or by token."""

SIGNED_IN = frozenset(Act)
ISSUE, STAFF, JOBS = frozenset({Act.ISSUE}), frozenset({Act.STAFF}), frozenset({Act.ISSUE, Act.RESOLVE})
PEOPLE = frozenset({Act.STAFF, Act.REVIEW})
BOOK = frozenset({Act.STOCK, Act.EXPORT_AUDIT})
BATCHES = frozenset({Act.BATCH, Act.APPROVE, Act.EXPORT_AUDIT})
READ, TEMPORARY, STOCK = frozenset({Act.READ}), frozenset({Act.TEMPORARY}), frozenset({Act.STOCK})

RIGHTS: dict[Route, frozenset[Act]] = {
    ("GET", "/"): SIGNED_IN, ("GET", "/rail"): SIGNED_IN, ("POST", "/lock"): SIGNED_IN,
    ("GET", "/issue"): ISSUE, ("POST", "/issue/find"): ISSUE, ("POST", "/issue/next"): ISSUE,
    ("POST", "/issue/take/{request_id}"): ISSUE, ("GET", "/issue/{token}"): ISSUE,
    ("POST", "/issue/{token}/again"): ISSUE, ("POST", "/issue/{token}/approve"): ISSUE,
    ("POST", "/issue/{token}/category"): ISSUE, ("POST", "/issue/{token}/crop"): ISSUE,
    ("GET", "/issue/{token}/face-{side}.png"): ISSUE, ("POST", "/issue/{token}/hand"): ISSUE,
    ("POST", "/issue/{token}/leave"): ISSUE, ("POST", "/issue/{token}/look"): ISSUE,
    ("POST", "/issue/{token}/make"): ISSUE, ("GET", "/issue/{token}/moved"): ISSUE,
    ("POST", "/issue/{token}/papers"): ISSUE, ("POST", "/issue/{token}/photo"): ISSUE,
    ("GET", "/issue/{token}/picture.jpg"): ISSUE, ("GET", "/issue/{token}/portrait.jpg"): ISSUE,
    ("GET", "/issue/{token}/receipt.pdf"): ISSUE, ("POST", "/issue/{token}/request"): ISSUE,
    ("POST", "/issue/{token}/signed"): ISSUE,
    ("GET", "/approvals"): frozenset({Act.APPROVE}), ("POST", "/approvals"): frozenset({Act.APPROVE}),
    ("GET", "/jobs"): JOBS, ("GET", "/jobs/{job_id}"): JOBS, ("GET", "/jobs/{job_id}/events"): JOBS,
    ("GET", "/jobs/{job_id}/moved"): JOBS, ("GET", "/jobs/{job_id}/steps"): JOBS, ("POST", "/jobs/void"): JOBS,
    ("POST", "/jobs/{job_id}/settle"): frozenset({Act.RESOLVE}), ("POST", "/line/look"): JOBS,
    ("GET", "/counter"): SIGNED_IN, ("GET", "/counter/black-list"): READ, ("GET", "/counter/due"): READ,
    ("GET", "/counter/doubt"): READ, ("POST", "/counter/doubt"): READ,
    ("GET", "/counter/lost"): frozenset({Act.LOSS}), ("POST", "/counter/lost"): frozenset({Act.LOSS}),
    ("POST", "/counter/lost/find"): frozenset({Act.LOSS}), ("GET", "/counter/pad"): SIGNED_IN,
    ("GET", "/counter/read"): READ, ("POST", "/counter/read"): READ, ("GET", "/counter/receipts"): READ,
    ("GET", "/counter/receipts/{number}"): READ, ("GET", "/counter/receipts/{number}/statement"): READ,
    ("GET", "/counter/receipts/{number}/{form}.pdf"): READ, ("GET", "/counter/{name}"): frozenset({Act.PIN}),
    ("POST", "/counter/{name}"): frozenset({Act.PIN}),
    ("GET", "/temporary"): TEMPORARY, ("GET", "/temporary/check"): READ,
    ("POST", "/temporary/check"): READ, ("GET", "/temporary/issue"): TEMPORARY, ("POST", "/temporary/issue"): TEMPORARY,
    ("GET", "/temporary/{number}"): TEMPORARY, ("GET", "/temporary/{number}/extend"): TEMPORARY,
    ("POST", "/temporary/{number}/extend"): TEMPORARY, ("GET", "/temporary/{number}/paper.pdf"): TEMPORARY,
    ("POST", "/temporary/{number}/return"): TEMPORARY, ("GET", "/temporary/{number}/revoke"): TEMPORARY,
    ("POST", "/temporary/{number}/revoke"): TEMPORARY,
    ("GET", "/queue"): frozenset({Act.RESOLVE}), ("POST", "/queue/send"): frozenset({Act.RESOLVE}),
    ("POST", "/queue/settle"): frozenset({Act.WITNESS}),
    ("GET", "/stock"): BOOK | {Act.COUNT}, ("GET", "/stock/book"): BOOK,
    ("GET", "/stock/book.pdf"): BOOK,
    ("GET", "/stock/destruction/{number}.pdf"): BOOK, ("GET", "/stock/done/{number}"): BOOK,
    ("GET", "/stock/{name}"): STOCK, ("POST", "/stock/{name}"): STOCK,
    ("GET", "/day"): STOCK, ("POST", "/day/close"): STOCK, ("POST", "/day/count"): STOCK, ("POST", "/day/open"): STOCK,
    ("GET", "/day/closed/{number}"): BOOK, ("GET", "/day/closed/{number}/figures.csv"): BOOK,
    ("GET", "/day/closed/{number}/figures.json"): BOOK, ("GET", "/day/closed/{number}/paper.pdf"): BOOK,
    ("GET", "/day/history"): BOOK,
    ("GET", "/bureau"): BATCHES, ("GET", "/bureau/{batch_id}"): BATCHES, ("GET", "/bureau/{batch_id}/live"): BATCHES,
    ("POST", "/bureau/{batch_id}/order"): frozenset({Act.BATCH}),
    ("GET", "/people"): PEOPLE, ("GET", "/people/of/{login}"): PEOPLE, ("GET", "/people/tokens"): PEOPLE,
    ("GET", "/people/new"): STAFF, ("POST", "/people/new"): STAFF, ("POST", "/people/of/{login}/disable"): STAFF,
    ("POST", "/people/of/{login}/enable"): STAFF, ("POST", "/people/of/{login}/password"): STAFF,
    ("POST", "/people/of/{login}/roles"): STAFF, ("POST", "/people/of/{login}/session"): STAFF,
    ("POST", "/people/of/{login}/unlock"): STAFF, ("POST", "/people/tokens"): STAFF,
    ("POST", "/people/tokens/{name}/revoke"): STAFF,
    ("GET", "/people/review"): frozenset({Act.REVIEW}), ("POST", "/people/review"): frozenset({Act.REVIEW}),
}  # fmt: skip
"""Of each page: acts of which its caller may one at least. A page that is not here fails the first test."""

SEES_JOBS = JOBS | {Act.APPROVE, Act.EXPORT_AUDIT}
API: dict[Route, frozenset[Act]] = {
    ("GET", "/health"): SIGNED_IN, ("GET", "/host/queue"): frozenset({Act.RESOLVE, Act.EXPORT_AUDIT}),
    ("GET", "/jobs"): SEES_JOBS, ("GET", "/jobs/{job}"): SEES_JOBS, ("GET", "/jobs/{job}/events"): SEES_JOBS,
    ("POST", "/jobs/{job}/inspect"): ISSUE,
    ("POST", "/jobs/{job}/issue"): ISSUE, ("POST", "/jobs/{job}/resolve"): frozenset({Act.RESOLVE}),
    ("POST", "/loss-reports"): frozenset({Act.LOSS}), ("POST", "/replacements"): frozenset({Act.REPLACE}),
    ("GET", "/requests"): frozenset({Act.IMPORT, Act.APPROVE, Act.ISSUE}),
    ("GET", "/requests/{request_id}"): frozenset({Act.IMPORT, Act.APPROVE, Act.ISSUE}),
    ("POST", "/requests"): frozenset({Act.IMPORT}),
    ("POST", "/requests/{request_id}/approve"): frozenset({Act.APPROVE}),
    ("GET", "/stock"): frozenset({Act.STOCK, Act.EXPORT_AUDIT}),
    ("GET", "/temporary-cards"): frozenset({Act.TEMPORARY, Act.EXPORT_AUDIT}), ("POST", "/temporary-cards"): TEMPORARY,
    ("POST", "/temporary-cards/{number}/extend"): TEMPORARY, ("POST", "/temporary-cards/{number}/return"): TEMPORARY,
}  # fmt: skip

VALUES = {
    "token": "5f" * 16, "job_id": "1", "job": "1", "request_id": "R2026112100003", "login": "operator", "side": "front",
    "number": "LS202611210001", "form": "roll", "name": "pin-reset", "batch_id": "1",
}  # fmt: skip
RECEIPT = {"number": "HZ202611210001"}
BY_PATH = {
    "/stock/{name}": {"name": "receive"}, "/counter/receipts/{number}": RECEIPT,
    "/counter/receipts/{number}/statement": RECEIPT, "/counter/receipts/{number}/{form}.pdf": RECEIPT,
}  # fmt: skip
SEEN = {
    "seen": {"document": "id-card", "number": "440199195109018085"}, "request": "R2026112100003", "confirmed": True,
    "last_four": "0000", "verdict": "accept", "reason": "loss", "order": "pause",
}  # fmt: skip


def path_of(route: str) -> str:
    return filled(route, VALUES | BY_PATH.get(route, {}))


def may(role: Role, acts: frozenset[Act]) -> bool:
    one = Person("-", "-", frozenset({role}))
    return any(one.may(act) for act in acts)


def test_every_route_says_who_may_use_it(nobody: Browser) -> None:
    """A page or a call that is added without a right is found here."""
    known = ANYBODY | OWN_SESSION | BY_PLACE | set(RIGHTS) | {(method, f"/api/v1{path}") for method, path in API}
    there = set(routes(nobody.app))
    assert there - known == set(), "say in RIGHTS or API whose these are"
    assert known - there == set(), "these are no more"


@pytest.mark.proof
@pytest.mark.shows("no act without login and role (proof)")
def test_nobody_does_anything_without_a_session_or_a_token(nobody: Browser) -> None:
    nobody.get("/login")
    wrong: list[object] = []
    for planted in (None, f"{'00' * 32}.supervisor"):
        headers = {} if planted is None else {"cookie": f"cardfab_session={planted}"}
        for method, path in RIGHTS:
            answer = nobody.client.request(method, path_of(path), data={"form_token": nobody.token}, headers=headers)
            if (answer.status_code, answer.headers.get("location", "")[:6]) != (303, "/login"):
                wrong.append((method, path, answer.status_code))
    for method, path in API:
        headers = {"Idempotency-Key": "nobody-000001", "cookie": "cardfab_session=x"}
        answer = nobody.client.request(method, f"/api/v1{path_of(path)}", json=SEEN, headers=headers)
        if answer.status_code != 401:
            wrong.append((method, path, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))
    assert nobody.client.get("/metrics").status_code == 401


@pytest.mark.proof
def test_a_session_is_no_token_and_a_token_no_session(floor: Floor, supervisor: Browser) -> None:
    assert supervisor.get("/api/v1/jobs").status_code == 401
    token = program(floor, "supervisor").token
    nobody = Browser(floor)
    assert nobody.client.get("/jobs", headers={"Authorization": f"Bearer {token}"}).status_code == 303


@pytest.mark.proof
@pytest.mark.shows("no act without login and role (proof)")
@pytest.mark.parametrize("role", Role)
def test_each_role_does_its_own_only(floor: Floor, role: Role) -> None:
    with floor.base.database.transaction("one of each") as tx:
        tx.people.add(Person("one", "One", frozenset({role})))
    browser = Browser(floor).sign_in("one")
    browser.get("/")
    wrong: list[object] = []
    for (method, path), acts in RIGHTS.items():
        if may(role, acts):
            if method == "GET" and not path.endswith("/events"):
                answer = browser.client.get(path_of(path))
                if answer.status_code in (401, 403, 500):
                    wrong.append((method, path, answer.status_code))
            continue
        sent = {"form_token": browser.token} if method == "POST" else None
        answer = browser.client.request(method, path_of(path), data=sent)
        if answer.status_code != 403:
            wrong.append((method, path, answer.status_code))
    if role not in HOLD_TOKENS:
        assert not wrong, "\n".join(map(str, wrong))
        return
    other = program(floor, "one")
    for (method, path), acts in API.items():
        if may(role, acts):
            if method == "GET" and other.get(path_of(path)).status_code != 200:
                wrong.append((method, path))
            continue
        body = {key: SEEN[key] for key in BODIES.get(path, ())}
        answer = other.get(path_of(path)) if method == "GET" else other.post(path_of(path), body or a_body(path))
        if (answer.status_code, answer.json()["code"]) != (403, "CF-7400"):
            wrong.append((method, path, answer.status_code))
    assert not wrong, "\n".join(map(str, wrong))


HOLD_TOKENS = frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR})
BODIES = {
    "/jobs/{job}/inspect": ("verdict",), "/loss-reports": ("seen", "confirmed", "last_four"),
    "/replacements": ("seen", "reason"), "/temporary-cards": ("request", "seen"),
    "/temporary-cards/{number}/extend": ("seen",),
}  # fmt: skip


def a_body(path: str) -> object:
    return a_request() if path == "/requests" else {}
