"""Requests: created, listed, shown, approved."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from cardfab.errors import InputRefused, Text
from cardfab.prepare.gb11643 import masked
from cardfab.production import Act, JobState
from cardfab.station.intake import approve, import_requests
from cardfab.station.people import require_not_maker
from cardfab.station.vault import open_request
from cardfab.store import JobRow, RequestRow
from cardfab.web.api.bearer import Called
from cardfab.web.api.once import OnceKey, once
from cardfab.web.api.problems import Words, described

router = APIRouter(prefix="/requests", tags=["requests"])
SEES = (Act.IMPORT, Act.APPROVE, Act.ISSUE)
_PHOTO = "photo.jpg"
RequestId = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x20\x7f/\\]+$", examples=["R2026112199001"])
]


class PhotoRefused(InputRefused):
    """The photo is no base64."""

    default_code = "CF-3930"


class State(BaseModel):
    """A state, by its name and in words."""

    name: str = Field(examples=["QUEUED"])
    words: Words

    @classmethod
    def of(cls, state: JobState) -> State:
        """The state of a job."""
        return cls(name=state.name, words=Words.of(state.text))


_EXAMPLE: JsonDict = {
    "request_id": "R2026112199001", "social_security_number": "440199195109018085", "name": "示例人", "sex": "2",
    "ethnicity": "01", "birth_date": "19510901", "birthplace": "440199", "region": "440199", "category": "loss-reissue",
    "card_class": "4", "household_type": "10", "household_address": "示例省示例市第1街道1号", "phone": "19900000000",
    "employer": "", "marital_status": "2", "employment_status": "3", "identity_category": "80", "bank_product": "debit",
    "photo": None, "replaces_card": "", "urgent": False,
}  # fmt: skip


class NewRequest(BaseModel):
    """A request for one card, as a row of a request file says it; codes are those of the station's code tables."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [_EXAMPLE]})

    request_id: RequestId
    social_security_number: str = Field(max_length=18, repr=False)
    name: str = Field(max_length=200, repr=False)
    sex: str = Field(max_length=4, repr=False)
    ethnicity: str = Field(max_length=4, repr=False)
    birth_date: str = Field(max_length=10, repr=False, description="YYYYMMDD")
    birthplace: str = Field(max_length=12, repr=False)
    region: str = Field(max_length=12)
    category: str = Field(max_length=60)
    card_class: str = Field(max_length=4)
    household_type: str = Field(max_length=4, repr=False)
    household_address: str = Field(max_length=400, repr=False)
    phone: str = Field(max_length=30, repr=False)
    employer: str = Field("", max_length=200, repr=False)
    marital_status: str = Field(max_length=4, repr=False)
    employment_status: str = Field(max_length=4, repr=False)
    identity_category: str = Field(max_length=4, repr=False)
    bank_product: str = Field(max_length=60)
    photo: str | None = Field(
        None, max_length=700_000, repr=False,
        description="JPEG in base64; none where the category takes the photo on file.",
    )  # fmt: skip
    replaces_card: str = Field("", max_length=40, repr=False)
    urgent: bool = False

    def as_row(self) -> bytes:
        """As a line of a request file."""
        values = self.model_dump() | {"photo": _PHOTO if self.photo else "", "urgent": "yes" if self.urgent else "no"}
        return json.dumps(values, ensure_ascii=False).encode()

    def jpeg(self) -> bytes | None:
        """The photo's bytes; raises :class:`PhotoRefused`."""
        try:
            return None if self.photo is None else base64.b64decode(self.photo, validate=True)
        except (binascii.Error, ValueError) as bad:
            raise PhotoRefused(
                Text("The photo is no base64.", "相片不是有效的 base64 编码。"),
                do=Text("Send the JPEG's bytes in base64.", "请以 base64 编码发送 JPEG 内容。"),
            ) from bad


class Created(BaseModel):
    """A request that was taken in, and its job."""

    request: str = Field(examples=["R2026112199001"])
    job: int = Field(examples=[17])
    state: State


class Listed(BaseModel):
    """One request of a list: nothing of the person."""

    request: str = Field(examples=["R2026112199001"])
    product: str = Field(examples=["debit"])
    category: str = Field(examples=["loss-reissue"])
    urgent: bool
    job: int = Field(examples=[17])
    state: State


class RequestList(BaseModel):
    """A page of requests. ``next`` is the ``after`` of the page that follows; none at the end."""

    requests: list[Listed]
    next: str | None = None


class Shown(Listed):
    """One request. The number is masked, always."""

    name: str | None = Field(examples=["示例人"], description="None once the personal data was erased.")
    social_security_number: str | None = Field(examples=["440199********8085"])
    photo: bool
    made_by: str = Field(examples=["operator"])
    approved_by: str | None = Field(None, examples=["supervisor"])


@router.post("", status_code=201, response_model=Created, responses=described(400, 409))
def create(caller: Called, key: OnceKey, new: NewRequest) -> Response:
    """Take in one request. Every fault of it is told; a request with one is not kept."""
    caller.must(Act.IMPORT)

    def act() -> Created:
        jpeg = new.jpeg()
        source = f"api {caller.token.label}"
        photos = lambda name: jpeg if name == _PHOTO else None  # noqa: E731
        [made] = import_requests(caller.desk, new.as_row(), source=source, form="jsonl", photos=photos)
        with caller.desk.database.reading() as tx:
            job = tx.jobs.of_request(made)
        return Created(request=made, job=job.id, state=State.of(job.state))

    return once(caller, key, new, act, status=201)


@router.get("", response_model=RequestList, responses=described())
def list_(
    caller: Called,
    state: JobState | None = None,
    after: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> RequestList:
    """Requests by id, with the state of their newest job."""
    caller.must(*SEES)
    with caller.desk.database.reading() as tx:
        newest = {job.request_id: job for job in tx.jobs.all()}
        rows = [
            row for row in tx.requests.all()
            if (after is None or row.id > after) and (state is None or newest[row.id].state is state)
        ]  # fmt: skip
    some = rows[:limit]
    return RequestList(
        requests=[Listed(**_listed(row, newest[row.id])) for row in some],
        next=some[-1].id if len(rows) > limit else None,
    )


@router.get("/{request_id}", response_model=Shown, responses=described(404))
def show(caller: Called, request_id: RequestId) -> Shown:
    """One request with its holder; that it was looked at is on record."""
    caller.must(*SEES)
    with caller.desk.database.reading() as tx:
        row, job = tx.requests.get(request_id), tx.jobs.of_request(request_id)
    request = open_request(caller.desk.keys, row) if row.salt is not None else None
    if request is not None:
        with caller.desk.database.transaction("shown") as tx:
            tx.audit.append(caller.desk.event("request.show", row.token, "done", {"job": str(job.id)}))
    return Shown(
        **_listed(row, job),
        name=None if request is None else request.name,
        social_security_number=None if request is None else masked(request.social_security_number),
        photo=request is not None and request.photo is not None,
        made_by=job.made_by,
        approved_by=job.approved_by,
    )


@router.post("/{request_id}/approve", response_model=Created, responses=described(404, 409))
def approve_one(caller: Called, key: OnceKey, request_id: RequestId) -> Response:
    """Approve a request and have its card prepared. Never by who entered it, whatever the product says."""
    caller.must(Act.APPROVE)

    def act() -> Created:
        with caller.desk.database.reading() as tx:
            tx.requests.get(request_id)
            made = tx.jobs.of_request(request_id).made_by
        require_not_maker(caller.desk, Act.APPROVE, made)
        [job] = approve(caller.desk, [request_id])
        return Created(request=request_id, job=job.id, state=State.of(job.state))

    return once(caller, key, None, act)


def _listed(row: RequestRow, job: JobRow) -> dict[str, object]:
    return {
        "request": row.id, "product": row.product, "category": row.category, "urgent": row.urgent, "job": job.id,
        "state": State.of(job.state),
    }  # fmt: skip


__all__ = [
    "SEES",
    "Created",
    "Listed",
    "NewRequest",
    "PhotoRefused",
    "RequestId",
    "RequestList",
    "Shown",
    "State",
    "approve_one",
    "create",
    "list_",
    "router",
    "show",
]
