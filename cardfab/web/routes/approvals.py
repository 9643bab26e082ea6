"""Requests that wait for somebody who did not bring them in: a supervisor approves them at their own session."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.errors import InputRefused, Text
from cardfab.production import Act, JobState
from cardfab.station.intake import approve
from cardfab.station.vault import open_request
from cardfab.web.asking import Asked

router = APIRouter(prefix="/approvals")
_SHOWN = 50


@router.get("")
def waiting(asking: Asked) -> Response:
    """The oldest requests that wait, each with who brought it in."""
    asking.must(Act.APPROVE)
    desk = asking.desk
    with desk.database.reading() as tx:
        jobs = tx.jobs.all(JobState.REQUESTED)
        rows = [(job, tx.requests.get(job.request_id)) for job in jobs[:_SHOWN]]
    found = [(job, row, open_request(desk.keys, row)) for job, row in rows if row.salt]
    return asking.page("entrance/approvals.html", found=found, count=len(jobs))


@router.post("")
def approved(asking: Asked) -> Response:
    """Approve those that were ticked; each is a transaction of its own, and one that is refused stops the rest."""
    asking.must(Act.APPROVE)
    chosen = asking.several.get("request", ())[:_SHOWN]
    if not chosen:
        raise InputRefused(
            Text("No request was chosen.", "未选择申请。"),
            do=Text("Tick those you looked at.", "请勾选已核对的申请。"),
            code="CF-3883",
        )
    done = approve(asking.desk, chosen)
    return asking.go("/approvals", Text(f"{len(done)} requests approved.", f"已审批 {len(done)} 份申请。"))
