"""The PIN mailers of a batch, one after another straight to their printer; a PIN is on no disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cardfab.bureau.books.handing import hand_over, require_state
from cardfab.errors import DeviceFault, Text
from cardfab.production import Act
from cardfab.production.batches import BatchState
from cardfab.station.desk import Desk
from cardfab.station.pinmailer import NoMailer, Send, print_mailer
from cardfab.store.batches import BureauBatchRow

MAILED: Final = "mailers"


def print_mailers(desk: Desk, name: str, send: Send, tell: Callable[[int], None] = lambda _: None) -> int:
    """Print the mailer of every finished card that has none yet; how many. What is cut off goes on where it was.

    Raises NoMailer where the cards have no PIN that the bank chose, DeviceFault of the printer.
    """
    desk.must(Act.ISSUE)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
    require_state(batch, BatchState.RUNNING, BatchState.MADE, BatchState.CLOSED)
    if not has_mailers(desk, batch):
        raise NoMailer(
            Text(f"The cards of batch {batch.reference} have no PIN that the bank chose.",
                 f"批次 {batch.reference} 的卡没有银行生成的密码，无需密码信封。"),
            do=Text("The product's application profile says who makes the first PIN.", "初始密码方式见应用配置。"),
        )  # fmt: skip
    count, last, digest = 0, 0, hashlib.sha256()
    try:
        while True:
            with desk.database.reading() as tx:
                rows = tx.bureau_finish.without_mailer(batch.id, last)
            if not rows:
                break
            for place, job in rows:
                digest.update(f"{_printed(desk, batch, place, job, send)}\n".encode())
                count += 1
                tell(count)
                last = place
    finally:
        if count:
            with desk.database.transaction("mailers") as tx:
                hand_over(desk, tx, batch, MAILED, "", count, digest.hexdigest())
                desk.checkpoint(tx)
    return count


def has_mailers(desk: Desk, batch: BureauBatchRow) -> bool:
    """Whether the cards of the batch have a PIN that its holder learns from a mailer."""
    return desk.product(batch.product).financial.pin.first == "random"


def _printed(desk: Desk, batch: BureauBatchRow, place: int, job: int, send: Send) -> str:
    """One mailer; its number. Of one that was cut off it is said which it is, since it counts as printed."""
    try:
        return print_mailer(desk, str(job), send)
    except DeviceFault as fault:
        raise DeviceFault(
            fault.what,
            do=Text(
                f"What came out for place {place} (job {job}): destroy it, then 'cardfab pin mailer {job} --again'. "
                f"'cardfab bureau mailers {batch.id}' prints the others.",
                f"位置 {place}（作业 {job}）如已打出，请销毁后执行 cardfab pin mailer {job} --again；"
                f"其余用 cardfab bureau mailers {batch.id} 继续打印。",
            ),
            code=fault.code,
        ) from fault


__all__ = ["MAILED", "has_mailers", "print_mailers"]
