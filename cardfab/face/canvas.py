"""From millimetres on the card to pixels on the printer's canvas."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.profile.face import CARD_HEIGHT_MM, CARD_WIDTH_MM, Rect

MM_PER_POINT = 25.4 / 72


@dataclass(frozen=True, slots=True)
class Canvas:
    """The pixels a printer takes for a side: the card centred, the rest is bleed."""

    width: int = 1016
    height: int = 648
    dpi: int = 300

    @property
    def per_mm(self) -> float:
        return self.dpi / 25.4

    @property
    def left(self) -> float:
        """Pixels from the canvas to the left edge of the card."""
        return (self.width - CARD_WIDTH_MM * self.per_mm) / 2

    @property
    def top(self) -> float:
        return (self.height - CARD_HEIGHT_MM * self.per_mm) / 2

    def x(self, mm: float) -> float:
        return self.left + mm * self.per_mm

    def y(self, mm: float) -> float:
        return self.top + mm * self.per_mm

    def window(self, rect: Rect) -> tuple[slice, slice]:
        """Rows and columns that cover a rectangle; one that reaches a card edge reaches through the bleed."""
        left = 0 if rect.x <= 0 else max(0, int(self.x(rect.x)))
        top = 0 if rect.y <= 0 else max(0, int(self.y(rect.y)))
        right = self.width if rect.right >= CARD_WIDTH_MM else -int(-self.x(rect.right) // 1)
        bottom = self.height if rect.bottom >= CARD_HEIGHT_MM else -int(-self.y(rect.bottom) // 1)
        return slice(top, bottom), slice(left, right)


EVOLIS = Canvas()
"""1016 x 648 at 300 dpi (facts, card printers 6: ID-1 is 1011 x 638 of them)."""
