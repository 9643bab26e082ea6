"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of the log, signed as a note.

One extension line is ours: ``time 2026-11-21T21:32:00.123Z``, the signing clock's time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cardfab.audit.merkle import HASH
from cardfab.audit.moment import is_recordable, read_moment, write_moment
from cardfab.audit.note import Sign, VerifierKey, open_note, read_base64, sign_note
from cardfab.audit.refused import AuditRefused
from cardfab.errors import Text

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_LINE = re.compile(r"[^\x00-\x1f\ud800-\udfff]+")
_TIME = "time "


def _refused(en: str, zh: str) -> AuditRefused:
    return AuditRefused(Text(en, zh), code="CF-3505")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its name, its number of leaves, its root of 32 bytes; raises :class:`AuditRefused` (CF-3505).

    The origin is a name without spaces and plus (what the format recommends, this house demands).
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _LINE.fullmatch(self.origin) or "+" in self.origin or any(c.isspace() for c in self.origin):
            raise _refused("The log's origin is not a plain name.", "日志来源名称不合规。")
        if not 0 <= self.size < 10**18 or len(self.root) != HASH:
            raise _refused("The checkpoint's size or root is out of range.", "检查点的条数或根值超出范围。")
        if not all(_LINE.fullmatch(line) for line in self.extensions):
            raise _refused(
                "An extension line of the checkpoint is empty or not text.", "检查点的扩展行为空或不是文本。"
            )

    @classmethod
    def at(cls, time: datetime, origin: str, size: int, root: bytes) -> Checkpoint:
        """A checkpoint that says when it was made; ``time`` as an event's."""
        if not is_recordable(time):
            raise _refused(
                "The checkpoint's time is not UTC in whole milliseconds.", "检查点的时间不是整毫秒的 UTC 时间。"
            )
        return cls(origin, size, root, (_TIME + write_moment(time),))

    @property
    def time(self) -> datetime | None:
        """When it was made, if its first extension line says so."""
        if not self.extensions or not self.extensions[0].startswith(_TIME):
            return None
        try:
            return read_moment(self.extensions[0].removeprefix(_TIME))
        except ValueError:
            return None

    def text(self) -> str:
        """The note text."""
        root = base64.b64encode(self.root).decode()
        return "".join(line + "\n" for line in (self.origin, str(self.size), root, *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Strictly the inverse of :meth:`text`."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not _SIZE.fullmatch(lines[1]):
            raise _refused("The checkpoint is not origin, size and root.", "检查点不是来源、条数、根值三行。")
        try:
            root = read_base64(lines[2])
        except ValueError as bad:
            raise _refused("The checkpoint's root is not base64.", "检查点的根值不是 base64。") from bad
        return cls(lines[0], int(lines[1]), root, tuple(lines[3:]))


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, sign: Sign) -> bytes:
    """The signed note's bytes, as they are stored, sent out and exported."""
    return sign_note(checkpoint.text(), key, sign).encode()


def open_checkpoint(data: bytes, keys: Sequence[VerifierKey]) -> tuple[Checkpoint, tuple[VerifierKey, ...]]:
    """A signed checkpoint and which of ``keys`` signed it; raises :class:`AuditRefused` (CF-3503 to CF-3505)."""
    note, by = open_note(data, keys)
    return Checkpoint.parse(note.text), by
