"""The profile of a Matica XID retransfer printer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cardfab.printer.fault import Fault
from cardfab.printer.matica import MaticaPrinter
from cardfab.printer.matica_wire import PANEL_BITS, MaticaSettings, Times
from cardfab.printer.stream import open_stream
from cardfab.profile.base import Hex, Strict
from cardfab.profile.printer.common import AnyPrinter, Line, Seconds, Tone, colours_whole
from cardfab.watch import Watch


def _panels(names: str) -> str:
    known = PANEL_BITS.keys() - {"u"}  # no face has a UV layer
    if not names or not set(names) <= known or len(set(names)) != len(names):
        raise ValueError("panels are some of 'ymckp', each once")
    return colours_whole(names)


Panels = Annotated[str, AfterValidator(_panels)]


class Ribbon(Strict):
    """Which panels of ink each side takes; p is peel-off."""

    front: Panels
    back: Panels


class Session(Strict):
    """What differs between models or between the notes and their program."""

    document_param: Annotated[int, Field(ge=0, le=255)]
    half_turn: bool
    load_flags: Annotated[int, Field(ge=0, le=255)]
    transfer_bytes: Literal[2, 6]
    info: bool
    stripe_reads: bool
    attempts: Annotated[int, Field(ge=1, le=50)]


class Timing(Strict):
    """Seconds."""

    query: Seconds
    move: Seconds
    panel: Seconds
    print: Seconds
    warm: Annotated[float, Field(gt=0, le=3600)]
    poll: Seconds
    touch: Seconds = 1.0


class Status(Strict):
    """A status word under a mask, and the fault it means; ``wait`` for a printer that is busy or warms up."""

    code: Hex
    mask: Hex
    means: Fault | Literal["wait"]


class MaticaProfile(AnyPrinter):
    """A printer of the Matica XID language."""

    family: Literal["matica"]
    line: Line
    ribbon: Ribbon
    tone: Tone
    session: Session
    timing: Timing
    statuses: tuple[Status, ...]

    def open(self, address: str, watch: Watch) -> MaticaPrinter:
        """The driver on an open line."""
        return MaticaPrinter(open_stream(address, watch=watch, **self.line.model_dump()), self.settings())

    def settings(self) -> MaticaSettings:
        """What the driver takes."""
        return MaticaSettings(
            width=self.canvas.width,
            height=self.canvas.height,
            document_param=self.session.document_param,
            front_panels=self.ribbon.front,
            back_panels=self.ribbon.back,
            tone=(self.tone.yellow, self.tone.magenta, self.tone.cyan),
            half_turn=self.session.half_turn,
            load_flags=self.session.load_flags,
            transfer_bytes=self.session.transfer_bytes,
            info=self.session.info,
            stripe_reads=self.session.stripe_reads,
            times=Times(**dict(self.timing)),
            query_attempts=self.session.attempts,
            statuses=tuple(
                (
                    int.from_bytes(one.code, "big"),
                    int.from_bytes(one.mask, "big"),
                    None if one.means == "wait" else one.means,
                )
                for one in self.statuses
            ),
        )
