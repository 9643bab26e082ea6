"""A ReportLab canvas as every paper of the project starts it."""

from __future__ import annotations

from typing import BinaryIO

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

# ASCII85 is for channels of seven bits and costs a second a picture.
rl_config.useA85 = 0


def pdf_canvas(file: BinaryIO, size: tuple[float, float], title: str) -> Canvas:
    """An empty document of pages of ``size`` points; without clock and random identifier, so the same again."""
    canvas = Canvas(file, pagesize=size, pageCompression=1, invariant=1)
    canvas.setTitle(title)
    canvas.setAuthor("cardfab")
    return canvas
