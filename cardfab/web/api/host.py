"""What waits for the issuer host, and how the station is."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from cardfab import __version__
from cardfab.production import Act, JobState
from cardfab.station.host import Operation
from cardfab.station.hosts.outbox import queue
from cardfab.web.api.bearer import Called
from cardfab.web.api.problems import Words, described

router = APIRouter(tags=["station"])


class Question(BaseModel):
    """A request to the host whose outcome is not known: nothing of a holder."""

    id: str = Field(examples=["3b0f"])
    operation: Words
    asked_at: str = Field(examples=["2026-11-21T08:00:00.000+00:00"])
    asked_by: str = Field(examples=["operator"])
    tries: int = Field(examples=[1])


class Message(BaseModel):
    """Something that is told to the host when it can be reached: nothing of a holder."""

    id: int = Field(examples=[3])
    operation: Words
    state: str = Field(examples=["waiting"])
    since: str = Field(examples=["2026-11-21T08:00:00.000+00:00"])
    by: str = Field(examples=["operator"])
    tries: int = Field(examples=[1])
    code: str | None = Field(None, description="Why the host refused it.", examples=[None])


class HostQueue(BaseModel):
    """What the host has not answered, and what waits to be told, oldest first."""

    unknown: list[Question]
    messages: list[Message]


class Health(BaseModel):
    """How the station is."""

    station: str = Field(examples=["station-1"])
    training: bool
    version: str = Field(examples=["0.1.0"])
    in_doubt: int = Field(description="Jobs that somebody has to settle.", examples=[0])
    issuing: bool = Field(description="False while a restore is being checked.")


@router.get("/host/queue", response_model=HostQueue, responses=described())
def host_queue(caller: Called) -> HostQueue:
    """What waits for the issuer host."""
    caller.must(Act.RESOLVE, Act.EXPORT_AUDIT)
    with caller.desk.database.reading() as tx:
        open_ones = tx.host.open()
    waiting = queue(caller.desk)
    return HostQueue(
        unknown=[
            Question(
                id=one.request_id, operation=Words.of(Operation(one.operation).text), asked_at=one.asked_at,
                asked_by=one.asked_by, tries=one.tries,
            )
            for one in open_ones
        ],
        messages=[
            Message(
                id=one.id, operation=Words.of(one.operation.text), state=one.state, since=one.since, by=one.by,
                tries=one.tries, code=one.code,
            )
            for one in waiting.entries
        ],
    )  # fmt: skip


@router.get("/health", response_model=Health, responses=described())
def health(caller: Called) -> Health:
    """How the station is; any token that serves may ask."""
    with caller.desk.database.reading() as tx:
        doubt, blocked = tx.jobs.count(JobState.IN_DOUBT), tx.restores.blocked()
    desk = caller.desk
    return Health(
        station=desk.station, training=desk.training, version=__version__, in_doubt=doubt, issuing=not blocked
    )
