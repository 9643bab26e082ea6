"""The profile of a printer behind IPP: no chip station, faces and proofs only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cardfab.printer.fault import Fault
from cardfab.printer.ipp import IppPrinter, IppSettings
from cardfab.printer.pwg import Media
from cardfab.profile.base import Strict
from cardfab.profile.printer.common import AnyPrinter, Seconds
from cardfab.watch import Watch


class MediaProfile(Strict):
    """The sheet: self-describing name (PWG 5101.1), size in hundredths of a millimetre, portrait."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z]+_[a-z0-9.-]+_[0-9.]+x[0-9.]+(mm|in)$")]
    width: Annotated[int, Field(ge=1000, le=100000)]
    height: Annotated[int, Field(ge=1000, le=100000)]


class JobProfile(Strict):
    """How a job is sent and waited for."""

    document_format: Literal["image/pwg-raster"]
    both_sides: bool
    query_timeout: Seconds
    job_timeout: Seconds
    poll: Seconds


class IppProfile(AnyPrinter):
    """A driverless printer or a queue of CUPS."""

    family: Literal["ipp"]
    media: MediaProfile
    job: JobProfile
    reasons: Mapping[str, Fault]
    """The beginning of a word of printer-state-reasons -> the fault it means."""

    def open(self, address: str, watch: Watch) -> IppPrinter:
        """The driver; nothing is asked yet."""
        return IppPrinter(address, self.settings(), watch=watch)

    def settings(self) -> IppSettings:
        """What the driver takes."""
        return IppSettings(
            width=self.canvas.width,
            height=self.canvas.height,
            dpi=self.canvas.dpi,
            media=Media(self.media.name, self.media.width, self.media.height),
            document_format=self.job.document_format,
            both_sides=self.job.both_sides,
            query_timeout=self.job.query_timeout,
            job_timeout=self.job.job_timeout,
            poll=self.job.poll,
            reasons=tuple(self.reasons.items()),
        )
