"""Temporary cards on paper: issued for an urgent request, extended, taken back, revoked, checked; their register."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from cardfab.documents.checking import UNSEEN, Checked, Compared, check_temporary, ended_early
from cardfab.documents.temporary import Size
from cardfab.errors import Text
from cardfab.production import Act
from cardfab.production.temporary import TemporaryState
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.service import Shown
from cardfab.station.desk import Desk
from cardfab.station.temporary import (
    Applied,
    applied,
    extension_of,
    issue_temporary,
    paper_of,
    revoke,
    take_back,
    trusted_keys,
    without_paper,
)
from cardfab.station.vault import open_request
from cardfab.store.temporary import TemporaryRow
from cardfab.web.asking import Asked, Asking
from cardfab.web.routes.counter.receipts import pdf
from cardfab.web.routes.counter.serving import DOCUMENTS, RELATIONS, required, shown_of

router = APIRouter(prefix="/temporary")
Number = Annotated[str, Path(pattern=r"^LS[0-9]{12,16}$")]
SIZES: tuple[tuple[Size, Text], ...] = (
    ("a4", Text("Page, A4", "A4 纸")),
    ("receipt", Text("Roll, 80 mm", "80 毫米卷纸")),
)
_LIGHTS = {
    TemporaryState.ISSUED: "good",
    TemporaryState.EXTENDED: "unknown",
    TemporaryState.RETURNED: "unknown",
    TemporaryState.ENDED: "unknown",
    TemporaryState.REVOKED: "stop",
}


@router.get("")
def register(asking: Asked) -> Response:
    """The papers in force, or all; and the urgent requests that wait for one."""
    asking.must(Act.TEMPORARY)
    every = asking.request.query_params.get("all") == "yes"
    with asking.desk.database.reading() as tx:
        rows = tx.temporary_cards.all(*([] if every else [TemporaryState.ISSUED]))
    waiting = [(row.id, open_request(asking.desk.keys, row).name) for row in without_paper(asking.desk)]
    papers = [(one, _LIGHTS[one.state], one.state.text) for one in reversed(rows)]
    return asking.page("temporary/register.html", papers=papers, waiting=waiting, every=every)


@router.get("/issue")
def issue_form(asking: Asked) -> Response:
    """For which request, by which document."""
    wanted = asking.request.query_params.get("request", "")
    return _form(asking, wanted=wanted, paper="")


@router.get("/check")
def check_form(asking: Asked) -> Response:
    """A paper that somebody shows."""
    asking.must(Act.READ)
    return asking.page("temporary/check.html", checked=None)


@router.post("/check")
def check(asking: Asked) -> Response:
    """Signature, days, revocation, and the person who shows it."""
    asking.must(Act.READ)
    desk = asking.desk
    data = b""
    for given in asking.files.values():
        with given.file as opened:
            data = opened.read()
    data = data or required(asking, "text", Text("The paper", "临时卡")).encode()
    compared = Compared(asking.form.get("name", "").strip(), asking.form.get("last", "").strip())
    checked = check_temporary(data, list(trusted_keys(desk)), here_and_now(desk), None, compared)
    return asking.page("temporary/check.html", checked=_standing(desk, checked), unseen=UNSEEN)


@router.get("/{number}")
def paper(asking: Asked, number: Number) -> Response:
    """One paper of the register."""
    asking.must(Act.TEMPORARY)
    with asking.desk.database.reading() as tx:
        row = tx.temporary_cards.get(number)
        kept = tx.temporary_cards.paper(number) is not None and tx.requests.get(row.request_id).salt is not None
    return asking.page(
        "temporary/paper.html", row=row, state_light=_LIGHTS[row.state], words=row.state.text, kept=kept,
        in_force=row.state is TemporaryState.ISSUED,
    )  # fmt: skip


@router.get("/{number}/paper.pdf")
def printed(asking: Asked, number: Number) -> Response:
    """The signed paper itself, as it was made."""
    asking.must(Act.TEMPORARY)
    found = paper_of(asking.desk, number)
    return asking.go(f"/temporary/{number}") if found is None else pdf(found, number)


@router.get("/{number}/extend")
def extend_form(asking: Asked, number: Number) -> Response:
    """A new paper with a new number in place of this one."""
    return _form(asking, wanted="", paper=number)


@router.get("/{number}/revoke")
def revoke_form(asking: Asked, number: Number) -> Response:
    """Lost, issued wrongly, misused."""
    asking.must(Act.TEMPORARY)
    with asking.desk.database.reading() as tx:
        row = tx.temporary_cards.get(number)
    return asking.page("temporary/revoke.html", row=row)


@router.post("/issue")
def issue(asking: Asked) -> Response:
    """Make the paper of an urgent request."""
    asking.must(Act.TEMPORARY)
    shown, counter = shown_of(asking)
    request = required(asking, "request", Text("The request", "申请号"))
    return _make(asking, counter.desk, applied(counter.desk, request), shown)


@router.post("/{number}/extend")
def extend(asking: Asked, number: Number) -> Response:
    """Give another paper in place of one that is in force."""
    asking.must(Act.TEMPORARY)
    shown, counter = shown_of(asking)
    return _make(asking, counter.desk, extension_of(counter.desk, number), shown)


@router.post("/{number}/return")
def return_(asking: Asked, number: Number) -> Response:
    """Book that a paper came back."""
    take_back(asking.desk, number)
    return asking.go(f"/temporary/{number}", Text(f"{number} came back.", f"临时卡 {number} 已收回。"))


@router.post("/{number}/revoke")
def revoke_one(asking: Asked, number: Number) -> Response:
    """Revoke it; another person approves by their own password."""
    asking.must(Act.TEMPORARY)
    reason = required(asking, "reason", Text("The reason", "原因"))
    second, desk = asking.second()
    revoke(desk, number, reason, second)
    return asking.go(f"/temporary/{number}", Text(f"{number} is revoked.", f"临时卡 {number} 已作废。"))


def _form(asking: Asking, *, wanted: str, paper: str) -> Response:
    asking.must(Act.TEMPORARY)
    return asking.page(
        "temporary/issue.html", documents=DOCUMENTS, relations=RELATIONS, sizes=SIZES, wanted=wanted, paper=paper
    )


def _make(asking: Asking, desk: Desk, wanted: Applied, shown: Shown) -> Response:
    size: Size = next((one for one, _ in SIZES if one == asking.form.get("size")), "a4")
    made = issue_temporary(desk, wanted, shown, size=size)
    words = Text(
        f"Temporary card {made.number} is made, good until {made.valid_until}.",
        f"临时卡 {made.number} 已签发，有效期至 {made.valid_until}。",
    )
    return asking.go(f"/temporary/{made.number}", words)


def _standing(desk: Desk, checked: Checked) -> Checked:
    """Raise where the register says that the paper ended early."""
    row: TemporaryRow | None
    with desk.database.reading() as tx:
        row = tx.temporary_cards.find(checked.claim.number)
    if row is not None and row.state is not TemporaryState.ISSUED:
        raise ended_early(row.number, Text(f"is {row.state.text.en}", row.state.text.zh))
    return checked
