"""The JSON interface: the same acts by token, each once, with problems that say what to do."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cardfab.crypto import password
from cardfab.production import Role
from cardfab.resources import data_folder
from cardfab.web import api
from cardfab.web.floor import Floor
from tests.people import events
from tests.web.callers import Program, program, token_of

EXAMPLES = data_folder("examples")


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_KIB", 64)


def a_request(request_id: str = "API2026112200001", **more: object) -> dict[str, object]:
    """A request of the examples, as a program sends it; its photo with it."""
    line = (EXAMPLES / "requests.jsonl").read_text(encoding="utf-8").splitlines()[0]
    row = json.loads(line)
    photo = (EXAMPLES / row["photo"]).read_bytes()
    return row | {
        "request_id": request_id, "photo": base64.b64encode(photo).decode(), "urgent": row["urgent"] == "yes", **more,
    }  # fmt: skip


@pytest.fixture
def operator_program(floor: Floor) -> Program:
    return program(floor, "operator")


@pytest.fixture
def supervisor_program(floor: Floor) -> Program:
    return program(floor, "supervisor")


@pytest.mark.proof
def test_a_request_goes_its_way_by_two_programs(operator_program: Program, supervisor_program: Program) -> None:
    made = operator_program.post("/requests", a_request())
    assert made.status_code == 201, made.text
    name = made.json()["request"]
    assert made.json()["state"]["name"] == "REQUESTED"
    shown = operator_program.get(f"/requests/{name}").json()
    assert shown["social_security_number"][6:14] == "********"
    assert shown["made_by"] == "operator"
    approved = supervisor_program.post(f"/requests/{name}/approve")
    assert (approved.status_code, approved.json()["state"]["name"]) == (200, "QUEUED")
    job = approved.json()["job"]
    events_ = operator_program.get(f"/jobs/{job}/events").json()["events"]
    assert [one["event"] for one in events_] == ["request", "approve", "prepare", "queue"]
    assert operator_program.get(f"/jobs/{job}/events", after=3).json()["events"][0]["number"] == 4
    ordered = operator_program.post(f"/jobs/{job}/issue")
    assert ordered.status_code == 202, ordered.text
    record = events(operator_program.floor.base.database, "request.import", "request.approve", "request.show")
    assert [one.details["token"].endswith(one.actor) for one in record[-3:]] == [True] * 3


@pytest.mark.proof
def test_the_same_key_is_the_same_call(operator_program: Program) -> None:
    new = a_request()
    first = operator_program.post("/requests", new, key="key-of-mine-1")
    again = operator_program.post("/requests", new, key="key-of-mine-1")
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["idempotent-replay"] == "true"
    other = operator_program.post("/requests", new | {"request_id": "API9"}, key="key-of-mine-1")
    assert (other.status_code, other.json()["code"]) == (409, "CF-7921")
    listed = [one["request"] for one in operator_program.get("/requests", limit=500).json()["requests"]]
    assert listed.count(new["request_id"]) == 1
    # a call that was refused changed nothing: its key serves again
    refused = operator_program.post("/requests", a_request("API2", sex="x"), key="key-of-mine-2")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "sex")
    assert operator_program.post("/requests", a_request("API2"), key="key-of-mine-2").status_code == 201
    assert operator_program.post("/requests", a_request("API3"), key="short").status_code == 422


@pytest.mark.proof
def test_a_call_that_was_cut_off_is_not_repeated(operator_program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    new = a_request()

    def cut(*given: object, **more: object) -> None:
        raise RuntimeError("a power cut")

    with monkeypatch.context() as patched:
        patched.setattr("cardfab.web.api.requests.import_requests", cut)
        broken = operator_program.post("/requests", new, key="key-of-mine-3")
        assert (broken.status_code, broken.json()["code"]) == (500, "CF-1000")
        assert "power cut" not in broken.text
    again = operator_program.post("/requests", new, key="key-of-mine-3")
    assert (again.status_code, again.json()["code"]) == (409, "CF-7922")


@pytest.mark.proof
def test_nothing_of_a_holder_lies_open_in_the_books_of_calls(operator_program: Program) -> None:
    new = a_request()
    assert operator_program.post("/requests", new).status_code == 201
    operator_program.floor.base.database.flush()
    files = [one.read_bytes() for one in Path(operator_program.floor.folder).glob("station.db*")]
    for secret in (str(new["social_security_number"]), str(new["name"]), str(new["phone"])):
        assert not any(secret.encode() in one for one in files)


@pytest.mark.proof
def test_a_token_never_approves_what_its_person_made(floor: Floor) -> None:
    """In training too, where one person may hold both duties and the product allows it."""
    both = program(floor, "trainee")
    assert both.post("/requests", a_request()).status_code == 201
    refused = both.post("/requests/API2026112200001/approve")
    assert (refused.status_code, refused.json()["code"]) == (403, "CF-7402")
    maker, approver = program(floor, "trainee", Role.OPERATOR), program(floor, "trainee", Role.SUPERVISOR)
    assert maker.post("/requests", a_request("API2")).status_code == 201
    assert approver.post("/requests/API2/approve").status_code == 403, "by another token of the same person neither"
    assert program(floor, "supervisor").post("/requests/API2/approve").status_code == 200


@pytest.mark.proof
def test_a_token_gives_its_duties_as_long_as_its_person_has_them(floor: Floor) -> None:
    some = program(floor, "trainee", Role.OPERATOR)
    assert some.get("/stock").status_code == 403
    assert program(floor, "supervisor").get("/stock").status_code == 200
    with floor.base.database.transaction("less") as tx:
        trainee = tx.people.get("trainee")
        tx.people.set_roles(type(trainee)("trainee", trainee.name, frozenset({Role.SUPERVISOR})))
    assert some.get("/jobs").status_code == 403
    with floor.base.database.transaction("out") as tx:
        tx.people.change("trainee", disabled_at=floor.base.at())
    assert some.get("/jobs").status_code == 401


@pytest.mark.proof
def test_bad_tokens_are_counted_and_good_ones_still_serve(floor: Floor) -> None:
    good = program(floor, "operator")
    bad = Program(floor)
    bad.client = good.client
    for shown in (None, "", "cft_", "cft_" + "A" * 43, "x" * 2000):
        bad.token = shown
        answer = bad.get("/jobs")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    for number in range(12):
        bad.token = f"cft_{number:043d}"
        last = bad.get("/jobs")
    assert (last.status_code, last.headers["retry-after"], last.json()["code"]) == (429, "60", "CF-7914")
    assert good.get("/jobs").status_code == 200
    refused = events(floor.base.database, "token.refuse")
    assert 0 < len(refused) <= 10
    assert not any("cft_" in one.encode().decode() for one in refused)


@pytest.mark.proof
def test_a_token_ends_on_its_day(floor: Floor) -> None:
    shown = token_of(floor, "operator", days=2)
    later = lambda days: replace(floor, base=replace(floor.base, door=replace(  # noqa: E731
        floor.base.entrance(), now=lambda: floor.base.now() + timedelta(days=days))))  # fmt: skip
    assert Program(later(1), shown).get("/health").status_code == 200
    assert Program(later(2.01), shown).get("/health").status_code == 401


@pytest.mark.proof
def test_the_description_is_complete(floor: Floor) -> None:
    described = Program(floor).client.get("/api/v1/openapi.json").json()
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": api.PATH}]
    for path, methods in described["paths"].items():
        for method, call in methods.items():
            where = f"{method} {path}"
            assert call["description"], where
            assert {"401", "403", "422", "429", "500"} <= set(call["responses"]), where
            assert call["security"] == [{"HTTPBearer": []}], where
            assert ("{" in path) <= ("404" in call["responses"]), where
            assert (method == "post") == any(
                one["name"] == "Idempotency-Key" and one["required"] for one in call.get("parameters", ())
            ), where
            for status, response in call["responses"].items():
                if status[0] in "45" and status != "413":
                    assert "application/problem+json" in response["content"], where
                    assert "application/json" not in response["content"], where
    listing = Program(floor).client.get("/api/v1/").text
    assert "<script" not in listing
    assert "src=" not in listing
