"""The auditor's signature beside the station's: given to a log that continues what the auditor saw last.

The auditor keeps one line of history per log: the station's key and the last checkpoint that was countersigned. What
does not continue it gets no signature, and is itself the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardfab.audit.checkpoint import Checkpoint, open_checkpoint
from cardfab.audit.export import HEAD as EXPORT
from cardfab.audit.export import HEAD_1 as EXPORT_1
from cardfab.audit.note import Sign, SignedNote, VerifierKey, sign_note
from cardfab.audit.proof import ConsistencyProof
from cardfab.audit.refused import AuditRefused
from cardfab.audit.verify import verify_export
from cardfab.errors import Text


def _refused(en: str, zh: str, do: Text | None = None) -> AuditRefused:
    return AuditRefused(Text(en, zh), code="CF-3517", do=do)


@dataclass(frozen=True, slots=True)
class Countersigned:
    """The checkpoint with both signatures, and what it says."""

    head: Checkpoint
    note: bytes


def countersign(
    data: bytes, stations: Sequence[VerifierKey], auditor: VerifierKey, sign: Sign, seen: bytes | None
) -> Countersigned:
    """The checkpoint in ``data`` with the auditor's signature line added; raises :class:`AuditRefused`.

    ``data``: a checkpoint, a consistency proof or an export of the log. ``seen``: the checkpoint of this log that was
    countersigned last; a longer log must then prove that it continues it.
    """
    note, head = _opened(data, stations, seen)
    if seen is not None:
        _require_no_step_back(head, open_checkpoint(seen, stations)[0])
    parsed = SignedNote.parse(note)
    kept = tuple(one for one in parsed.signatures if not one.is_by(auditor))
    [own] = sign_note(parsed.text, auditor, sign).signatures
    return Countersigned(head, SignedNote(parsed.text, (*kept, own)).encode())


def merged(note: bytes, other: bytes) -> bytes:
    """One checkpoint with the signatures of both copies; raises :class:`AuditRefused` where the texts differ."""
    one, two = SignedNote.parse(note), SignedNote.parse(other)
    if one.text != two.text:
        raise _refused("The two checkpoints are not the same.", "两个检查点不一致。")
    have = {(line.name, line.key_id) for line in one.signatures}
    more = tuple(line for line in two.signatures if (line.name, line.key_id) not in have)
    return SignedNote(one.text, (*one.signatures, *more)).encode()


def _opened(data: bytes, stations: Sequence[VerifierKey], seen: bytes | None) -> tuple[bytes, Checkpoint]:
    if data.startswith((f"{EXPORT}\n".encode(), f"{EXPORT_1}\n".encode())):
        report = verify_export(data, [str(key) for key in stations], witnessed=() if seen is None else (seen,))
        return report.export.notes[-1].encode(), report.checkpoint
    if data.startswith(b"old "):
        proof = ConsistencyProof.parse(data)
        if seen is None:
            return proof.note, open_checkpoint(proof.note, stations)[0]
        return proof.note, proof.verify(stations, open_checkpoint(seen, stations)[0])[0]
    head = open_checkpoint(data, stations)[0]
    last = None if seen is None else open_checkpoint(seen, stations)[0]
    if last is not None and head.size > last.size:
        raise _refused(
            f"You saw the log at {last.size} events; that this one of {head.size} continues it is not proved.",
            f"您上次见到的是 {last.size} 条事件；尚无证明表明这 {head.size} 条是其延续。",
            Text(
                "At the station: 'cardfab audit prove --from CHECKPOINT --out FILE' with the one you signed last.",
                "请在制卡点用您上次签署的检查点执行：cardfab audit prove --from 检查点 --out 文件。",
            ),
        )
    return data, head


def _require_no_step_back(head: Checkpoint, last: Checkpoint) -> None:
    if head.origin != last.origin or head.size < last.size or (head.size == last.size and head.root != last.root):
        raise _refused(
            f"The log was cut or rewritten: you saw {last.size} events of {last.origin}, this is another history.",
            f"日志被截断或改写：您见过 {last.origin} 的 {last.size} 条事件，此检查点与之不符。",
            Text(
                "Keep both checkpoints; they are the evidence. Stop issuing.", "请保留两份检查点作为证据，并停止制卡。"
            ),
        )
