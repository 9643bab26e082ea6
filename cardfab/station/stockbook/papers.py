"""The papers of the stock book, from what was kept: day close, destruction, ledger. Each is signed by the station."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cardfab.documents.counter import Language, Made
from cardfab.documents.daybook import (
    CountLine,
    DayPaper,
    DifferenceLine,
    DoubtLine,
    EquationLine,
    MoveLine,
    day_paper_pdf,
)
from cardfab.documents.destruction import Destruction, destruction_pdf
from cardfab.documents.ledger import Ledger, LedgerLine, ledger_pdf
from cardfab.documents.signing import sign_pdf
from cardfab.errors import StockFault, Text
from cardfab.production import JobState, Place
from cardfab.production.day import COUNTED, DayLine
from cardfab.production.serials import listed
from cardfab.station.counter.clock import here_and_now, in_china
from cardfab.station.desk import Desk
from cardfab.station.signing import document_signer
from cardfab.station.stockbook.views import Closed, Entry, book_of, closed_day, must_see_book, numbers_of
from cardfab.store.stockdays import MovementRow

_AT = "%Y-%m-%d %H:%M"
_LEDGER = (Place.VAULT, Place.STOCK, Place.IN_WORK, Place.SPOILED, Place.TESTED, Place.MISSING)
MACHINE = Text("at the machine", "机内")
PLACES: Mapping[Place, Text] = {
    Place.STOCK: MACHINE,
    Place.VAULT: Text("in the vault", "库房"),
    Place.SPOILED: Text("spoiled cards", "废卡盒"),
    Place.TESTED: Text("test cards", "测试卡盒"),
}
"""Where a person counts, in the words of who counts."""


class NoDestruction(StockFault):
    """No destruction has this number."""

    default_code = "CF-7139"


def day_pdf(desk: Desk, name: str, language: Language) -> tuple[str, bytes]:
    """The signed paper of a closed day: its number, the file. Raises DayUnknown."""
    closed = closed_day(desk, name)
    day = closed.day
    at = in_china(day.closed_at or day.opened_at)
    made = Made(day.paper or "", desk.station, day.closed_by or "", at, language, specimen=desk.training)
    paper = DayPaper(
        made,
        day.name,
        f"{in_china(day.opened_at):{_AT}}, {day.opened_by}",
        f"{at:{_AT}}, {day.closed_by}" + (f" / {day.second}" if day.second else ""),
        [_equation(line) for line, _ in closed.lines],
        [
            CountLine(stock, PLACES[place], one.expected.get(place, 0), one.counted[place])
            for stock, one in sorted(closed.counts.items())
            for place in COUNTED
            if one.expected.get(place, 0) or one.counted[place]
        ],
        [
            DifferenceLine(one.stock, PLACES[one.place], one.counted - one.expected, one.reason, one.second)
            for one in closed.differences
        ],
        [DoubtLine(one.job_id, one.stock, JobState(one.state).text) for one in closed.jobs],
        [_move(one) for one in closed.moves],
    )
    return made.number, _signed(desk, day_paper_pdf(paper, desk.fonts), made, "日结单 Day close")


def destruction_paper(desk: Desk, number: str, language: Language) -> bytes:
    """The signed record of a destruction. Raises :class:`NoDestruction`."""
    must_see_book(desk)
    with desk.database.reading() as tx:
        found = [one for one in tx.stock.days.noted(number) if one.target is Place.DESTROYED]
    if not found:
        raise NoDestruction(
            Text(f"No destruction has the number {number[:20]}.", f"没有编号为 {number[:20]} 的销毁记录。"),
            do=Text("The book of the stock shows it.", "请在库存台账中查看编号。"),
        )
    row = found[0]
    at = in_china(row.at)
    made = Made(number, desk.station, row.by, at, language, specimen=desk.training)
    one = Destruction(
        made,
        row.stock,
        row.source.text,
        row.count,
        numbers_of(row),
        row.reason,
        f"{at:{_AT}}",
        row.by,
        row.second or "",
    )
    return _signed(desk, destruction_pdf(one, desk.fonts), made, "卡片销毁记录 Destruction of cards")


def ledger_paper(desk: Desk, stock: str, language: Language) -> tuple[str, bytes]:
    """The signed book of a stock as it is now: its number, the file."""
    book, now = book_of(desk, stock), here_and_now(desk)
    made = Made(f"TZ{now:%Y%m%d%H%M%S}", desk.station, desk.person.login, now, language, specimen=desk.training)
    numbers = [(place.text, listed(book.numbers[place])) for place in _LEDGER if book.numbers.get(place)]
    boxes = book.held[Place.SPOILED] + book.held[Place.TESTED]
    paper = Ledger(
        made,
        stock,
        book.held[Place.VAULT],
        book.held[Place.STOCK],
        boxes,
        numbers,
        [_line(one) for one in book.entries],
    )
    return made.number, _signed(desk, ledger_pdf(paper, desk.fonts), made, "库存台账 Stock book")


def day_values(closed: Closed) -> dict[str, Any]:
    """A closed day for a program."""
    return {
        "day": closed.day.name,
        "paper": closed.day.paper,
        "closed_at": closed.day.closed_at,
        "closed_by": closed.day.closed_by,
        "second": closed.day.second,
        "stock": [
            asdict(line) | {"closing": line.closing, "counted": {str(place): n for place, n in counted.items()}}
            for line, counted in closed.lines
        ],
        "differences": [asdict(one) | {"place": str(one.place)} for one in closed.differences],
        "in_doubt": [asdict(one) for one in closed.jobs],
        "movements": [
            {
                "at": one.at, "stock": one.stock, "from": str(one.source), "to": str(one.target), "count": one.count,
                "reason": one.reason, "by": one.by, "second": one.second, "note": one.note,
                "serials": listed(one.serials),
            }
            for one in closed.moves
        ],
    }  # fmt: skip


def day_csv(closed: Closed) -> str:
    """The figures of a closed day, a row a stock; UTF-8 with a mark, as spreadsheets want it."""
    out = io.StringIO()
    names = [name for name in DayLine.__dataclass_fields__ if name != "stock"]
    writer = csv.writer(out)
    writer.writerow(["day", "stock", *names, "closing", *(f"counted_{place}" for place in COUNTED)])
    for line, counted in closed.lines:
        figures = [getattr(line, name) for name in names]
        writer.writerow([closed.day.name, line.stock, *figures, line.closing, *(counted.get(p, "") for p in COUNTED)])
    return "\ufeff" + out.getvalue()


def _equation(line: DayLine) -> EquationLine:
    return EquationLine(
        line.stock, line.opening, line.received + line.found, line.issued, line.spoiled, line.tested, line.returned,
        line.missing, line.in_doubt, line.closing, line.box_opening, line.destroyed, line.box,
    )  # fmt: skip


def _move(row: MovementRow) -> MoveLine:
    entry = Entry(row, 0, 0)
    return MoveLine(f"{in_china(row.at):%H:%M}", entry.what, row.count, entry.numbers, entry.why, entry.people)


def _line(one: Entry) -> LedgerLine:
    return LedgerLine(one.time, one.what, one.row.count, one.vault, one.machine, one.numbers, one.why, one.people)


def _signed(desk: Desk, pdf: bytes, made: Made, what: str) -> bytes:
    at: datetime = made.at
    name = f"{desk.station} {made.operator}"
    return sign_pdf(pdf, document_signer(desk), when=at, reason=f"{what} {made.number}", name=name)


__all__ = [
    "MACHINE",
    "PLACES",
    "NoDestruction",
    "day_csv",
    "day_pdf",
    "day_values",
    "destruction_paper",
    "ledger_paper",
]
