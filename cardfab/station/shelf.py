"""Chip keys made ahead, as sealed files in a folder: each is given away once.

A key is taken by renaming its file, which one process can do once; only then is it read, and removed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

READY, TAKEN = ".key", ".taken"


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """A :class:`cardfab.keys.pool.Shelf` over a folder, one below it for each kind."""

    folder: Path

    def put(self, kind: str, sealed: bytes) -> None:
        """Keep a sealed key; it is there, whole, once this returns."""
        place = self.folder / kind
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = secrets.token_hex(8)
        new = place / f".{name}"
        with new.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        new.rename(place / (name + READY))
        _settle(place)

    def take(self, kind: str) -> bytes | None:
        """A key that nobody else gets; None where none is left."""
        for path in (self.folder / kind).glob("*" + READY):
            mine = path.with_suffix(TAKEN)
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                path.rename(mine)
                _settle(path.parent)
                sealed = mine.read_bytes()
                mine.unlink()
                return sealed
        return None

    def take_many(self, kind: str, count: int) -> list[bytes]:
        """Keys that nobody else gets, ``count`` or as many as there are; the folder is read once."""
        place = self.folder / kind
        mine: list[Path] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(place) as found:
            for entry in found:
                if len(mine) == count:
                    break
                if entry.name.endswith(READY):
                    taken = place / (entry.name.removesuffix(READY) + TAKEN)
                    with contextlib.suppress(FileNotFoundError):  # another process was quicker
                        (place / entry.name).rename(taken)
                        mine.append(taken)
        if mine:
            _settle(place)
        sealed = [path.read_bytes() for path in mine]
        for path in mine:
            path.unlink()
        return sealed

    def count(self, kind: str) -> int:
        """How many are left."""
        return sum(1 for _ in (self.folder / kind).glob("*" + READY))


def _settle(folder: Path) -> None:
    """What was renamed in a folder stays so when the power goes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
