"""A small file system of its own, filled and emptied again; gone at the end, whatever happens in between."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class NoDisk(Exception):
    """It could not be mounted; the sentence says what the system answered."""


class SmallDisk:
    """``size`` in kilobytes; at ``path``, which is made."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self._size = path, size

    def __enter__(self) -> SmallDisk:
        self.path.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={self._size}k,mode=0700", "tmpfs", str(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        # What a test left running there must not keep it: it is taken away at once, and goes with its last user.
        _run("umount", "--lazy", str(self.path))

    @property
    def left(self) -> int:
        """Kilobytes that it still takes."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_bsize // 1024

    def fill(self, leave: int) -> None:
        """Take all room but so many kilobytes."""
        with self._ballast.open("ab") as file:
            while (more := self.left - leave) > 0:
                file.write(bytes(1024 * more))
                file.flush()

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        raise NoDisk(
            f"this test needs root and the right to mount (CAP_SYS_ADMIN); '{' '.join(command)}' said: "
            f"{done.stderr.strip()}"
        )


__all__ = ["NoDisk", "SmallDisk"]
