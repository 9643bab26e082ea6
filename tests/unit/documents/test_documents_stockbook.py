"""The papers of the stock book: what they say comes out of pdftotext, the same values give the same bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

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
from cardfab.documents.report import StockLine, StockReport, stock_report_pdf
from cardfab.errors import Text
from cardfab.face import FontBook
from cardfab.production import JobState
from tests.unit.documents.counter_samples import lines_of

MADE = Made("RJ20261122-1", "示例市培训网点 01", "zhao", datetime(2026, 11, 22, 17, 30))
MACHINE = Text("at the machine", "机内")
DAY = DayPaper(
    MADE,
    "2026-11-22",
    "2026-11-22 08:31, zhao",
    "2026-11-22 17:30, zhao / wang",
    [
        EquationLine("training-ssc2", 100, 50, 3, 1, 1, 10, 1, 1, 133, 0, 1, 1),
        EquationLine("training-dual", 20, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0),
    ],
    [CountLine("training-ssc2", MACHINE, 14, 13)],
    [DifferenceLine("training-ssc2", MACHINE, -1, "少一张，已调看录像", "wang")],
    [DoubtLine(7, "training-ssc2", JobState.IN_DOUBT.text)],
    [
        MoveLine(
            "09:02",
            Text("the vault → the machine", "库房 → 机内"),
            20,
            "A001..A020",
            Text("drawn", "领用"),
            "zhao / li",
        )
    ],
)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("language", "total", "said"),
    [("zh", "合计", "training-ssc2 机内 14 13 -1"), ("en", "In all", "training-ssc2 at the machine 14 13 -1")],
)
def test_the_paper_of_a_day(fonts: FontBook, language: Language, total: str, said: str) -> None:
    paper = replace(DAY, made=replace(MADE, language=language))
    pdf = day_paper_pdf(paper, fonts)
    assert day_paper_pdf(paper, fonts) == pdf
    lines = lines_of(pdf)
    assert "training-ssc2 100 50 3 1 1 10 1 1 133" in lines
    assert f"{total} 120 50 3 1 1 10 1 1 153" in lines
    assert said in lines
    assert any(line.startswith("7 training-ssc2") for line in lines)
    assert any("A001..A020" in line for line in lines)
    assert any("SPECIMEN" in line for line in lines)
    assert any("RJ20261122-1" in line for line in lines)


def test_a_quiet_day(fonts: FontBook) -> None:
    lines = lines_of(day_paper_pdf(replace(DAY, differences=(), doubts=(), moves=()), fonts))
    assert lines.count("无。") == 3


def test_the_record_of_a_destruction(fonts: FontBook) -> None:
    made = replace(MADE, number="XH2026000001")
    spoiled = Text("spoiled cards", "废卡")
    one = Destruction(made, "training-ssc2", spoiled, 3, "A002..A004", "碎卡机粉碎", "2026-11-22 16:00", "zhao", "wang")
    lines = lines_of(destruction_pdf(one, fonts))
    for words in ("A002..A004", "碎卡机粉碎", "监销人", "wang", "XH2026000001", "SPECIMEN"):
        assert any(words in line for line in lines), words


def test_the_book_on_paper(fonts: FontBook) -> None:
    line = LedgerLine(
        "2026-11-22 09:02", Text("the vault → the machine", "库房 → 机内"), 20, 80, 20, "A1..A20 *", "领用", "li"
    )
    ledger = Ledger(MADE, "training-ssc2", 80, 20, 0, [(MACHINE, "A1..A20")], [line] * 60)
    lines = lines_of(ledger_pdf(ledger, fonts))
    assert sum("库房 → 机内 20 80 20" in line for line in lines) == 60
    assert any("第 2 页" in line for line in lines)
    assert lines_of(ledger_pdf(replace(ledger, lines=()), fonts))


def test_the_stock_report_says_what_lies_elsewhere(fonts: FontBook) -> None:
    report = StockReport(MADE, [StockLine("training-ssc2", 100, 3, 1, 0, 16, 80)], [], balanced=True)
    lines = lines_of(stock_report_pdf(report, fonts))
    assert "training-ssc2 100 3 1 0 16 80 ________" in lines
    assert any(line.startswith("其他：") for line in lines)
