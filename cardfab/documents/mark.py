"""样卡 SPECIMEN across a page, as a shape: text would be copied out between the words it crosses."""

from __future__ import annotations

from fontTools.pens.basePen import BasePen  # type: ignore[import-untyped]
from fontTools.pens.qu2cuPen import Qu2CuPen  # type: ignore[import-untyped]
from reportlab.pdfgen.canvas import FILL_NON_ZERO
from reportlab.pdfgen.canvas import Canvas as PdfCanvas
from reportlab.pdfgen.pathobject import PDFPathObject

from cardfab.face.artwork import SPECIMEN
from cardfab.face.fonts import FontBook
from cardfab.face.outline import outline

COLOUR, OPACITY = "#b42318", 0.16
_COSINE, _SINE = 0.86603, 0.5  # 30 degrees
_RISE = 0.88
"""How high the letters are, in em."""
_REACH = 0.84
"""How much of the page between its margins the mark takes; more would touch the code in the corner."""


class _PathPen(BasePen):  # type: ignore[misc]
    """Draws on a path: a glyph of one em, turned, ``size`` points large, its origin at ``x``, ``y``."""

    def __init__(self, path: PDFPathObject, x: float, y: float, size: float) -> None:
        super().__init__(None)
        self._path, self._x, self._y, self._size = path, x, y, size

    def _put(self, *points: tuple[float, float]) -> list[float]:
        size, placed = self._size, []
        for across, up in points:
            placed += [
                self._x + (across * _COSINE - up * _SINE) * size,
                self._y + (across * _SINE + up * _COSINE) * size,
            ]
        return placed

    def _moveTo(self, pt: tuple[float, float]) -> None:
        self._path.moveTo(*self._put(pt))

    def _lineTo(self, pt: tuple[float, float]) -> None:
        self._path.lineTo(*self._put(pt))

    def _curveToOne(self, pt1: tuple[float, float], pt2: tuple[float, float], pt3: tuple[float, float]) -> None:
        self._path.curveTo(*self._put(pt1, pt2, pt3))

    def _closePath(self) -> None:
        self._path.close()


def specimen_mark(canvas: PdfCanvas, fonts: FontBook, width: float, height: float, margin: float) -> None:
    """The mark over a page of ``width`` by ``height`` points, between its margins; again where a page is long."""
    glyphs = fonts.glyphs(SPECIMEN, "sans-bold")
    long = sum(glyph.advance for glyph in glyphs)
    across, down = long * _COSINE + _RISE * _SINE, long * _SINE + _RISE * _COSINE
    size = _REACH * min((width - 2 * margin) / across, (height - 2 * margin) / down)
    times = max(1, round(height / (1.5 * width)))
    path = canvas.beginPath()
    for place in range(times):
        x = (width - (across - 2 * _RISE * _SINE) * size) / 2
        y = height * (1 - (place + 0.5) / times) - down * size / 2
        for glyph in glyphs:
            pen = Qu2CuPen(_PathPen(path, x, y, size), max_err=0.0005, all_cubic=True)
            for operation, points in outline(fonts, glyph):
                getattr(pen, operation)(*points)
            x, y = x + glyph.advance * _COSINE * size, y + glyph.advance * _SINE * size
    canvas.saveState()
    canvas.setFillColor(COLOUR)
    canvas.setFillAlpha(OPACITY)
    canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_NON_ZERO)
    canvas.restoreState()
