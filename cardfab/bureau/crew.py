"""The shards of a batch, prepared by processes of one machine.

The processes are forked once the station is open, so that nobody is asked for a word again; a process that holds keys
locks its memory again, since a fork does not keep that (:mod:`cardfab.hardening`). The key store goes along where the
keys are in this process's memory. Of a key service each process opens a connection of its own; a token's session
belongs to one process (``desk_of`` says which). A process reads and computes for itself and writes by turns with the
others, which the database sees to.

The parent gives out one shard at a time. A process that dies gives its shard back by dying, and the others go on, the
parent last; the parent's death ends the others behind the shard in hand, since their lines to it close. An error that a
process meets is met again by the parent, which does that shard itself and says it. Whatever happens, what is done is
done, and the next preparation goes on from there.
"""

from __future__ import annotations

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from cardfab.bureau.preparing import do_shard
from cardfab.hardening import harden
from cardfab.station.desk import Desk

DeskOf = Callable[[Desk], AbstractContextManager[Desk]]
"""Gives a forked process its own desk: database connections, and keys by the same record."""
Tell = Callable[[int, int], None]
"""Hears how many shards of how many are done."""


def do_shards(desk: Desk, batch_id: int, shards: Sequence[int], *, processes: int, desk_of: DeskOf, tell: Tell) -> int:
    """Prepare these shards; how many processes were lost on the way. Raises what a shard is refused for."""
    left, lost = deque(shards), 0
    workers = _start(desk, batch_id, processes, desk_of) if processes > 1 and len(shards) > 1 else {}
    hands: dict[Connection, int] = {}
    try:
        for line in workers:
            _give(line, left, hands)
        while hands:
            heard = wait(list(hands))
            for line in [one for one in hands if one in heard]:
                shard = hands.pop(line)
                try:
                    done = line.recv()
                except (EOFError, OSError):
                    lost += 1
                    left.appendleft(shard)
                    continue
                if not done:
                    do_shard(desk, batch_id, shard, _name(desk))  # says what is wrong
                tell(len(shards) - len(left) - len(hands), len(shards))
                _give(line, left, hands)
        while left:  # those who are left: nobody but this process
            do_shard(desk, batch_id, left.popleft(), _name(desk))
            tell(len(shards) - len(left), len(shards))
    finally:
        for line in workers:  # all hear it now: the end of one may take a while
            line.close()
        for process in workers.values():
            process.join()
    return lost


def _give(line: Connection, left: deque[int], hands: dict[Connection, int]) -> None:
    if left:
        shard = left.popleft()
        hands[line] = shard
        with suppress(OSError):  # it died: waiting for it says so
            line.send(shard)


def _start(desk: Desk, batch_id: int, processes: int, desk_of: DeskOf) -> dict[Connection, BaseProcess]:
    """Fork. Nothing of the parent's database is open meanwhile: a connection is of one process."""
    desk.database.close()
    gc.collect()
    gc.freeze()  # what is there stays shared
    context = get_context("fork")
    workers: dict[Connection, BaseProcess] = {}
    for _ in range(processes):
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work, args=(desk, batch_id, theirs, [*workers, ours], desk_of), daemon=True, name="prepare"
        )
        process.start()
        theirs.close()
        workers[ours] = process
    gc.unfreeze()
    return workers


def _work(desk: Desk, batch_id: int, line: Connection, others: Sequence[Connection], desk_of: DeskOf) -> None:
    """A process: shards as they come, until the line closes. It leaves without the parent's ends being tidied."""
    status = 1
    try:
        for other in others:  # else the parent's death would not be heard of
            other.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and closes the line
        harden()
        with desk_of(desk) as own:
            while True:
                try:
                    shard = line.recv()
                except EOFError:
                    break
                line.send(_done(own, batch_id, shard))
        status = 0
    except OSError:
        status = 0  # the parent is gone
    finally:
        os._exit(status)


def _done(desk: Desk, batch_id: int, shard: int) -> bool:
    try:
        do_shard(desk, batch_id, shard, _name(desk))
    except Exception:  # the parent meets it again, and says it
        return False
    return True


def _name(desk: Desk) -> str:
    return f"{desk.station}/{os.getpid()}"


__all__ = [
    "DeskOf",
    "Tell",
    "do_shards",
]
