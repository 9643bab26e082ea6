"""Batches of the bureau: how far each is, its slots, faults, boxes, remakes; what lines are to do. Reads sums only."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.errors import InputRefused, Text
from cardfab.production import Act
from cardfab.production.batches import BatchState, BoxState
from cardfab.station.bureauorders import NOBODY_HEARS, Order, heard, order
from cardfab.station.bureauview import BatchView, text_of, view, words_of
from cardfab.store.batches import NUMBER
from cardfab.web.asking import Asked, Asking, Watched

router = APIRouter(prefix="/bureau")
_PAGE = 100
_ALIVE, _QUIET, _SHARE = 5, 30, 20
"""Seconds between two looks while a line works, and while none does; at least so many times as long as a look takes."""

BOXES = {
    BoxState.WAITING: Text("waiting", "待制"),
    BoxState.IN_WORK: Text("in work", "在制"),
    BoxState.FULL: Text("full", "已满"),
    BoxState.SHIPPED: Text("shipped", "已发运"),
}
SLOTS = {
    "works": ("good", Text("at work", "制卡中")),
    "free": ("unknown", Text("free", "空闲")),
    "paused": ("wait", Text("paused", "已暂停")),
    "held": ("wait", Text("held", "等待")),
    "out": ("stop", Text("taken out", "已停用")),
    "gone": ("unknown", Text("ended", "已结束")),
}


@router.get("")
def batches(asking: Asked, page: int = 1) -> Response:
    """All batches, newest first."""
    _must(asking)
    with asking.desk.database.reading() as tx:
        count = tx.bureau_figures.count()
        number, pages = paged(page, count)
        heads = tx.bureau_figures.heads((number - 1) * _PAGE, _PAGE)
    rows = [(one, BatchState(one.state).text, ordered_text(one.ordered)) for one in heads]
    return asking.page("bureau/list.html", rows=rows, number=number, pages=pages)


@router.get("/{batch_id}")
def batch(asking: Asked, batch_id: int, boxes: int = 1) -> Response:
    """One batch."""
    _must(asking)
    found = view(asking.desk.database, f"{NUMBER}{batch_id}", asking.desk.now())
    with asking.desk.database.reading() as tx:
        figures = tx.bureau_figures
        number, pages = paged(boxes, sum(found.boxes.values()))
        shown = figures.boxes(batch_id, (number - 1) * _PAGE, _PAGE)
        remakes = figures.remakes(batch_id, _PAGE)
    return asking.page(
        "bureau/batch.html",
        **_live(found),
        shown=[(one, BOXES[BoxState(one.state)]) for one in shown],
        number=number,
        pages=pages,
        remakes=remakes,
        orders=_offered(asking, found),
    )


@router.get("/{batch_id}/live")
def live(asking: Watched, batch_id: int) -> Response:
    """What of a batch changes while a line works, by itself, for who polls."""
    _must(asking)
    found = view(asking.desk.database, f"{NUMBER}{batch_id}", asking.desk.now())
    return asking.page("bureau/live_part.html", **_live(found))


@router.post("/{batch_id}/order")
def ordered(asking: Asked, batch_id: int) -> Response:
    """Pause, go on, stop: the lines do it with their next look, a second or two later."""
    asking.must(Act.BATCH)
    said = asking.form.get("order", "")
    wanted = next((one for one in Order if one.name.lower() == said), None)
    if wanted is None:
        raise InputRefused(Text("It is not said what is ordered.", "未说明要执行的操作。"), code="CF-3672")
    order(asking.desk, f"{NUMBER}{batch_id}", wanted)
    nobody = Text("", "") if heard(asking.desk, batch_id) else NOBODY_HEARS
    told = Text(f"Ordered: {wanted.text.en}. {nobody.en}".rstrip(), f"已下令：{wanted.text.zh}。{nobody.zh}")
    return asking.go(f"/bureau/{batch_id}", told)


def ordered_text(value: str) -> Text | None:
    """An order that stands, for people; None where none does."""
    return Order(value).text if value else None


def paged(page: int, count: int) -> tuple[int, int]:
    """The page that is shown of how many."""
    pages = max(1, -(-count // _PAGE))
    return min(max(page, 1), pages), pages


def _live(found: BatchView) -> dict[str, Any]:
    """What the part that renews itself shows."""
    held = [text_of(run.line.held) for run in found.runs if run.alive and run.line.held]
    silent = [run.line for run in found.runs[:1] if not run.alive and run.line.ended_at is None]
    return {
        "one": found,
        "head": found.head,
        "cards": found.cards,
        "states": SLOTS,
        "boxes": [(BOXES[one], found.boxes[one]) for one in BoxState if found.boxes.get(one)],
        "out": [(slot.line, text_of(slot.line.taken_out)) for slot in found.slots if slot.state == "out"],
        "faults": [(fault, words_of(fault.why)) for fault in found.faults],
        "ordered": ordered_text(found.head.ordered),
        "held": held,
        "silent": silent,
        "every": max(_ALIVE if found.alive else _QUIET, round(_SHARE * found.took)),
    }


def _offered(asking: Asking, found: BatchView) -> list[tuple[str, Text]]:
    """What this person may order now."""
    if found.state is not BatchState.RUNNING or not asking.person.may(Act.BATCH):
        return []
    stands = Order(found.head.ordered)
    wanted = [Order.GO_ON] if stands is not Order.GO_ON else [Order.PAUSE]
    wanted += [one for one in (Order.STOP_AFTER_BOX, Order.STOP) if one is not stands]
    return [(one.name.lower(), one.text) for one in wanted]


def _must(asking: Asking) -> None:
    if not asking.person.may(Act.APPROVE) and not asking.person.may(Act.EXPORT_AUDIT):
        asking.must(Act.BATCH)


__all__ = ["BOXES", "SLOTS", "batch", "batches", "live", "ordered", "ordered_text", "paged", "router"]
