"""The export file: everything an outsider needs to verify the record, in one text. Format: ``docs/audit.md``.

Here is the form only; :mod:`cardfab.audit.verify` says whether it holds.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from cardfab.audit.checkpoint import Checkpoint
from cardfab.audit.event import AuditEvent
from cardfab.audit.merkle import HASH
from cardfab.audit.note import DASH, SignedNote, VerifierKey, read_base64
from cardfab.audit.refused import TAKE_AGAIN, AuditRefused
from cardfab.errors import Text

HEAD = "cardfab-audit-export v2"
HEAD_1 = "cardfab-audit-export v1"
"""Without leaf hashes: still read, no longer written."""
_COUNT = re.compile(r"0|[1-9][0-9]{0,17}")


def form_refused(en: str, zh: str, line: int) -> AuditRefused:
    """A line that is not what the format has there (CF-3510)."""
    return AuditRefused(Text(en, zh), code="CF-3510", line=line, do=TAKE_AGAIN)


@dataclass(frozen=True, slots=True)
class Export:
    """The parts of an export file. ``leaves`` are the events' bytes from 0; ``notes`` the checkpoints, oldest first.

    ``hashes``: of each leaf as the log was built, so that what was done to an event can be said; None in version 1.
    ``announced``: how many events the file says it has, where it has not so many.
    """

    origin: str
    keys: tuple[VerifierKey, ...]
    notes: tuple[SignedNote, ...]
    leaves: tuple[bytes, ...]
    hashes: tuple[bytes, ...] | None = None
    announced: int | None = None

    def encode(self) -> bytes:
        """The file's bytes."""
        keys = "".join(f"{key}\n" for key in self.keys)
        version = HEAD_1 if self.hashes is None else HEAD
        head = f"{version}\norigin {self.origin}\nkeys {len(self.keys)}\n{keys}checkpoints {len(self.notes)}\n"
        notes = b"".join(note.encode() for note in self.notes)
        tail = b"".join(leaf + b"\n" for leaf in self.leaves)
        count = len(self.leaves) if self.announced is None else self.announced
        hashes = ""
        if self.hashes is not None:
            lines = "".join(base64.b64encode(one).decode() + "\n" for one in self.hashes)
            hashes = f"hashes {len(self.hashes)}\n{lines}"
        return head.encode() + notes + f"{hashes}events {count}\n".encode() + tail

    def events(self) -> Iterator[AuditEvent]:
        """The events in order."""
        return map(AuditEvent.decode, self.leaves)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The checkpoints, oldest first, their signatures not looked at."""
        return tuple(Checkpoint.parse(note.text) for note in self.notes)

    @property
    def key_line(self) -> int:
        """Line number (from 1) of the first key."""
        return 4

    def note_lines(self) -> tuple[int, ...]:
        """Line number of each checkpoint's first line."""
        lines = [self.key_line + len(self.keys) + 1]
        for note in self.notes:
            lines.append(lines[-1] + note.encode().count(b"\n"))
        return tuple(lines[:-1])

    @property
    def first_event_line(self) -> int:
        """Line number of event 0."""
        return self.first_hash_line + (0 if self.hashes is None else len(self.hashes) + 1)

    @property
    def first_hash_line(self) -> int:
        """Line number of the hash of event 0, where the file has hashes."""
        return self.key_line + len(self.keys) + 2 + sum(note.encode().count(b"\n") for note in self.notes)


class _Lines:
    """The lines of a file, taken one by one; ``number`` is that of the line taken last."""

    def __init__(self, data: bytes) -> None:
        if not data.endswith(b"\n"):
            raise form_refused(
                "The export is cut off: its last line has no end.",
                "导出文件不完整：最后一行没有换行。",
                data.count(b"\n") + 1,
            )
        self._lines = data[:-1].split(b"\n")
        self.number = 0

    def take(self) -> str:
        return self._text(self.take_bytes())

    def take_bytes(self) -> bytes:
        if self.number == len(self._lines):
            raise form_refused("The export ends too early.", "导出文件提前结束。", self.number + 1)
        self.number += 1
        return self._lines[self.number - 1]

    def next_begins(self, start: str) -> bool:
        return self.number < len(self._lines) and self._lines[self.number].startswith(start.encode())

    def take_after(self, word: str) -> str:
        line = self.take()
        if not line.startswith(word + " "):
            raise form_refused(f"The word {word} is missing.", f"缺少 {word} 行。", self.number)
        return line.removeprefix(word + " ")

    def take_count(self, word: str) -> int:
        number = self.take_after(word)
        if not _COUNT.fullmatch(number):
            raise form_refused(f"After {word} stands no number.", f"{word} 之后不是数字。", self.number)
        return int(number)

    def take_note(self, origin: str) -> SignedNote:
        """The origin and more text up to the blank line, then every line that begins as a signature does."""
        text, signatures = self.take() + "\n", ""
        first = self.number
        if text != origin + "\n":
            raise form_refused("No checkpoint of this log begins here.", "此处没有本日志的检查点。", first)
        while line := self.take():
            text += line + "\n"
        while self.next_begins(DASH):
            signatures += self.take() + "\n"
        try:
            return SignedNote.parse((text + "\n" + signatures).encode())
        except AuditRefused as bad:
            raise bad.at(first) from bad

    def take_rest(self) -> tuple[bytes, ...]:
        return tuple(self._lines[self.number :])

    def _text(self, line: bytes) -> str:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as bad:
            raise form_refused("The line is not UTF-8.", "该行不是 UTF-8。", self.number) from bad


def parse_export(data: bytes) -> Export:
    """The parts of a file whose bytes are exactly theirs; raises :class:`AuditRefused` (CF-3501 to CF-3505, CF-3510).

    Nothing is verified but the form, and of a file with hashes not even that it has the events it announces: see
    :func:`cardfab.audit.verify.verify_export`.
    """
    lines = _Lines(data)
    version = lines.take()
    if version not in (HEAD, HEAD_1):
        raise form_refused(f"This is not a file of the form “{HEAD}”.", f"这不是“{HEAD}”格式的文件。", 1)
    origin = lines.take_after("origin")
    keys = tuple(_key(lines) for _ in range(_some(lines, "keys")))
    if any(str(one) >= str(two) for one, two in pairwise(keys)):
        raise form_refused("The keys are not sorted, or one stands twice.", "公钥未排序或有重复。", lines.number)
    notes = tuple(lines.take_note(origin) for _ in range(_some(lines, "checkpoints")))
    hashes = tuple(_hash(lines) for _ in range(lines.take_count("hashes"))) if version == HEAD else None
    count = lines.take_count("events")
    at = lines.number
    leaves = lines.take_rest()
    if len(leaves) != count and hashes is None:
        raise form_refused(
            f"It announces {count} events, but {len(leaves)} lines follow.",
            f"声明 {count} 条事件，其后却有 {len(leaves)} 行。",
            at,
        )
    export = Export(origin, keys, notes, leaves, hashes, None if len(leaves) == count else count)
    if export.encode() != data:
        raise form_refused("The export is not in canonical form.", "导出文件不是规范格式。", 1)
    return export


def _hash(lines: _Lines) -> bytes:
    try:
        found = read_base64(lines.take())
    except ValueError:
        found = b""
    if len(found) != HASH:
        raise form_refused("This is no hash of 32 bytes in base64.", "这不是 32 字节散列的 base64。", lines.number)
    return found


def _some(lines: _Lines, word: str) -> int:
    count = lines.take_count(word)
    if not count:
        raise form_refused(f"The export carries no {word}.", f"导出文件没有 {word}。", lines.number)
    return count


def _key(lines: _Lines) -> VerifierKey:
    text = lines.take()
    try:
        return VerifierKey.parse(text)
    except AuditRefused as bad:
        raise bad.at(lines.number) from bad
