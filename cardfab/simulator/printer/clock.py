"""How long a machine takes: its own seconds, and how many of ours they last."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """``speed`` 1 is real, 10 ten times as fast, 0 takes no time at all.

    With 0 the machine's time goes on only by `tick`, which every question does, so that who asks sees it pass.
    """

    def __init__(self, speed: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self.speed = speed
        self._sleep = sleep
        self._ticked = 0.0
        self._began = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds of the machine since it was made."""
        return self._ticked if self.speed == 0 else (time.monotonic() - self._began) * self.speed

    def tick(self, seconds: float = 0.1) -> None:
        """Somebody asked."""
        self._ticked += seconds

    def spend(self, seconds: float) -> None:
        """A movement that lasts so long."""
        if self.speed and seconds > 0:
            self._sleep(seconds / self.speed)

    def over(self, seconds: float) -> float:
        """When work that begins now and goes on by itself will be over."""
        return self.now if self.speed == 0 else self.now + seconds
