"""A card as a person sees it: the printed side on plastic with rounded corners, and the metal of the chip."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from cardfab.simulator.printer.card import Card
from cardfab.simulator.printer.geometry import (
    CARD_MM,
    CONTACT_COLUMNS_MM,
    CONTACT_ROWS_MM,
    CORNER_MM,
    HEIGHT,
    PIXELS_PER_MM,
    WIDTH,
    x_pixels,
    y_pixels,
)

_MARGIN = 28
_FINE = 4
"""Masks are drawn so many times larger, for smooth edges."""

_PLATE_MM = 0.9
"""How far the metal goes beyond the contacts."""


def draw(card: Card, side: str = "front") -> Image.Image:
    """RGBA, ID-1 at 300 dpi with a soft shadow on nothing; bleed cut off. Ink on the contacts darkens the metal."""
    ink = card.compose(side)
    if ink.size != (WIDTH, HEIGHT):  # drawn as the eye sees it, at 300 dpi
        ink = ink.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    face = ink.copy()
    if side == "front":
        metal, mask = _chip(ink.size)
        face.paste(ImageChops.multiply(metal, ink), mask=mask)
    width, height = (round(mm * PIXELS_PER_MM) for mm in CARD_MM)
    left, top = round(x_pixels(0)), round(y_pixels(0))
    face = face.crop((left, top, left + width, top + height)).convert("RGBA")
    shadow, outline, edge = _plastic(face.size)
    face.paste((196, 203, 212, 255), mask=edge)
    face.putalpha(outline)
    picture = shadow.copy()
    picture.alpha_composite(face, (_MARGIN, _MARGIN))
    return picture


@cache
def _plastic(size: tuple[int, int]) -> tuple[Image.Image, Image.Image, Image.Image]:
    """The shadow a card throws (with margins), its outline, and the thin edge of the outline."""
    outline = _rounded(size, CORNER_MM * PIXELS_PER_MM)
    shade = Image.new("L", (size[0] + 2 * _MARGIN, size[1] + 2 * _MARGIN), 0)
    shade.paste(outline, (_MARGIN, _MARGIN + 4))
    shade = shade.filter(ImageFilter.GaussianBlur(9)).point([value * 38 // 100 for value in range(256)])
    shadow = Image.new("RGBA", shade.size, (27, 36, 48, 0))
    shadow.putalpha(shade)
    return shadow, outline, ImageChops.subtract(outline, outline.filter(ImageFilter.MinFilter(3)))


def _rounded(size: tuple[int, int], radius: float) -> Image.Image:
    mask = Image.new("L", (size[0] * _FINE, size[1] * _FINE), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius * _FINE, fill=255)
    return mask.reduce(_FINE)


@cache
def _chip(size: tuple[int, int]) -> tuple[Image.Image, Image.Image]:
    """The metal plate and where it is, both as large as the raster."""
    x0, x1 = CONTACT_COLUMNS_MM[0][0] - _PLATE_MM, CONTACT_COLUMNS_MM[1][1] + _PLATE_MM
    y0, y1 = CONTACT_ROWS_MM[0][0] - _PLATE_MM, CONTACT_ROWS_MM[-1][1] + _PLATE_MM
    left, top = round(x_pixels(x0)), round(y_pixels(y0))
    width, height = round((x1 - x0) * PIXELS_PER_MM), round((y1 - y0) * PIXELS_PER_MM)

    def local(x_mm: float, y_mm: float) -> tuple[float, float]:
        return (x_mm - x0) * PIXELS_PER_MM * _FINE, (y_mm - y0) * PIXELS_PER_MM * _FINE

    plate = _gold(width * _FINE, height * _FINE)
    pen = ImageDraw.Draw(plate)
    line, colour = round(0.16 * PIXELS_PER_MM * _FINE), (122, 98, 46)
    inner_left, inner_right = CONTACT_COLUMNS_MM[0][1] + 0.9, CONTACT_COLUMNS_MM[1][0] - 0.9
    between = [(above[1] + below[0]) / 2 for above, below in pairwise(CONTACT_ROWS_MM)]
    for y in between:
        pen.line([local(x0, y), local(inner_left, y)], colour, line)
        pen.line([local(inner_right, y), local(x1, y)], colour, line)
    for x in (inner_left, inner_right):
        pen.line([local(x, between[0]), local(x, between[-1])], colour, line)
    pen.line([local(inner_left, between[0]), local((x0 + x1) / 2, y0)], colour, line)
    pen.line([local(inner_right, between[-1]), local((x0 + x1) / 2, y1)], colour, line)

    metal = Image.new("RGB", size, (255, 255, 255))
    metal.paste(plate.reduce(_FINE), (left, top))
    mask = Image.new("L", size, 0)
    mask.paste(_rounded((width, height), 1.2 * PIXELS_PER_MM), (left, top))
    return metal, mask


def _gold(width: int, height: int) -> Image.Image:
    """Brushed gold, lighter along one diagonal."""
    across, down = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    light = np.exp(-(((across + down - 0.85) / 0.45) ** 2))[..., None]
    dark, bright = np.array((198, 163, 88)), np.array((238, 214, 150))
    return Image.fromarray((dark + (bright - dark) * light).astype(np.uint8))
