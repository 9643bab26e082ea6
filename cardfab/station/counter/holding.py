"""Who holds a service: a lock on a file of its own beside the database, which the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cardfab.station.desk import Desk


@contextmanager
def held(desk: Desk, token: str) -> Iterator[None]:
    """Hold a service from before it is booked until its end is; the lock is of this block, not of the process."""
    file = _file(desk, token)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(handle)


def is_held(desk: Desk, token: str) -> bool:
    """Whether somebody at this station has the service in work, in this process or another."""
    try:
        handle = os.open(_file(desk, token), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def let_go(desk: Desk, token: str) -> None:
    """Take away what the death of its holder left."""
    _file(desk, token).unlink(missing_ok=True)


def _file(desk: Desk, token: str) -> Path:
    beside = desk.database.path
    return beside.with_name(f"{beside.name}-service-{token}.lock")


__all__ = ["held", "is_held", "let_go"]
