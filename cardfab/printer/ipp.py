"""Printers without a chip station, over IPP: driverless ones and queues of CUPS. For cards encoded by hand, and proofs.

The printer's own words are believed as far as they go: a job that is completed has left the printer's hands, and
whether the card is good a person sees. Source: RFC 8010, RFC 8011, PWG 5100.14 (IPP Everywhere).
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from cardfab.errors import Text
from cardfab.printer.driver import CardPosition, PrinterIdentity, PrinterStatus, Ribbon
from cardfab.printer.fault import Fault, PrinterFault, said
from cardfab.printer.ipp_wire import Answer, AnswerBroken, Attribute, Attributes, Operation, Tag, parse, request
from cardfab.printer.pwg import Media, pwg_raster
from cardfab.printer.raster import PrintSide, require_size
from cardfab.printer.stripe import Coercivity, Stripe
from cardfab.watch import Watch, unwatched

_USER: Final = "cardfab"
_IDLE, _BUSY, _STOPPED = 3, 4, 5
"""printer-state (RFC 8011, 5.4.11)."""
_CANCELED, _ABORTED, _COMPLETED = 7, 8, 9
"""job-state (RFC 8011, 5.3.7); below them the job is not over."""
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class IppSettings:
    """What differs between printers."""

    width: int
    height: int
    dpi: int
    media: Media
    document_format: str
    both_sides: bool
    query_timeout: float
    job_timeout: float
    poll: float
    reasons: tuple[tuple[str, Fault], ...]
    """Beginnings of words of printer-state-reasons and what they mean, first match first."""


class IppPrinter:
    """A `cardfab.printer.driver.CardPrinter` that has no chip station: cards are encoded by hand before."""

    def __init__(
        self,
        address: str,
        settings: IppSettings,
        *,
        watch: Watch = unwatched,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``address``: ``ipp://host[:port]/path`` or ``ipps://``. Raises `PrinterFault` for another."""
        parts = urlsplit(address)
        if parts.scheme not in ("ipp", "ipps") or not parts.hostname:
            raise PrinterFault(Fault.LINK_LOST, said(address))
        self._secure = parts.scheme == "ipps"
        self._host, self._port, self._path = parts.hostname, parts.port or 631, parts.path or "/ipp/print"
        self._uri = f"{parts.scheme}://{self._host}:{self._port}{self._path}"
        self._settings = settings
        self._watch = watch
        self._clock, self._sleep = clock, sleep
        self._number = 0

    # what it is, how it stands

    def identify(self) -> PrinterIdentity:
        """Make and model, and the firmware where it is told."""
        told = self._attributes("printer-make-and-model", "printer-firmware-string-version")
        return PrinterIdentity(
            _text(told, "printer-make-and-model"), "", _text(told, "printer-firmware-string-version"), ""
        )

    def status(self) -> PrinterStatus:
        """What printer-state and printer-state-reasons say."""
        told = self._attributes("printer-state", "printer-state-reasons", "marker-levels")
        faults = self._faults(told)
        levels = [level for level in told.get("marker-levels", ()) if isinstance(level, int) and level >= 0]
        ended = Fault.RIBBON_ENDED in faults
        return PrinterStatus(
            cover_open=Fault.COVER_OPEN in faults,
            feeder_empty=Fault.FEEDER_EMPTY in faults,
            feeder_low=None,
            ribbon=Ribbon.ENDED if ended else Ribbon.MISSING if Fault.RIBBON_MISSING in faults else Ribbon.UNKNOWN,
            ribbon_left=min(levels, default=None),
            ribbon_capacity=100 if levels else None,
            position=CardPosition.NONE,
            reject_box_full=Fault.REJECT_BOX_FULL in faults,
            needs_cleaning=Fault.NEEDS_CLEANING in faults,
            warming=Fault.WARMING in faults,
            jammed=Fault.JAM in faults,
        )

    def position(self) -> CardPosition:
        """Between two jobs such a printer holds no card that anybody knows of."""
        return CardPosition.NONE

    def cards_fed(self) -> int | None:
        """Not told."""
        return None

    # the session

    def prepare(self) -> CardPosition:
        """Whether the printer takes jobs; raises what it says is wrong."""
        told = self._attributes("printer-state", "printer-state-reasons", "printer-is-accepting-jobs")
        for fault in self._faults(told):
            raise PrinterFault(fault, said(", ".join(_reasons(told))))
        if told.get("printer-is-accepting-jobs", (True,))[0] is False or told.get("printer-state") == (_STOPPED,):
            raise PrinterFault(Fault.REFUSED, said(", ".join(_reasons(told)) or "stopped"))
        return CardPosition.NONE

    def feed_to_contact(self) -> None:
        """There is no chip station."""
        raise PrinterFault(Fault.NO_STATION, Text("chip", "芯片"))

    def touch_again(self) -> None:
        """There is no chip station."""
        raise PrinterFault(Fault.NO_STATION, Text("chip", "芯片"))

    def stripes(self) -> frozenset[Coercivity]:
        """None: there is no magnetic head."""
        return frozenset()

    def write_stripe(self, stripe: Stripe) -> None:
        """There is no magnetic head."""
        raise PrinterFault(Fault.NO_STATION, Text("magnetic stripe", "磁条"))

    def print_sides(self, front: PrintSide, back: PrintSide | None = None) -> None:
        """Print one job and wait until it is over; a job that is stuck is cancelled, and what is wrong is said."""
        settings = self._settings
        sides = [front] if back is None else [front, back]
        if back is not None and not settings.both_sides:
            raise PrinterFault(Fault.NO_STATION, Text("second side", "背面打印"))
        pages = [self._page(side) for side in sides]
        document = pwg_raster(pages, settings.media, settings.dpi, duplex=back is not None)
        self.prepare()
        job = (
            Attribute(Tag.KEYWORD, "media", (settings.media.name,)),
            Attribute(Tag.KEYWORD, "sides", ("one-sided" if back is None else "two-sided-long-edge",)),
            Attribute(Tag.KEYWORD, "print-scaling", ("none",)),
        )
        operation = (
            Attribute(Tag.NAME, "requesting-user-name", (_USER,)),
            Attribute(Tag.NAME, "job-name", (_USER,)),
            Attribute(Tag.MIME, "document-format", (settings.document_format,)),
        )
        answer = self._ask(Operation.PRINT_JOB, operation, job, document)
        number = answer.group(Tag.JOB).get("job-id", (None,))[0]
        if not isinstance(number, int):
            raise PrinterFault(Fault.UNREADABLE, said("Print-Job: job-id"))
        self._wait(number)

    def eject(self) -> None:
        """The job has given the card out."""

    def reject(self) -> bool:
        """Nothing that could be moved is inside."""
        return False

    def release(self) -> None:
        """Nothing was taken over."""

    def close(self) -> None:
        """Each request has a line of its own."""

    # below the session

    def _page(self, side: PrintSide) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """The side as one picture, turned to portrait as the media lies."""
        require_size(side, self._settings.width, self._settings.height)
        whole = side.colour.copy()
        whole[side.black] = 0
        return np.ascontiguousarray(np.rot90(whole, -1))

    def _wait(self, job: int) -> None:
        until = self._clock() + self._settings.job_timeout
        number = (Attribute(Tag.INTEGER, "job-id", (job,)),)
        while True:
            told = self._ask(Operation.GET_JOB_ATTRIBUTES, number).group(Tag.JOB)
            state = told.get("job-state", (0,))[0]
            if state == _COMPLETED:
                return
            reasons = [str(value) for value in told.get("job-state-reasons", ())]
            if state in (_CANCELED, _ABORTED):
                raise PrinterFault(Fault.REFUSED, said(", ".join(reasons) or f"job-state {state}"))
            for fault in self._faults(self._attributes("printer-state", "printer-state-reasons")):
                self._cancel(number)
                raise PrinterFault(fault, said(", ".join(reasons)))
            if self._clock() >= until:
                self._cancel(number)
                raise PrinterFault(Fault.NO_ANSWER, said(f"job {job}"))
            self._sleep(self._settings.poll)

    def _cancel(self, number: tuple[Attribute, ...]) -> None:
        """A job that waits in a faulty printer must not print when somebody has mended it."""
        with suppress(PrinterFault):
            self._ask(Operation.CANCEL_JOB, (*number, Attribute(Tag.NAME, "requesting-user-name", (_USER,))))

    def _faults(self, told: Attributes) -> list[Fault]:
        found = [
            next((fault for word, fault in self._settings.reasons if reason.startswith(word)), None)
            for reason in _reasons(told)
        ]
        return [fault for fault in found if fault is not None]

    def _attributes(self, *names: str) -> Attributes:
        wanted = (Attribute(Tag.KEYWORD, "requested-attributes", names),)
        return self._ask(Operation.GET_PRINTER_ATTRIBUTES, wanted).group(Tag.PRINTER)

    def _ask(
        self,
        operation: Operation,
        attributes: tuple[Attribute, ...],
        job: tuple[Attribute, ...] = (),
        document: bytes = b"",
    ) -> Answer:
        self._number += 1
        body = request(operation, self._number, self._uri, attributes, job) + document
        name = operation.name
        self._watch(f"before:printer:{name}")
        try:
            answer = parse(self._post(body))
        except TimeoutError as late:
            raise PrinterFault(Fault.NO_ANSWER, said(name)) from late
        except (OSError, http.client.HTTPException) as lost:
            raise PrinterFault(Fault.LINK_LOST, said(f"{name}: {lost}")) from lost
        except AnswerBroken as broken:
            raise PrinterFault(Fault.UNREADABLE, said(f"{name}: {broken}")) from broken
        self._watch(f"after:printer:{name}")
        if not answer.good:
            raise PrinterFault(Fault.REFUSED, said(f"{name}: {answer.status:04X}"))
        return answer

    def _post(self, body: bytes) -> bytes:
        timeout = self._settings.query_timeout
        line: http.client.HTTPConnection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=ssl.create_default_context())
            if self._secure
            else http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        )
        try:
            line.request("POST", self._path, body, {"Content-Type": "application/ipp"})
            answer = line.getresponse()
            found = answer.read(_LARGEST)
            if answer.status != http.HTTPStatus.OK:
                raise http.client.HTTPException(f"HTTP {answer.status}")
            return found
        finally:
            line.close()


def _reasons(told: Mapping[str, tuple[object, ...]]) -> list[str]:
    return [str(value) for value in told.get("printer-state-reasons", ()) if value != "none"]


def _text(told: Attributes, name: str) -> str:
    value = told.get(name, ("",))[0]
    return value if isinstance(value, str) else ""
