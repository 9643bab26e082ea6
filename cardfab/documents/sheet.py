"""The holder's sheet: what was read from a card in the holder's words, and what a designated institution needs."""

from __future__ import annotations

from collections.abc import Sequence

from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.prepare.spoken import yuan

from .blocks import Block, Column, gap, kept
from .counter import Area, HolderSheet, Line, Records, Settlement, Share
from .head import a4_document, big_figures, holder_lines
from .paper import A4, QUIET
from .table import Heading, shares, table, total
from .wording import NOTHING, day, said, titled

TITLE = Text("What the card holds", "社会保障卡卡内信息")
READ_WITH = Text("Read with", "读取权限")
NOT_READ = Text("Not read", "未能读取")
EMPTY = Text("Nothing is recorded in this area.", "该区没有记录。")
SETTLEMENT = Text("For settlement at a designated institution", "医保结算信息")
BILL = Text("What the holder pays of a bill", "个人负担计算")
STEPS = (
    Heading(Text("Item", "项目"), 52.0),
    Heading(Text("Calculation", "计算"), 84.0),
    Heading(Text("Amount, yuan", "金额（元）"), 34.0, figures=True),
)


def holder_sheet_pdf(sheet: HolderSheet, fonts: FontBook) -> bytes:
    """The sheet as PDF, A4; what is for settlement begins a page of its own. The same sheet gives the same bytes.

    Raises ``FaceRefused`` when no font for Chinese text is there.
    """
    column = Column(fonts, sheet.made.language, A4.margin, A4.inside, label=58.0)
    parts = [_card(column, sheet)]
    if sheet.settlement is not None:
        parts.append(_settlement(column, sheet.settlement))
    return a4_document(fonts, sheet.made, TITLE, parts)


def _card(column: Column, sheet: HolderSheet) -> list[Block]:
    blocks = column.pairs(holder_lines(sheet.holder))
    if sheet.rights:
        language = sheet.made.language
        rights = ("、" if language == "zh" else ", ").join(each.of(language) for each in sheet.rights)
        blocks.append(column.pair(Line(READ_WITH, rights)))
    for area in sheet.areas:
        blocks += _area(column, area)
    return blocks


def _area(column: Column, area: Area) -> list[Block]:
    blocks = [column.heading(area.title, before=5.0, size=12.5)]
    for group in area.groups:
        title = column.words(titled(group.title, column.language), size=9.5, role="sans-bold", after=0.4, keep=True)
        blocks += [title, *kept(column.pairs(group.lines), ends=2), gap(2.4)]
    for records in area.records:
        blocks += _records(column, records)
    if not area.groups and not area.records and not area.unread:
        blocks.append(column.words(EMPTY, size=9.5, colour=QUIET))
    if area.unread:
        blocks.append(column.words(NOT_READ, size=9.5, role="sans-bold", after=0.4, keep=True))
        small = Column(column.fonts, column.language, column.left, column.width, body=9.5, label=column.label)
        blocks += [small.pair(Line(each.what, each.why)) for each in area.unread]
    return blocks


def _records(column: Column, records: Records) -> list[Block]:
    widths = shares(column, records.columns, records.rows)
    headings = [Heading(words, width) for words, width in zip(records.columns, widths, strict=True)]
    first, *rows = table(column, headings, [[each or NOTHING for each in row] for row in records.rows])
    title = column.words(titled(records.title, column.language), size=9.5, role="sans-bold", after=0.4, keep=True)
    return [title, first, *rows, gap(2.4)]


def _settlement(column: Column, settlement: Settlement) -> list[Block]:
    blocks = [column.heading(SETTLEMENT, before=0.0, size=12.5), *column.pairs(settlement.lines)]
    if settlement.share is not None:
        blocks += _share(column, settlement.share)
    return [*blocks, gap(2.0), *_notes(column, settlement.notes)]


def _share(column: Column, share: Share) -> list[Block]:
    rows = [[each.label, each.how, yuan(each.amount)] for each in share.steps]
    blocks = [column.heading(BILL, before=6.0, size=12.5)]
    figures = [
        (Text("The bill, yuan", "本次费用（元）"), yuan(share.bill), ""),
        (Text("The holder pays, yuan", "个人支付（元）"), yuan(share.holder_pays), ""),
    ]
    blocks += [big_figures(column, figures), gap(2.5)]
    head, *lines = table(column, STEPS, rows)
    blocks.append(head)
    for step, row, line in zip(share.steps, rows, lines, strict=True):
        blocks += total(column, STEPS, [row]) if step.total else [line]
    language = column.language
    rules = said(share.rules, language)
    if share.valid_from is not None:
        since = day(share.valid_from, language)
        rules += f"（自 {since} 起执行）" if language == "zh" else f" (in force from {since})"
    words = Text(f"Reckoned by: {rules}.", f"计算依据：{rules}。")
    return [*blocks, gap(2.0), *_notes(column, (words, *share.notes))]


def _notes(column: Column, notes: Sequence[Text]) -> list[Block]:
    return [column.words(note, size=8.5, colour=QUIET, after=0.6) for note in notes]
