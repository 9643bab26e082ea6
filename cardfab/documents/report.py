"""The stock report: the equation for every kind of blank, and the jobs of the day; to be counted and signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, gap, kept
from .counter import Made, Words
from .head import a4_document, big_figures, signatures
from .paper import A4, QUIET
from .table import Heading, table, total
from .wording import NOTHING

TITLE = Text("Stock report", "库存日报")
_STOCK = (
    (Text("Stock", "库存"), 0.30, False),
    (Text("Opening", "期初"), 0.12, True),
    (Text("Issued", "成卡"), 0.12, True),
    (Text("Spoiled", "废卡"), 0.12, True),
    (Text("In doubt", "存疑"), 0.12, True),
    (Text("Remaining", "剩余"), 0.12, True),
    (Text("Counted", "清点数"), 0.14, True),
)
_JOBS = (
    (Text("Job", "作业"), 0.08, False),
    (Text("Request", "申请"), 0.20, False),
    (Text("State", "状态"), 0.13, False),
    (Text("By", "经办"), 0.17, False),
    (Text("Approved by", "复核"), 0.17, False),
    (Text("Reason", "原因"), 0.25, False),
)
_EQUATION = Text(
    "Opening = issued + spoiled + in doubt + remaining; each figure must be what was counted.",
    "期初 = 成卡 + 废卡 + 存疑 + 剩余；每一项须与清点数一致。",
)
_ELSEWHERE = (Text("Elsewhere", "其他"), 0.12, True)
_MORE = Text(
    "Elsewhere: in the vault, test cards, missing and destroyed cards; it belongs to the equation.",
    "其他：库房、测试卡、盘亏及已销毁卡，计入平衡关系。",
)
_SIGN = (Text("Counted by", "清点人"), Text("Checked by", "复核人"))
_BLANK = "________"


@dataclass(frozen=True, slots=True)
class StockLine:
    """The account of one kind of blank; ``elsewhere``: neither at the machine nor made, spoiled or in doubt."""

    stock: str
    opening: int
    issued: int
    spoiled: int
    in_doubt: int
    remaining: int
    elsewhere: int = 0

    def figures(self) -> tuple[int, ...]:
        """In the order of the equation."""
        return (self.opening, self.issued, self.spoiled, self.in_doubt, self.remaining)


Fate = Literal["made", "work", "spoiled", "waiting", "cancelled"]
"""What became of a request or a job: its card, a blank at stake, a spoiled one, nothing yet, nothing ever."""


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job that was moved on the day."""

    number: int
    request: str
    state: Text
    fate: Fate
    by: str
    approved_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class StockReport:
    """What the report says. ``balanced``: whether the books say so of every stock."""

    made: Made
    accounts: Sequence[StockLine]
    jobs: Sequence[JobLine]
    balanced: bool


def stock_report_pdf(report: StockReport, fonts: FontBook) -> bytes:
    """The report as PDF, A4; the same report gives the same bytes."""
    column = Column(fonts, report.made.language, A4.margin, A4.inside)
    made = sum(one.fate == "made" for one in report.jobs)
    spoiled = sum(one.fate == "spoiled" for one in report.jobs)
    holds = Text("balances", "平衡") if report.balanced else Text("does not balance", "不平")
    done = made + spoiled
    share = Text(f"of {done} blanks used", f"共用空白卡 {done} 张")
    blocks: list[Block] = [
        big_figures(
            column,
            [
                (Text("Stock", "库存"), holds.of(column.language), ""),
                (Text("Made on the day", "当日成卡"), str(made), share),
                (Text("Spoiled on the day", "当日废卡"), str(spoiled), ""),
            ],
        ),
        gap(2.0),
        column.heading(Text("Blanks", "空白卡")),
        *_accounts(column, report),
        gap(1.0),
        column.words(_EQUATION, size=8.0, colour=QUIET),
        *([column.words(_MORE, size=8.0, colour=QUIET)] if _elsewhere(report) else []),
        column.heading(Text("Jobs of the day", "当日作业")),
        *_day(column, report),
    ]
    blocks = [*blocks[:-3], *kept([*blocks[-3:], signatures(column, _SIGN)])]
    return a4_document(fonts, report.made, TITLE, [blocks])


def _accounts(column: Column, report: StockReport) -> list[Block]:
    if not report.accounts:
        return [column.words(Text("No blanks were ever received.", "尚未登记空白卡。"))]
    more = _elsewhere(report)
    figures = [one.figures() + ((one.elsewhere,) if more else ()) for one in report.accounts]
    headings = [Heading(*each) for each in (*_STOCK[:-1], *([_ELSEWHERE] if more else []), _STOCK[-1])]
    rows = [(one.stock, *map(str, each), _BLANK) for one, each in zip(report.accounts, figures, strict=True)]
    sums = [str(sum(each)) for each in zip(*figures, strict=True)]
    last: list[tuple[Words, ...]] = [(Text("In all", "合计"), *sums, "")]
    return [*table(column, headings, rows), *total(column, headings, last)]


def _elsewhere(report: StockReport) -> bool:
    return any(one.elsewhere for one in report.accounts)


def _day(column: Column, report: StockReport) -> list[Block]:
    if not report.jobs:
        return [column.words(Text("No job was moved on this day.", "当日没有作业。"))]
    headings = [Heading(*each) for each in _JOBS]
    rows: list[tuple[Words, ...]] = [
        (str(one.number), one.request, one.state, one.by, one.approved_by or NOTHING, one.reason or NOTHING)
        for one in report.jobs
    ]
    return table(column, headings, rows)
