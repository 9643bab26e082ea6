"""Blocks of words that stand beneath one another, and how they are shared out among pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from cardfab.face.canvas import MM_PER_POINT
from cardfab.face.fonts import FontBook
from cardfab.profile.face import FontRole

from .counter import Language, Line, Words
from .paper import INK, LINE, QUIET, Page
from .wording import NOTHING, drawable, ideographic, said, titled

_NEVER_FIRST = frozenset("，。、；：？！）》”’％·,.;:?!)%")
_NEVER_LAST = frozenset("（《“‘(")
_PARTERS = frozenset(" ·/-")
_LEADING = 1.42
_RISE = 1.04
"""The baseline of a block's first line under its top, in em."""


@dataclass(frozen=True, slots=True)
class Block:
    """Something ``height`` millimetres high; ``draw`` is given the page and where its top is.

    ``keep``: never the last of a page. ``again``: what is repeated above it where a page begins with it. ``space``:
    left out where a page begins with it.
    """

    height: float
    draw: Callable[[Page, float], None]
    keep: bool = False
    again: Block | None = None
    space: bool = False


def gap(height: float) -> Block:
    """Nothing."""
    return Block(height, lambda page, top: None, keep=True, space=True)


def beside(left: Sequence[Block], right: Sequence[Block]) -> Block:
    """Two piles of blocks side by side, as one that is not parted."""

    def draw(page: Page, top: float) -> None:
        for pile in (left, right):
            at = top
            for block in pile:
                block.draw(page, at)
                at += block.height

    return Block(max(sum(block.height for block in pile) for pile in (left, right)), draw)


def share_out(blocks: Iterable[Block], first: float, room: float) -> list[list[tuple[float, Block]]]:
    """The blocks on pages, each with how far its top lies under the top of the page's room.

    ``first`` is the room of the first page in millimetres, ``room`` that of each other. A block higher than a page
    stands on one by itself.
    """
    waiting = list(blocks)
    pages: list[list[tuple[float, Block]]] = [[]]
    at = 0.0
    for place, block in enumerate(waiting):
        needed = block.height
        for after in waiting[place + 1 :]:
            if not waiting[place].keep:
                break
            needed += after.height
            if not after.keep:
                break
        if pages[-1] and at + needed > (room if len(pages) > 1 else first):
            pages.append([])
            at = 0.0
            if block.space:
                continue
            if block.again is not None:
                pages[-1].append((at, block.again))
                at += block.again.height
        pages[-1].append((at, block))
        at += block.height
    return pages


class Column:
    """A column of a page, ``width`` millimetres from ``left``; makes blocks set in one language at one scale.

    ``body`` is the size of running words in points; labels and notes are smaller in proportion.
    """

    def __init__(
        self, fonts: FontBook, language: Language, left: float, width: float, *, body: float = 10.5, label: float = 0.0
    ) -> None:
        self.fonts, self.language, self.left, self.width = fonts, language, left, width
        self.body, self.label = body, label or width * 0.31

    def part(self, left: float, width: float, *, label: float = 0.0) -> Column:
        """A column within this one."""
        return Column(self.fonts, self.language, self.left + left, width, body=self.body, label=label)

    def wrapped(self, text: str, size: float, width: float, role: FontRole = "sans") -> tuple[str, ...]:
        """Lines no wider than ``width``, broken between words and Chinese signs; within a word where it must be."""
        room = width / (size * MM_PER_POINT)
        glyphs = self.fonts.glyphs(text, role)
        lines: list[str] = []
        start, chance, used = 0, 0, 0.0
        for place, glyph in enumerate(glyphs):
            if place > start and _may_break(text[place - 1], text[place]):
                chance = place
            if used + glyph.advance > room and place > start and text[place] != " ":
                end = chance if chance > start else place
                lines.append(text[start:end].rstrip())
                start = chance = end
                used = sum(each.advance for each in glyphs[start:place])
            used += glyph.advance
        lines.append(text[start:].rstrip())
        return tuple(lines)

    def words(
        self,
        words: Words,
        *,
        size: float = 0.0,
        role: FontRole = "sans",
        colour: str = INK,
        after: float = 0.0,
        keep: bool = False,
        align: str = "left",
    ) -> Block:
        """Running words over the whole column, ``after`` millimetres of space beneath them."""
        size = size or self.body
        lines = self.wrapped(drawable(self.fonts, said(words, self.language)), size, self.width, role)
        step = _step(size)
        x = {"left": self.left, "centre": self.left + self.width / 2, "right": self.left + self.width}[align]

        def draw(page: Page, top: float) -> None:
            for number, line in enumerate(lines):
                page.text(x, top + _rise(size) + number * step, line, size=size, role=role, colour=colour, align=align)

        return Block(len(lines) * step + after, draw, keep=keep)

    def listed(self, mark: str, words: Words, *, size: float = 0.0, colour: str = INK, after: float = 0.8) -> Block:
        """A numbered or marked entry of a list."""
        size = size or self.body
        indent = 0.62 * self.body
        inner = self.part(indent, self.width - indent).words(words, size=size, colour=colour, after=after)

        def draw(page: Page, top: float) -> None:
            page.text(self.left, top + _rise(size), mark, size=size, colour=QUIET)
            inner.draw(page, top)

        return Block(inner.height, draw)

    def pair(self, line: Line, *, after: float = 0.0) -> Block:
        """A label and its value beside it, the note small beneath the value."""
        small = self.body * 0.84
        value = drawable(self.fonts, said(line.value, self.language)) or NOTHING
        note = drawable(self.fonts, said(line.note, self.language))
        width = self.width - self.label
        role: FontRole = "sans-bold" if line.strong else "sans"
        labels = self.wrapped(titled(line.label, self.language), small, self.label - 2.0)
        values = self.wrapped(value, self.body, width, role)
        notes = self.wrapped(note, small, width) if note else ()
        step, little = _step(self.body), _step(small)
        height = max(len(labels) * little + step - little, len(values) * step + len(notes) * little)

        def draw(page: Page, top: float) -> None:
            first, x = top + _rise(self.body), self.left + self.label
            for number, each in enumerate(labels):
                page.text(self.left, first + number * little, each, size=small, colour=QUIET)
            for number, each in enumerate(values):
                page.text(x, first + number * step, each, size=self.body, role=role)
            beneath = top + len(values) * step + _rise(small)
            for number, each in enumerate(notes):
                page.text(x, beneath + number * little, each, size=small, colour=QUIET)

        return Block(height + after, draw)

    def pairs(self, lines: Iterable[Line], *, after: float = 0.0) -> list[Block]:
        """As ``pair`` for each."""
        return [self.pair(line, after=after) for line in lines]

    def heading(self, words: Words, *, before: float = 3.0, size: float = 0.0) -> Block:
        """A heading with a rule beneath, kept with what follows it."""
        size = size or self.body
        text = self.words(titled(words, self.language), size=size, role="sans-bold")

        def draw(page: Page, top: float) -> None:
            text.draw(page, top + before)
            page.rule(top + before + text.height + 0.4, self.left, self.left + self.width, colour=INK, width=0.6)

        return Block(before + text.height + 2.2, draw, keep=True)

    def rule(self, *, before: float = 1.5, after: float = 1.5, colour: str = LINE, dash: Sequence[float] = ()) -> Block:
        """A hairline over the column."""

        def draw(page: Page, top: float) -> None:
            page.rule(top + before, self.left, self.left + self.width, colour=colour, dash=dash)

        return Block(before + after, draw, keep=True)


def kept(blocks: Sequence[Block], ends: int | None = None) -> list[Block]:
    """The same blocks, none parted from the next; with ``ends`` only so many at the beginning and at the end."""
    last = len(blocks) - 1
    near = len(blocks) if ends is None else ends - 1
    return [
        replace(block, keep=place != last and (place < near or place >= last - near))
        for place, block in enumerate(blocks)
    ]


def _step(size: float) -> float:
    return size * MM_PER_POINT * _LEADING


def _rise(size: float) -> float:
    return size * MM_PER_POINT * _RISE


def _may_break(before: str, after: str) -> bool:
    if before in _NEVER_LAST or after in _NEVER_FIRST or after == " ":
        return False
    return before in _PARTERS or ideographic(before) or ideographic(after)
