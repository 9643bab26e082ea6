"""Proofs as files: an event is in the log (C2SP tlog-proof), a log continues an older one (C2SP tlog-witness).

Both are text and carry the checkpoint that they lead to. An inclusion proof of ours carries the event itself as
``extra``, so that the file says what it proves; the hash of it is what is proved, so nothing there is on faith.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cardfab.audit.checkpoint import Checkpoint, open_checkpoint
from cardfab.audit.event import AuditEvent
from cardfab.audit.merkle import HASH, hash_leaf, verify_consistency, verify_inclusion
from cardfab.audit.note import SignedNote, VerifierKey, read_base64
from cardfab.audit.refused import AuditRefused
from cardfab.errors import Text

HEAD = "c2sp.org/tlog-proof@v1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_MOST = 63  # hashes of a proof: tlog-witness, "add-checkpoint"
_KEEP = Text("Keep the file as it is, and ask for the proof again.", "请原样保留该文件，并重新索取证明。")


def _form(en: str, zh: str) -> AuditRefused:
    return AuditRefused(Text(en, zh), code="CF-3515", do=_KEEP)


def _broken(en: str, zh: str) -> AuditRefused:
    return AuditRefused(Text(en, zh), code="CF-3516", do=_KEEP)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Event ``index`` (from 0) is in the log of the checkpoint ``note``. ``leaf`` are the event's bytes."""

    index: int
    leaf: bytes
    hashes: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The file's bytes (tlog-proof, "Format")."""
        extra = base64.b64encode(self.leaf).decode()
        return f"{HEAD}\nextra {extra}\nindex {self.index}\n{_lines(self.hashes)}\n".encode() + self.note

    @classmethod
    def parse(cls, data: bytes) -> InclusionProof:
        """Strictly the inverse; raises :class:`AuditRefused` (CF-3503, CF-3515)."""
        lines, note = _parts(data)
        if len(lines) < 3 or lines[0] != HEAD or not lines[1].startswith("extra "):
            raise _form(f"This is not a proof of the form “{HEAD}” with its event.", f"这不是带事件的“{HEAD}”证明。")
        proof = cls(_number(lines[2], "index"), _bytes(lines[1].removeprefix("extra ")), _hashes(lines[3:]), note)
        return _same(proof, data)

    def verify(self, keys: Sequence[VerifierKey]) -> tuple[AuditEvent, Checkpoint, tuple[VerifierKey, ...]]:
        """The event, the checkpoint and which of ``keys`` signed it; raises :class:`AuditRefused`."""
        head, by = open_checkpoint(self.note, keys)
        if not verify_inclusion(self.index, head.size, hash_leaf(self.leaf), self.hashes, head.root):
            raise _broken("This event is not in the log of this checkpoint.", "该事件不在此检查点的日志中。")
        return AuditEvent.decode(self.leaf), head, by


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """The log of the checkpoint ``note`` begins with the log of ``old`` events that it was."""

    old: int
    hashes: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The file's bytes (tlog-witness, "add-checkpoint", the request's body)."""
        return f"old {self.old}\n{_lines(self.hashes)}\n".encode() + self.note

    @classmethod
    def parse(cls, data: bytes) -> ConsistencyProof:
        """Strictly the inverse; raises :class:`AuditRefused` (CF-3503, CF-3515)."""
        lines, note = _parts(data)
        return _same(cls(_number(lines[0], "old"), _hashes(lines[1:]), note), data)

    def verify(self, keys: Sequence[VerifierKey], old: Checkpoint) -> tuple[Checkpoint, tuple[VerifierKey, ...]]:
        """The newer checkpoint and which of ``keys`` signed it; raises :class:`AuditRefused`."""
        head, by = open_checkpoint(self.note, keys)
        if (head.origin, self.old) != (old.origin, old.size):
            raise _broken(
                f"The proof begins at {self.old} events of {head.origin}, not at {old.size} of {old.origin}.",
                f"证明从 {head.origin} 的 {self.old} 条事件起，而不是 {old.origin} 的 {old.size} 条。",
            )
        if not verify_consistency(old.size, head.size, old.root, head.root, self.hashes):
            raise _broken(
                f"The log of {head.size} events does not continue that of {old.size}.",
                f"{head.size} 条事件的日志与 {old.size} 条的不连续。",
            )
        return head, by


Proof = InclusionProof | ConsistencyProof
_P = TypeVar("_P", InclusionProof, ConsistencyProof)


def parse_proof(data: bytes) -> Proof:
    """Either kind by its first word."""
    return ConsistencyProof.parse(data) if data.startswith(b"old ") else InclusionProof.parse(data)


def _lines(hashes: Sequence[bytes]) -> str:
    return "".join(base64.b64encode(one).decode() + "\n" for one in hashes)


def _parts(data: bytes) -> tuple[list[str], bytes]:
    """The lines up to the first empty one, and the checkpoint behind it."""
    head, parted, note = data.partition(b"\n\n")
    if not parted:
        raise _form("The proof carries no checkpoint.", "证明不含检查点。")
    Checkpoint.parse(SignedNote.parse(note).text)
    try:
        return head.decode("ascii").split("\n"), note
    except UnicodeDecodeError as bad:
        raise _form("The proof is not plain text.", "证明不是纯文本。") from bad


def _number(line: str, word: str) -> int:
    name, _, number = line.partition(" ")
    if name != word or not _NUMBER.fullmatch(number):
        raise _form(f"The line {word} is missing.", f"缺少 {word} 行。")
    return int(number)


def _bytes(text: str) -> bytes:
    try:
        return read_base64(text)
    except ValueError as bad:
        raise _form("A line of the proof is not base64.", "证明中有一行不是 base64。") from bad


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    hashes = tuple(map(_bytes, lines))
    if len(hashes) > _MOST or any(len(one) != HASH for one in hashes):
        raise _form("A hash of the proof has not 32 bytes, or there are too many.", "证明中的散列长度不对或过多。")
    return hashes


def _same(proof: _P, data: bytes) -> _P:
    if proof.encode() != data:
        raise _form("The proof is not in canonical form.", "证明不是规范格式。")
    return proof
