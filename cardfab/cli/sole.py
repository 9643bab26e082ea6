"""One program at a time for something that a station has once."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cardfab.errors import CardfabError


@contextmanager
def sole(file: Path, busy: CardfabError) -> Iterator[None]:
    """Hold a lock file; raises ``busy`` where another holds it. The kernel frees it when its holder dies, however."""
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise busy from held
        yield


@contextmanager
def among(file: Path, alone: Callable[[], object]) -> Iterator[None]:
    """Be one of those that live here; ``alone`` is called first where nobody else is, and nobody comes meanwhile."""
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone()
        except BlockingIOError:
            pass
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield
