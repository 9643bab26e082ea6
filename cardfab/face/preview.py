"""What a card will look like in the hand: both inks together, corners round, contacts and stripe in their places."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader

from cardfab.printer.raster import PrintSide
from cardfab.profile.face import CARD_HEIGHT_MM, CARD_WIDTH_MM, FaceTemplate, Mask

from .canvas import Canvas
from .pdfcanvas import pdf_canvas

CORNER_MM = 3.18
"""ISO/IEC 7810 corner radius."""
# ISO/IEC 7816-2: contacts of 2.0 x 1.7 mm, left edge of each column, top edge of each row.
_CONTACT_COLUMNS = (10.25, 17.87)
_CONTACT_ROWS = (19.23, 21.77, 24.31, 26.85)
_CONTACT = (2.0, 1.7)
_PLATE = (9.0, 18.0, 21.1, 29.8)
_FINER = 2
_PDF_WIDTH = 1517  # 450 dpi


def card_picture(side: PrintSide, width_px: int, masks: Sequence[Mask] = ()) -> Image.Image:
    """The card as RGBA, ``width_px`` wide, transparent beyond its round corners."""
    height_px = round(width_px * CARD_HEIGHT_MM / CARD_WIDTH_MM)
    size = width_px * _FINER, height_px * _FINER
    inked = side.colour.copy()
    inked[side.black] = (17, 17, 17)
    height, width = side.black.shape
    canvas = Canvas(width, height, round(width / (1016 / 300)))
    edges = (canvas.left, canvas.top, width - canvas.left, height - canvas.top)
    card = Image.fromarray(inked).resize(size, Image.Resampling.LANCZOS, box=edges)
    pen = ImageDraw.Draw(card)
    scale = size[0] / CARD_WIDTH_MM
    for mask in masks:
        _draw_part(pen, mask, scale)
    shape = Image.new("L", size, 0)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), CORNER_MM * scale, fill=255)
    card.putalpha(shape)
    return card.resize((width_px, height_px), Image.Resampling.BOX)


def _draw_part(pen: ImageDraw.ImageDraw, mask: Mask, scale: float) -> None:
    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return left * scale, top * scale, right * scale, bottom * scale

    if mask.kind == "chip-contacts":
        pen.rounded_rectangle(box(*_PLATE), 1.4 * scale, fill="#d9bd74", outline="#a98c45", width=round(0.15 * scale))
        for left in _CONTACT_COLUMNS:
            for top in _CONTACT_ROWS:
                corners = box(left, top, left + _CONTACT[0], top + _CONTACT[1])
                pen.rounded_rectangle(
                    corners, 0.25 * scale, fill="#e8d194", outline="#a98c45", width=round(0.1 * scale)
                )
    elif mask.kind == "magnetic-stripe":
        # ISO/IEC 7811-2: the stripe itself; the mask round it is wider.
        pen.rectangle(box(0, 5.54, CARD_WIDTH_MM, 15.95), fill="#2b2622")
    else:
        pen.rectangle(box(mask.x, mask.y, mask.right, mask.bottom), fill="#fbfbf7", outline="#d5dbe3")


def preview_png(side: PrintSide, width_px: int, masks: Sequence[Mask] = ()) -> bytes:
    """One side as a PNG; ``masks`` of the side say which parts of the card body to draw."""
    file = io.BytesIO()
    card_picture(side, width_px, masks).save(file, "PNG", optimize=False)
    return file.getvalue()


def preview_pdf(front: PrintSide, back: PrintSide, template: FaceTemplate) -> bytes:
    """Both sides in their real size, a page each. The same card gives the same bytes."""
    file = io.BytesIO()
    page = (CARD_WIDTH_MM * mm, CARD_HEIGHT_MM * mm)
    pdf = pdf_canvas(file, page, f"{template.name} preview")
    for side, masks in ((front, template.front.masks), (back, template.back.masks)):
        picture = card_picture(side, _PDF_WIDTH, masks)
        # On the white of a page the corners are white.
        flat = Image.new("RGB", picture.size, "#ffffff")
        flat.paste(picture, mask=picture.getchannel("A"))
        pdf.drawImage(ImageReader(flat), 0, 0, *page)
        pdf.showPage()
    pdf.save()
    return file.getvalue()
