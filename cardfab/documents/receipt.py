"""The receipt of a counter service, on the 80 mm roll or on half a page.

A holder keeps it and shows it when something is disputed: what was asked, which document was looked at, who did it,
what came of it, what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cardfab.errors import Text
from cardfab.face.artwork import SPECIMEN
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, beside, gap, share_out
from .counter import Language, Line, Receipt, Words
from .head import CODE, NUMBER, foot_words, holder_lines, other
from .paper import HALF, INK, QUIET, Draw, Format, Page, printed
from .table import Heading, table
from .wording import NOTHING, moment, said, titled

Form = Literal["roll", "a5", "a4"]

TITLE = Text("Social security card: receipt", "社会保障卡业务回执")
NOT_DONE = Text("Not done: ", "未办理：")
DOCUMENT = Text("Document checked", "核验证件")
BEARER = Text("Agent", "代办人")
APPROVED = Text("Approved by", "复核")
OPERATOR, STATION, TIME = Text("Operator", "经办"), Text("Station", "网点"), Text("Time", "时间")
CHANGED = Text("What was changed", "变更内容")
NEXT = Text("What to do next", "后续事项")
ITEM, BEFORE, AFTER = Text("Item", "项目"), Text("Before", "变更前"), Text("After", "变更后")
NOT_SHOWN = Text("not shown", "不显示")
HOLDER_SIGNS, CLERK_SIGNS = Text("Holder's signature", "持卡人签名"), Text("Operator's signature", "经办人签章")
COPIES = (Text("Holder's copy", "持卡人联"), Text("Station's copy", "网点留存联"))

ROLL_WIDTH, ROLL_MARGIN = 80.0, 5.0
"""Rolls of 80 mm print 72 mm of it."""


_HALF_TOP, _HALF_SIGNATURES, _HALF_CODE = 40.0, HALF.height - 23.0, 16.0
_NEXT_TOP = 27.0


def receipt_pdf(receipt: Receipt, fonts: FontBook, *, form: Form = "roll") -> bytes:
    """The receipt as PDF; the same receipt gives the same bytes.

    ``roll``: 80 mm wide and as long as it needs. ``a5``: half pages. ``a4``: whole pages, the holder's copy above the
    station's, a line to cut between. Raises ``FaceRefused`` when no font for Chinese text is there.
    """
    title = f"{TITLE.zh} {receipt.service.zh} {receipt.made.number}"
    if form == "roll":
        format, draw = _roll(receipt, fonts)
        return printed(fonts, [[draw]], format, title=title, specimen=receipt.made.specimen)
    copies = [_half(receipt, fonts, copy) for copy in (COPIES if form == "a4" else COPIES[:1])]
    sheets = list(zip(*copies, strict=True))
    return printed(fonts, sheets, HALF, title=title, specimen=receipt.made.specimen)


def outcome_words(receipt: Receipt) -> Text:
    """What came of it; what was not done says so first."""
    if receipt.done:
        return receipt.outcome
    return Text(f"{NOT_DONE.en}{receipt.outcome.en}", f"{NOT_DONE.zh}{receipt.outcome.zh}")


def _about(receipt: Receipt) -> tuple[Line, ...]:
    """The holder and how he was known."""
    lines = [*holder_lines(receipt.holder)]
    seen = receipt.document
    if seen is not None:
        language = receipt.made.language
        last = seen.last_digits[-4:]
        kind = seen.kind.of(language)
        if language == "zh":
            lines.append(Line(DOCUMENT, f"{kind} 尾号 {last}"))
        else:
            lines.append(Line(DOCUMENT, kind, note=f"ends in {last}"))
        if seen.bearer:
            lines.append(Line(BEARER, seen.bearer))
    return tuple(lines)


def _by(receipt: Receipt) -> tuple[Line, ...]:
    made = receipt.made
    approved = [Line(APPROVED, receipt.approved_by)] if receipt.approved_by else []
    return (
        Line(NUMBER, made.number),
        Line(TIME, moment(made.at)),
        Line(STATION, made.station),
        Line(OPERATOR, made.operator),
        *approved,
    )


def _value(words: Words | None, receipt: Receipt) -> Words:
    return NOT_SHOWN if words is None else said(words, receipt.made.language) or NOTHING


def _changes(column: Column, receipt: Receipt) -> list[Block]:
    """Old beside new, in a table."""
    if not receipt.changes:
        return []
    headings = (Heading(ITEM, 0.28), Heading(BEFORE, 0.36), Heading(AFTER, 0.36))
    language = column.language
    rows = [
        [titled(each.label, language), _value(each.old, receipt), _value(each.new, receipt)] for each in receipt.changes
    ]
    return [column.heading(CHANGED), *table(column, headings, rows, size=column.body * 0.9), gap(1.0)]


def _next(column: Column, receipt: Receipt) -> list[Block]:
    if not receipt.next_steps:
        return []
    steps = [column.listed(f"{number}.", each) for number, each in enumerate(receipt.next_steps, 1)]
    return [column.heading(NEXT), *steps]


def _half(receipt: Receipt, fonts: FontBook, copy: Text) -> list[Draw]:
    """The half pages of one copy."""
    whole = Column(fonts, receipt.made.language, HALF.margin, HALF.inside, body=10.0)
    left = whole.part(0, whole.width * 0.47, label=35.0)
    right = whole.part(whole.width * 0.52, whole.width * 0.48, label=30.0)
    blocks = [
        whole.words(titled(outcome_words(receipt), whole.language), size=13.0, role="sans-bold", after=2.0),
        beside(left.pairs(_about(receipt)), right.pairs((*receipt.lines, *_by(receipt)[3:]))),
        *_changes(whole, receipt),
        *_next(whole, receipt),
    ]
    floor = _HALF_SIGNATURES - 9.0
    pages = share_out(blocks, floor - _HALF_TOP, floor - _NEXT_TOP)

    def page_of(number: int, placed: Sequence[tuple[float, Block]]) -> Draw:
        def draw(page: Page) -> None:
            _half_head(page, receipt, copy, first=number == 0)
            for at, block in placed:
                block.draw(page, (_NEXT_TOP if number else _HALF_TOP) + at)
            if number == len(pages) - 1:
                _half_signatures(page, receipt.made.language)
            page.foot(foot_words(receipt.made), number + 1, len(pages), specimen=receipt.made.specimen)
            if copy is COPIES[1]:
                page.rule(0.0, 0.0, page.format.width, dash=(3, 3))

        return draw

    return [page_of(number, placed) for number, placed in enumerate(pages)]


def _half_head(page: Page, receipt: Receipt, copy: Text, *, first: bool) -> None:
    made, language = receipt.made, receipt.made.language
    left, right = page.format.margin, page.format.right
    if not first:
        page.text(left, 19.0, receipt.service.of(language), size=11, role="sans-bold")
        page.text(right, 19.0, f"{NUMBER.of(language)} {made.number}", size=9, colour=QUIET, align="right")
        page.rule(22.5, colour=INK, width=1.2)
        return
    page.text(left, 17.5, TITLE.of(language), size=9, colour=QUIET)
    page.text(left, 26.5, receipt.service.of(language), size=18, role="sans-bold")
    page.text(left, 32.0, receipt.service.of(other(language)), size=9.5, colour=QUIET)
    words = right - _HALF_CODE - 5.0
    page.text(words, 17.5, copy.of(language), size=9, role="sans-bold", align="right")
    page.text(words, 26.5, f"{NUMBER.of(language)} {made.number}", size=9, align="right")
    page.text(words, 32.0, moment(made.at), size=9, align="right")
    page.code(right, page.format.margin + 1.0, _HALF_CODE, made.number)
    page.rule(35.5, colour=INK, width=1.2)


def _half_signatures(page: Page, language: Language) -> None:
    left, middle = page.format.margin, page.format.width / 2 + 6.0
    for x, words in ((left, HOLDER_SIGNS), (middle, CLERK_SIGNS)):
        page.rule(_HALF_SIGNATURES, x, x + 62.0, colour=INK, width=0.6)
        page.text(x, _HALF_SIGNATURES + 4.0, words.of(language), size=8)


def _roll(receipt: Receipt, fonts: FontBook) -> tuple[Format, Draw]:
    """A roll's page, as long as what stands on it."""
    made, language = receipt.made, receipt.made.language
    inside = ROLL_WIDTH - 2 * ROLL_MARGIN
    column = Column(fonts, language, ROLL_MARGIN, inside, body=9.5, label=28.0 if language == "zh" else 34.0)
    mark = [boxed(column)] if made.specimen else []
    blocks = [
        *mark,
        column.words(TITLE, size=8.5, colour=QUIET, align="centre"),
        column.words(receipt.service, size=16.0, role="sans-bold", align="centre"),
        column.words(receipt.service.of(other(language)), size=8.5, colour=QUIET, align="centre", after=0.8),
        column.rule(colour=INK),
        *column.pairs(_about(receipt), after=0.4),
        column.rule(),
        column.words(titled(outcome_words(receipt), language), size=11.5, role="sans-bold", after=1.0),
        *column.pairs(receipt.lines, after=0.4),
        *_roll_changes(column, receipt),
        *_next(column, receipt),
        column.rule(colour=INK),
        *column.pairs(_by(receipt), after=0.4),
        gap(12.0),
        column.rule(before=0.0, after=0.8, colour=INK),
        column.words(HOLDER_SIGNS, size=8.0, after=4.0),
        _centred_code(made.number),
        column.words(made.number, size=8.0, align="centre"),
        *([gap(1.5), *mark] if mark else []),
    ]
    format = Format(ROLL_WIDTH, sum(block.height for block in blocks) + 2 * ROLL_MARGIN, ROLL_MARGIN)

    def draw(page: Page) -> None:
        at = ROLL_MARGIN
        for block in blocks:
            block.draw(page, at)
            at += block.height

    return format, draw


def _roll_changes(column: Column, receipt: Receipt) -> list[Block]:
    """Old over new, a roll being too narrow for a table."""
    if not receipt.changes:
        return []
    blocks, narrow = [column.heading(CHANGED)], column.part(0, column.width, label=15.0)
    for each in receipt.changes:
        blocks += [
            column.words(titled(each.label, column.language), role="sans-bold"),
            *narrow.pairs((Line(BEFORE, _value(each.old, receipt)), Line(AFTER, _value(each.new, receipt)))),
            gap(0.8),
        ]
    return blocks


def boxed(column: Column) -> Block:
    """样卡 SPECIMEN in black: what is faint across the paper may not come out of a thermal head."""
    words = column.words(SPECIMEN, size=11.0, role="sans-bold", align="centre")

    def draw(page: Page, top: float) -> None:
        page.box(column.left, top, column.width, words.height + 1.6)
        words.draw(page, top + 0.8)

    return Block(words.height + 4.0, draw)


def _centred_code(text: str) -> Block:
    def draw(page: Page, top: float) -> None:
        page.code((page.format.width + CODE) / 2, top + 2.5, CODE, text)

    return Block(CODE + 5.5, draw)
