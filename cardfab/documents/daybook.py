"""The paper of a business day: the equation of every kind of card, what was counted and differed, what is in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, gap, kept
from .counter import Line, Made, Words
from .head import a4_document, big_figures, signatures
from .paper import A4, QUIET
from .table import Heading, table, total
from .wording import NOTHING

TITLE = Text("Day close of cards", "卡片日结单")
_EQUATION = (
    (Text("Stock", "库存"), 0.20, False),
    (Text("Opening", "期初"), 0.09, True),
    (Text("Received", "入库"), 0.09, True),
    (Text("Issued", "成卡"), 0.08, True),
    (Text("Spoiled", "作废"), 0.09, True),
    (Text("Tests", "测试"), 0.07, True),
    (Text("Returned", "退回"), 0.10, True),
    (Text("Missing", "盘亏"), 0.09, True),
    (Text("In doubt", "存疑"), 0.10, True),
    (Text("Closing", "期末"), 0.09, True),
)
_COUNTS = (
    (Text("Stock", "库存"), 0.24, False),
    (Text("Place", "存放处"), 0.22, False),
    (Text("By the books", "账面数"), 0.14, True),
    (Text("Counted", "清点数"), 0.12, True),
    (Text("Difference", "差额"), 0.12, True),
)
_BOX = (
    (Text("Stock", "库存"), 0.24, False),
    (Text("Brought forward", "上日结存"), 0.17, True),
    (Text("Spoiled", "作废"), 0.12, True),
    (Text("Tests", "测试"), 0.12, True),
    (Text("Destroyed", "销毁"), 0.13, True),
    (Text("In the box", "盒内结存"), 0.15, True),
)
_DIFFERENCES = (
    (Text("Stock", "库存"), 0.20, False),
    (Text("Place", "存放处"), 0.16, False),
    (Text("By", "差额"), 0.09, True),
    (Text("Reason", "原因"), 0.38, False),
    (Text("Second person", "复核人"), 0.17, False),
)
_JOBS = (
    (Text("Job", "作业"), 0.14, False),
    (Text("Stock", "库存"), 0.36, False),
    (Text("State", "状态"), 0.50, False),
)
_MOVES = (
    (Text("Time", "时间"), 0.10, False),
    (Text("Movement", "变动"), 0.24, False),
    (Text("Cards", "张数"), 0.08, True),
    (Text("Numbers", "号码"), 0.26, False),
    (Text("Reason", "事由"), 0.18, False),
    (Text("By", "经办"), 0.14, False),
)
_HOW = Text(
    "Opening + received = issued + spoiled + tests + returned + missing + in doubt + closing. Received holds cards "
    "that were found; opening holds what was in doubt at the last close.",
    "期初 + 入库 = 成卡 + 作废 + 测试 + 退回 + 盘亏 + 存疑 + 期末。入库含盘盈；期初含上日日结时存疑的卡。",
)
_BLIND = Text("Counted before the figures of the books were shown.", "先盲盘，后显示账面数。")
_NUMBERS = Text(
    "Numbers with * went by the order of the hopper; nobody read them from the card.",
    "带 * 的号码按发卡顺序推定，未经目视核对。",
)
_SIGN = (Text("Counted and closed by", "清点及日结人"), Text("Checked by", "复核人"))


@dataclass(frozen=True, slots=True)
class EquationLine:
    """The day of one stock; ``received`` with what was found."""

    stock: str
    opening: int
    received: int
    issued: int
    spoiled: int
    tested: int
    returned: int
    missing: int
    in_doubt: int
    closing: int
    box_opening: int
    destroyed: int
    box: int

    def figures(self) -> tuple[int, ...]:
        """In the order of the equation."""
        return (
            self.opening, self.received, self.issued, self.spoiled, self.tested, self.returned, self.missing,
            self.in_doubt, self.closing,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CountLine:
    """One place: what the books said when it was counted, and what was counted."""

    stock: str
    place: Text
    expected: int
    counted: int


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """A difference that was settled."""

    stock: str
    place: Text
    by: int
    reason: str
    second: str


@dataclass(frozen=True, slots=True)
class DoubtLine:
    """A job whose blank was neither issued nor spoiled."""

    job: int
    stock: str
    state: Text


@dataclass(frozen=True, slots=True)
class MoveLine:
    """A movement that no job made. ``time`` of the day, ``what`` from where to where."""

    time: str
    what: Text
    count: int
    numbers: str
    reason: Words
    by: str


@dataclass(frozen=True, slots=True)
class DayPaper:
    """What the paper says. ``day``: ``2026-11-22``, the second of a date ``2026-11-22/2``."""

    made: Made
    day: str
    opened: str
    closed: str
    lines: Sequence[EquationLine]
    counts: Sequence[CountLine]
    differences: Sequence[DifferenceLine]
    doubts: Sequence[DoubtLine]
    moves: Sequence[MoveLine]


def day_paper_pdf(paper: DayPaper, fonts: FontBook) -> bytes:
    """The paper as PDF, A4; the same values give the same bytes."""
    column = Column(fonts, paper.made.language, A4.margin, A4.inside, label=40.0)
    figures: list[tuple[Text, str, Text | str]] = [
        (Text("Day", "营业日"), paper.day, ""),
        (Text("Issued", "成卡"), _sum(one.issued for one in paper.lines), ""),
        (Text("Closing", "期末"), _sum(one.closing for one in paper.lines), ""),
        (Text("Differences", "差异"), str(len(paper.differences)), ""),
    ]
    blocks: list[Block] = [
        big_figures(column, figures),
        gap(2.0),
        *column.pairs([
            Line(Text("Opened", "开启"), paper.opened),
            Line(Text("Closed", "日结"), paper.closed),
        ]),
        column.heading(Text("The equation", "平衡关系")),
        *_rows(column, _EQUATION, [(one.stock, *map(str, one.figures())) for one in paper.lines], _sums(paper.lines)),
        gap(1.0),
        column.words(_HOW, size=8.0, colour=QUIET),
        column.heading(Text("Count", "清点")),
        *_rows(column, _COUNTS, [
            (one.stock, one.place, str(one.expected), str(one.counted), _signed(one.counted - one.expected))
            for one in paper.counts
        ]),
        gap(1.0),
        column.words(_BLIND, size=8.0, colour=QUIET),
        column.heading(Text("Spoiled and test cards", "废卡与测试卡")),
        *_rows(column, _BOX, [
            (one.stock, *map(str, (one.box_opening, one.spoiled, one.tested, one.destroyed, one.box)))
            for one in paper.lines
        ]),
        *_listed(column, Text("Differences", "差异"), Text("None.", "无。"), _DIFFERENCES, [
            (one.stock, one.place, _signed(one.by), one.reason, one.second) for one in paper.differences
        ]),
        *_listed(column, Text("In doubt or in work", "存疑及在制"), Text("None.", "无。"), _JOBS, [
            (str(one.job), one.stock, one.state) for one in paper.doubts
        ]),
        *_listed(column, Text("Movements beside the jobs", "作业以外的变动"), Text("None.", "无。"), _MOVES, [
            (one.time, one.what, str(one.count), one.numbers or NOTHING, one.reason, one.by) for one in paper.moves
        ]),
        gap(1.0),
        column.words(_NUMBERS, size=8.0, colour=QUIET),
    ]  # fmt: skip
    blocks = [*blocks[:-2], *kept([*blocks[-2:], signatures(column, _SIGN)])]
    return a4_document(fonts, paper.made, TITLE, [blocks])


Heads = Sequence[tuple[Text, float, bool]]


def _rows(
    column: Column, heads: Heads, rows: Sequence[Sequence[Words]], last: Sequence[Words] | None = None
) -> list[Block]:
    headings = [Heading(*each) for each in heads]
    if last is None or len(rows) < 2:
        return table(column, headings, rows)
    return [*table(column, headings, rows), *total(column, headings, [last])]


def _listed(column: Column, title: Text, empty: Text, heads: Heads, rows: Sequence[Sequence[Words]]) -> list[Block]:
    return [column.heading(title), *(_rows(column, heads, rows) if rows else [column.words(empty)])]


def _sums(lines: Sequence[EquationLine]) -> Sequence[Words]:
    parts = zip(*(one.figures() for one in lines), strict=True)
    return (Text("In all", "合计"), *(str(sum(figures)) for figures in parts))


def _sum(figures: Iterable[int]) -> str:
    return str(sum(figures))


def _signed(by: int) -> str:
    return NOTHING if by == 0 else f"{by:+d}"
