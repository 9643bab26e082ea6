"""Jobs: the state table, one job with its history, a job in doubt led step by step, live steps as they happen."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from cardfab.errors import InputRefused, Text
from cardfab.production import Act, JobState
from cardfab.station.line import Line
from cardfab.station.lineevents import ENDS
from cardfab.station.outlet import voiding
from cardfab.station.recovery import Eye
from cardfab.store import JobRow
from cardfab.web.asking import Asked, Asking, Watched
from cardfab.web.issuing import live_of

router = APIRouter()
_PAGE = 100
_STREAM = 300.0
"""Seconds after which a stream ends and the browser asks for the rest anew."""
_QUIET = 10.0
"""Seconds without news after which a comment is sent, so that nobody in between closes the line."""

_LED = {
    JobState.CLAIMED: Text(
        "A blank was to be fed when the work was cut off. The printer's own count tells whether it moved.",
        "送卡时中断。由打印机自身计数判断空白卡是否被取走。",
    ),
    JobState.ENCODING: Text(
        "The chip was being written. Leave the card where it is: it is read back and gone on with, or spoiled.",
        "写卡时中断。请勿移动卡片：将回读芯片，数据完整则继续，否则作废。",
    ),
    JobState.VERIFYING: Text(
        "The chip is written. Leave the card where it is: it is read back and gone on with.",
        "芯片已写完。请勿移动卡片：回读核对后继续制卡。",
    ),
    JobState.PRINTING: Text(
        "The face was being printed. The card is given out and never printed again: you look at it.",
        "打印时中断。卡片将送出，不会重复打印，请目视检查。",
    ),
}


@router.get("/jobs")
def jobs(asking: Asked, state: str = "", page: int = 1) -> Response:
    """All jobs, newest first; or those of one state."""
    _must(asking)
    wanted = [one for one in JobState if one.value == state]
    with asking.desk.database.reading() as tx:
        counts = {one: count for name, count in tx.figures.jobs().items() for one in JobState if one.value == name}
        count = sum(counts.get(one, 0) for one in (wanted or JobState))
        pages = -(-count // _PAGE)
        page = min(max(page, 1), max(1, pages))
        shown = tx.jobs.newest(*wanted, offset=(page - 1) * _PAGE, limit=_PAGE)
    return asking.page(
        "jobs/list.html",
        jobs=shown,
        counts=[(one, counts[one]) for one in JobState if counts.get(one)],
        state=state if wanted else "",
        number=page,
        pages=pages,
        due=voiding.due(asking.desk),
        works_on=asking.floor.line.works_on,
    )


@router.get("/jobs/{job_id}")
def job(asking: Asked, job_id: int) -> Response:
    """One job; in doubt, what to do next."""
    _must(asking)
    with asking.desk.database.reading() as tx:
        found = tx.jobs.get(job_id)
        history = tx.jobs.history(job_id)
        look, void = tx.outlet.look_of(job_id), tx.outlet.void_of(job_id)
        certificates = tx.outlet.certificates_of(job_id)
        held = tx.outlet.open_case_of(found.request_id)
    live = live_of(asking.floor.line, job_id)
    return asking.page(
        "jobs/job.html",
        job=found,
        history=history,
        look=look,
        void=void,
        certificates=certificates,
        case=held.token if held is not None and held.taken_by == asking.person.login else "",
        live=live,
        states={one.value: one.text for one in JobState},
        **_led(found, _settling_failed(asking.floor.line, job_id)),
    )


@router.post("/jobs/{job_id}/settle")
def settle(asking: Asked, job_id: int) -> Response:
    """Settle a job in doubt: the machine reads back; or a person says what they saw."""
    said = asking.form.get("eye", "")
    eye = {"good": Eye.GOOD, "bad": Eye.BAD, "": None}.get(said)
    if said not in ("good", "bad", ""):
        raise InputRefused(Text("It is not said what was seen.", "未说明目检结果。"), code="CF-3319")
    asking.floor.line.resolve(job_id, eye, asking.desk)
    return asking.go(f"/jobs/{job_id}")


@router.post("/jobs/void")
def void(asking: Asked) -> Response:
    """What was issued for spoiled cards is taken back now, as far as host and authority answer."""
    _must(asking)
    done = voiding.void_spoiled(asking.desk, asking.floor.counter(asking.desk, asking.language).host)
    if done.left:
        why = done.left[0][1]
        said = Text(f"{len(done.left)} still wait: {why.en}", f"仍有 {len(done.left)} 项未撤销：{why.zh}")
    else:
        said = Text("Everything is taken back.", "已全部撤销。")
    return asking.go("/jobs", said)


@router.post("/line/look")
def look(asking: Asked) -> Response:
    """Have reader and printer looked at again."""
    _must(asking)
    asking.floor.line.look()
    return asking.go("/jobs", Text("Reader and printer are looked at again.", "正在重新检查读卡器和打印机。"))


@router.get("/jobs/{job_id}/steps")
def steps(asking: Watched, job_id: int) -> Response:
    """The live steps by themselves, for who polls."""
    _must(asking)
    return _part(asking, job_id)


@router.get("/jobs/{job_id}/moved")
def moved(asking: Watched, job_id: int) -> Response:
    """The machine has ended: the page anew."""
    _must(asking)
    return asking.go(f"/jobs/{job_id}")


@router.get("/jobs/{job_id}/events")
def events(asking: Watched, job_id: int, after: int = 0) -> Response:
    """The live steps as server-sent events; ``Last-Event-ID`` goes on where the line broke."""
    _must(asking)
    last = asking.request.headers.get("last-event-id", "")
    start = int(last) if last.isdecimal() and len(last) < 10 else after
    head = {"x-accel-buffering": "no"}
    return StreamingResponse(_told(asking, job_id, start), media_type="text/event-stream", headers=head)


async def _told(asking: Asking, job_id: int, after: int) -> AsyncIterator[str]:
    line, until = asking.floor.line, time.monotonic() + _STREAM
    while time.monotonic() < until:
        news = await run_in_threadpool(line.wait, job_id, after, _QUIET)
        if not news:
            if not line.works_on(job_id):
                yield _message(after, "over", "ended")
                return
            yield ": still there\n\n"
            continue
        after = news[-1].number
        body = (await run_in_threadpool(_part, asking, job_id)).body
        yield _message(after, "step", bytes(body).decode())
        if news[-1].stage in ENDS:
            yield _message(after, "over", "ended")
            return


def _message(number: int, name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.splitlines() if line.strip())
    return f"id: {number}\nevent: {name}\n{lines}\n"


def _part(asking: Asking, job_id: int) -> Response:
    line: Line = asking.floor.line
    with asking.desk.database.reading() as tx:
        found = tx.jobs.get(job_id)
    return asking.page("issue/steps_part.html", live=live_of(line, job_id), doubtful=found.state is JobState.IN_DOUBT)


def _settling_failed(line: Line, job_id: int) -> bool:
    """Whether the last run was an attempt to settle the job, and it needs a person. One that made the card fed or
    printed it: what stopped that is mended before anybody is asked what they see.
    """
    events = line.events(job_id)
    begun = max((at for at, one in enumerate(events) if one.stage == "order"), default=0)
    run = events[begun:]
    return bool(run) and run[-1].stage == "fault" and not any(one.stage in ("feed", "print") for one in run)


def _led(found: JobRow, tried: bool) -> dict[str, Any]:
    """How a job in doubt is led: what happened, and whether a person is asked yet."""
    if found.state is not JobState.IN_DOUBT or found.doubt_from is None:
        return {"led": None, "eye": False, "spoils": False}
    return {
        "led": _LED[found.doubt_from],
        "eye": tried and found.doubt_from in (JobState.CLAIMED, JobState.PRINTING),
        "spoils": tried,
    }


def _must(asking: Asking) -> None:
    if not asking.person.may(Act.RESOLVE):
        asking.must(Act.ISSUE)


__all__ = ["events", "job", "jobs", "look", "moved", "router", "settle", "steps", "void"]
