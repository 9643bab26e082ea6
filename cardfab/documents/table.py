"""Tables with a rule under the head and above the sum, the head again on every page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

from cardfab.face.canvas import MM_PER_POINT
from cardfab.profile.face import FontRole

from .blocks import Block, Column, kept
from .counter import Words
from .paper import INK, QUIET, Page
from .wording import drawable, said, titled

_GAP = 2.4
_SMALLEST = 0.7


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column of a table: its words, its share of the width, figures at the right."""

    words: Words
    share: float
    figures: bool = False


def table(
    column: Column, headings: Sequence[Heading], rows: Iterable[Sequence[Words]], *, size: float = 9.0
) -> list[Block]:
    """The head and the rows, as wide as ``column``; words wrap, figures shrink rather than run into one another."""
    small = size * 0.88
    head = _row(column, headings, [titled(each.words, column.language) for each in headings], size=small, colour=QUIET)

    def draw(page: Page, top: float) -> None:
        head.draw(page, top)
        page.rule(top + head.height + 0.3, column.left, column.left + column.width, colour=INK, width=0.6)

    top = Block(head.height + 1.4, draw, keep=True)
    return [top, *(replace(_row(column, headings, row, size=size), again=top) for row in rows)]


def total(
    column: Column, headings: Sequence[Heading], rows: Sequence[Sequence[Words]], *, size: float = 9.0
) -> list[Block]:
    """The sums under a table, a rule above them, on one page."""
    inner = [_row(column, headings, row, size=size, role="sans-bold") for row in rows]

    def draw(page: Page, top: float) -> None:
        page.rule(top + 0.8, column.left, column.left + column.width, colour=INK, width=0.6)

    return [Block(1.6, draw, keep=True), *kept(inner)]


def _row(
    column: Column,
    headings: Sequence[Heading],
    cells: Sequence[Words],
    *,
    size: float,
    role: FontRole = "sans",
    colour: str = INK,
) -> Block:
    whole = sum(each.share for each in headings)
    left = 0.0
    parts: list[Block] = []
    for heading, words in zip(headings, cells, strict=True):
        width = column.width * heading.share / whole
        text = drawable(column.fonts, said(words, column.language))
        inner = column.part(left, width - _GAP if heading is not headings[-1] else width)
        if heading.figures:
            parts.append(_figure(inner, text, size=size, role=role, colour=colour))
        else:
            parts.append(inner.words(text, size=size, role=role, colour=colour))
        left += width

    def draw(page: Page, top: float) -> None:
        for part in parts:
            part.draw(page, top)

    return Block(max(part.height for part in parts) + 0.7, draw)


def _figure(column: Column, text: str, *, size: float, role: FontRole, colour: str) -> Block:
    """Figures in one line if they can, a little smaller where they must."""
    room = column.width / MM_PER_POINT
    fits = min(1.0, room / (column.fonts.width(text, role) * size or room))
    if fits < 1:
        size *= max(fits * 0.999, _SMALLEST)
    return column.words(text, size=size, role=role, colour=colour, align="right")


def shares(
    column: Column, heads: Sequence[Words], rows: Sequence[Sequence[Words]], *, size: float = 9.0
) -> list[float]:
    """What each column of a table needs, in millimetres, none more than half of the whole."""

    def needed(words: Words) -> float:
        return column.fonts.width(drawable(column.fonts, said(words, column.language)), "sans") * size * MM_PER_POINT

    columns = zip(heads, *rows, strict=True)
    return list(starmap(lambda *cells: min(max(map(needed, cells)) + _GAP, column.width / 2), columns))
