"""Where the sealed key file lies: whole on disk or not changed, one generation kept before it, one writer at a time.

A write is: the new file under another name, fsync; the present one as ``FILE.1``, fsync; rename; fsync of the folder.
Whenever it is cut, ``FILE`` is the old file or the new one, whole, and ``FILE.1`` opens.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cardfab.errors import KeyFault, Text
from cardfab.keys.store import StoreLocked


class StoreBusy(KeyFault):
    """Another program is changing the key store."""

    default_code = "CF-6260"


class KeyFile:
    """A key file by path."""

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        self.path = path
        self._patience = patience

    @property
    def before(self) -> Path:
        """The generation before."""
        return self.path.with_name(self.path.name + ".1")

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.is_file()

    def read(self) -> bytes:
        """The file; raises :class:`~cardfab.keys.store.StoreLocked` where there is none."""
        if not self.exists():
            kept = self.before.is_file()
            raise StoreLocked(
                Text(f"There is no key store {self.path.name}.", f"没有密钥库 {self.path.name}。"),
                do=Text(
                    "The generation before is there: 'cardfab keys backup --restore'.",
                    "上一代文件仍在：cardfab keys backup --restore。",
                )
                if kept
                else None,
            )
        return self.path.read_bytes()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time; the kernel frees the lock when its holder dies. Raises :class:`StoreBusy`."""
        until = time.monotonic() + self._patience
        handle = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as busy:
                    if time.monotonic() >= until:
                        raise StoreBusy(
                            Text("Another program is changing the key store.", "另一程序正在修改密钥库。"),
                            do=Text("Wait for it, then try again.", "请等待其结束后重试。"),
                        ) from busy
                    time.sleep(0.02)
            yield
        finally:
            os.close(handle)

    def write(self, data: bytes, *, both: bool = False) -> None:
        """Put the file in place. ``both``: the generation before becomes the same, so that nothing of it is left."""
        fresh = self.path.with_name(self.path.name + ".new")
        _write_through(fresh, data)
        if both or self.exists():
            old = self.path.with_name(self.path.name + ".1.new")
            _write_through(old, data if both else self.path.read_bytes())
            if not both:
                old.replace(self.before)
        fresh.replace(self.path)
        if both:  # after the file itself: were it before, a cut here would leave the old key sealed in neither
            old.replace(self.before)
        _sync_folder(self.path.parent)

    def before_bytes(self) -> bytes:
        """The generation before; raises :class:`~cardfab.keys.store.StoreLocked` where there is none."""
        if not self.before.is_file():
            raise StoreLocked(Text("There is no generation before.", "没有上一代文件。"), code="CF-6302")
        return self.before.read_bytes()

    def restore(self) -> None:
        """Put the generation before in the file's place."""
        with self.locked():
            data = self.before_bytes()
            fresh = self.path.with_name(self.path.name + ".new")
            _write_through(fresh, data)
            fresh.replace(self.path)
            _sync_folder(self.path.parent)


def write_private(path: Path, data: bytes) -> None:
    """A file that only its owner reads, whole or not at all, on the disk when this returns."""
    fresh = path.with_name(path.name + ".part")
    _write_through(fresh, data)
    fresh.replace(path)
    _sync_folder(path.parent)


def _write_through(path: Path, data: bytes) -> None:
    """A file that only its owner reads, on the disk when this returns."""
    with suppress(FileNotFoundError):
        path.unlink()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
