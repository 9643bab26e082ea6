"""Writers of one process come one after another, in the order in which they came.

A database makes writers wait too, but by sleeping and trying again (SQLite), or on a connection each (PostgreSQL): with
many threads the unlucky ones wait long, and all connections go to those that wait.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """First come, first served. One thread has it, and not twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def taken(self, seconds: float) -> Iterator[bool]:
        """Hold the turn; whether it came within that time is what the block is told."""
        came = self._take(seconds)
        try:
            yield came
        finally:
            if came:
                self._give()

    def _take(self, seconds: float) -> bool:
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._lock:
            if mine.is_set():  # it came at the last moment
                return True
            self._waiting.remove(mine)
        return False

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
