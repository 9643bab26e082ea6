"""A4 paper: 20 mm margins, title left, number and QR right, on every page who made it, when, where, page n of m."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import segno
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas as PdfCanvas

from cardfab.errors import Text
from cardfab.face.artwork import SPECIMEN
from cardfab.face.canvas import MM_PER_POINT
from cardfab.face.fonts import FontBook
from cardfab.face.layout import fit_text
from cardfab.face.pdf import PdfInk
from cardfab.face.pdfcanvas import pdf_canvas
from cardfab.profile.face import FontRole

WIDTH, HEIGHT = A4[0] / mm, A4[1] / mm
MARGIN = 20.0
INK, QUIET, LINE = "#1b2430", "#5b6675", "#d5dbe3"
_SPECIMEN_SIZE = 68.0
_SPECIMEN_TURN = (0.86603, 0.5, -0.5, 0.86603)  # 30 degrees
QUIET_ZONE = 4
"""Modules round a QR code (ISO/IEC 18004, 6.3.8)."""


class Page:
    """One page being drawn: millimetres from the top left, text by its baseline."""

    def __init__(self, canvas: PdfCanvas, ink: PdfInk, fonts: FontBook) -> None:
        self._canvas, self._ink, self._fonts = canvas, ink, fonts

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 10.5,
        role: FontRole = "sans",
        colour: str = INK,
        align: str = "left",
    ) -> float:
        """A line; returns its width in millimetres."""
        width: float = self._ink.text(x * mm, (HEIGHT - y) * mm, text, size=size, role=role, colour=colour, align=align)
        return width * MM_PER_POINT

    def block(
        self,
        x: float,
        y: float,
        text: str,
        *,
        width: float,
        size: float = 10.5,
        role: FontRole = "sans",
        colour: str = INK,
        lines: int = 4,
        leading: float = 1.4,
    ) -> float:
        """Words that wrap; returns the baseline of the last line. Raises ``FaceRefused`` when they need more lines."""
        fitted = fit_text(self._fonts, text, font=role, size=size, width=width, lines=lines, what="text", shrink=False)
        step = size * MM_PER_POINT * leading
        for number, line in enumerate(fitted.lines):
            self.text(x, y + number * step, line, size=fitted.size, role=role, colour=colour)
        return y + (len(fitted.lines) - 1) * step

    def rule(
        self, y: float, left: float = MARGIN, right: float = WIDTH - MARGIN, *, colour: str = LINE, width: float = 0.7
    ) -> None:
        """A horizontal line, ``width`` in points."""
        self._canvas.setStrokeColor(colour)
        self._canvas.setLineWidth(width)
        self._canvas.line(left * mm, (HEIGHT - y) * mm, right * mm, (HEIGHT - y) * mm)

    def picture(self, x: float, y: float, width: float, height: float, picture: Image.Image) -> None:
        """A picture with a hairline round it, its top left corner at ``x``, ``y``."""
        box = (x * mm, (HEIGHT - y - height) * mm, width * mm, height * mm)
        self._canvas.drawImage(ImageReader(picture), *box)
        self._canvas.setStrokeColor(LINE)
        self._canvas.setLineWidth(0.5)
        self._canvas.rect(*box)

    def code(self, right: float, y: float, side: float, text: str) -> None:
        """A QR code with its quiet zone, its dark part ``side`` wide; ``right`` and ``y`` are its top right corner."""
        code = segno.make(text, error="m", micro=False, boost_error=False)
        rows = [bytes(row) for row in code.matrix]
        module = side / len(rows)
        left = right - side
        zone = QUIET_ZONE * module
        self._canvas.setFillColor("#ffffff")
        whole = side + 2 * zone
        self._canvas.rect(
            (left - zone) * mm, (HEIGHT - y + zone - whole) * mm, whole * mm, whole * mm, stroke=0, fill=1
        )
        self._canvas.setFillColor("#000000")
        dark = self._canvas.beginPath()
        for down, row in enumerate(rows):
            for across, length in _runs(row):
                top = HEIGHT - y - (down + 1) * module
                dark.rect((left + across * module) * mm, top * mm, length * module * mm, module * mm)
        self._canvas.drawPath(dark, stroke=0, fill=1)

    def specimen(self) -> None:
        """样卡 SPECIMEN across the page, over everything that was drawn before it."""
        self._canvas.saveState()
        self._canvas.setFillAlpha(0.16)
        half = self._ink.width(SPECIMEN, _SPECIMEN_SIZE, "sans-bold") / 2
        cosine, sine = _SPECIMEN_TURN[:2]
        x, y = WIDTH / 2 * mm - half * cosine, (HEIGHT / 2 - 6) * mm - half * sine
        self._ink.text(x, y, SPECIMEN, size=_SPECIMEN_SIZE, role="sans-bold", colour="#b42318", turn=_SPECIMEN_TURN)
        self._canvas.restoreState()

    def foot(self, words: Sequence[Text], number: int, total: int) -> None:
        """The fine print of a page: Chinese left over English, page n of m at the right."""
        top = HEIGHT - MARGIN + 3.2
        self.rule(top - 4.0)
        self.text(MARGIN, top, "　".join(each.zh for each in words), size=7, colour=QUIET)
        self.text(MARGIN, top + 3.4, " · ".join(each.en for each in words), size=7, colour=QUIET)
        self.text(WIDTH - MARGIN, top, f"第 {number} 页，共 {total} 页", size=7, colour=QUIET, align="right")
        self.text(WIDTH - MARGIN, top + 3.4, f"page {number} of {total}", size=7, colour=QUIET, align="right")


def _runs(row: bytes) -> list[tuple[int, int]]:
    """Start and length of each run of dark modules."""
    runs: list[tuple[int, int]] = []
    for at, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == at:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        elif dark:
            runs.append((at, 1))
    return runs


def paper(
    fonts: FontBook,
    pages: Sequence[Callable[[Page], None]],
    foot: Sequence[Text],
    *,
    title: str,
    keywords: str = "",
    specimen: bool = True,
) -> bytes:
    """A PDF of some pages. The same words give the same bytes: no clock, no random identifier."""
    file = io.BytesIO()
    canvas = pdf_canvas(file, A4, title)
    canvas.setKeywords(keywords)
    ink = PdfInk(canvas, fonts)
    for number, draw in enumerate(pages, 1):
        page = Page(canvas, ink, fonts)
        draw(page)
        page.foot(foot, number, len(pages))
        if specimen:
            page.specimen()
        canvas.showPage()
    ink.finish()
    canvas.save()
    return file.getvalue()
