"""The PIN mailers of a batch, one after another straight to their printer; a PIN is on no disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from cardfab.bureau.books.handing import hand_over, require_state
from cardfab.errors import Text
from cardfab.production import Act
from cardfab.production.batches import BatchState
from cardfab.station.desk import Desk
from cardfab.station.pinmailer import NoMailer, Send, print_mailer

MAILED: Final = "mailers"


def print_mailers(desk: Desk, name: str, send: Send, tell: Callable[[int], None] = lambda _: None) -> int:
    """Print the mailer of every finished card that has none yet; how many. What is cut off goes on where it was.

    Raises NoMailer where the cards have no PIN that the bank chose, DeviceFault of the printer.
    """
    desk.must(Act.ISSUE)
    with desk.database.reading() as tx:
        batch = tx.batches.find(name)
    require_state(batch, BatchState.RUNNING, BatchState.MADE, BatchState.CLOSED)
    if desk.product(batch.product).financial.pin.first != "random":
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
                digest.update(f"{print_mailer(desk, str(job), send)}\n".encode())
                count += 1
                tell(count)
                last = place
    finally:
        if count:
            with desk.database.transaction("mailers") as tx:
                hand_over(desk, tx, batch, MAILED, "", count, digest.hexdigest())
                desk.checkpoint(tx)
    return count


__all__ = ["MAILED", "print_mailers"]
