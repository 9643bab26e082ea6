"""How the counter papers begin and end: title left, document number and QR right, who made it beneath."""

from __future__ import annotations

from collections.abc import Sequence

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, share_out
from .counter import Holder, Language, Line, Made
from .paper import A4, INK, QUIET, Draw, Page, paper
from .wording import figures, hidden, moment, said

CODE = 18.0
_FIRST, _AFTER = 50.0, 33.0
_FLOOR = A4.height - A4.margin - 4.0

NAME = Text("Name", "姓名")
SOCIAL_SECURITY_NUMBER = Text("Social security number", "社会保障号码")
CARD_NUMBER = Text("Card number", "卡号")
REGION = Text("Region", "统筹地区")
NUMBER = Text("No.", "编号")
_DATED = Text(" (name, date)", "（签名、日期）")


def other(language: Language) -> Language:
    """The language that stands small beside the first."""
    return "en" if language == "zh" else "zh"


def holder_lines(holder: Holder) -> tuple[Line, ...]:
    """Whose card it is, as a paper says it: name whole, numbers masked."""
    lines = [
        Line(NAME, holder.name, strong=True),
        Line(SOCIAL_SECURITY_NUMBER, figures(hidden(holder.social_security_number))),
    ]
    if holder.card_number:
        lines.append(Line(CARD_NUMBER, hidden(holder.card_number)))
    if holder.region:
        lines.append(Line(REGION, holder.region))
    return tuple(lines)


def foot_words(made: Made) -> tuple[Text, ...]:
    """The fine print of every page."""
    at = moment(made.at)
    return (
        Text(f"made by {made.operator}", f"经办 {made.operator}"),
        Text(at, at),
        Text(f"station {made.station}", f"网点 {made.station}"),
        Text(f"no. {made.number}", f"编号 {made.number}"),
    )


def a4_document(fonts: FontBook, made: Made, title: Text, parts: Sequence[Sequence[Block]]) -> bytes:
    """A paper of as many A4 pages as its blocks need; every part begins a page."""
    if made.copy:
        title = Text(f"{title.en} (copy)", f"{title.zh}（副本）")

    pages: list[list[tuple[float, Block]]] = []
    for part in parts:
        first = _FLOOR - (_AFTER if pages else _FIRST)
        pages += share_out(part, first, _FLOOR - _AFTER)

    def page_of(number: int, blocks: Sequence[tuple[float, Block]]) -> Draw:
        def draw(page: Page) -> None:
            (_next_head if number else _first_head)(page, made, title)
            for at, block in blocks:
                block.draw(page, (_AFTER if number else _FIRST) + at)

        return draw

    drawn = [page_of(number, blocks) for number, blocks in enumerate(pages)]
    return paper(fonts, drawn, foot_words(made), title=f"{title.zh} {title.en} {made.number}", specimen=made.specimen)


def _first_head(page: Page, made: Made, title: Text) -> None:
    language = made.language
    left, right = page.format.margin, page.format.right
    page.text(left, 27.5, title.of(language), size=22, role="sans-bold")
    page.text(left, 34.0, title.of(other(language)), size=11, colour=QUIET)
    page.text(left, 42.0, f"{NUMBER.of(language)} {made.number}", size=9)
    page.code(right, A4.margin + 1.5, CODE, made.number)
    page.rule(45.5, colour=INK, width=1.2)


def _next_head(page: Page, made: Made, title: Text) -> None:
    language = made.language
    page.text(page.format.margin, 25.0, title.of(language), size=11, role="sans-bold")
    page.text(page.format.right, 25.0, f"{NUMBER.of(language)} {made.number}", size=9, colour=QUIET, align="right")
    page.rule(28.5, colour=INK, width=1.2)


def signatures(column: Column, of: Sequence[Text]) -> Block:
    """A line for each who signs, with room to write; never parted from what it is put under by ``kept``."""

    def draw(page: Page, top: float) -> None:
        for place, words in enumerate(of):
            left = column.left + place * column.width / 2
            page.rule(top + 14.0, left, left + column.width * 0.43, colour=INK, width=0.6)
            page.text(left, top + 18.4, f"{words.of(column.language)}{_DATED.of(column.language)}", size=8)

    return Block(20.0, draw)


def big_figures(column: Column, values: Sequence[tuple[Text, str, Text | str]]) -> Block:
    """Two to four figures to be read at arm's length, side by side: label over figure over note."""
    width = column.width / len(values)
    parts = []
    for place, (label, value, note) in enumerate(values):
        inner = column.part(place * width, width - 4.0)
        parts.append(
            [
                inner.words(label, size=column.body * 0.84, colour=QUIET, after=0.6),
                inner.words(value, size=column.body * 1.7, role="sans-bold"),
                *([inner.words(note, size=column.body * 0.76, colour=QUIET)] if said(note, column.language) else []),
            ]
        )

    def draw(page: Page, top: float) -> None:
        for pile in parts:
            at = top
            for block in pile:
                block.draw(page, at)
                at += block.height

    return Block(max(sum(block.height for block in pile) for pile in parts), draw)
