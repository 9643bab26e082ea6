"""Jobs: listed, shown, followed, ordered from the machine, inspected, settled."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from cardfab.errors import StockFault, Text
from cardfab.production import Act, JobState
from cardfab.station.outlet.looking import accept, reject
from cardfab.station.recovery import Eye
from cardfab.store import JobRow
from cardfab.web.api.bearer import Called, Caller
from cardfab.web.api.once import OnceKey, once
from cardfab.web.api.problems import described
from cardfab.web.api.requests import State

router = APIRouter(prefix="/jobs", tags=["jobs"])
SEES = (Act.ISSUE, Act.APPROVE, Act.RESOLVE, Act.EXPORT_AUDIT)
JobId = Annotated[int, Path(ge=1, le=2**53 - 1, examples=[17])]


class NothingInDoubt(StockFault):
    """The job is not in doubt."""

    default_code = "CF-7931"


class Job(BaseModel):
    """One job: one card, or one spoiled blank."""

    job: int = Field(examples=[17])
    request: str = Field(examples=["R2026112199001"])
    state: State
    remake_of: int | None = Field(None, description="The job whose card was spoiled.", examples=[None])
    reason: str | None = Field(None, description="Why it was spoiled or is in doubt.", examples=[None])
    made_by: str = Field(examples=["operator"])
    approved_by: str | None = Field(None, examples=["supervisor"])
    changed_at: str = Field(examples=["2026-11-21T08:00:00.000+00:00"])

    @classmethod
    def of(cls, one: JobRow) -> Job:
        """A job of the books."""
        return cls(
            job=one.id, request=one.request_id, state=State.of(one.state), remake_of=one.remake_of, reason=one.reason,
            made_by=one.made_by, approved_by=one.approved_by, changed_at=one.changed_at,
        )  # fmt: skip


class Jobs(BaseModel):
    """A page of jobs. ``next`` is the ``after`` of the page that follows; none at the end."""

    jobs: list[Job]
    next: int | None = None


class Event(BaseModel):
    """One move of a job in the books."""

    number: int = Field(description="From 1, in order.", examples=[1])
    at: str = Field(examples=["2026-11-21T08:00:00.000+00:00"])
    by: str = Field(examples=["operator"])
    event: str = Field(examples=["claim"])
    state: str = Field(examples=["CLAIMED"])
    note: str = Field(examples=[""])


class Events(BaseModel):
    """The moves of a job after a number."""

    events: list[Event]


class Taken(BaseModel):
    """The machine has the order: follow it by ``/jobs/{job}/events``."""

    job: int = Field(examples=[17])


class Look(BaseModel):
    """What a person saw who looked at the finished card."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["accept", "reject"]
    reason: str = Field("", max_length=40, description="For a reject: one of the station's reasons.", examples=[""])


class Settle(BaseModel):
    """What a person saw of a card in doubt; ``null`` where nobody looked: the chip is read back by itself."""

    model_config = ConfigDict(extra="forbid")

    seen: Literal["good", "bad"] | None = None


@router.get("", response_model=Jobs, responses=described())
def list_(
    caller: Called,
    state: JobState | None = None,
    after: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Jobs:
    """Jobs, oldest first."""
    caller.must(*SEES)
    with caller.desk.database.reading() as tx:
        found = [one for one in tx.jobs.all(*([state] if state else [])) if one.id > after]
    some = found[:limit]
    return Jobs(jobs=[Job.of(one) for one in some], next=some[-1].id if len(found) > limit else None)


@router.get("/{job}", response_model=Job, responses=described(404))
def show(caller: Called, job: JobId) -> Job:
    """One job."""
    caller.must(*SEES)
    return _get(caller, job)


@router.get("/{job}/events", response_model=Events, responses=described(404))
def events(caller: Called, job: JobId, after: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0) -> Events:
    """What happened to a job, after an event's number."""
    caller.must(*SEES)
    with caller.desk.database.reading() as tx:
        tx.jobs.get(job)
        history = tx.jobs.history(job)
    told = [
        Event(number=n, at=one.at, by=one.by, event=one.event, state=one.state, note=one.note)
        for n, one in enumerate(history, 1)
    ]
    return Events(events=told[after:] if after < len(told) else [])


@router.post("/{job}/issue", status_code=202, response_model=Taken, responses=described(404, 409))
def issue(caller: Called, key: OnceKey, job: JobId) -> Response:
    """Order the card from the machine. A spoiled card is made again at the page only: two persons are there."""
    caller.must(Act.ISSUE)
    return once(
        caller, key, None, lambda: Taken(job=caller.floor.line.order(str(_get(caller, job).job), caller.desk)),
        status=202,
    )  # fmt: skip


@router.post("/{job}/inspect", response_model=Job, responses=described(400, 404, 409))
def inspect(caller: Called, key: OnceKey, job: JobId, look: Look) -> Response:
    """Say what a person saw who looked at the card: accept it, or reject it for a reason of the station's list."""
    caller.must(Act.ISSUE)

    def act() -> Job:
        desk = caller.desk
        return Job.of(accept(desk, job) if look.verdict == "accept" else reject(desk, job, look.reason))

    return once(caller, key, look, act)


@router.post("/{job}/resolve", status_code=202, response_model=Taken, responses=described(400, 404, 409))
def resolve(caller: Called, key: OnceKey, job: JobId, settle: Settle) -> Response:
    """Have a job in doubt settled: the chip is read back by the machine. What came of it is told by its events."""
    caller.must(Act.RESOLVE)

    def act() -> Taken:
        found = _get(caller, job)
        if found.state.name != JobState.IN_DOUBT.name:
            raise NothingInDoubt(
                Text(f"Nothing of job {job} is in doubt.", f"作业 {job} 无存疑。"),
                do=Text("Look at the job again.", "请重新查看该作业。"),
            )
        eye = None if settle.seen is None else Eye(settle.seen)
        caller.floor.line.resolve(job, eye, caller.desk)
        return Taken(job=job)

    return once(caller, key, settle, act, status=202)


def _get(caller: Caller, job: int) -> Job:
    with caller.desk.database.reading() as tx:
        return Job.of(tx.jobs.get(job))
