"""What waits for the issuer host: its age, why it waits, and the button that tells it now."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.audit import milliseconds
from cardfab.errors import Text
from cardfab.production import Act
from cardfab.station.counter.clock import in_china
from cardfab.station.host import READS, HostCode, Operation
from cardfab.station.hostdesk import HostDesk
from cardfab.station.hosts.outbox import Entry, ToldNothing, age_words, drain, queue, settle
from cardfab.web.asking import Asked, Asking

router = APIRouter(prefix="/queue")

_LONG = timedelta(hours=4)
"""After so long the page says that somebody should call."""


def reason_words(entry: Entry) -> Text:
    """Why the last try did not end well; empty before any."""
    if entry.code is None:
        return Text("", "")
    if entry.state == "refused" and entry.code in tuple(HostCode):
        return HostCode(entry.code).text
    return Text("the host did not answer", "主机未应答")


@router.get("")
def waiting(asking: Asked) -> Response:
    """The list."""
    _may_look(asking)
    desk = asking.desk
    found = queue(desk)
    now = milliseconds(desk.now())
    with desk.database.reading() as tx:
        open_ones = [one for one in tx.host.open() if Operation(one.operation) not in READS]
    rows = [
        (one, one.operation.text, _clock(one.since), age_words(one.age), reason_words(one)) for one in found.entries
    ]
    unknown = [
        (Operation(one.operation).text, _clock(one.asked_at), age_words(now - datetime.fromisoformat(one.asked_at)))
        for one in open_ones
    ]
    return asking.page(
        "queue/list.html",
        rows=rows,
        unknown=unknown,
        found=found,
        oldest=age_words(found.age),
        long=found.age > _LONG,
        has_host=_host(asking) is not None,
        may_settle=desk.person.may(Act.WITNESS),
    )


@router.post("/send")
def send(asking: Asked) -> Response:
    """Tell the host now: everything, or one entry with what is before it."""
    _may_look(asking)
    done = drain(asking.desk, _host(asking), _entry(asking) if asking.form.get("entry") else None)
    if done.done and not done.waiting:
        said = Text(f"{done.done} sent; nothing waits any longer.", f"已发送 {done.done} 条，已无待发消息。")
    elif done.done:
        said = Text(
            f"{done.done} sent, {done.waiting} still wait.", f"已发送 {done.done} 条，仍有 {done.waiting} 条待发。"
        )
    elif done.waiting:
        said = Text("The host does not answer; the messages are kept.", "主机未应答，消息已保留。")
    else:
        said = Text("Nothing was sent.", "没有可发送的消息。")
    return asking.go("/queue", said)


@router.post("/settle")
def settled(asking: Asked) -> Response:
    """Take a refused entry off the list, with how it was settled."""
    asking.must(Act.WITNESS)
    settle(asking.desk, _entry(asking), asking.form.get("reason", ""))
    return asking.go("/queue", Text("Taken off the list.", "已移出列表。"))


def _may_look(asking: Asking) -> None:
    asking.must(Act.RESOLVE)


def _host(asking: Asking) -> HostDesk | None:
    return asking.floor.counter(asking.desk, asking.language).host


def _entry(asking: Asking) -> int:
    entry = asking.form.get("entry", "")
    if not entry.isascii() or not entry.isdecimal() or len(entry) > 9:
        raise ToldNothing
    return int(entry)


def _clock(at: str) -> str:
    return f"{in_china(at):%m-%d %H:%M}"
