"""Lines of text as coverage, drawn glyph by glyph at four times the resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cardfab.profile.face import FixedText

from .canvas import MM_PER_POINT, Canvas
from .fonts import FontBook, Glyph

_FINER = 4


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Ink of a line, 0 to 255, where it lies on the canvas; all the rest of the canvas is bare."""

    ink: NDArray[np.uint8]
    top: int
    left: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the canvas."""
        height, width = self.ink.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def strip(
    canvas: Canvas,
    fonts: FontBook,
    glyphs: Sequence[Glyph],
    *,
    x: float,
    y: float,
    size: float,
    spacing: float = 0.0,
) -> Strip:
    """A line of text as ink.

    ``x`` and ``y`` (mm) are the start of its baseline, ``size`` in points, ``spacing`` (mm) after each character.
    Exact to a quarter of a pixel; ink beyond the canvas is lost.
    """
    em = size * MM_PER_POINT * canvas.per_mm
    # Two em above, one below, one at both ends are enough.
    width = sum(glyph.advance * em + spacing * canvas.per_mm for glyph in glyphs)
    left, top = int(canvas.x(x) - em), int(canvas.y(y) - 2 * em)
    columns, rows = int(width + 2 * em) + 2, int(3 * em) + 2
    fine = Image.new("L", (columns * _FINER, rows * _FINER), 0)
    draw = ImageDraw.Draw(fine)
    pen = canvas.x(x) - left
    baseline = canvas.y(y) - top
    for glyph in glyphs:
        with fonts.pen:
            draw.text(
                (round(pen * _FINER), round(baseline * _FINER)),
                glyph.character,
                font=fonts.raster(glyph, em * _FINER),
                fill=255,
                anchor="ls",
            )
        pen += glyph.advance * em + spacing * canvas.per_mm
    drawn = np.asarray(fine.reduce(_FINER), dtype=np.uint8)
    above, before = min(max(0, -top), rows), min(max(0, -left), columns)
    below, behind = max(above, min(rows, canvas.height - top)), max(before, min(columns, canvas.width - left))
    return Strip(drawn[above:below, before:behind], max(0, top), max(0, left))


def coverage(
    canvas: Canvas,
    fonts: FontBook,
    glyphs: Sequence[Glyph],
    *,
    x: float,
    y: float,
    size: float,
    spacing: float = 0.0,
) -> NDArray[np.uint8]:
    """As ``strip``, on the whole canvas: shape (canvas.height, canvas.width)."""
    line = strip(canvas, fonts, glyphs, x=x, y=y, size=size, spacing=spacing)
    whole = np.zeros((canvas.height, canvas.width), dtype=np.uint8)
    if line.ink.size:
        whole[line.window] = line.ink
    return whole


def line_width(glyphs: Sequence[Glyph], size: float, spacing: float = 0.0) -> float:
    """The width of a line in millimetres; no spacing after its last character."""
    return sum(glyph.advance for glyph in glyphs) * size * MM_PER_POINT + spacing * max(0, len(glyphs) - 1)


def fixed_line(text: FixedText, glyphs: Sequence[Glyph]) -> tuple[float, float, float]:
    """Size (points), spacing and width (mm) of fixed words: smaller than asked where they would leave their width."""
    width = line_width(glyphs, text.size, text.spacing)
    share = 1.0 if text.width is None else min(1.0, text.width / width)
    return text.size * share, text.spacing * share, width * share


def start_of(x: float, width: float, align: str) -> float:
    """Where a line of ``width`` begins when ``x`` is its left end, its middle or its right end."""
    return x - {"left": 0.0, "centre": width / 2, "right": width}[align]
