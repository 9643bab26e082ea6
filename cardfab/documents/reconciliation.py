"""What a batch of the bureau came to: rows and blanks by equation, process and box, and every card by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, gap, kept
from .charts import Bar, legend, lying, upright
from .counter import Line, Made, Words
from .head import a4_document, big_figures, signatures
from .paper import A4, QUIET
from .table import Heading, table, total
from .wording import NOTHING

TITLE = Text("Batch reconciliation", "批次核对报告")
PLACES = (
    Text("Rows", "行数"),
    Text("Made", "成卡"),
    Text("In doubt", "存疑"),
    Text("In work", "在制"),
    Text("Spoiled", "废卡未重制"),
    Text("Waiting", "待制"),
    Text("Left out", "不制"),
)
EQUATION = (
    Text("Issued", "领用"),
    Text("Carried", "上期结转"),
    Text("Good", "成卡"),
    Text("Spoiled", "废卡"),
    Text("Test", "测试"),
    Text("Returned", "退回"),
    Text("Handed on", "移交下期"),
    Text("In doubt", "存疑"),
)
_DIFFERENCE = Text("Difference", "差异")
_FIRST = Text(
    "Rows = made + in doubt + in work + spoiled and not remade + waiting + left out.",
    "行数 = 成卡 + 存疑 + 在制 + 废卡未重制 + 待制 + 不制。",
)
_SECOND = Text(
    "Issued + carried over = good + spoiled + test + returned + handed over; what is in doubt stands apart until it is "
    "settled. Issued, test and returned are the stock's, the others the jobs'.",
    "领用 + 上期结转 = 成卡 + 废卡 + 测试 + 退回 + 移交下期；存疑在核实前单列。"
    "领用、测试、退回取自库存流水，其余取自作业。",
)
_THIRD = Text(
    "A process hands over what is in work at its end; the next one carries it over. Beside it: cards as the slots "
    "counted them, good / spoiled.",
    "每次运行结束时的在制空白卡移交下期，由下一次运行结转。末列为各工位自计的成卡 / 废卡。",
)
_FOURTH = Text("Consecutive boxes of which every place is made stand in one line.", "连续的、全部成卡的盒合并为一行。")
_KINDS = (Text("made", "成卡"), Text("spoiled", "废卡"))
_NAMED = (
    (Text("Place", "位置"), 0.08, True),
    (Text("Request", "申请"), 0.19, False),
    (Text("Job", "作业"), 0.08, False),
    (Text("State", "状态"), 0.10, False),
    (Text("Reason", "原因"), 0.28, False),
    (Text("By", "经办"), 0.12, False),
    (Text("When", "时间"), 0.12, False),
    (Text("Again", "重制"), 0.08, False),
)
_SIGN = (Text("Reconciled by", "核对人"), Text("Checked by", "复核人"))


@dataclass(frozen=True, slots=True)
class EquationLine:
    """The equation of a box or process: ``figures`` in the order of EQUATION, then the difference."""

    name: Words
    figures: tuple[int, ...]
    more: Words = ""


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """Two books that do not agree; ``notice``: it keeps nothing open."""

    where: Text
    what: Text
    expected: int
    found: int
    notice: bool


@dataclass(frozen=True, slots=True)
class NamedLine:
    """A card or place that did not go straight."""

    place: int
    request: str
    job: str
    state: Text
    why: Words
    by: str
    at: str
    again: str


@dataclass(frozen=True, slots=True)
class BatchPaper:
    """What the report says. ``places`` in the order of PLACES, ``whole`` as of an EquationLine."""

    made: Made
    about: Sequence[Line]
    balanced: bool
    open: Sequence[Text]
    places: tuple[int, ...]
    whole: EquationLine
    processes: Sequence[EquationLine]
    boxes: Sequence[EquationLine]
    differences: Sequence[DifferenceLine]
    hours: Sequence[Bar]
    faults: Sequence[Bar]
    kinds: Sequence[Words]
    """The reasons of ``faults``, in the order of their parts."""
    named: Sequence[NamedLine]


def batch_paper_pdf(paper: BatchPaper, fonts: FontBook) -> bytes:
    """The report as PDF, A4; the same report gives the same bytes."""
    column = Column(fonts, paper.made.language, A4.margin, A4.inside, label=40.0)
    holds = Text("balances", "平衡") if paper.balanced else Text("does not balance", "不平")
    rows, made, in_doubt, *_ = paper.places
    figures: list[tuple[Text, str, Text | str]] = [
        (Text("Books", "账目"), holds.of(column.language), ""),
        (Text("Made", "成卡"), f"{made:,}", Text(f"of {rows:,} rows", f"共 {rows:,} 行")),
        (Text("Spoiled", "废卡"), f"{paper.whole.figures[3]:,}", Text("blanks, remade or not", "张，含已重制")),
        (Text("In doubt", "存疑"), f"{in_doubt:,}", ""),
    ]
    blocks: list[Block] = [
        big_figures(column, figures),
        gap(2.0),
        *column.pairs(paper.about, after=0.6),
        *_open(column, paper),
        column.heading(Text("Rows and blanks", "行与空白卡")),
        *table(column, [Heading(one, 1.0, True) for one in PLACES], [tuple(f"{one:,}" for one in paper.places)]),
        column.words(_FIRST, size=8.0, colour=QUIET, after=2.5),
        *_equations(column, Text("Batch", "批次"), [paper.whole], _SECOND),
        *_differences(column, paper.differences),
        column.heading(Text("By process", "按运行")),
        *_equations(column, Text("Run", "运行"), paper.processes, _THIRD, more=Text("Slots", "工位自计"), wide=3.2),
        *_charts(column, paper),
        column.heading(Text("By box", "按盒")),
        *_equations(column, Text("Box", "盒"), paper.boxes, _FOURTH, more=Text("Places", "位置"), sums=True),
        column.heading(Text("Spoiled, in doubt, in work and left out, by name", "废卡、存疑、在制与不制明细")),
        *_named(column, paper.named),
    ]
    blocks = [*blocks[:-3], *kept([*blocks[-3:], signatures(column, _SIGN)])]
    return a4_document(fonts, paper.made, TITLE, [blocks])


def _open(column: Column, paper: BatchPaper) -> list[Block]:
    if not paper.open:
        return []
    words = Text("Open", "未结"), "; ".join(one.en for one in paper.open), "；".join(one.zh for one in paper.open)
    return [column.pair(Line(words[0], Text(words[1], words[2]), strong=True), after=0.6)]


def _equations(
    column: Column,
    name: Text,
    lines: Sequence[EquationLine],
    note: Text,
    *,
    more: Text | None = None,
    wide: float = 1.1,
    sums: bool = False,
) -> list[Block]:
    if not lines:
        return [column.words(Text("None.", "无。"), size=9.0)]
    headings = [
        Heading(name, wide),
        *(Heading(one, 1.0, True) for one in EQUATION),
        Heading(_DIFFERENCE, 1.0, True),
        *([Heading(more, 1.4, True)] if more else []),
    ]
    rows: list[tuple[Words, ...]] = [
        (one.name, *(f"{figure:,}" if figure else NOTHING for figure in one.figures), *([one.more] if more else []))
        for one in lines
    ]
    found = table(column, headings, rows, size=8.5)
    if sums and len(lines) > 1:
        whole = [sum(each) for each in zip(*(one.figures for one in lines), strict=True)]
        last: tuple[Words, ...] = (
            Text("In all", "合计"),
            *(f"{figure:,}" if figure else NOTHING for figure in whole),
            *([""] if more else []),
        )
        found += total(column, headings, [last], size=8.5)
    return [*found, column.words(note, size=8.0, colour=QUIET, after=2.0)]


def _differences(column: Column, lines: Sequence[DifferenceLine]) -> list[Block]:
    if not lines:
        return []
    headings = [
        Heading(Text("Where", "范围"), 0.24),
        Heading(Text("What", "内容"), 0.40),
        Heading(Text("Expected", "应为"), 0.11, True),
        Heading(Text("Found", "实为"), 0.11, True),
        Heading(Text("Means", "影响"), 0.14),
    ]
    blocks = Text("stops the close", "不得结批")
    notice = Text("notice", "提示")
    rows: list[tuple[Words, ...]] = [
        (one.where, one.what, f"{one.expected:,}", f"{one.found:,}", notice if one.notice else blocks) for one in lines
    ]
    return [column.heading(Text("Differences", "差异")), *table(column, headings, rows)]


def _charts(column: Column, paper: BatchPaper) -> list[Block]:
    found: list[Block] = []
    if paper.hours:
        found += kept([
            column.heading(Text("Yield by hour", "每小时产量")),
            legend(column, _KINDS),
            upright(column, paper.hours),
        ])  # fmt: skip
    if paper.faults:
        found += [
            column.heading(Text("Faults by slot and reason", "各工位故障原因")),
            legend(column, paper.kinds),
            *lying(column, paper.faults),
        ]
    return found


def _named(column: Column, lines: Sequence[NamedLine]) -> list[Block]:
    if not lines:
        return [
            column.words(Text("None: every row has its card, and no blank was spoiled.", "无：每行均已成卡，无废卡。"))
        ]
    headings = [Heading(*each) for each in _NAMED]
    rows: list[tuple[Words, ...]] = [
        (
            str(one.place), one.request, one.job or NOTHING, one.state, one.why or NOTHING, one.by or NOTHING, one.at,
            one.again or NOTHING,
        )
        for one in lines
    ]  # fmt: skip
    return table(column, headings, rows, size=8.0)


__all__ = [
    "EQUATION", "PLACES", "TITLE", "BatchPaper", "DifferenceLine", "EquationLine", "NamedLine", "batch_paper_pdf",
]  # fmt: skip
