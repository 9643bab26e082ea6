"""What all threads of a line write on: how each slot stands, what was said, faults that wait to be kept."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cardfab.bureau.lineview import LineSaid, told
from cardfab.bureau.slot import SlotNow, SlotState
from cardfab.errors import CardfabError, Text
from cardfab.store.boxes import FaultRow

_SAID = 50
"""So many sentences are shown; all that matters is in the tables and in the record."""


class Board:
    """One for a line; every method from any thread."""

    def __init__(self, slots: dict[str, str], at: Callable[[], str], tell: Callable[[LineSaid], None]) -> None:
        """``slots``: their readers by name."""
        self._at, self._tell = at, tell
        self._changed = threading.Condition()
        self._slots = {name: SlotNow(name, reader, SlotState.WAITING) for name, reader in slots.items()}
        self._said: deque[LineSaid] = deque(maxlen=_SAID)
        self._faults: list[FaultRow] = []
        self._busy: set[str] = set()
        self._released = 0

    # -- figures -----------------------------------------------------------------------------------------------

    def slots(self) -> tuple[SlotNow, ...]:
        """Every slot as it stands."""
        with self._changed:
            return tuple(self._slots.values())

    def said(self) -> tuple[LineSaid, ...]:
        """What was said last."""
        with self._changed:
            return tuple(self._said)

    def set(self, slot: str, **changed: Any) -> None:
        """A slot stands so now."""
        with self._changed:
            self._slots[slot] = replace(self._slots[slot], **changed)

    def add(self, slot: str, **counted: float) -> None:
        """Add to a slot's figures."""
        with self._changed:
            now = self._slots[slot]
            sums: dict[str, Any] = {name: getattr(now, name) + count for name, count in counted.items()}
            self._slots[slot] = replace(now, **sums)

    def fault(self, run_id: int, slot: str, job_id: int | None, error: CardfabError) -> None:
        """Count a fault; it is kept with the next note in the database."""
        with self._changed:
            self._faults.append(FaultRow(run_id, slot, job_id, error.code, told(error.code, error.what), self._at()))
        self.add(slot, faults=1)
        self.say(slot, error.what, error.code)

    def say(self, slot: str, what: Text, code: str = "") -> None:
        """Tell the operator."""
        said = LineSaid(self._at(), slot, what, code)
        with self._changed:
            self._said.append(said)
        self._tell(said)

    def faults(self) -> list[FaultRow]:
        """Faults that are not kept yet."""
        with self._changed:
            return list(self._faults)

    def kept(self, count: int) -> None:
        """So many of them are kept now."""
        with self._changed:
            del self._faults[:count]

    # -- who has a box, who waits for one --------------------------------------------------------------------------

    def begins(self, slot: str) -> int:
        """A slot looks for a box, and may have one; the mark for :meth:`wait_for_box`."""
        with self._changed:
            self._busy.add(slot)
            return self._released

    def ends(self, slot: str, *, released: bool = False) -> None:
        """A slot has no box any more. ``released``: there is one for the others."""
        with self._changed:
            self._busy.discard(slot)
            self._released += released
            self._changed.notify_all()

    def freed(self) -> None:
        """Boxes wait that did not before."""
        with self._changed:
            self._released += 1
            self._changed.notify_all()

    def wait_for_box(self, mark: int, over: Callable[[], bool]) -> bool:
        """Wait while others have boxes that may come back; whether it is worth looking again."""
        with self._changed:
            while self._released == mark and self._busy and not over():
                self._changed.wait(0.2)
            return self._released != mark and not over()


__all__ = ["Board"]
