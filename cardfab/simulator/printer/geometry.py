"""Where things are on the printed raster: ID-1 in the middle of 1016 x 648 pixels at 300 dpi."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 1016, 648
"""The printed raster, landscape: 1016 lines of 648 pixels in the stream."""

PIXELS_PER_MM = 300 / 25.4
CARD_MM = (85.60, 53.98)
"""ISO 7810 ID-1; the rest of the raster is bleed."""

CORNER_MM = 3.18
"""ISO 7810 corner radius."""

CONTACT_COLUMNS_MM = ((10.25, 12.25), (17.87, 19.87))
CONTACT_ROWS_MM = ((19.23, 20.93), (21.77, 23.47), (24.31, 26.01), (26.85, 28.55))
"""ISO 7816-2 contacts C1..C4 (left column) and C5..C8, from the left and top edges of the card."""


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels ``left <= x < right``, ``top <= y < bottom``."""

    left: int
    top: int
    right: int
    bottom: int


def x_pixels(mm: float) -> float:
    """Distance from the left edge of the card, in raster pixels."""
    return (WIDTH - CARD_MM[0] * PIXELS_PER_MM) / 2 + mm * PIXELS_PER_MM


def y_pixels(mm: float) -> float:
    """Distance from the top edge of the card, in raster pixels."""
    return (HEIGHT - CARD_MM[1] * PIXELS_PER_MM) / 2 + mm * PIXELS_PER_MM


@dataclass(frozen=True, slots=True)
class Raster:
    """The dots that one printer puts on a side: landscape, the card in their middle."""

    width: int
    height: int
    dpi: int

    @property
    def contacts(self) -> Box:
        """The rectangle around all eight contacts, every dot it touches."""
        scale = self.dpi / 25.4
        left, top = (self.width - CARD_MM[0] * scale) / 2, (self.height - CARD_MM[1] * scale) / 2
        return Box(
            math.floor(left + CONTACT_COLUMNS_MM[0][0] * scale),
            math.floor(top + CONTACT_ROWS_MM[0][0] * scale),
            math.ceil(left + CONTACT_COLUMNS_MM[-1][1] * scale),
            math.ceil(top + CONTACT_ROWS_MM[-1][1] * scale),
        )


EVOLIS = Raster(WIDTH, HEIGHT, 300)


def contact_boxes() -> tuple[Box, ...]:
    """The eight contacts, each with every pixel it touches."""
    return tuple(
        Box(
            math.floor(x_pixels(left)),
            math.floor(y_pixels(top)),
            math.ceil(x_pixels(right)),
            math.ceil(y_pixels(bottom)),
        )
        for left, right in CONTACT_COLUMNS_MM
        for top, bottom in CONTACT_ROWS_MM
    )


def contact_area() -> Box:
    """The rectangle around all eight contacts: no ink belongs there."""
    boxes = contact_boxes()
    return Box(boxes[0].left, boxes[0].top, boxes[-1].right, boxes[-1].bottom)
