"""What machines see of a station: alive, ready, figures, log lines; and that none of it tells of anybody."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cardfab.crypto import password
from cardfab.errors import Text
from cardfab.production import JobEvent, JobState
from cardfab.settings import Located
from cardfab.station.linelights import Light
from cardfab.store import Move
from cardfab.store.restores import RestoreCheck
from cardfab.web import logs
from cardfab.web.floor import Floor
from cardfab.web.given import Given
from tests.canary import Needles
from tests.web.browser import Browser, TestClient
from tests.web.callers import Program, program, token_of
from tests.web.real import WORDS, come_in, real
from tests.web.test_api import a_request


@contextmanager
def heard() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as the server writes it."""
    stream = io.StringIO()
    names = ("", "cardfab", "uvicorn", "uvicorn.error")
    before = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in names}
    logs.set_up(stream)
    try:
        yield stream
    finally:
        for name, (handlers, level) in before.items():
            logging.getLogger(name).handlers, logging.getLogger(name).level = handlers, level


def from_here(floor: Floor) -> TestClient:
    """A client on the machine itself."""
    return TestClient(Browser(floor).app, client=("127.0.0.1", 5), base_url="http://testserver")


def test_alive_and_ready(floor: Floor) -> None:
    watcher = from_here(floor)
    assert (watcher.get("/healthz").status_code, watcher.get("/healthz").text) == (200, "ok\n")
    answer = watcher.get("/readyz")
    assert [one["name"] for one in answer.json()["checks"]] == ["database", "keys", "record", "devices", "issuing"]
    assert (answer.status_code, answer.json()["ready"]) == (200, True), answer.text


@pytest.mark.proof
def test_what_is_missing_is_named_and_nothing_else_said(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    with floor.base.database.transaction("restored") as tx:
        tx.restores.add(RestoreCheck("host", "all", "-", floor.base.at()))
    now = replace(floor.line.status(), printer=Light("stop", Text("the cover is open", "盖板打开")))
    monkeypatch.setattr(type(floor.line), "status", lambda _: now)
    answer = from_here(floor).get("/readyz")
    said = {one["name"]: one for one in answer.json()["checks"]}
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert said["devices"]["what"] == {"en": "printer: the cover is open", "zh": "打印机：盖板打开"}
    assert (said["issuing"]["code"], said["database"]) == ("CF-9940", {"name": "database", "ok": True})
    assert not program(floor, "operator").get("/health").json()["issuing"]


def lines(text: str) -> dict[str, float]:
    """Samples by name with labels."""
    return {one.rpartition(" ")[0]: float(one.rpartition(" ")[2]) for one in text.splitlines() if one[0] != "#"}


@pytest.mark.proof
def test_figures_are_those_of_the_books_and_a_restart_forgets_none(floor: Floor, located: Located) -> None:
    sender = program(floor, "operator")
    sender.post("/requests", a_request())
    sender.post("/requests/API2026112200001/approve")
    Program(floor, "cft_wrong").get("/jobs")
    watcher = from_here(floor)
    first = watcher.get("/metrics")
    assert first.headers["content-type"].startswith("text/plain")
    told = lines(first.text)
    with floor.base.database.reading() as tx:
        waiting = len(tx.jobs.all(JobState.REQUESTED))
    assert told['cardfab_jobs{state="requested"}'] == waiting > 0
    assert told['cardfab_faults_total{code="CF-7400",outcome="refused"}'] == 1
    assert told['cardfab_logins_refused_total{why="CF-6910"}'] == 1
    assert told["cardfab_host_queue"] == 0
    assert "cardfab_stock" not in first.text, "who sits at the machine need not know counts"
    again = lines(watcher.get("/metrics").text)
    restarted = lines(from_here(floor).get("/metrics").text)
    assert again == restarted == told


@pytest.mark.proof
def test_the_seconds_of_a_step_are_told(floor: Floor) -> None:
    with floor.base.database.transaction("a card") as tx:
        job = tx.jobs.get(1)
        for at, event in ((0, JobEvent.CLAIM), (2, JobEvent.ENCODE), (9, JobEvent.ENCODED), (10, JobEvent.PRINT)):
            job = tx.jobs.move(job, event, Move(f"2026-11-22T08:00:{at:02d}.000+00:00", "operator"))
    told = lines(from_here(floor).get("/metrics").text)
    assert told['cardfab_step_seconds_bucket{le="5.0",step="encode"}'] == 0
    assert told['cardfab_step_seconds_bucket{le="10.0",step="encode"}'] == 1
    assert told['cardfab_step_seconds_sum{step="feed"}'] == 2


@pytest.mark.proof
def test_figures_are_for_this_machine_or_by_token(floor: Floor) -> None:
    elsewhere = TestClient(Browser(floor).app, client=("192.0.2.7", 5), base_url="http://testserver")
    proxied = from_here(floor)
    assert elsewhere.get("/metrics").status_code == 401
    assert proxied.get("/metrics", headers={"x-forwarded-for": "192.0.2.7"}).status_code == 401
    for login, counts in (("operator", False), ("supervisor", True), ("auditor", True)):
        headers = {"Authorization": f"Bearer {program(floor, login).token}"}
        answer = elsewhere.get("/metrics", headers=headers)
        assert (answer.status_code, "cardfab_stock{" in answer.text) == (200, counts), login
    assert elsewhere.get("/metrics", headers={"Authorization": "Bearer cft_x"}).status_code == 401


def test_the_log_has_one_line_a_request_and_tells_of_nobody(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was sent, right or wrong: number, name, password, token, PIN, query; also when the program breaks."""
    monkeypatch.setattr(password, "_KIB", 64)
    station = real(floor)
    new = a_request()
    number, name = str(new["social_security_number"]), str(new["name"])
    pin, pan = "805172639417", "6200001999900000017"
    with heard() as stream:
        browser = come_in(station, "operator")
        sender = Program(station, token_of(station, "operator", ask=Given(WORDS)))
        sender.post("/requests", new)
        sender.get("/requests/API2026112200001")
        sender.client.get(f"/api/v1/jobs/{pan}?name={name}&pin={pin}", headers=sender.headers())
        browser.get(f"/nothing/{number}?pin={pin}")
        browser.get(f"/jobs/{pan}")
        browser.post("/issue/find", number=number, once="b" * 32)
        browser.post("/login", login="operator", word=pin)
        monkeypatch.setattr("cardfab.web.api.requests.open_request", lambda *given: {}[f"{number} {pin}"])
        assert sender.get("/requests/API2026112200001").status_code == 500
        logging.getLogger("uvicorn.error").error("broken", exc_info=(ValueError, ValueError(number), None))
    written = [json.loads(one) for one in stream.getvalue().splitlines()]
    secrets = {"name": name.encode(), "word": WORDS["operator"].encode(), "token": str(sender.token).encode()}
    needles = Needles.of(secrets, {"number": number, "pin": pin, "pan": pan})
    assert needles.within(stream.getvalue().encode()) == {}
    assert needles.within(f"..{number}..{pin}".encode()) != {}, "they would be found"
    requests = [one for one in written if one["event"] == "request"]
    assert len(requests) >= 10
    assert {"time", "level", "event", "request", "person", "act", "status", "code", "ms"} == set(requests[0])
    assert len({one["request"] for one in requests}) == len(requests)
    assert {one["person"] for one in requests} >= {logs.token_of("outlet-1", "operator")}
    assert not any("operator" in str(one["person"]) for one in requests)
    assert {"GET /api/v1/jobs/{job}", "GET /jobs/{job_id}", "GET -"} <= {one["act"] for one in requests}
    assert any(one["status"] == 500 and one["level"] == "error" for one in requests)
