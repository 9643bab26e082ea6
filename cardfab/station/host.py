"""The issuer host as a neutral port: operations that every province's card management system has in some form.

Three outcomes: done, refused with a code, unknown (no answer: it may have been done). An adapter maps operations and
codes to one province; what a province has not it refuses with ``not_supported``. The journal, and asking for the status
before anything unknown is repeated, are :mod:`cardfab.station.hostdesk`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from cardfab.profile.hostport import HostCode, Operation

Value = str | int | bool | list[dict[str, str | int]]
Fields = Mapping[str, Value]


READS = frozenset({
    Operation.PERSON, Operation.CHECK, Operation.STATUS, Operation.ACCOUNT, Operation.BLACK_LIST, Operation.OFFSITE,
})  # fmt: skip
"""Operations that change nothing at the host: free to repeat, and asked anew every time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``request_id`` stays the same when it is tried again. ``repr`` shows no field."""

    request_id: str
    operation: Operation
    station: str
    operator: str
    at: str
    fields: Fields = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """It was done; ``again`` when it was so already, or answered from the journal."""

    answer: Fields = field(repr=False, default_factory=lambda: MappingProxyType({}))
    again: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not done, and why; ``raw`` is the host's own code."""

    code: HostCode
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer that can be read: it may have been done. ``raw`` is what the host said, where it said something.

    Not ``sent``: no connection was had, so that the host cannot have done it.
    """

    why: HostCode = HostCode.TIMEOUT
    raw: str = ""
    sent: bool = True


Reply = Done | Refused | Unknown


@runtime_checkable
class Keeping(Protocol):
    """A host of which something must stay until the journal has the answer."""

    def booked(self, request_id: str) -> None:
        """The answer to this request is in the journal, and it is final."""
        ...


class IssuerHost(Protocol):
    """One host. An adapter never raises for what a line or a host may do: that is :class:`Unknown`."""

    @property
    def name(self) -> str:
        """What the books call it."""
        ...

    def ask(self, call: Call) -> Reply:
        """Send one request and wait for its answer."""
        ...


__all__ = [
    "READS",
    "Call",
    "Done",
    "Fields",
    "HostCode",
    "IssuerHost",
    "Keeping",
    "Operation",
    "Refused",
    "Reply",
    "Unknown",
    "Value",
]
