"""Checkpoints where the station cannot reach back: one new file each, never written over.

The folder is another machine's (a mount that takes new files only, a write-once medium, a mail spool). What lies there
binds the station: a record that was cut or written anew does not agree with it. A restore from a backup is said there
too: the checkpoints of what it lost stay for the auditor, and what is signed afterwards has names of its own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cardfab.audit import Checkpoint, SignedNote
from cardfab.errors import DeviceFault, Text

_NAME = re.compile(r"(?P<station>.+)-(?P<size>[0-9]{12})\.checkpoint")
_RESTORED = re.compile(r"(?P<station>.+)-[0-9]{3}-(?P<size>[0-9]{12})\.restored")


class OutsideRefused(DeviceFault):
    """A checkpoint cannot be put outside, or another one lies there under its name."""

    default_code = "CF-5720"


@dataclass(frozen=True, slots=True)
class Outside:
    """The folder, and the station whose checkpoints go there."""

    folder: Path
    station: str

    def keep(self, note: bytes) -> None:
        """Put a signed checkpoint there; it is on the disk when this returns. Raises :class:`OutsideRefused`."""
        size = Checkpoint.parse(SignedNote.parse(note).text).size
        file = self.folder / f"{self._series()[-1][0]}-{size:012d}.checkpoint"
        try:
            write_new(file, note)
        except FileExistsError as there:
            if not _same_head(file.read_bytes(), note):
                raise OutsideRefused(
                    Text(
                        f"{file.name} lies outside already and says something else: the record was written anew.",
                        f"外部已有 {file.name}，内容不同：记录曾被改写。",
                    ),
                    do=Text("Stop issuing; keep both.", "请停止制卡，并保留两者。"),
                    code="CF-5721",
                ) from there
        except OSError as broken:
            raise OutsideRefused(
                Text(
                    f"The checkpoint cannot be put outside: {broken.strerror}.",
                    f"检查点无法写到外部：{broken.strerror}。",
                ),
                do=Text("Look at [audit] outside in the settings.", "请检查配置 [audit] outside。"),
            ) from broken

    def last(self) -> bytes | None:
        """The newest checkpoint of this station that lies there."""
        return own[-1].read_bytes() if (own := self._own()) else None

    def all(self) -> list[bytes]:
        """Every checkpoint of this station that lies there, by size."""
        return [file.read_bytes() for file in self._own()]

    def restored(self, size: int, newest: bytes) -> None:
        """Say that the record goes on from ``size`` events; ``newest`` is the checkpoint of what is lost."""
        write_new(self.folder / f"{self.station}-{len(self._series()):03d}-{size:012d}.restored", newest)

    def _series(self) -> list[tuple[str, int | None]]:
        """The names that checkpoints have had, and up to which size each counts: a new one after every restore."""
        named = (_RESTORED.fullmatch(file.name) for file in sorted(self.folder.glob("*.restored")))
        sizes = [int(name["size"]) for name in named if name and name["station"] == self.station]
        names = [self.station, *(f"{self.station}+{number}" for number in range(1, len(sizes) + 1))]
        return list(zip(names, [*sizes, None], strict=True))

    def _own(self) -> list[Path]:
        most = dict(self._series())
        named = ((_NAME.fullmatch(file.name), file) for file in self.folder.glob("*.checkpoint"))
        own = [
            (int(name["size"]), file)
            for name, file in named
            if name
            and name["station"] in most
            and ((up_to := most[name["station"]]) is None or int(name["size"]) <= up_to)
        ]
        return [file for _, file in sorted(own)]


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is not there yet, to the disk; raises FileExistsError."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _same_head(one: bytes, other: bytes) -> bool:
    """Whether two checkpoints speak of the same tree; each may have been signed at its own time."""
    first, second = (Checkpoint.parse(SignedNote.parse(note).text) for note in (one, other))
    return (first.origin, first.size, first.root) == (second.origin, second.size, second.root)
