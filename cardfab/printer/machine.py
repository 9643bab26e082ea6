"""The state table of one printer session. Everything that moves the state is here; a missing entry is an error.

The table knows no printer language and sends nothing. The diagram in the documentation is made from `TRANSITIONS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from types import MappingProxyType
from typing import Final

from cardfab.errors import Text
from cardfab.printer.fault import Fault, PrinterFault


class State(Enum):
    """Where the session stands, by what was last read from the printer."""

    CLOSED = "closed"
    """Not taken over: the printer manages itself."""
    READY = "ready"
    """Taken over, no card inside."""
    CARD_AT_CONTACT = "card-at-contact"
    CARD_AT_PRINT = "card-at-print"
    """On its way to be printed: from here a card is never printed again."""
    PRINTED = "printed"
    CARD_FOUND = "card-found"
    """A card was inside at take-over and not at the contact station: nobody knows whether it is printed."""
    EJECTED = "ejected"
    REJECTED = "rejected"
    FAULT = "fault"


class Event(Enum):
    """What was done and confirmed by the printer's own account of where the card is."""

    FOUND_EMPTY = "found-empty"
    FOUND_AT_CONTACT = "found-at-contact"
    FOUND_CARD = "found-card"
    FED = "fed"
    MOVED_TO_PRINT = "moved-to-print"
    SIDES_PRINTED = "sides-printed"
    CARD_EJECTED = "card-ejected"
    CARD_REJECTED = "card-rejected"
    FAILED = "failed"
    RELEASED = "released"


_TAKE_OVER: Final = {
    Event.FOUND_EMPTY: State.READY,
    Event.FOUND_AT_CONTACT: State.CARD_AT_CONTACT,
    Event.FOUND_CARD: State.CARD_FOUND,
}
_ALWAYS: Final = {Event.FAILED: State.FAULT, Event.RELEASED: State.CLOSED}
_FEED: Final = {Event.FED: State.CARD_AT_CONTACT}
_EJECT: Final = {Event.CARD_EJECTED: State.EJECTED}
_REJECT: Final = {Event.CARD_REJECTED: State.REJECTED}

TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {
        State.CLOSED: _TAKE_OVER | _ALWAYS,
        State.READY: _TAKE_OVER | _FEED | _REJECT | _ALWAYS,
        State.CARD_AT_CONTACT: {Event.MOVED_TO_PRINT: State.CARD_AT_PRINT} | _EJECT | _REJECT | _ALWAYS,
        State.CARD_AT_PRINT: {Event.SIDES_PRINTED: State.PRINTED} | _REJECT | _ALWAYS,
        State.PRINTED: _EJECT | _REJECT | _ALWAYS,
        State.CARD_FOUND: _EJECT | _REJECT | _ALWAYS,
        State.EJECTED: _TAKE_OVER | _FEED | _REJECT | _ALWAYS,
        State.REJECTED: _TAKE_OVER | _FEED | _REJECT | _ALWAYS,
        State.FAULT: _TAKE_OVER | _REJECT | _ALWAYS,
    }
)


class Machine:
    """The current state; `require` before an act, `move` after it."""

    def __init__(self) -> None:
        self._state = State.CLOSED

    @property
    def state(self) -> State:
        return self._state

    def require(self, event: Event) -> None:
        """Raise `PrinterFault` (wrong moment) when ``event`` cannot follow now; nothing changes."""
        if event not in TRANSITIONS[self._state]:
            detail = f"{self._state.value} / {event.value}"
            raise PrinterFault(Fault.WRONG_MOMENT, Text(detail, detail))

    @contextmanager
    def step(self, event: Event) -> Iterator[None]:
        """Refuse a step out of turn before it begins; whatever breaks inside it leaves the session in FAULT."""
        self.require(event)
        try:
            yield
        except BaseException:
            self.move(Event.FAILED)
            raise

    def move(self, event: Event) -> State:
        """Follow ``event``. Raises `PrinterFault` (wrong moment) when the table has no such entry."""
        self.require(event)
        self._state = TRANSITIONS[self._state][event]
        return self._state
