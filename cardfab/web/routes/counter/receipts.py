"""The receipt of a service: on the page, and as paper in three sizes; again later, and then it says so."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from cardfab.documents import Form, receipt_pdf, statement_pdf
from cardfab.errors import Text
from cardfab.production import Act
from cardfab.station.counter.clock import in_china
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.reprint import first_print, look, statement_again
from cardfab.station.counter.service import Counter
from cardfab.web.asking import Asked, Asking

router = APIRouter()
Number = Annotated[str, Path(pattern=r"^HZ[0-9]{12,16}$")]
FORMS: tuple[tuple[Form, Text], ...] = (
    ("roll", Text("Roll, 80 mm", "80 毫米卷纸")),
    ("a5", Text("Half page, A5", "A5 半页")),
    ("a4", Text("Page, two copies", "A4 一式两联")),
)
_SHOWN = 30
_OUTCOMES = {
    "done": ("good", Text("done", "已办理")),
    "refused": ("stop", Text("refused", "未办理")),
    "doubt": ("doubt", Text("in doubt", "存疑")),
    "begun": ("wait", Text("at work", "办理中")),
    "settled": ("good", Text("in doubt; looked into", "存疑，已核实")),
}


@router.get("/receipts")
def receipts(asking: Asked) -> Response:
    """The newest services, and one by its number."""
    asking.must(Act.READ)
    number = asking.request.query_params.get("number", "").strip().upper()
    if number.isalnum():
        return asking.go(f"/counter/receipts/{number}")
    with asking.desk.database.reading() as tx:
        rows = tx.services.all(last=_SHOWN)
    listed = [
        (row.receipt, f"{in_china(row.begun_at):%Y-%m-%d %H:%M}", Kind(row.service).text, row.checked_by,
         row.approved_by or "", _OUTCOMES[row.outcome], row.sealed is not None)
        for row in rows
    ]  # fmt: skip
    return asking.page("counter/receipts.html", rows=listed)


@router.get("/receipts/{number}")
def receipt(asking: Asked, number: Number) -> Response:
    """What the receipt says."""
    found, statement = look(_counter(asking), number)
    return asking.page("counter/receipt.html", receipt=found, statement=statement, forms=FORMS)


@router.get("/receipts/{number}/{form}.pdf")
def paper(asking: Asked, number: Number, form: Form) -> Response:
    """The paper."""
    counter = _counter(asking)
    return pdf(receipt_pdf(first_print(counter, number), asking.desk.fonts, form=form), f"{number}-{form}")


@router.get("/receipts/{number}/statement")
def statement(asking: Asked, number: Number) -> Response:
    """The statement of the medical account that was printed with this service."""
    found = statement_again(_counter(asking), number)
    return pdf(statement_pdf(found, asking.desk.fonts), f"{number}-statement")


def pdf(data: bytes, name: str) -> Response:
    """A paper, shown where the browser can and saved under a name of the station's own."""
    headers = {"content-disposition": f'inline; filename="{name}.pdf"'}
    return Response(data, media_type="application/pdf", headers=headers)


def _counter(asking: Asking) -> Counter:
    asking.must(Act.READ)
    return asking.floor.counter(asking.desk, asking.language)
