"""Lines of text as coverage, drawn glyph by glyph at four times the resolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .canvas import MM_PER_POINT, Canvas
from .fonts import FontBook, Glyph

_FINER = 4


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
    """Ink of a line, 0 to 255, shape (canvas.height, canvas.width).

    ``x`` and ``y`` (mm) are the start of its baseline, ``size`` in points, ``spacing`` (mm) after each character.
    Exact to a quarter of a pixel; ink beyond the canvas is lost.
    """
    em = size * MM_PER_POINT * canvas.per_mm
    whole = np.zeros((canvas.height, canvas.width), dtype=np.uint8)
    # A strip round the line is enough: two em above, one below, one at both ends.
    width = sum(glyph.advance * em + spacing * canvas.per_mm for glyph in glyphs)
    left, top = int(canvas.x(x) - em), int(canvas.y(y) - 2 * em)
    columns, rows = int(width + 2 * em) + 2, int(3 * em) + 2
    strip = Image.new("L", (columns * _FINER, rows * _FINER), 0)
    draw = ImageDraw.Draw(strip)
    pen = canvas.x(x) - left
    baseline = canvas.y(y) - top
    for glyph in glyphs:
        draw.text(
            (round(pen * _FINER), round(baseline * _FINER)),
            glyph.character,
            font=fonts.raster(glyph, em * _FINER),
            fill=255,
            anchor="ls",
        )
        pen += glyph.advance * em + spacing * canvas.per_mm
    drawn = np.asarray(strip.reduce(_FINER), dtype=np.uint8)
    above, before = max(0, top), max(0, left)
    below, behind = min(canvas.height, top + rows), min(canvas.width, left + columns)
    if above < below and before < behind:
        whole[above:below, before:behind] = drawn[above - top : below - top, before - left : behind - left]
    return whole


def line_width(glyphs: Sequence[Glyph], size: float, spacing: float = 0.0) -> float:
    """The width of a line in millimetres; no spacing after its last character."""
    return sum(glyph.advance for glyph in glyphs) * size * MM_PER_POINT + spacing * max(0, len(glyphs) - 1)


def start_of(x: float, width: float, align: str) -> float:
    """Where a line of ``width`` begins when ``x`` is its left end, its middle or its right end."""
    return x - {"left": 0.0, "centre": width / 2, "right": width}[align]
