"""The profile of a printer: its language, its ribbon and everything about it that no document settles.

Values that the sources leave open, or that rest on a single weak source, are listed under ``unverified`` with the
reason; ``docs/printers.md`` says what stands behind each command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cardfab.printer.driver import CardPosition
from cardfab.printer.evolis_wire import Commands, EvolisSettings, Timeouts
from cardfab.printer.fault import Fault
from cardfab.printer.raster import COLOUR_PANELS, PANEL_ORDER, ToneCurve

from .base import Strict

Seconds = Annotated[float, Field(gt=0, le=600)]
Share = Annotated[float, Field(ge=0, le=1)]
CommandText = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]+(;[!-:<-~]+)*$")]
"""A command with its parameters, without ESC, separators at the ends and CR."""


def _in_ribbon_order(panels: str) -> str:
    places = [PANEL_ORDER.find(panel) for panel in panels]
    if not panels or -1 in places or places != sorted(set(places)):
        raise ValueError(f"panels are some of {PANEL_ORDER!r}, in that order, each once")
    if 0 < sum(panel in COLOUR_PANELS for panel in panels) < len(COLOUR_PANELS):
        raise ValueError("a colour ribbon needs all of y, m and c: a panel left out shifts the ribbon")
    return panels


def _rising(curve: ToneCurve) -> ToneCurve:
    shares = [wanted for wanted, _ in curve]
    if len(curve) < 2 or shares[0] != 0 or shares[-1] != 1 or shares != sorted(set(shares)):
        raise ValueError("a tone curve has points of rising ink from 0 to 1")
    return curve


PanelOrder = Annotated[str, AfterValidator(_in_ribbon_order)]
Curve = Annotated[tuple[tuple[Share, Share], ...], AfterValidator(_rising)]


class Canvas(Strict):
    """Dots of one side, landscape."""

    width: Annotated[int, Field(ge=8, le=4096)]
    height: Annotated[int, Field(ge=8, le=4096, multiple_of=8)]
    dpi: Annotated[int, Field(ge=150, le=1200)]


class Line(Strict):
    """How the line is opened; the address belongs to the station, not to the model."""

    baudrate: Annotated[int, Field(ge=2400, le=115200)]
    rtscts: bool
    connect_timeout: Seconds
    write_timeout: Seconds


class Bitmap(Strict):
    """How a panel is sent."""

    levels: Literal[32, 64, 128]
    compressed: bool
    padding: Annotated[int, Field(ge=0, le=4096)]
    end_padding: Annotated[int, Field(ge=0, le=4096)]


class RibbonProfile(Strict):
    """Which panels each side takes from the ribbon."""

    front: PanelOrder
    back: PanelOrder
    back_takes_frame: bool
    chip: bool


class Tone(Strict):
    """Points (ink wanted, ink sent) for each colour, 0 to 1."""

    yellow: Curve
    magenta: Curve
    cyan: Curve


class CommandProfile(Strict):
    """The commands of a session in the order they are sent."""

    take_over: tuple[CommandText, ...]
    before_print: tuple[CommandText, ...]
    to_contact: CommandText
    to_print: CommandText
    start: CommandText
    front: CommandText
    back: CommandText
    end: CommandText
    eject: Annotated[tuple[CommandText, ...], Field(min_length=1)]
    reject: Annotated[tuple[CommandText, ...], Field(min_length=1)]
    release: tuple[CommandText, ...]
    cleaning_query: CommandText


class TimeoutProfile(Strict):
    """Seconds to wait for the answer of each kind of command."""

    parameter: Seconds
    move: Seconds
    download: Seconds
    end: Seconds
    settle: Seconds


class QueryProfile(Strict):
    """How queries are repeated and read."""

    attempts: Annotated[int, Field(ge=1, le=10)]
    pause: Seconds
    sensor_volts: Annotated[float, Field(gt=0, lt=5)]
    cleaning_stops: bool


class Refusal(Strict):
    """A word in an answer and the fault it means."""

    word: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z ]*$")]
    means: Fault


class PrinterProfile(Strict):
    """One printer model with one kind of ribbon."""

    name: str
    title_en: str
    title_zh: str
    family: Literal["evolis"]
    canvas: Canvas
    line: Line
    bitmap: Bitmap
    ribbon: RibbonProfile
    tone: Tone
    commands: CommandProfile
    timeouts: TimeoutProfile
    query: QueryProfile
    positions: Mapping[str, CardPosition]
    refusals: tuple[Refusal, ...]
    unverified: Mapping[str, str]
    """Dotted name of a value above -> what is not known about it, with the source."""

    @model_validator(mode="after")
    def _unverified_values_exist(self) -> PrinterProfile:
        for dotted in self.unverified:
            part: object = self
            for key in dotted.split("."):
                part = part.get(key) if isinstance(part, Mapping) else getattr(part, key, None)
            if part is None:
                raise ValueError(f"unverified: there is no value {dotted!r}")
        return self

    def settings(self) -> EvolisSettings:
        """What the driver takes."""
        return EvolisSettings(
            width=self.canvas.width,
            height=self.canvas.height,
            levels=self.bitmap.levels,
            compressed=self.bitmap.compressed,
            padding=self.bitmap.padding,
            end_padding=self.bitmap.end_padding,
            tone=(self.tone.yellow, self.tone.magenta, self.tone.cyan),
            front_panels=self.ribbon.front,
            back_panels=self.ribbon.back,
            back_takes_frame=self.ribbon.back_takes_frame,
            ribbon_chip=self.ribbon.chip,
            commands=Commands(**dict(self.commands)),
            timeouts=Timeouts(**dict(self.timeouts)),
            query_attempts=self.query.attempts,
            query_pause=self.query.pause,
            sensor_volts=self.query.sensor_volts,
            cleaning_stops=self.query.cleaning_stops,
            positions=tuple(self.positions.items()),
            refusals=tuple((refusal.word, refusal.means) for refusal in self.refusals),
        )
