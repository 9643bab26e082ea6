"""What the profiles of all printers have, whatever language the printer speaks.

Values that the sources leave open, or that rest on a single weak source, are listed under ``unverified`` with the
reason; ``docs/printers.md`` says what stands behind each command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol, Self

from pydantic import AfterValidator, Field, model_validator

from cardfab.printer.driver import CardPrinter
from cardfab.printer.raster import COLOUR_PANELS, PANEL_ORDER, ToneCurve
from cardfab.profile.base import Strict
from cardfab.watch import Watch

Seconds = Annotated[float, Field(gt=0, le=600)]
Share = Annotated[float, Field(ge=0, le=1)]


def in_ribbon_order(panels: str) -> str:
    """Panels of :data:`PANEL_ORDER`, each once; raises ValueError."""
    places = [PANEL_ORDER.find(panel) for panel in panels]
    if not panels or -1 in places or places != sorted(set(places)):
        raise ValueError(f"panels are some of {PANEL_ORDER!r}, in that order, each once")
    return colours_whole(panels)


def colours_whole(panels: str) -> str:
    """All of y, m, c or none; raises ValueError."""
    if 0 < sum(panel in COLOUR_PANELS for panel in panels) < len(COLOUR_PANELS):
        raise ValueError("a colour ribbon needs all of y, m and c: a panel left out shifts the ribbon")
    return panels


def _rising(curve: ToneCurve) -> ToneCurve:
    shares = [wanted for wanted, _ in curve]
    if len(curve) < 2 or shares[0] != 0 or shares[-1] != 1 or shares != sorted(set(shares)):
        raise ValueError("a tone curve has points of rising ink from 0 to 1")
    return curve


PanelOrder = Annotated[str, AfterValidator(in_ribbon_order)]
Curve = Annotated[tuple[tuple[Share, Share], ...], AfterValidator(_rising)]


class Canvas(Strict):
    """Dots of one side, landscape."""

    width: Annotated[int, Field(ge=8, le=4096)]
    height: Annotated[int, Field(ge=8, le=4096)]
    dpi: Annotated[int, Field(ge=150, le=1200)]


class Line(Strict):
    """How the line is opened; the address belongs to the station, not to the model."""

    baudrate: Annotated[int, Field(ge=2400, le=115200)]
    rtscts: bool
    connect_timeout: Seconds
    write_timeout: Seconds


class Tone(Strict):
    """Points (ink wanted, ink sent) for each colour, 0 to 1."""

    yellow: Curve
    magenta: Curve
    cyan: Curve


class Opener(Protocol):
    """Anything that opens a printer at an address."""

    def open(self, address: str, watch: Watch) -> CardPrinter:
        """The driver on an open line; raises ``PrinterFault`` (link lost)."""
        ...


class AnyPrinter(Strict):
    """One printer model with one kind of ribbon."""

    name: str
    title_en: str
    title_zh: str
    canvas: Canvas
    contact_retries: Annotated[int, Field(ge=0, le=5)] = 1
    """How often the contacts are put down again for a chip that does not answer."""
    unverified: Mapping[str, str]
    """Dotted name of a value -> what is not known about it, with the source."""

    @model_validator(mode="after")
    def _unverified_values_exist(self) -> Self:
        for dotted in self.unverified:
            part: object = self
            for key in dotted.split("."):
                part = part.get(key) if isinstance(part, Mapping) else getattr(part, key, None)
            if part is None:
                raise ValueError(f"unverified: there is no value {dotted!r}")
        return self
