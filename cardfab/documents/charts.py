"""Charts for papers, where people look rather than read: calm, labelled, the same in grey.

The shapes are ReportLab's, the words those of every paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.graphics.shapes import Drawing, Line, Rect
from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm

from .blocks import Block, Column
from .counter import Words
from .paper import INK, LINE, QUIET, Page
from .wording import said

_FILLS = ("#3b4654", "#8b95a3", "#d5dbe3", "#ffffff", "#5b6675", "#b5bdc8")
"""Dark to light and back: neighbours differ in grey too, and every part has an outline."""
MOST_KINDS = len(_FILLS)
"""How many kinds of parts a bar tells apart."""
_SMALL, _TINY = 7.5, 6.5
_HEIGHT = 44.0
_AXIS = 11.0
"""Room for the figures left of the bars, millimetres."""
_NAME = 30.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it is of, and its parts in the order of the legend; ``under`` stands beneath the name."""

    name: str
    parts: tuple[int, ...]
    under: str = ""

    @property
    def whole(self) -> int:
        """All its parts."""
        return sum(self.parts)


def legend(column: Column, kinds: Sequence[Words]) -> Block:
    """What the greys stand for, in lines as wide as the column."""
    lines: list[list[tuple[float, int, str]]] = [[]]
    at = 0.0
    for number, kind in enumerate(kinds[:MOST_KINDS]):
        text = said(kind, column.language)
        width = 5.0 + column.fonts.width(text, "sans") * _SMALL * 0.3528 + 5.0
        if at and at + width > column.width:
            lines.append([])
            at = 0.0
        lines[-1].append((at, number, text))
        at += width

    def draw(page: Page, top: float) -> None:
        for down, line in enumerate(lines):
            y = top + down * 4.4
            for left, number, text in line:
                shapes = Drawing(3.2 * mm, 3.2 * mm)
                shapes.add(_rect(0.2, 0.2, 2.8, 2.8, number))
                page.drawing(column.left + left, y, shapes)
                page.text(column.left + left + 4.6, y + 2.6, text, size=_SMALL, colour=QUIET)

    return Block(len(lines) * 4.4 + 1.0, draw, keep=True)


def upright(column: Column, bars: Sequence[Bar]) -> Block:
    """Bars beside one another over a line, with a scale at the left; names are left out where they would touch."""
    most = max((one.whole for one in bars), default=0)
    step = _step(most)
    top_value = max(step, -(-most // step) * step)
    room = column.width - _AXIS
    each = room / max(len(bars), 1)
    thick = min(each * 0.72, 12.0)
    every = max(1, -(-len(bars) * 9 // int(room)))

    def draw(page: Page, top: float) -> None:
        base = top + 5.0 + _HEIGHT
        shapes = Drawing(column.width * mm, _HEIGHT * mm)
        for value in range(0, top_value + 1, step):
            y = value / top_value * _HEIGHT
            shapes.add(Line(_AXIS * mm, y * mm, column.width * mm, y * mm, strokeColor=HexColor(LINE), strokeWidth=0.5))
            page.text(column.left + _AXIS - 2.0, base - y + 0.9, f"{value:,}", size=_TINY, colour=QUIET, align="right")
        for place, bar in enumerate(bars):
            left, bottom = _AXIS + place * each + (each - thick) / 2, 0.0
            for kind, part in enumerate(bar.parts):
                high = part / top_value * _HEIGHT
                if part:
                    shapes.add(_rect(left, bottom, thick, high, kind))
                bottom += high
            middle = column.left + left + thick / 2
            if each >= 8.0 and bar.whole:
                page.text(middle, base - bottom - 1.0, f"{bar.whole:,}", size=_TINY, align="centre")
            if place % every == 0:
                page.text(middle, base + 3.2, bar.name, size=_TINY, colour=QUIET, align="centre")
                if bar.under:
                    page.text(middle, base + 6.2, bar.under, size=_TINY, colour=QUIET, align="centre")
        axis = Line(_AXIS * mm, 0.3, column.width * mm, 0.3, strokeColor=HexColor(INK), strokeWidth=0.8)
        shapes.add(axis)
        page.drawing(column.left, base - _HEIGHT, shapes)

    return Block(_HEIGHT + 5.0 + 8.5, draw)


def lying(column: Column, bars: Sequence[Bar]) -> list[Block]:
    """Bars beneath one another, each with its name and its sum; they may go on on the next page."""
    most = max((one.whole for one in bars), default=0) or 1
    room = column.width - _NAME - 12.0
    return [_lying(column, bar, room / most) for bar in bars]


def _lying(column: Column, bar: Bar, scale: float) -> Block:
    def draw(page: Page, top: float) -> None:
        page.text(column.left, top + 3.5, bar.name, size=_SMALL)
        shapes, at = Drawing(column.width * mm, 3.6 * mm), _NAME
        for kind, part in enumerate(bar.parts):
            if part:
                shapes.add(_rect(at, 0.2, part * scale, 3.2, kind))
            at += part * scale
        page.drawing(column.left, top + 0.8, shapes)
        page.text(column.left + at + 1.6, top + 3.5, f"{bar.whole:,}", size=_SMALL)

    return Block(5.2, draw)


def _rect(x: float, y: float, width: float, height: float, kind: int) -> Rect:
    fill = HexColor(_FILLS[kind % len(_FILLS)])
    return Rect(x * mm, y * mm, width * mm, height * mm, fillColor=fill, strokeColor=HexColor(INK), strokeWidth=0.4)


def _step(most: int) -> int:
    """A round step of the scale: four or five lines at most."""
    step = 1
    while most > step * 5:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return step


__all__ = ["MOST_KINDS", "Bar", "legend", "lying", "upright"]
