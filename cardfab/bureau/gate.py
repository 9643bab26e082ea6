"""What stands between a slot and its next card: orders of people, and what holds the whole line. Knows no database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cardfab.errors import CardfabError
from cardfab.station.bureauorders import Order


class Gate:
    """One for a line. While it is held, one slot tries again every ``patience`` seconds; then all go on."""

    def __init__(self, patience: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._changed = threading.Condition()
        self._ordered = Order.GO_ON
        self._held: CardfabError | None = None
        self._try_at = 0.0

    @property
    def ordered(self) -> Order:
        """What people ordered last."""
        return self._ordered

    @property
    def held(self) -> CardfabError | None:
        """What holds the line."""
        return self._held

    @property
    def stopping(self) -> bool:
        """Whether the line comes to its end: at once, or with the boxes in work."""
        return self._ordered in (Order.STOP, Order.STOP_AFTER_BOX)

    def order(self, ordered: Order) -> bool:
        """What people order now; whether that is new. A stop is not taken back."""
        with self._changed:
            if self._ordered == ordered or self._ordered == Order.STOP:
                return False
            if self._ordered == Order.STOP_AFTER_BOX and ordered != Order.STOP:
                return False
            self._ordered = ordered
            self._changed.notify_all()
            return True

    def hold(self, why: CardfabError) -> bool:
        """Hold the line; whether it was not held for this before."""
        with self._changed:
            new = self._held is None or self._held.code != why.code
            self._held, self._try_at = why, self._clock() + self._patience
            return new

    def release(self) -> bool:
        """A slot got through: the line goes on; whether it was held."""
        with self._changed:
            held, self._held = self._held, None
            if held is not None:
                self._changed.notify_all()
            return held is not None

    def enter(self, *, new_box: bool = False, waits: Callable[[], None] = lambda: None) -> bool:
        """Wait until a card may be begun; False when none may any more. ``new_box``: it would begin a box. ``waits`` is
        called where it has to wait.
        """
        with self._changed:
            while True:
                if self._ordered == Order.STOP or (self._ordered == Order.STOP_AFTER_BOX and new_box):
                    return False
                now = self._clock()
                if self._ordered != Order.PAUSE and (self._held is None or now >= self._try_at):
                    self._try_at = now + self._patience  # who is let through while it is held tries for all
                    return True
                waits()
                self._changed.wait(0.5 if self._ordered == Order.PAUSE else max(0.01, min(0.5, self._try_at - now)))

    def rest(self, seconds: float) -> bool:
        """Wait so long, less where the line is stopped at once; whether it goes on."""
        until = self._clock() + seconds
        with self._changed:
            while self._ordered != Order.STOP and (left := until - self._clock()) > 0:
                self._changed.wait(min(left, 0.5))
            return self._ordered != Order.STOP


__all__ = ["Gate"]
