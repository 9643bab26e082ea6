"""What the holder asks for becomes a request: judged by the rules of an imported one, approved at the same page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.prepare.importer import RequestFileRefused
from cardfab.prepare.table import COLUMNS
from cardfab.production import Act, JobEvent, JobState
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station.counter.clock import here_and_now
from cardfab.station.desk import Desk
from cardfab.station.intake import approve, import_requests
from cardfab.station.outlet.cases import Case, holder_number, keep_typed
from cardfab.station.outlet.papers import checklist, require_papers, rules_for
from cardfab.station.outlet.portrait import portrait_of
from cardfab.station.people import second_person
from cardfab.station.preparing import prepare
from cardfab.station.vault import holder_index, open_request
from cardfab.store import JobRow

_KNOWN = ("request_id", "social_security_number", "category", "photo", "urgent")
ASKED = tuple(column for column in COLUMNS if column not in _KNOWN)
"""The fields that the operator fills in; number, category and photo come from the steps before."""


class DataRefused(InputRefused):
    """Some fields cannot be; ``fields`` says which and why."""

    default_code = "CF-3317"

    def __init__(self, fields: Mapping[str, Text]) -> None:
        super().__init__(
            Text(f"{len(fields)} fields are wrong or missing.", f"有 {len(fields)} 项有误或未填。"),
            do=Text("Correct what is marked.", "请更正标出的各项。"),
        )
        self.fields = fields


class ApprovalMissing(StockFault):
    """A second person has to approve this request."""

    default_code = "CF-7334"


@dataclass(frozen=True, slots=True)
class Approval:
    """Who has to approve a case."""

    needed: bool
    standing: bool


def prefilled(desk: Desk, case: Case) -> dict[str, str]:
    """The form as it is shown first: as typed, else as the holder's last request said, else as the number says."""
    if case.typed.keys() - {"number"}:
        return {name: case.typed.get(name, "") for name in ASKED}
    number = holder_number(desk, case)
    found = dict.fromkeys(ASKED, "")
    found |= {"birth_date": number[6:14], "sex": "1" if int(number[16]) % 2 else "2"}
    products = tuple(desk.codes().bank_product)
    if len(products) == 1:
        found["bank_product"] = products[0]
    with desk.database.reading() as tx:
        rows = [row for row in tx.requests.of_holder(holder_index(desk.keys, number)) if row.salt is not None]
    if rows:
        last = open_request(desk.keys, max(rows, key=lambda row: row.batch_id))
        for name in ASKED:
            if name not in ("birth_date", "replaces_card"):
                found[name] = str(getattr(last, name) or "")
    return found


def file_request(desk: Desk, case: Case, typed: Mapping[str, str], once: str = "") -> Case:
    """Make the case a request, by the rules of an imported one. The second time it is the same request.

    Raises PapersMissing, NotMadeHere, :class:`DataRefused`.
    """
    desk.must(Act.IMPORT)
    if case.request is not None:
        return case
    listed = require_papers(desk, case)
    number = holder_number(desk, case)
    case = keep_typed(desk, case, {"number": number, **{name: typed.get(name, "").strip() for name in ASKED}})
    rules = rules_for(desk.policy(), listed.category)
    own = case.row.portrait is not None
    raw = {name: case.typed[name] for name in ASKED} | {
        "request_id": _new_id(desk),
        "social_security_number": number,
        "category": listed.category,
        "photo": "portrait.jpg" if own else "",
        "urgent": "yes" if rules.urgent else "no",
    }
    portrait = portrait_of(desk, case) if own else None
    try:
        (request_id,) = import_requests(
            desk,
            json.dumps(raw, ensure_ascii=False).encode(),
            source="counter",
            form="jsonl",
            photos=lambda _: portrait,
        )
    except RequestFileRefused as refused:
        wrong: dict[str, Text] = {}
        for finding in refused.rows:
            wrong.setdefault(finding.field, finding.reason)
        raise DataRefused(wrong) from refused
    with desk.database.transaction("case filed") as tx:
        row = tx.outlet.change_case(case.row, request_id=request_id, typed=None, picture=None, portrait=None)
        job = tx.jobs.of_request(request_id)
        tx.audit.append(desk.event("case.file", case.token, "done", {"job": str(job.id)}))
        return replace(case, row=row, typed={}, request=tx.requests.get(request_id), job=job)


def approval_of(desk: Desk, case: Case) -> Approval:
    """Who has to approve the request of a case now."""
    if case.request is None or case.job is None or case.job.state not in (JobState.REQUESTED, JobState.APPROVED):
        return Approval(needed=False, standing=False)
    rules = rules_for(desk.policy(), case.request.category)
    product = load(desk.profiles, "products", case.request.product, Product)
    standing = rules.approval == "standing" and product.approval != "second person"
    return Approval(needed=not standing, standing=standing)


def approve_case(desk: Desk, case: Case, second: str | None) -> Case:
    """Approve the request of a case and prepare its card: a second person here, or the policy for its category.

    Raises PapersMissing, :class:`ApprovalMissing`, SamePerson, NotAllowed, and what preparation refuses.
    """
    require_papers(desk, case)
    wanted = approval_of(desk, case)
    if case.request is None or case.job is None or not (wanted.needed or wanted.standing):
        return case
    if wanted.standing:
        job = _by_policy(desk, case.job)
    else:
        if second is None:
            raise ApprovalMissing(
                Text("A supervisor has to approve this request.", "该申请须由主管审批。"),
                do=Text("Let them enter login and password on this page.", "请主管在本页输入账户和口令。"),
            )
        approver = second_person(desk, second, Act.APPROVE, case.job.made_by)
        (job,) = approve(replace(desk, person=approver), [case.request.id])
    return replace(case, job=job)


def _by_policy(desk: Desk, job: JobRow) -> JobRow:
    if job.state is JobState.REQUESTED:
        policy = desk.policy().name
        with desk.database.transaction("approve") as tx:
            job = tx.jobs.move(job, JobEvent.APPROVE, desk.move(f"standing approval of policy {policy}"))
            details = {"job": str(job.id), "policy": policy}
            tx.audit.append(desk.event("request.approve", job.token, "done", details))
    return prepare(desk, job.id)


def _new_id(desk: Desk) -> str:
    """A number for a request of the counter: of the day, and running."""
    day = f"{here_and_now(desk):%Y%m%d}"
    with desk.database.transaction("number") as tx:
        return f"G{day}{tx.jobs.next_number(f'counter:{day}', 1):05d}"


__all__ = [
    "ASKED",
    "Approval",
    "ApprovalMissing",
    "DataRefused",
    "approval_of",
    "approve_case",
    "checklist",
    "file_request",
    "prefilled",
]
