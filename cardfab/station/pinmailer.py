"""The PIN mailer of a card: once, straight to its printer. What is printed is on no disk of this station."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from cardfab.audit import AuditEvent
from cardfab.documents.mailer import PinMailer, mailer_page
from cardfab.errors import CardfabError, StockFault, Text
from cardfab.keys import Sealed
from cardfab.keys.auditing import about
from cardfab.production import Act, JobState
from cardfab.station.desk import Desk
from cardfab.station.vault import open_card, open_request

Send = Callable[[memoryview], None]
"""Takes a page to the printer; raises DeviceFault. It keeps nothing."""
PIN_GROUPING = "8010"


class NoMailer(StockFault):
    """There is no PIN to tell, or it was told already."""

    default_code = "CF-7660"


def print_mailer(desk: Desk, name: str, send: Send, *, again: bool = False) -> str:
    """Print the mailer of a job or request; its number. ``again``: the first one was spoiled in the printer.

    The count is booked before the page goes out, so that a page that may have been printed is never printed again
    without a person who says so. Raises CardfabError.
    """
    desk.must(Act.ISSUE)
    with desk.database.reading() as tx:
        job = tx.jobs.find(name)
        row = tx.requests.get(job.request_id)
    chosen = desk.product(row.product)
    if job.state is JobState.REQUESTED:
        raise NoMailer(
            Text(f"Request {row.id} is not approved.", f"申请 {row.id} 尚未审批。"),
            do=Text(
                f"Approve it: 'cardfab request approve {row.id}'.", f"请先审批：cardfab request approve {row.id}。"
            ),
        )
    card = open_card(desk.keys, job, row)
    pin = next((one.value for one in card.groupings if one.dgi == PIN_GROUPING), None)
    if chosen.financial.pin.first != "random" or not isinstance(pin, Sealed):
        raise NoMailer(
            Text(
                f"The card of {row.id} has no PIN that the bank chose: there is nothing to tell.",
                f"申请 {row.id} 的卡没有银行生成的密码，无需密码信封。",
            ),
            do=Text("The product's application profile says who makes the first PIN.", "初始密码方式见应用配置。"),
        )
    with desk.database.transaction("pin mailer") as tx:
        number = tx.jobs.next_number(f"mailer:{job.id}", 1)
        if number > 1 and not again:
            raise NoMailer(
                Text(f"The mailer of {row.id} was printed already.", f"申请 {row.id} 的密码信封已打印。"),
                do=Text(
                    "Where it was spoiled: destroy it before two persons, then --again.",
                    "如信封损坏：双人销毁后使用 --again。",
                ),
            )
        tx.audit.append(_event(desk, job.token, "intent", job.id, number))
    mailer = PinMailer(
        number=f"{row.id}/{number}",
        bank=chosen.product.bank_name,
        name=open_request(desk.keys, row).name,
        pan=card.pan,
        station=desk.station,
        made_at=desk.now(),
        specimen=chosen.product.training or desk.training,
    )
    before, behind = mailer_page(mailer)
    try:
        with about(job.token):
            desk.keys.print_pin(pin, before, behind, send)
    except CardfabError:
        _book(desk, job.token, "failed", job.id, number)
        raise
    _book(desk, job.token, "done", job.id, number)
    return mailer.number


def _book(desk: Desk, token: str, outcome: Literal["done", "failed"], job: int, number: int) -> None:
    with desk.database.transaction("pin mailer") as tx:
        tx.audit.append(_event(desk, token, outcome, job, number))
        desk.checkpoint(tx)


def _event(desk: Desk, token: str, outcome: Literal["intent", "done", "failed"], job: int, number: int) -> AuditEvent:
    return desk.event("pin.mailer", token, outcome, {"job": str(job), "print": str(number)})
