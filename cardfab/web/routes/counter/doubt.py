"""Services whose outcome is not known: what to do with each, and the end of a doubt."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.errors import Text
from cardfab.production import Act
from cardfab.station.counter.advice import advice
from cardfab.station.counter.clock import in_china
from cardfab.station.counter.cutoff import CUT_OFF
from cardfab.station.counter.doubts import in_doubt, settle_doubt
from cardfab.station.counter.kinds import Kind
from cardfab.station.outlet.errands import ERRANDS
from cardfab.store import ServiceRow
from cardfab.web.asking import Asked
from cardfab.web.pagewords import on_page

router = APIRouter()
_WHY = {CUT_OFF: Text("It was cut off with the program.", "程序中断，业务未办结。")}
_NO_ANSWER = Text("Card or host did not answer to the end.", "卡片或主机未完整应答。")
_AGAIN = {one.kind: f"/counter/{one.name}" for one in ERRANDS} | {
    Kind.LOST: "/counter/lost", Kind.HAND_OVER: "/jobs?state=DONE", Kind.BLOCK_APPLICATION: "/counter/block",
    Kind.PURCHASE: "/counter/recover", Kind.LOAD: "/counter/recover", Kind.UPDATE: "/counter/read",
}  # fmt: skip
"""Where the service, or what settles it, is done."""
_CALLED = {one.kind: one.heading for one in ERRANDS} | {
    Kind.HAND_OVER: Text("Hand over a card", "领卡"), Kind.LOST: Text("Report a loss", "挂失"),
    Kind.BLOCK_APPLICATION: Text("Block an application", "锁定应用"),
    Kind.UPDATE: Text("Update a record", "更新卡内信息"),
}  # fmt: skip
"""By the act: the words of a receipt say that it was done."""


@router.get("/doubt")
def doubt(asking: Asked) -> Response:
    """The list, the oldest first."""
    asking.must(Act.READ)
    rows = [_shown(row) for row in in_doubt(asking.desk)]
    return asking.page("counter/doubt.html", rows=rows)


@router.post("/doubt")
def settle(asking: Asked) -> Response:
    """Somebody has looked: nothing more is to be done."""
    row = settle_doubt(asking.desk, asking.form.get("receipt", ""))
    return asking.go("/counter/doubt", Text(f"{row.receipt} is settled.", f"{row.receipt} 已核实。"))


def _shown(row: ServiceRow) -> dict[str, object]:
    kind = Kind(row.service)
    return {
        "receipt": row.receipt,
        "service": _CALLED.get(kind, kind.text),
        "at": f"{in_china(row.begun_at):%Y-%m-%d %H:%M}",
        "by": row.checked_by,
        "why": _WHY.get(row.reason or "", _NO_ANSWER),
        "do": on_page(advice(kind)),
        "again": _AGAIN.get(kind),
        "statement": kind is Kind.STATEMENT and row.sealed is not None,
    }
