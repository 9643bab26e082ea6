"""Requests that others brought in, approved by a supervisor at their own session; the home page tells of them."""

from __future__ import annotations

import re

from cardfab.production import JobState
from cardfab.web.floor import Floor
from tests.people import events
from tests.web.browser import Browser


def test_a_supervisor_sees_what_waits_looks_and_approves(floor: Floor, supervisor: Browser) -> None:
    with floor.base.database.reading() as tx:
        waiting = [job.request_id for job in tx.jobs.all(JobState.REQUESTED)]
    home = supervisor.get("/").text
    assert re.search(rf'href="/approvals".*?<span class="count">{len(waiting)}</span>', home, re.S)
    page = supervisor.get("/approvals").text
    assert waiting[0] in page
    assert re.search(r"[0-9]{6} [0-9]{8} [0-9]{3}[0-9X]", page), "a supervisor compares the whole number"
    refused = supervisor.post("/approvals", once=supervisor.hidden("once"))
    assert refused.status_code == 422
    supervisor.get("/approvals")
    answer = supervisor.post("/approvals", once=supervisor.hidden("once"), request=waiting[0])
    assert "1 requests approved." in supervisor.follow(answer).text
    with floor.base.database.reading() as tx:
        job = tx.jobs.of_request(waiting[0])
    assert (job.state, job.approved_by) == (JobState.QUEUED, "supervisor")
    assert events(floor.base.database, "request.approve")[-1].actor == "supervisor"


def test_an_operator_approves_nothing_and_is_not_offered_it(floor: Floor, operator: Browser) -> None:
    with floor.base.database.reading() as tx:
        waiting = tx.jobs.all(JobState.REQUESTED)[0]
    assert "/approvals" not in operator.get("/").text
    assert operator.get("/approvals").status_code == 403
    operator.get("/")
    assert operator.post("/approvals", request=waiting.request_id).status_code == 403
    with floor.base.database.reading() as tx:
        assert tx.jobs.get(waiting.id).state is JobState.REQUESTED
