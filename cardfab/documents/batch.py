"""The batch report: what became of every request of a file that was imported; to be counted and signed by two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, gap, kept
from .counter import Line, Made, Words
from .head import a4_document, big_figures, signatures
from .paper import A4, QUIET
from .report import Fate
from .table import Heading, table, total
from .wording import NOTHING

TITLE = Text("Batch report", "批次报告")
_REQUESTS = (
    (Text("Requests", "申请"), 0.22, False),
    (Text("Made", "成卡"), 0.12, True),
    (Text("In doubt or work", "存疑、在制"), 0.18, True),
    (Text("Spoiled, not remade", "废卡未重制"), 0.18, True),
    (Text("Waiting", "待制"), 0.12, True),
    (Text("Cancelled", "取消"), 0.12, True),
)
_BLANKS = (
    (Text("Blanks", "空白卡"), 0.22, False),
    (Text("Used", "领用"), 0.12, True),
    (Text("Issued", "成卡"), 0.12, True),
    (Text("Spoiled", "废卡"), 0.12, True),
    (Text("In doubt", "存疑"), 0.12, True),
    (Text("Counted", "清点数"), 0.14, True),
)
_ROWS = (
    (Text("Request", "申请"), 0.21, False),
    (Text("Job", "作业"), 0.08, False),
    (Text("State", "状态"), 0.13, False),
    (Text("Remakes", "重制"), 0.09, False),
    (Text("Approved by", "审批"), 0.17, False),
    (Text("Made by", "制卡"), 0.17, False),
    (Text("Handed over", "发放日期"), 0.15, False),
)
_FIRST = Text(
    "Requests = made + in doubt or in work + spoiled and not remade + waiting + cancelled.",
    "申请 = 成卡 + 存疑或在制 + 废卡未重制 + 待制 + 取消。",
)
_SECOND = Text(
    "Used = issued + spoiled + in doubt, by the stock's own movements; a remake uses one more blank.",
    "领用 = 成卡 + 废卡 + 存疑，按库存流水计；每次重制另用一张空白卡。",
)
_DIFFER = Text(
    "The jobs and the movements of stock do not agree: stop issuing, count the cards, call the auditor.",
    "作业状态与库存流水不符：请停止制卡，清点卡片并通知审计员。",
)
_SIGN = (Text("Made up by", "制表人"), Text("Checked by", "复核人"))
_BLANK = "________"


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One request: its newest job, how often it was made again, who approved, who made, when it was handed over."""

    request: str
    job: int
    state: Text
    fate: Fate
    remakes: int
    approved_by: str
    made_by: str
    handed_over: str


@dataclass(frozen=True, slots=True)
class Blanks:
    """What the movements of stock say of the jobs of a batch."""

    used: int
    issued: int
    spoiled: int
    in_doubt: int


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What the report says. ``rows`` is how many requests the file had when it came in."""

    made: Made
    batch: int
    source: str
    rows: int
    imported_at: str
    imported_by: str
    lines: Sequence[BatchLine]
    blanks: Blanks

    @property
    def parts(self) -> tuple[int, ...]:
        """Made, in doubt or work, spoiled and not remade, waiting, cancelled."""
        return tuple(sum(one.fate == fate for one in self.lines) for fate in get_args(Fate))

    @property
    def approved(self) -> int:
        """Requests that somebody approved."""
        return sum(bool(one.approved_by) for one in self.lines)

    @property
    def handed_over(self) -> int:
        """Cards that their holders have."""
        return sum(bool(one.handed_over) for one in self.lines)

    @property
    def remakes(self) -> int:
        """Jobs that made a spoiled card again."""
        return sum(one.remakes for one in self.lines)

    @property
    def balanced(self) -> bool:
        """Whether no request is missing and jobs and stock say the same of every blank."""
        blanks = self.blanks
        made, at_stake, spoiled, *_ = self.parts
        return (
            self.rows == len(self.lines)
            and (blanks.issued, blanks.in_doubt, blanks.spoiled) == (made, at_stake, spoiled + self.remakes)
            and blanks.used == blanks.issued + blanks.spoiled + blanks.in_doubt
        )


def batch_report_pdf(report: BatchReport, fonts: FontBook) -> bytes:
    """The report as PDF, A4; the same report gives the same bytes."""
    column = Column(fonts, report.made.language, A4.margin, A4.inside, label=46.0)
    holds = Text("balances", "平衡") if report.balanced else Text("does not balance", "不平")
    made, at_stake, *_ = report.parts
    figures: list[tuple[Text, str, Text | str]] = [
        (Text("Batch", "批次"), holds.of(column.language), ""),
        (Text("Made", "成卡"), f"{made} / {report.rows}", Text("of the requests", "占申请数")),
        (Text("In doubt or in work", "存疑、在制"), str(at_stake), ""),
        (Text("Handed over", "已发放"), str(report.handed_over), ""),
    ]
    lines = [
        Line(Text("File", "文件"), report.source, strong=True),
        Line(Text("Imported", "导入"), f"{report.imported_at}, {report.imported_by}"),
        Line(Text("Approved", "已审批"), str(report.approved)),
        Line(Text("Made again after spoiling", "废卡后重制"), str(report.remakes)),
    ]
    blocks: list[Block] = [
        big_figures(column, figures),
        gap(2.0),
        *column.pairs(lines),
        column.heading(Text("The equations", "平衡关系")),
        *_sums(column, report),
        column.heading(Text("Requests of the batch", "批次内申请")),
        *_rows(column, report),
    ]
    blocks = [*blocks[:-3], *kept([*blocks[-3:], signatures(column, _SIGN)])]
    return a4_document(fonts, report.made, TITLE, [blocks])


def _sums(column: Column, report: BatchReport) -> list[Block]:
    blanks = report.blanks
    first: tuple[Words, ...] = (str(report.rows), *map(str, report.parts))
    second: tuple[Words, ...] = ("", *map(str, (blanks.used, blanks.issued, blanks.spoiled, blanks.in_doubt)), _BLANK)
    found = [
        *table(column, [Heading(*each) for each in _REQUESTS], [first]),
        column.words(_FIRST, size=8.0, colour=QUIET, after=2.0),
        *table(column, [Heading(*each) for each in _BLANKS], [second]),
        column.words(_SECOND, size=8.0, colour=QUIET),
    ]
    return found if report.balanced else [*found, column.words(_DIFFER, role="sans-bold")]


def _rows(column: Column, report: BatchReport) -> list[Block]:
    headings = [Heading(*each) for each in _ROWS]
    rows: list[tuple[Words, ...]] = [
        (
            one.request, str(one.job), one.state, str(one.remakes) if one.remakes else NOTHING,
            one.approved_by or NOTHING, one.made_by or NOTHING, one.handed_over or NOTHING,
        )
        for one in report.lines
    ]  # fmt: skip
    remakes = str(report.remakes)
    handed = str(report.handed_over)
    last: list[tuple[Words, ...]] = [(Text("In all", "合计"), "", "", remakes, str(report.approved), "", handed)]
    return [*table(column, headings, rows), *total(column, headings, last)]
