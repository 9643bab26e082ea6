"""What the station has done, for Prometheus. The truth lies in the database: a restart forgets nothing.

Jobs, host and sessions are counted there at each asking. Steps and events are counted on from where the last asking
ended; the first one after a start reads them all.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from cardfab.audit import AuditEvent
from cardfab.production import JobState, Place
from cardfab.station.desk import Desk

BOUNDS: Final = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0)
_STEPS: Final = {
    JobState.CLAIMED: "feed",
    JobState.ENCODING: "encode",
    JobState.VERIFYING: "verify",
    JobState.PRINTING: "print",
    JobState.INSPECTED: "inspect",
}
_LOGINS = frozenset({"person.login", "token.refuse"})


@dataclass(slots=True)
class Seconds:
    """A histogram of one step."""

    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    count: int = 0
    total: float = 0.0

    def add(self, seconds: float) -> None:
        """One more card went through the step."""
        self.count, self.total = self.count + 1, self.total + seconds
        for place, bound in enumerate(BOUNDS):
            self.buckets[place] += seconds <= bound


@dataclass(slots=True, eq=False)
class Metrics:
    """The figures of a station, as far as they were read."""

    desk: Desk
    stock: bool = False
    """Whether the counts of the stock are told too."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _steps: dict[str, Seconds] = field(default_factory=dict)
    _open: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    _history: int = 0
    _leaf: int = 0
    _faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    _refused: Counter[str] = field(default_factory=Counter)

    def text(self, *, stock: bool) -> bytes:
        """All of it in the format of Prometheus."""
        with self._lock:
            self.stock = stock
            self._read_on()
            registry = CollectorRegistry()
            registry.register(self)
            return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """The families; called by the registry."""
        with self.desk.database.reading() as tx:
            jobs, outcomes, waiting = tx.figures.jobs(), tx.figures.host_outcomes(), tx.figures.host_waiting()
            idle = self.desk.entrance().rules.idle
            sessions = tx.figures.sessions(self.desk.entrance().at(-idle))
            accounts = tx.stock.accounts() if self.stock else ()
        by_state = GaugeMetricFamily("cardfab_jobs", "Jobs by state", labels=["state"])
        for state in JobState:
            by_state.add_metric([state.name.lower()], jobs.get(str(state), 0))
        yield by_state
        steps = HistogramMetricFamily("cardfab_step_seconds", "Seconds that cards spent in a step", labels=["step"])
        for name, seconds in sorted(self._steps.items()):
            told = [(str(bound), float(n)) for bound, n in zip(BOUNDS, seconds.buckets, strict=True)]
            steps.add_metric([name], [*told, ("+Inf", float(seconds.count))], seconds.total)
        yield steps
        faults = CounterMetricFamily("cardfab_faults", "Refusals and faults on record", labels=["code", "outcome"])
        for (code, outcome), count in sorted(self._faults.items()):
            faults.add_metric([code, outcome], count)
        yield faults
        refused = CounterMetricFamily("cardfab_logins_refused", "Logins and tokens refused", labels=["why"])
        for why, count in sorted(self._refused.items()):
            refused.add_metric([why], count)
        yield refused
        host = CounterMetricFamily("cardfab_host_requests", "Requests to the host", labels=["operation", "outcome"])
        for (operation, outcome), count in sorted(outcomes.items()):
            host.add_metric([operation, outcome], count)
        yield host
        yield GaugeMetricFamily("cardfab_host_queue", "Messages that wait for the host", value=waiting[0])
        age = 0.0 if waiting[1] is None else (self.desk.now() - datetime.fromisoformat(waiting[1])).total_seconds()
        yield GaugeMetricFamily(
            "cardfab_host_queue_age_seconds", "How long the oldest of them waits", value=max(age, 0.0)
        )
        yield GaugeMetricFamily("cardfab_sessions", "People at work within the idle time", value=sessions)
        if self.stock:
            held = GaugeMetricFamily("cardfab_stock", "Blanks by kind and place", labels=["stock", "place"])
            for one in accounts:
                for place, count in (
                    (Place.STOCK, one.remaining), (Place.IN_WORK, one.in_doubt), (Place.ISSUED, one.issued),
                    (Place.SPOILED, one.spoiled),
                ):  # fmt: skip
                    held.add_metric([one.stock, place.name.lower()], count)
            yield held

    def _read_on(self) -> None:
        """Steps and events since the last asking."""
        with self.desk.database.reading() as tx:
            moves, leaves = tx.figures.steps(self._history), tx.audit.stored(self._leaf)
        for move in moves:
            self._history, at = move.id, datetime.fromisoformat(move.at)
            before = self._open.pop(move.job_id, None)
            if before is not None and move.state != JobState.IN_DOUBT:
                self._steps.setdefault(before[0], Seconds()).add((at - before[1]).total_seconds())
            step = _STEPS.get(JobState(move.state))
            if step is not None:
                self._open[move.job_id] = step, at
        for leaf in leaves:
            self._leaf = leaf.position + 1
            self._count(AuditEvent.decode(leaf.leaf))

    def _count(self, event: AuditEvent) -> None:
        if event.outcome not in ("refused", "failed"):
            return
        if event.action in _LOGINS:
            self._refused[event.details.get("why", event.details.get("code", "-"))] += 1
        if code := event.details.get("code"):
            self._faults[code, event.outcome] += 1
