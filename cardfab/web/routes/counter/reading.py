"""A card read for its holder: its standing first, the checks, then what the presented rights allow. Nothing is changed.

What it shows is not kept: the page is the answer to the form itself, and the printed sheet reads the card again.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.documents import hidden, holder_sheet_pdf
from cardfab.errors import Text
from cardfab.prepare.spoken import yuan
from cardfab.production import Act
from cardfab.station.counter import reading
from cardfab.station.counter.changes import label_of
from cardfab.station.counter.doubts import in_doubt
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.pinentry import PinDesk
from cardfab.station.counter.reading import Read, standing_of
from cardfab.terminal.read import FileReading
from cardfab.web.asking import Asked, Asking
from cardfab.web.routes.counter.pad import pad_light
from cardfab.web.routes.counter.receipts import pdf
from cardfab.web.routes.counter.serving import card_on_reader, training_cards
from cardfab.web.words import number_for

router = APIRouter()
_NUMBER, _BORN, _CARD = "SSSE/EF06/08", "SSSE/EF06/0D", "SSSE/EF05/07"
_LOG = "DF04/EF08"
_MARKS = {
    "passed": ("good", Text("passed", "通过")),
    "failed": ("stop", Text("failed", "未通过")),
    "not checked": ("unknown", Text("not checked", "未查")),
}


@dataclass(frozen=True, slots=True)
class Section:
    """A file as the page shows it: items by name and value, or why it was not read."""

    address: str
    name: Text
    items: tuple[tuple[Text, Text | str], ...]
    why: Text | None


@router.get("/read")
def form(asking: Asked) -> Response:
    """With the PIN or without."""
    asking.must(Act.READ)
    query = asking.request.query_params
    return asking.page(
        "counter/read.html", cards=training_cards(asking), reader=query.get("reader", ""),
        light_state=pad_light(asking.desk),
    )  # fmt: skip


@router.post("/read")
def read(asking: Asked) -> Response:
    """Read it, check it, show it; or give the sheet for the holder as paper."""
    asking.must(Act.READ)
    counter = asking.floor.counter(asking.desk, asking.language)
    pin = PinDesk() if asking.form.get("pin") == "yes" else None
    with card_on_reader(asking, counter) as here:
        if asking.form.get("as") == "sheet":
            sheet = reading.sheet(here, reading.read(here, pin), None)
            return pdf(holder_sheet_pdf(sheet, asking.desk.fonts), sheet.made.number)
        checked, at_host = reading.verify(here)
        found = reading.read(here, pin)
        standing, holder = standing_of(here, found), here.subject.holder()
        ours = here.subject.row is not None
        doubtful = [(Kind(row.service).text, row.receipt) for row in in_doubt(asking.desk, here.index)]
    checks = [(one.name.text, _MARKS[one.outcome], one.text) for one in checked.checks]
    return asking.page(
        "counter/reading.html",
        standing=standing,
        good=checked.good,
        checks=checks,
        at_host=at_host,
        holder=holder,
        card_number=hidden(holder.card_number),
        identity=found.reading.identity,
        ours=ours,
        doubtful=doubtful,
        sections=_sections(asking, found),
        account=None if found.account is None else _account(found),
        reader=asking.form.get("reader", ""),
        with_pin=pin is not None,
    )


def _sections(asking: Asking, found: Read) -> list[Section]:
    shown = []
    for file in found.reading.files:
        if file.address == _LOG and found.account is not None:
            continue
        items = tuple(_items(asking, found, file))
        why = reading.why_unread(found.book, file)
        if items or why is not None:
            shown.append(Section(file.address, file.name, items, why))
    return shown


def _items(asking: Asking, found: Read, file: FileReading) -> list[tuple[Text, Text | str]]:
    lines: list[tuple[Text, Text | str]] = []
    for address, value in file.values.items():
        if value:
            words: Text | str = found.book.describe(address, value)
            if address == _NUMBER:
                words = number_for(value, asking.person)
            elif address == _CARD:
                words = hidden(value)
            elif address == _BORN and "*" in number_for(found.reading.values.get(_NUMBER, value * 3), asking.person):
                words = f"{value[:4]}-**-**"
            lines.append((label_of(found.book, address), words))
    return lines


def _account(found: Read) -> dict[str, object]:
    view = found.account
    if view is None:
        return {}
    return {
        "balance": yuan(view.balance.account), "own": yuan(view.balance.own), "pooled": yuan(view.balance.pooled),
        "year": view.balance.year, "counted": view.counted, "limit": view.limit,
        "entries": [
            (str(one.sequence), Text("load", "划入") if one.kind.name == "LOAD" else Text("settlement", "结算"),
             f"{one.time:%Y-%m-%d %H:%M}", yuan(one.account), yuan(one.own), yuan(one.pooled))
            for one in view.entries
        ],
    }  # fmt: skip
