"""Shards of a batch are put into the queue: a task each, and a last one that ends the batch's preparation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from cardfab.bureau.workers.places import FINISH, QUEUE, SHARD, lock_of, server_of
from cardfab.bureau.workers.schema import ensure, path_options
from cardfab.production import Act
from cardfab.production.batches import BatchState, ShardState
from cardfab.station.desk import Desk

_AT_ONCE: Final = 1000
_LAST: Final = -10
"""The priority of what ends a batch: behind every shard."""
_OPEN = ("todo", "doing", "failed")


@dataclass(frozen=True, slots=True)
class Deferred:
    """What was done: tasks that are new, that had failed and wait again, that were in the queue already."""

    batch_id: int
    new: int
    again: int
    waiting: int


def defer(desk: Desk, batch_id: int) -> Deferred:
    """See :func:`cardfab.bureau.workers.defer`."""
    desk.must(Act.BATCH)
    server = server_of(desk.database)
    with desk.database.reading() as tx:
        batch = tx.batches.get(batch_id)
        shards = tx.shards.of(batch_id, ShardState.WAITING, ShardState.DRAWN)
    if batch.state is not BatchState.APPROVED:
        return Deferred(batch_id, 0, 0, 0)
    ensure(server)
    app = App(connector=SyncPsycopgConnector(kwargs=path_options(server), min_size=1, max_size=1))
    with app.open():
        done = _put(app, batch_id, [one.shard for one in shards])
    details = {"batch": str(batch_id), "new": str(done.new), "again": str(done.again)}
    desk.database.note(desk.event("batch.defer", batch.token, "done", details))
    return done


def _put(app: App, batch_id: int, shards: Sequence[int]) -> Deferred:
    wanted = {lock_of(batch_id, number): _task(batch_id, number) for number in shards}
    wanted[lock_of(batch_id, None)] = _task(batch_id, None)
    while True:
        there = _there(app, batch_id)
        new = [task for lock, task in wanted.items() if lock not in there]
        try:
            for first in range(0, len(new), _AT_ONCE):
                app.job_manager.batch_defer_jobs(new[first : first + _AT_ONCE])
        except AlreadyEnqueued:  # somebody else is at the same
            continue
        failed = [job for job in there.values() if job.status == "failed" and job.id is not None]
        for job in failed:
            app.job_manager.retry_job_by_id(job.id or 0, datetime.now(UTC))
        return Deferred(batch_id, len(new), len(failed), len(there) - len(failed))


def _there(app: App, batch_id: int) -> dict[str, Job]:
    """The batch's tasks that have not succeeded, by their locks."""
    found = (job for status in _OPEN for job in app.job_manager.list_jobs(queue=QUEUE, status=status))
    return {job.lock: job for job in found if job.lock is not None and job.task_kwargs.get("batch") == batch_id}


def _task(batch_id: int, shard: int | None) -> Job:
    lock = lock_of(batch_id, shard)
    last = shard is None
    return Job(
        queue=QUEUE,
        task_name=FINISH if last else SHARD,
        task_kwargs={"batch": batch_id} if shard is None else {"batch": batch_id, "shard": shard},
        lock=lock,
        queueing_lock=lock,
        priority=_LAST if last else 0,
    )


__all__ = ["Deferred", "defer"]
