"""The station's maker: one thread for the one reader and printer, which makes what operators order, one by one.

An order is a person's: every act of it is booked with their login. Nothing is repeated by the machine: what was cut
off is in doubt, and goes on when somebody says so. The devices are held only while an order runs, so that the counter
can serve a card in between.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from contextvars import Context, copy_context
from dataclasses import dataclass, replace

from cardfab.errors import CardfabError, DeviceFault, Text
from cardfab.production import Act, JobState
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.issue import Progress, issue, ready_job
from cardfab.station.lineevents import Events, LineEvent
from cardfab.station.linelights import UNKNOWN, LineStatus, absent, seen
from cardfab.station.pair import prove_pair
from cardfab.station.recovery import Eye, find_interrupted, settle

OpenDevices = Callable[[Desk, Sequence[str]], AbstractContextManager[Devices]]
"""The reader and printer for a while, nobody else at them; and the stocks that a simulated hopper is to have on top."""

_LOG = logging.getLogger(__name__)
_BUSY = "CF-5400"
"""Somebody else moves cards at this moment."""


class LineStopped(DeviceFault):
    """The station is being shut down; no card is begun."""

    default_code = "CF-5320"


class WentWrong(CardfabError):
    """Something nobody expected; the log has it."""

    default_code = "CF-1300"


@dataclass(frozen=True, slots=True)
class _Order:
    """``job_id`` 0: of no job. ``context`` is that of who ordered, so that key uses are booked with their name."""

    job_id: int
    desk: Desk
    work: Callable[[Devices, Progress], object]
    context: Context
    stocks: tuple[str, ...] = ()


class Line:
    """Make it, :meth:`start` it, order from it; :meth:`stop` it in the end.

    ``patience`` is how long an order waits for the counter to let the reader go, in seconds.
    """

    def __init__(self, base: Desk, devices: OpenDevices, *, patience: float = 60.0) -> None:
        self._base, self._devices, self._patience = base, devices, patience
        self._orders: queue.Queue[_Order | None] = queue.Queue()
        self._events = Events()
        self._lock = threading.Lock()
        self._status = LineStatus(UNKNOWN, UNKNOWN, UNKNOWN)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="line", daemon=True)
        self._settled = False

    def start(self) -> None:
        """Begin to work: what an earlier run left is put in doubt, reader and printer are proved to be a pair."""
        self._thread.start()
        self._put(_Order(0, self._base, self._begin, copy_context()))

    def order(self, name: str, desk: Desk, *, second: str | None = None) -> int:
        """Have the card of a job or request made; the job's id. The same order twice is one.

        Raises NotAllowed, JobNotReady, RemakeUnauthorised, SamePerson, JobUnknown, :class:`LineStopped`; what happens
        afterwards is told by :meth:`events`.
        """
        desk.must(Act.ISSUE)
        with desk.database.reading() as tx:
            known = tx.jobs.find(name)
            product = tx.requests.get(known.request_id).product
        if self.works_on(known.id):
            return known.id
        job = ready_job(desk, name, second)
        stock = desk.product(product).product.stock
        desk = replace(desk, looks=True)
        work = lambda devices, progress: issue(desk, devices, str(job.id), progress)  # noqa: E731
        self._put(_Order(job.id, desk, work, copy_context(), (stock,)))
        return job.id

    def resolve(self, job_id: int, eye: Eye | None, desk: Desk) -> None:
        """Have a job in doubt settled: the chip is read back; ``eye`` says what a person saw. Told by events."""
        desk.must(Act.RESOLVE)
        desk = replace(desk, looks=True)

        def work(devices: Devices, progress: Progress) -> None:
            with desk.database.reading() as tx:
                job = tx.jobs.get(job_id)
            settle(desk, devices, job, eye, progress=progress)

        self._put(_Order(job_id, desk, work, copy_context()))

    def settle(self, desk: Desk) -> tuple[int, ...]:
        """Have what is in doubt settled as far as a machine can, once in a run, in this person's name; these jobs."""
        if not desk.person.may(Act.RESOLVE):
            return ()
        with self._lock:
            before, self._settled = self._settled, True
        if before:
            return ()
        with desk.database.reading() as tx:
            doubtful = tx.jobs.all(JobState.IN_DOUBT)
        for job in doubtful:
            self.resolve(job.id, None, desk)
        return tuple(job.id for job in doubtful)

    def look(self) -> None:
        """Have reader and printer looked at, and the pair proved again."""
        self._put(_Order(0, self._base, lambda devices, _: prove_pair(devices), copy_context()))

    def events(self, job_id: int, after: int = 0) -> tuple[LineEvent, ...]:
        """What was told of a job since this program began, with numbers above ``after``."""
        return self._events.after(job_id, after)

    def wait(self, job_id: int, after: int, seconds: float) -> tuple[LineEvent, ...]:
        """The same; waits at most ``seconds`` for news."""
        return self._events.wait(job_id, after, seconds)

    def status(self) -> LineStatus:
        """The machine as it was seen last, and what it is busy with."""
        with self._lock:
            now = self._status
        return replace(now, busy_with=now.busy_with or None, waiting=tuple(filter(None, now.waiting)))

    def works_on(self, job_id: int) -> bool:
        """Whether a job is in work, or waits for the machine."""
        now = self.status()
        return job_id == now.busy_with or job_id in now.waiting

    def stop(self, seconds: float = 300.0) -> None:
        """Finish the card in work, begin no other, and end; orders that waited stay queued in the books."""
        self._stopping.set()
        self._orders.put(None)
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _put(self, order: _Order) -> None:
        if self._stopping.is_set():
            raise LineStopped(
                Text("The station is shutting down.", "制卡点正在关闭。"),
                do=Text("Order again when it is up.", "请在重新启动后再制卡。"),
            )
        with self._lock:
            now = self._status
            if order.job_id in now.waiting or order.job_id == now.busy_with:
                return
            self._status = replace(now, waiting=(*now.waiting, order.job_id))
        self._tell(order, "order")
        self._orders.put(order)

    def _tell(self, order: _Order, stage: str, done: int = 0, of: int = 0, why: CardfabError | None = None) -> None:
        if order.job_id:
            self._events.add(order.job_id, order.desk.at(), stage, done, of, why)

    def _now(self, **changed: object) -> None:
        with self._lock:
            self._status = replace(self._status, **changed)  # type: ignore[arg-type]

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            with self._lock:
                waiting = tuple(one for one in self._status.waiting if one != order.job_id)
                self._status = replace(self._status, busy_with=order.job_id, waiting=waiting)
            why = None if self._stopping.is_set() else order.context.run(self._carry, order)
            told = (None, None) if why is None else (why.what, why.do)
            self._now(busy_with=None, fault=told[0], do=told[1])
            self._tell(order, "ended" if why is None else "fault", why=why)

    def _carry(self, order: _Order) -> CardfabError | None:
        """Do one order; what it ended with."""
        try:
            with ExitStack() as stack:
                devices = self._opened(stack, order)
                self._tell(order, "look")
                try:
                    order.work(devices, lambda stage, done, of: self._tell(order, stage, done, of))
                finally:
                    self._see(devices)
        except CardfabError as refused:
            order.desk.refused(refused)
            return refused
        except Exception:
            _LOG.exception("an order of job %s ended unexpectedly", order.job_id)
            find_interrupted(self._base)
            return WentWrong(
                Text("Something unexpected happened.", "发生意外错误。"),
                do=Text("Settle the job, and tell who looks after the station.", "请核实该作业，并告知维护人员。"),
            )
        return None

    def _opened(self, stack: ExitStack, order: _Order) -> Devices:
        """The devices; waits while the counter has them."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return stack.enter_context(self._devices(order.desk, order.stocks))
            except DeviceFault as fault:
                if fault.code != _BUSY or time.monotonic() > until or self._stopping.is_set():
                    if fault.code != _BUSY:
                        with self._lock:
                            self._status = absent(self._status, fault)
                    raise
            time.sleep(0.1)

    def _begin(self, devices: Devices, _: Progress) -> None:
        find_interrupted(self._base)
        if devices.printer is not None:
            devices.printer.prepare()
        prove_pair(devices)

    def _see(self, devices: Devices) -> None:
        found = seen(devices)
        self._now(reader=found.reader, printer=found.printer, ribbon=found.ribbon, at=self._base.at())


__all__ = ["Line", "LineStopped", "OpenDevices", "WentWrong"]
