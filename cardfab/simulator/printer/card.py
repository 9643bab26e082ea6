"""A plastic card: the chip it carries and the ink on its two sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardfab.simulator.printer.coding import Plane
from cardfab.simulator.printer.geometry import EVOLIS, Raster

ORDER = "ymckopu"
"""Panels of one side in the only order that the ribbon can give them (A5013 p69)."""


class Chip(Protocol):
    """What the rig needs of a chip."""

    @property
    def atr(self) -> bytes: ...

    def power_on(self) -> bytes: ...

    def power_off(self) -> None: ...

    def transmit(self, apdu: bytes, /) -> bytes: ...


class Place(StrEnum):
    """Where a card is."""

    HOPPER = "hopper"
    CONTACT = "contact"
    CONTACTLESS = "contactless"
    STRIPE = "stripe"
    PRINT = "print"
    EJECT = "eject"
    OUTPUT = "output"
    REJECTED = "rejected"
    REMOVED = "removed"


@dataclass(slots=True, eq=False)
class Side:
    """The ink on one side: panel -> plane, and the panels in the order in which they were printed."""

    raster: Raster = EVOLIS
    planes: dict[str, Plane] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)

    def add(self, panel: str, plane: Plane) -> bool:
        """Put ink on; dye over dye adds up. False when the panel came out of its order."""
        in_order = not self.printed or ORDER.index(panel) > ORDER.index(self.printed[-1])
        before = self.planes.get(panel)
        self.planes[panel] = (
            plane if before is None else np.minimum(before.astype(np.uint16) + plane, 255).astype(np.uint8)
        )
        self.printed.append(panel)
        return in_order

    def ink(self) -> NDArray[np.bool_]:
        """Where any of y, m, c, k lies: (height, width)."""
        anywhere = np.zeros((self.raster.height, self.raster.width), np.bool_)
        for panel in "ymck":
            if panel in self.planes:
                anywhere |= self.planes[panel] > 0
        return anywhere

    def compose(self) -> Image.Image:
        """What the eye sees: white less cyan, magenta and yellow dye, black resin over them, varnish invisible."""
        rgb = np.full((self.raster.height, self.raster.width, 3), 255, np.uint8)
        for channel, panel in enumerate("cmy"):
            if panel in self.planes:
                rgb[..., channel] -= self.planes[panel]
        if "k" in self.planes:
            rgb[self.planes["k"] > 0] = 0
        return Image.fromarray(rgb)


@dataclass(slots=True, eq=False)
class Card:
    """One card from the hopper to the tray; it is itself and equal to no other."""

    number: int
    chip: Chip
    front: Side = field(default_factory=Side)
    back: Side = field(default_factory=Side)
    stripe: dict[int, bytes] = field(default_factory=dict)
    """Track -> the characters on it with parity, sentinels and check character (see ``stripe.py``)."""
    ruined_by: list[str] = field(default_factory=list)
    saved: list[Path] = field(default_factory=list)
    powered: bool = False

    @property
    def ruined(self) -> bool:
        """Whether the printing went wrong in a way that the card shows."""
        return bool(self.ruined_by)

    @property
    def ink_on_contacts(self) -> int:
        """Pixels of dye or resin within the area of the chip contacts."""
        return self._within_contacts(self.front.ink())

    @property
    def varnish_on_contacts(self) -> int:
        """Pixels of overlay within the area of the chip contacts."""
        overlay = self.front.planes.get("o")
        return 0 if overlay is None else self._within_contacts(overlay > 0)

    def compose(self, side: str = "front") -> Image.Image:
        """The raw picture of ``front`` or ``back``: RGB, every dot of the printer, no decoration."""
        return (self.front if side == "front" else self.back).compose()

    def power_on(self) -> None:
        self.chip.power_on()
        self.powered = True

    def power_off(self) -> None:
        if self.powered:
            self.powered = False
            self.chip.power_off()

    def _within_contacts(self, mask: NDArray[np.bool_]) -> int:
        area = self.front.raster.contacts
        return int(np.count_nonzero(mask[area.top : area.bottom, area.left : area.right]))
