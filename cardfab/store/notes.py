"""Leaves noted while a transaction is open, kept where its roll-back cannot reach: a file beside the database.

SQLite lets nobody write while a transaction is open, so a second connection is no way out. The file is whole and on
the disk before :meth:`NoteFile.add` returns; it is emptied when its leaves are in the database. What a process that
died left behind is taken in by the next one; a lock on the file says who still lives.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class NoteFile:
    """The waiting leaves of one process."""

    def __init__(self, database: Path) -> None:
        self._beside = database
        self._handle: int | None = None
        self._path: Path | None = None
        self.reached = False
        """Whether everything that was noted is in the database."""

    def add(self, leaves: Iterable[bytes]) -> None:
        """Keep leaves; they are on the disk when this returns, and none of them where it raises OSError."""
        if self._handle is None:
            self._path = self._beside.with_name(f"{self._beside.name}-notes-{os.getpid()}-{os.urandom(4).hex()}")
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            _sync_folder(self._path.parent)
        before = os.fstat(self._handle).st_size
        try:
            _write_all(self._handle, b"".join(leaf + b"\n" for leaf in leaves))
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, before)  # the next leaf must not stand behind half a one
            raise

    def leaves(self) -> tuple[bytes, ...]:
        """What waits."""
        return () if self._path is None else _whole_lines(self._path)

    def taken(self) -> None:
        """What waited is in the database."""
        if self._handle is not None and self._path is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle, self._path = None, None
        self.reached = True


@contextmanager
def left_behind(database: Path) -> Iterator[tuple[bytes, ...]]:
    """The leaves of processes that died; their files go when the ``with`` block ends well."""
    held: list[tuple[int, Path]] = []
    try:
        for path in sorted(database.parent.glob(f"{database.name}-notes-*")):
            with suppress(FileNotFoundError, BlockingIOError):
                handle = os.open(path, os.O_RDWR)
                held.append((handle, path))
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(held.pop()[0])
                    raise
        yield tuple(leaf for _, path in held for leaf in _whole_lines(path))
        for _, path in held:
            path.unlink(missing_ok=True)
    finally:
        for handle, _ in held:
            os.close(handle)


def _write_all(handle: int, data: bytes) -> None:
    """A disk that is nearly full takes a part, and says no only when asked again."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def _whole_lines(path: Path) -> tuple[bytes, ...]:
    """The lines that have their end; a cut one was never acknowledged."""
    with suppress(FileNotFoundError):
        return tuple(path.read_bytes().split(b"\n")[:-1])
    return ()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
