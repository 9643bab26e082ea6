"""A worker: takes shards from the queue and prepares them, until it is told to end or nothing is left.

Each shard is a thread's work; the loop beside it says that the worker lives, gives back what lost workers held, and
hears signals. Nothing here is needed for a batch to be right: that is the shard's own transaction.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Final

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException

from cardfab.bureau import preparing
from cardfab.bureau.workers.again import Again, Ended, NotYet
from cardfab.bureau.workers.places import FINISH, QUEUE, SHARD, Pace, server_of
from cardfab.bureau.workers.schema import ensure, path_options
from cardfab.errors import CardfabError, DeviceFault, InDoubt, InputRefused, Text
from cardfab.production import Act, Person
from cardfab.production.batches import BatchState
from cardfab.station.desk import Desk

_LEFT: Final = (
    "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE queue_name = %(queue)s AND status IN ('todo', 'doing')"
    " AND (%(batch)s::bigint IS NULL OR task_name = %(task)s AND (args->>'batch')::bigint = %(batch)s)) AS is_left"
)
_QUIET: Final = ("procrastinate", "psycopg.pool", "asyncio")
"""What these libraries log is told by :attr:`Worker.tell` where it matters; nothing else of it goes anywhere."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is done for a shard, and at the end of a batch."""

    do: Callable[[Desk, int, int, str], str] = preparing.do_shard
    finish: Callable[[Desk, int], str] = preparing.finish_prepare


@dataclass(slots=True)
class Tally:
    """What a worker did. ``seconds``: of its shards together; ``given_back``: shards of lost workers."""

    shards: int = 0
    seconds: float = 0.0
    failed: int = 0
    given_back: int = 0
    away: int = 0
    """How often the database was not reached."""


@dataclass(slots=True)
class Worker:
    """``who`` is asked before each shard in whose name it is prepared, and raises where that is over."""

    desk: Desk
    who: Callable[[], Person]
    name: str
    tell: Callable[[Text], None]
    pace: Pace = field(default_factory=Pace)
    concurrency: int = 1
    drain: bool = False
    work: Work = field(default_factory=Work)
    tally: Tally = field(default_factory=Tally)
    _ends: bool = False
    _why: CardfabError | None = None
    _reached: bool = True
    _loop: asyncio.AbstractEventLoop | None = None
    _running: asyncio.Task[None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> Tally:
        """Work; what was done. Raises what ended the right to work, WorkersRefused, NotAllowed."""
        self.desk.must(Act.BATCH)
        server = server_of(self.desk.database)
        ensure(server)
        for name in _QUIET:
            logging.getLogger(name).addHandler(logging.NullHandler())
            logging.getLogger(name).propagate = False
        asyncio.run(self._run(_bound(path_options(server), self.pace)))
        if self._why is not None:
            raise self._why
        return self.tally

    async def _run(self, server: dict[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._signalled)
        while not self._ends:
            app = App(connector=PsycopgConnector(kwargs=server, min_size=1, max_size=4, timeout=self.pace.lost))
            self._define(app)
            try:
                async with app.open_async():
                    await self._attend(app)
            except (ConnectorException, psycopg.Error, OSError) as broken:
                if not _is_away(broken):
                    raise
                self._gone()
            if not self._ends:
                await asyncio.sleep(self.pace.again)

    async def _attend(self, app: App) -> None:
        """Until the line breaks, or the worker is to end and has nothing in hand."""
        if self._ends:  # told so while the line was being opened
            return
        self._running = asyncio.create_task(
            app.run_worker_async(
                queues=[QUEUE], name=self.name, concurrency=self.concurrency, install_signal_handlers=False,
                delete_jobs="successful", update_heartbeat_interval=self.pace.beat,
                stalled_worker_timeout=self.pace.lost, fetch_job_polling_interval=self.pace.look,
            )
        )  # fmt: skip
        watching = asyncio.create_task(self._watch(app))
        try:
            await asyncio.wait({self._running})
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        if not self._running.cancelled():
            self._running.result()

    async def _watch(self, app: App) -> None:
        while True:
            try:
                await self._give_back(app)
                if not self._reached:
                    self._reached = True
                    self.tell(Text("The database is reached again.", "数据库已恢复连接。"))
                if self.drain and not await self._left(app):
                    self._end()
            except (ConnectorException, psycopg.Error, OSError) as broken:
                if not _is_away(broken):
                    self._end()
                    raise
                self._gone()
            await asyncio.sleep(self.pace.look)

    async def _give_back(self, app: App) -> None:
        manager = app.job_manager
        for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self.pace.lost):
            with suppress(ConnectorException):  # somebody else was quicker, or it was done after all
                await manager.retry_job(job)
                self.tally.given_back += 1
                batch, shard = job.task_kwargs.get("batch"), job.task_kwargs.get("shard", "-")
                self.tell(
                    Text(f"Batch {batch} shard {shard}: its worker is lost; it is given to another.",
                         f"批次 {batch} 分片 {shard}：工作进程已失联，转交他处。")
                )  # fmt: skip

    async def _left(self, app: App, batch: int | None = None) -> bool:
        """Whether anything waits or is in hand: in the whole queue, or of the shards of one batch."""
        row = await app.connector.execute_query_one_async(_LEFT, queue=QUEUE, task=SHARD, batch=batch)
        return bool(row["is_left"])

    def _define(self, app: App) -> None:
        again = Again(self._tell_failed, self._end_because)

        @app.task(name=SHARD, queue=QUEUE, retry=again)
        def shard(*, batch: int, shard: int) -> None:
            self._shard(batch, shard)

        @app.task(name=FINISH, queue=QUEUE, retry=again)
        async def finish(*, batch: int) -> None:
            try:
                await asyncio.to_thread(self._finish, batch)
            except InputRefused as refused:
                if await self._left(app, batch):  # a shard is in another worker's hands
                    raise NotYet from refused
                raise

    def _here(self) -> Desk:
        """The desk of who still may; raises :class:`~cardfab.bureau.workers.again.Ended`."""
        try:
            desk = replace(self.desk, person=self.who())
            desk.must(Act.BATCH)
        except (DeviceFault, InDoubt):
            raise
        except CardfabError as over:
            raise Ended(over) from over
        return desk

    def _shard(self, batch: int, shard: int) -> None:
        begun = monotonic()
        desk = self._here()
        if self._state(desk, batch) is BatchState.REFUSED:  # its tasks had been put into the queue before
            self.tell(
                Text(f"Batch {batch} was refused: shard {shard} is passed over.",
                     f"批次 {batch} 已拒收：跳过分片 {shard}。")
            )  # fmt: skip
            return
        self.work.do(desk, batch, shard, self.name)
        seconds = monotonic() - begun
        with self._lock:
            self.tally.shards += 1
            self.tally.seconds += seconds
        self.tell(
            Text(f"Batch {batch} shard {shard} is done in {seconds:.1f} s.",
                 f"批次 {batch} 分片 {shard} 已完成，用时 {seconds:.1f} 秒。")
        )  # fmt: skip

    def _finish(self, batch: int) -> None:
        desk = self._here()
        if self._state(desk, batch) is BatchState.APPROVED:
            self.work.finish(desk, batch)
            self.tell(Text(f"Batch {batch} is prepared.", f"批次 {batch} 数据已准备。"))

    @staticmethod
    def _state(desk: Desk, batch: int) -> BatchState:
        with desk.database.reading() as tx:
            return tx.batches.get(batch).state

    def _tell_failed(self, batch: object, shard: object, error: BaseException, again: float | None) -> None:
        """A task ended badly; it comes ``again`` after some seconds, or waits for a person."""
        said = (error.what, error.code) if isinstance(error, CardfabError) else (Text(*(type(error).__name__,) * 2), "")
        if again is None:
            self.tally.failed += 1
            if isinstance(error, CardfabError):
                with suppress(CardfabError):
                    self.desk.refused(error, batch=str(batch), shard=str(shard))
        what, code = said
        after = (
            ("It is put aside.", "已搁置。")
            if again is None
            else (f"Again in {again:.0f} s.", f"{again:.0f} 秒后重试。")
        )
        self.tell(
            Text(f"Batch {batch} shard {shard}: {what.en} [{code}] {after[0]}",
                 f"批次 {batch} 分片 {shard}：{what.zh} [{code}] {after[1]}")
        )  # fmt: skip

    def _gone(self) -> None:
        if self._reached:
            self._reached = False
            self.tally.away += 1
            self.tell(
                Text("The database is not reached; this worker waits for it. [CF-5731]",
                     "无法连接数据库，工作进程等待恢复。[CF-5731]")
            )  # fmt: skip

    def _signalled(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one is not gentle
            if self._loop is not None:
                self._loop.remove_signal_handler(number)
        self.tell(Text("Told to end: the shard in hand is finished first.", "收到结束指令：先完成手中的分片。"))
        self._end()

    def _end_because(self, why: CardfabError) -> None:
        self._why = why
        self._end()

    def _end(self) -> None:
        if self._ends:  # a second cancellation would not wait for what is in hand
            return
        self._ends = True
        if self._running is not None:
            self._running.cancel()  # it finishes what it has in hand


def _bound(server: dict[str, Any], pace: Pace) -> dict[str, Any]:
    """A line that breaks is noticed well before this worker counts as lost to the others."""
    return {
        **server, "application_name": "cardfab worker", "connect_timeout": max(2, int(pace.lost / 6)),
        "tcp_user_timeout": int(pace.lost * 500), "keepalives_idle": max(1, int(pace.lost / 6)),
        "keepalives_interval": max(1, int(pace.lost / 12)), "keepalives_count": 3,
    }  # fmt: skip


def _is_away(broken: BaseException) -> bool:
    """Whether the database was not reached, or has forgotten this worker, which then comes anew."""
    cause = broken.__cause__ or broken
    return isinstance(
        cause, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ForeignKeyViolation | OSError
    )


__all__ = ["Tally", "Work", "Worker"]
