"""What a person orders of the lines that work on a batch: pause, go on, stop, stop after the box."""

from __future__ import annotations

import enum

from cardfab.errors import InputRefused, Text
from cardfab.production import Act
from cardfab.production.batches import BatchState
from cardfab.station.bureauview import PAUSED, find, works
from cardfab.station.desk import Desk


class Order(enum.StrEnum):
    """As ``bureau_batch.ordered`` keeps it."""

    GO_ON = ""
    PAUSE = PAUSED
    STOP = "stop"
    STOP_AFTER_BOX = "stop after box"

    @property
    def text(self) -> Text:
        """The order for people."""
        return _TEXTS[self]


_TEXTS = {
    Order.GO_ON: Text("go on", "继续"),
    Order.PAUSE: Text("pause", "暂停"),
    Order.STOP: Text("stop after the cards at work", "完成在制卡后停止"),
    Order.STOP_AFTER_BOX: Text("stop after the boxes at work", "做完在制卡盒后停止"),
}


class NoLineWorks(InputRefused):
    """An order for lines of a batch that none is to make now."""

    default_code = "CF-3671"


NOBODY_HEARS = Text(
    "No line works on it now: the order is forgotten when one begins.", "目前没有产线在制，下次开线时该指令不再有效。"
)


def heard(desk: Desk, batch_id: int) -> bool:
    """Whether a line works on the batch, so that an order is heard."""
    with desk.database.reading() as tx:
        return works(tx, batch_id, desk.now())


def order(desk: Desk, name: str, wanted: Order) -> int:
    """Order it of every line on a batch, by number or reference; the batch's number. The act of who runs batches."""
    desk.must(Act.BATCH)
    with desk.database.transaction("order") as tx:
        head = find(tx, name)
        if head.state != BatchState.RUNNING:
            raise NoLineWorks(
                Text(
                    f"Batch {head.id} is {BatchState(head.state).text.en}: no line works on it.",
                    f"批次 {head.id} 状态为“{BatchState(head.state).text.zh}”，没有产线在制。",
                ),
                do=Text("'cardfab bureau run' begins one.", "用 cardfab bureau run 开始生产。"),
            )
        tx.batches.change(head.id, ordered=wanted.value, changed_at=desk.at())
        told = {"order": wanted.value or "go on"}
        tx.audit.append(desk.event("batch.order", tx.batches.get(head.id).token, "done", told))
    return head.id


__all__ = ["NOBODY_HEARS", "NoLineWorks", "Order", "heard", "order"]
