"""The profile of an Evolis printer: everything about its language and ribbon that no document settles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cardfab.printer.driver import CardPosition
from cardfab.printer.evolis import EvolisPrinter
from cardfab.printer.evolis_wire import Commands, EvolisSettings, Timeouts
from cardfab.printer.fault import Fault
from cardfab.printer.stream import open_stream
from cardfab.printer.stripe import Coercivity
from cardfab.profile.base import Strict
from cardfab.profile.printer.common import AnyPrinter, Canvas, Line, PanelOrder, Seconds, Tone
from cardfab.watch import Watch

CommandText = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]+(;[!-:<-~]+)*$")]
"""A command with its parameters, without ESC, separators at the ends and CR."""


class WholeBytes(Canvas):
    """A line of a panel, which is a column of the card, is whole bytes."""

    height: Annotated[int, Field(ge=8, le=4096, multiple_of=8)]


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
    clean: CommandText
    stripe: Mapping[Coercivity, CommandText]
    """Which coercivities the magnetic head writes, and how it is told; empty: there is no magnetic head."""
    stripe_write: CommandText
    stripe_read: CommandText


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
    take_seconds: Annotated[float, Field(ge=0, le=600)] = 0.0
    """A card that nobody takes out of the bezel is drawn back after so long; 0: there is no bezel to look at."""
    sensor_volts: Annotated[float, Field(gt=0, lt=5)]
    cleaning_stops: bool


class Refusal(Strict):
    """A word in an answer and the fault it means."""

    word: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z ]*$")]
    means: Fault


class EvolisProfile(AnyPrinter):
    """A printer of the Evolis escape language."""

    family: Literal["evolis"]
    canvas: WholeBytes
    line: Line
    bitmap: Bitmap
    ribbon: RibbonProfile
    tone: Tone
    commands: CommandProfile
    timeouts: TimeoutProfile
    query: QueryProfile
    positions: Mapping[str, CardPosition]
    refusals: tuple[Refusal, ...]

    def open(self, address: str, watch: Watch) -> EvolisPrinter:
        """The driver on an open line."""
        return EvolisPrinter(open_stream(address, watch=watch, **self.line.model_dump()), self.settings())

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
            take_seconds=self.query.take_seconds,
            sensor_volts=self.query.sensor_volts,
            cleaning_stops=self.query.cleaning_stops,
            positions=tuple(self.positions.items()),
            refusals=tuple((refusal.word, refusal.means) for refusal in self.refusals),
        )
