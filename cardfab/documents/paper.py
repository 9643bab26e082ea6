"""Paper: A4 with 20 mm margins, half of it, and the 80 mm roll; on every page who made it, when, where, page n of m."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import segno
from PIL import Image
from reportlab.graphics import renderPDF
from reportlab.graphics.shapes import Drawing
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas as PdfCanvas

from cardfab.errors import Text
from cardfab.face.canvas import MM_PER_POINT
from cardfab.face.fonts import FontBook
from cardfab.face.layout import fit_text
from cardfab.face.pdf import PdfInk
from cardfab.face.pdfcanvas import pdf_canvas
from cardfab.profile.face import FontRole

from .mark import specimen_mark


@dataclass(frozen=True, slots=True)
class Format:
    """A paper: its size and the margin on each side, in millimetres."""

    width: float
    height: float
    margin: float

    @property
    def right(self) -> float:
        """Where the right margin begins."""
        return self.width - self.margin

    @property
    def inside(self) -> float:
        """The width between the margins."""
        return self.width - 2 * self.margin


A4 = Format(210.0, 297.0, 20.0)
HALF = Format(A4.width, A4.height / 2, 14.0)
"""A5 lying, half of an A4 page."""
WIDTH, HEIGHT, MARGIN = A4.width, A4.height, A4.margin
_SPECIMEN = Text("SPECIMEN", "样卡")
INK, QUIET, LINE = "#1b2430", "#5b6675", "#d5dbe3"
QUIET_ZONE = 4
"""Modules round a QR code (ISO/IEC 18004, 6.3.8)."""


class Page:
    """One page being drawn: millimetres from the top left, text by its baseline."""

    def __init__(self, canvas: PdfCanvas, ink: PdfInk, fonts: FontBook, format: Format = A4) -> None:
        self._canvas, self._ink, self._fonts = canvas, ink, fonts
        self.format = format

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
        width: float = self._ink.text(
            x * mm, (self.format.height - y) * mm, text, size=size, role=role, colour=colour, align=align
        )
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
        self,
        y: float,
        left: float | None = None,
        right: float | None = None,
        *,
        colour: str = LINE,
        width: float = 0.7,
        dash: Sequence[float] = (),
    ) -> None:
        """A horizontal line from margin to margin unless told otherwise, ``width`` and ``dash`` in points."""
        left = self.format.margin if left is None else left
        right = self.format.right if right is None else right
        self._canvas.setStrokeColor(colour)
        self._canvas.setLineWidth(width)
        self._canvas.setDash(list(dash))
        self._canvas.line(left * mm, (self.format.height - y) * mm, right * mm, (self.format.height - y) * mm)
        self._canvas.setDash([])

    def box(self, x: float, y: float, width: float, height: float, *, colour: str = INK, line: float = 0.8) -> None:
        """A frame, its top left corner at ``x``, ``y``, ``line`` in points."""
        self._canvas.setStrokeColor(colour)
        self._canvas.setLineWidth(line)
        self._canvas.rect(x * mm, (self.format.height - y - height) * mm, width * mm, height * mm, stroke=1, fill=0)

    def drawing(self, x: float, y: float, drawing: Drawing) -> None:
        """Shapes without words (those are for ``text``), their top left corner at ``x``, ``y``."""
        renderPDF.draw(drawing, self._canvas, x * mm, (self.format.height - y) * mm - drawing.height)

    def picture(self, x: float, y: float, width: float, height: float, picture: Image.Image) -> None:
        """A picture with a hairline round it, its top left corner at ``x``, ``y``."""
        box = (x * mm, (self.format.height - y - height) * mm, width * mm, height * mm)
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
            (left - zone) * mm,
            (self.format.height - y + zone - whole) * mm,
            whole * mm,
            whole * mm,
            stroke=0,
            fill=1,
        )
        self._canvas.setFillColor("#000000")
        dark = self._canvas.beginPath()
        for down, row in enumerate(rows):
            for across, length in _runs(row):
                top = self.format.height - y - (down + 1) * module
                dark.rect((left + across * module) * mm, top * mm, length * module * mm, module * mm)
        self._canvas.drawPath(dark, stroke=0, fill=1)

    def specimen(self) -> None:
        """样卡 SPECIMEN across the page, over everything that was drawn before it."""
        form = self.format
        specimen_mark(self._canvas, self._fonts, form.width * mm, form.height * mm, form.margin * mm)

    def foot(self, words: Sequence[Text], number: int, total: int, *, specimen: bool) -> None:
        """The fine print of a page: Chinese left over English, page n of m at the right; a specimen says so first."""
        words = [*([_SPECIMEN] if specimen else []), *words]
        left, right = self.format.margin, self.format.right
        top = self.format.height - self.format.margin + 3.2
        self.rule(top - 4.0)
        self.text(left, top, "　".join(each.zh for each in words), size=7, colour=QUIET)
        self.text(left, top + 3.4, " · ".join(each.en for each in words), size=7, colour=QUIET)
        self.text(right, top, f"第 {number} 页，共 {total} 页", size=7, colour=QUIET, align="right")
        self.text(right, top + 3.4, f"page {number} of {total}", size=7, colour=QUIET, align="right")


def _runs(row: bytes) -> list[tuple[int, int]]:
    """Start and length of each run of dark modules."""
    runs: list[tuple[int, int]] = []
    for at, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == at:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        elif dark:
            runs.append((at, 1))
    return runs


Draw = Callable[[Page], None]


def paper(
    fonts: FontBook,
    pages: Sequence[Draw],
    foot: Sequence[Text],
    *,
    title: str,
    keywords: str = "",
    specimen: bool = True,
    format: Format = A4,
) -> bytes:
    """A PDF of some pages. The same words give the same bytes: no clock, no random identifier."""

    def whole(number: int, draw: Draw) -> Draw:
        def drawn(page: Page) -> None:
            draw(page)
            page.foot(foot, number, len(pages), specimen=specimen)

        return drawn

    drawn = [[whole(number, draw)] for number, draw in enumerate(pages, 1)]
    return printed(fonts, drawn, format, title=title, keywords=keywords, specimen=specimen)


def printed(
    fonts: FontBook,
    sheets: Sequence[Sequence[Draw]],
    format: Format,
    *,
    title: str,
    keywords: str = "",
    specimen: bool = True,
) -> bytes:
    """As ``paper``, without a foot; a sheet holds a page of ``format`` for each of its drawings, from top to bottom."""
    deepest = max(len(sheet) for sheet in sheets)
    file = io.BytesIO()
    canvas = pdf_canvas(file, (format.width * mm, format.height * deepest * mm), title)
    canvas.setKeywords(keywords)
    ink = PdfInk(canvas, fonts)
    for sheet in sheets:
        for place, draw in enumerate(sheet):
            canvas.saveState()
            canvas.translate(0, (deepest - 1 - place) * format.height * mm)
            page = Page(canvas, ink, fonts, format)
            draw(page)
            if specimen:
                page.specimen()
            canvas.restoreState()
        canvas.showPage()
    ink.finish()
    canvas.save()
    return file.getvalue()
