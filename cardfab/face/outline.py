"""The contours of glyphs, for text that stays text in PDF."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from fontTools.pens.recordingPen import DecomposingRecordingPen  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from .fonts import FontBook, Glyph

Outline = tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
"""Pen operations (moveTo, lineTo, curveTo, qCurveTo, closePath, endPath) in em, y upwards."""


def outline(fonts: FontBook, glyph: Glyph) -> Outline:
    """The contours of a glyph, CFF or TrueType; none for a space."""
    font, glyphs = _parsed(*fonts.file(glyph))
    em = font["head"].unitsPerEm
    pen = DecomposingRecordingPen(glyphs)
    glyphs[font.getGlyphName(glyph.index)].draw(pen)
    return tuple(
        (operation, tuple((point[0] / em, point[1] / em) for point in points if point is not None))
        for operation, points in pen.value
    )


@lru_cache(maxsize=4)
def _parsed(path: Path, member: int) -> tuple[Any, Any]:
    """A font and its glyphs, kept for the next paper: parsing takes longer than all the rest of a page."""
    # From memory: a lazy font keeps its file open for as long as it lives.
    font = TTFont(io.BytesIO(path.read_bytes()), fontNumber=member, lazy=True)
    return font, font.getGlyphSet()
