"""The stock report as paper: the figures come out of pdftotext, the sums are the sums, many jobs take many pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from cardfab.documents.counter import Language, Made
from cardfab.documents.report import JobLine, StockLine, StockReport, stock_report_pdf
from cardfab.face import FontBook
from cardfab.production import JobState
from tests.unit.documents.counter_samples import lines_of

MADE = Made("KC20261122173000", "示例市培训网点 01", "supervisor", datetime(2026, 11, 22, 17, 30))
REPORT = StockReport(
    MADE,
    (StockLine("training-ssc2", 12, 3, 1, 1, 7), StockLine("training-dual", 20, 0, 0, 0, 20)),
    (
        JobLine(1, "R2026112100015", JobState.DONE.text, "made", "operator", "supervisor", ""),
        JobLine(2, "R2026112100013", JobState.SPOILED.text, "spoiled", "operator", "supervisor", "CF-4100"),
    ),
    balanced=True,
)


def words(report: StockReport, fonts: FontBook) -> list[str]:
    pdf = stock_report_pdf(report, fonts)
    assert stock_report_pdf(report, fonts) == pdf
    return lines_of(pdf)


@pytest.mark.parametrize(("language", "total", "holds"), [("zh", "合计", "平衡"), ("en", "In all", "balances")])
def test_the_figures_and_their_sums(fonts: FontBook, language: Language, total: str, holds: str) -> None:
    said = words(replace(REPORT, made=replace(MADE, language=language)), fonts)
    assert "training-ssc2 12 3 1 1 7 ________" in said
    assert f"{total} 32 3 1 1 27" in said
    assert any(line.startswith(holds) for line in said)
    assert f"2 R2026112100013 {JobState.SPOILED.text.of(language)} operator supervisor CF-4100" in said
    assert any("SPECIMEN" in line for line in said)


def test_books_that_do_not_balance_say_so(fonts: FontBook) -> None:
    assert any(line.startswith("不平") for line in words(replace(REPORT, balanced=False), fonts))


@pytest.mark.proof
def test_a_day_of_many_jobs_and_one_of_none(fonts: FontBook) -> None:
    many = [replace(REPORT.jobs[0], number=number) for number in range(1, 121)]
    said = words(replace(REPORT, jobs=many), fonts)
    assert sum("R2026112100015" in line for line in said) == 120
    assert any("第 3 页" in line for line in said)
    none = words(replace(REPORT, accounts=(), jobs=()), fonts)
    assert "当日没有作业。" in none
    assert "尚未登记空白卡。" in none
