"""The batch report: two equations, one of requests and one of blanks; where they do not agree the paper says so."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime

import pytest

from cardfab.documents.batch import BatchLine, BatchReport, Blanks, batch_report_pdf
from cardfab.documents.counter import Language, Made
from cardfab.face import FontBook
from cardfab.production import JobState
from tests.unit.documents.counter_samples import lines_of

MADE = Made("PC20261122173000-1", "示例市培训网点 01", "supervisor", datetime(2026, 11, 22, 17, 30))
LINES = (
    BatchLine("R2026112100001", 1, JobState.REQUESTED.text, "waiting", 0, "", "", ""),
    BatchLine("R2026112100002", 2, JobState.QUEUED.text, "waiting", 0, "supervisor", "", ""),
    BatchLine("R2026112100003", 7, JobState.DONE.text, "made", 1, "supervisor", "operator", "2026-11-22"),
    BatchLine("R2026112100004", 4, JobState.IN_DOUBT.text, "work", 0, "supervisor", "operator", ""),
    BatchLine("R2026112100005", 5, JobState.SPOILED.text, "spoiled", 0, "supervisor", "operator", ""),
    BatchLine("R2026112100006", 6, JobState.CANCELLED.text, "cancelled", 0, "", "", ""),
)
REPORT = BatchReport(
    MADE, 1, "requests.csv", 6, "2026-11-21 09:05", "operator", LINES, Blanks(used=4, issued=1, spoiled=2, in_doubt=1)
)


def words(report: BatchReport, fonts: FontBook) -> list[str]:
    pdf = batch_report_pdf(report, fonts)
    assert batch_report_pdf(report, fonts) == pdf
    return lines_of(pdf)


@pytest.mark.parametrize(("language", "total", "holds"), [("zh", "合计", "平衡"), ("en", "In all", "balances")])
def test_both_equations(fonts: FontBook, language: Language, total: str, holds: str) -> None:
    said = words(replace(REPORT, made=replace(MADE, language=language)), fonts)
    assert "6 1 1 1 2 1" in said  # requests = made + in doubt + spoiled + waiting + cancelled
    assert "4 1 2 1 ________" in said  # used = issued + spoiled + in doubt
    assert f"{total} 1 4 1" in said  # remakes, approved, handed over
    assert any(line.startswith(f"{holds} 1/6 1 1") for line in said)
    assert sum("SPECIMEN" in line for line in said) >= 1


@pytest.mark.parametrize(
    "wrong",
    [
        replace(REPORT, rows=7),
        replace(REPORT, lines=LINES[:-1]),
        replace(REPORT, blanks=Blanks(used=5, issued=2, spoiled=2, in_doubt=1)),
        replace(REPORT, blanks=Blanks(used=3, issued=1, spoiled=1, in_doubt=1)),
        replace(REPORT, blanks=Blanks(used=5, issued=1, spoiled=2, in_doubt=1)),
    ],
)
def test_what_does_not_add_up_is_said(fonts: FontBook, wrong: BatchReport) -> None:
    assert REPORT.balanced
    assert not wrong.balanced
    said = words(wrong, fonts)
    assert any(line.startswith("不平") for line in said)
    assert any("库存流水不符" in line for line in said)


@pytest.mark.proof
def test_the_signatures_never_stand_on_a_page_alone(fonts: FontBook) -> None:
    for count in range(14, 22):
        lines = [replace(LINES[2], request=f"R20261121{number:05d}") for number in range(count)]
        report = replace(REPORT, lines=lines, rows=count)
        command = ["pdftotext", "-layout", "-enc", "UTF-8", "-", "-"]
        pages = subprocess.run(
            command, input=batch_report_pdf(report, fonts), stdout=subprocess.PIPE, check=True, timeout=60
        ).stdout.decode().split("\f")  # fmt: skip
        (last,) = [page for page in pages if "复核人" in page]
        assert "R20261121" in last
