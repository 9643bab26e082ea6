"""Tells the host by itself, every few minutes, what waits for it: each message under the name of who queued it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from cardfab.errors import CardfabError
from cardfab.station.acting import acting
from cardfab.station.desk import Desk
from cardfab.station.host import IssuerHost
from cardfab.station.hosts.outbox import drain


@dataclass
class Courier:
    """A thread; a context manager. ``host`` gives the host of a desk, None where the station has none."""

    base: Desk
    host: Callable[[Desk], IssuerHost | None]
    seconds: float
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def round(self) -> int:
        """One round; how many messages were told."""
        with self.base.database.reading() as tx:
            rows = [row for row in tx.host_outbox.open() if row.state == "waiting"]
            people = {row.queued_by: tx.people.get(row.queued_by) for row in rows}
        done = 0
        for row in rows:
            desk = replace(self.base, person=people[row.queued_by])
            with acting(desk.person.login), suppress(CardfabError):
                told = drain(desk, self.host(desk), row.id).done
                done += told
                if not told:
                    break
        return done

    def _run(self) -> None:
        while not self._end.wait(self.seconds):
            with suppress(CardfabError):
                self.round()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()
