"""What becomes of a task that ended badly: it comes again, or waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from cardfab.errors import CardfabError, DeviceFault, InDoubt
from cardfab.keys.away import KeysAway
from cardfab.keys.pool import PoolEmpty

Tell = Callable[[object, object, BaseException, float | None], None]
"""Of batch, shard, what happened, and the seconds after which it comes again (None: it does not)."""

LONGEST: Final = 30.0
TRIES: Final = 3
"""Of what nobody foresaw; a database or a key store that is away is waited for without end."""


class NotYet(Exception):
    """The end of a batch, while a shard of it is in somebody's hands."""


class Ended(Exception):
    """In whose name the worker works may do so no longer: the task goes back as it was."""

    def __init__(self, why: CardfabError) -> None:
        super().__init__(why.what.en)
        self.why = why


class Again(BaseRetryStrategy):
    """See :func:`wait_for`. ``tell`` hears of every task that ended badly, ``end`` of a worker that may no longer."""

    def __init__(self, tell: Tell, end: Callable[[CardfabError], None]) -> None:
        self._tell, self._end = tell, end

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, Ended):
            self._end(exception.why)
            return RetryDecision()
        wait = wait_for(exception, job.attempts)
        if not isinstance(exception, NotYet):
            self._tell(job.task_kwargs.get("batch"), job.task_kwargs.get("shard", "-"), exception, wait)
        return None if wait is None else RetryDecision(retry_in={"seconds": int(wait)})


def wait_for(error: BaseException, attempts: int) -> float | None:
    """Seconds until a task comes again after ``attempts`` tries before this one; None: a person has to look.

    Database, devices, key store and pool come back; what was refused for what it is stays refused.
    """
    if isinstance(error, NotYet):
        return 1.0
    if isinstance(error, DeviceFault | InDoubt | KeysAway | PoolEmpty):
        return min(LONGEST, 2.0 * (attempts + 1))
    if isinstance(error, CardfabError) or attempts + 1 >= TRIES:
        return None
    return 2.0 * (attempts + 1)


__all__ = [
    "LONGEST",
    "TRIES",
    "Again",
    "Ended",
    "NotYet",
    "Tell",
    "wait_for",
]
