"""Whether an export holds: signatures, roots of every checkpoint, every event, all from the file and trusted keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise, zip_longest

from cardfab.audit.checkpoint import Checkpoint, open_checkpoint
from cardfab.audit.event import AuditEvent
from cardfab.audit.export import Export, form_refused, parse_export
from cardfab.audit.merkle import CompactRange, hash_leaf
from cardfab.audit.naming import differences
from cardfab.audit.note import SignedNote, VerifierKey
from cardfab.audit.privacy import leaks
from cardfab.audit.refused import AuditRefused
from cardfab.errors import Text

_KEEP = Text(
    "Keep this file, stop issuing, and compare with the checkpoints that were sent out.",
    "请保留本文件，停止制卡，并与已送出的检查点比对。",
)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What held. ``checkpoint`` is the last one (its ``time`` is a time); keys are in their text form.

    ``on_faith``: keys that only the file itself vouches for. ``findings``: what a reviewer should look at; nothing in
    them breaks the proof. ``export``: the parts, for :func:`cardfab.audit.account.account` and display.
    """

    origin: str
    events: int
    root: bytes
    checkpoint: Checkpoint
    checkpoints: int
    keys: tuple[str, ...]
    on_faith: tuple[str, ...]
    witnessed: int
    findings: tuple[Text, ...]
    export: Export = field(repr=False)

    @property
    def time(self) -> datetime | None:
        """When the last checkpoint was signed, by the signer's clock."""
        return self.checkpoint.time


def write_export(
    origin: str,
    keys: Iterable[str],
    checkpoints: Iterable[bytes],
    leaves: Sequence[bytes],
    hashes: Iterable[bytes] | None = None,
) -> bytes:
    """The export file of a whole log; it is verified before it is returned, raising what :func:`verify_export` raises.

    ``keys``: text of all keys the log was ever signed with; those that signed are carried. ``checkpoints``: signed
    notes, oldest first, the last over all ``leaves`` (events' bytes from 0); of several with one size and root, only
    the last is carried. ``hashes``: of the leaves as they were kept when the log was built.
    """
    last: dict[tuple[int, bytes], SignedNote] = {}
    for note in map(SignedNote.parse, checkpoints):
        head = Checkpoint.parse(note.text)
        last[head.size, head.root] = note
    notes = tuple(last.values())
    signed = [signature for note in notes for signature in note.signatures]
    carried = {key for key in map(VerifierKey.parse, keys) if any(one.is_by(key) for one in signed)}
    kept = map(hash_leaf, leaves) if hashes is None else hashes
    export = Export(origin, tuple(sorted(carried, key=str)), notes, tuple(leaves), tuple(kept))
    data = export.encode()
    verify_export(data, None)
    return data


def verify_export(data: bytes, trusted: Sequence[str] | None, *, witnessed: Sequence[bytes] = ()) -> ExportReport:
    """Verify a file with nothing but itself, the trusted verifier keys and checkpoints that were kept elsewhere.

    ``trusted`` None takes the keys in the file on faith and says so; a list, even an empty one, is all that counts:
    every checkpoint must then be signed by one of them. ``witnessed``: signed checkpoints of this log that an outsider
    kept; each must be one the log still agrees with. Raises :class:`AuditRefused`, saying which line.
    """
    trust = None if trusted is None else tuple(map(VerifierKey.parse, trusted))
    export = parse_export(data)
    checkpoints = _signed(export, trust)
    outside = _outside(witnessed, export.keys if trust is None else trust)
    _named(export, (*checkpoints, *outside))
    _whole(export, checkpoints[-1])
    findings = (*_checkpoint_findings(checkpoints), *_event_findings(export))
    _rooted(export, checkpoints, outside)
    return ExportReport(
        origin=export.origin,
        events=len(export.leaves),
        root=checkpoints[-1].root,
        checkpoint=checkpoints[-1],
        checkpoints=len(checkpoints),
        keys=tuple(map(str, export.keys)),
        on_faith=tuple(str(key) for key in export.keys if trust is None or key not in trust),
        witnessed=len(outside),
        findings=findings,
        export=export,
    )


def _signed(export: Export, trust: tuple[VerifierKey, ...] | None) -> tuple[Checkpoint, ...]:
    """The checkpoints, every signature verified: one that is not covered by a key in the file could be changed."""
    checkpoints, used = [], set[VerifierKey]()
    for line, note in zip(export.note_lines(), export.notes, strict=True):
        try:
            checkpoint, by = open_checkpoint(note.encode(), export.keys)
        except AuditRefused as bad:
            raise bad.at(line) from bad
        if len(by) != len(note.signatures):
            raise form_refused(
                "A signature is by a key that the export does not carry.", "有签名的公钥不在导出文件中。", line
            )
        if trust is not None and not set(by) & set(trust):
            raise AuditRefused(
                Text(
                    f"The checkpoint of {checkpoint.size} events is signed by {by[0].name}, by no trusted key.",
                    f"{checkpoint.size} 条事件的检查点由 {by[0].name} 签署，没有受信任公钥的签名。",
                ),
                code="CF-3512",
                line=line,
                do=_KEEP,
            )
        if checkpoint.time is None:
            raise form_refused("The checkpoint does not say when it was made.", "检查点没有时间。", line)
        used.update(by)
        checkpoints.append(checkpoint)
    for number, key in enumerate(export.keys):
        if key not in used:
            raise form_refused("This key signed no checkpoint.", "该公钥没有签署任何检查点。", export.key_line + number)
    _ordered(export, checkpoints)
    return tuple(checkpoints)


def _ordered(export: Export, checkpoints: Sequence[Checkpoint]) -> None:
    lines = export.note_lines()
    for line, (one, two) in zip(lines[1:], pairwise(checkpoints), strict=True):
        if one.size >= two.size:
            raise form_refused("The checkpoints do not grow.", "检查点的条数没有递增。", line)


def _whole(export: Export, last: Checkpoint) -> None:
    if last.size != len(export.leaves) or export.announced is not None:
        raise form_refused(
            f"The last checkpoint is of {last.size} events, the export holds {len(export.leaves)}.",
            f"最后一个检查点是 {last.size} 条事件，导出文件有 {len(export.leaves)} 条。",
            export.note_lines()[-1],
        )


def _named(export: Export, heads: Sequence[Checkpoint]) -> None:
    """Where the hashes in the file are those that were signed, say which event is not the one that was hashed."""
    if export.hashes is None:
        return
    found = tuple(map(hash_leaf, export.leaves))
    if found == export.hashes:
        return  # then the events speak for themselves
    if not _give(export.hashes, heads):
        if _give(found, heads):
            at = next(n for n, (one, two) in enumerate(zip_longest(found, export.hashes)) if one != two)
            line = export.first_hash_line + at
            raise form_refused("This is not the hash of its event.", "该散列与事件不符。", line)
        return
    named = differences(export.hashes, found, export.first_event_line)
    more = len(named) - _MOST
    en, zh = " ".join(one.en for one, _ in named[:_MOST]), "".join(one.zh for one, _ in named[:_MOST])
    if more > 0:
        en, zh = f"{en} And {more} more.", f"{zh}另有 {more} 处。"
    raise AuditRefused(Text(en, zh), code="CF-3514", line=named[0][1], do=_KEEP)


_MOST = 5
"""So many are named; a file of which more is wrong is not read on."""


def _give(hashes: Sequence[bytes], heads: Sequence[Checkpoint]) -> bool:
    """Whether leaves of these hashes have the roots that the heads speak of."""
    log = CompactRange()
    for head in sorted(heads, key=lambda head: head.size):
        if head.size > len(hashes):
            return False
        log = log.extend_hashes(hashes[log.size : head.size])
        if log.root() != head.root:
            return False
    return True


def _outside(notes: Sequence[bytes], keys: Sequence[VerifierKey]) -> tuple[Checkpoint, ...]:
    heads = []
    for number, note in enumerate(notes, 1):
        try:
            heads.append(open_checkpoint(note, keys)[0])
        except AuditRefused as bad:
            at = Text(f"Outside checkpoint {number}: ", f"外部检查点 {number}：")
            raise AuditRefused(Text(at.en + bad.what.en, at.zh + bad.what.zh), code=bad.code, do=bad.do) from bad
    return tuple(heads)


def _rooted(export: Export, checkpoints: Sequence[Checkpoint], outside: Sequence[Checkpoint]) -> None:
    """Recompute the root at every size that a checkpoint, in the file or from outside, speaks of."""
    lines = dict(zip(checkpoints, export.note_lines(), strict=True))
    log = CompactRange()
    for head in sorted((*checkpoints, *outside), key=lambda head: head.size):
        if head.size > len(export.leaves) or head.origin != export.origin:
            raise _disagrees(head)
        before, log = log, log.extend(export.leaves[log.size : head.size])
        if log.root() == head.root:
            continue
        if head not in lines:
            raise _disagrees(head)
        first, last = export.first_event_line + before.size, export.first_event_line + head.size - 1
        raise AuditRefused(
            Text(
                f"The first {head.size} events do not give the root that is signed here: "
                f"in lines {first} to {last} one was changed, moved or left out.",
                f"前 {head.size} 条事件算不出此处签署的根值：第 {first} 至 {last} 行中有事件被改动、移动或遗漏。",
            ),
            code="CF-3511",
            line=lines[head],
            do=_KEEP,
        )


def _disagrees(head: Checkpoint) -> AuditRefused:
    return AuditRefused(
        Text(
            f"The log was cut or rewritten: it does not continue the checkpoint of {head.size} events kept outside.",
            f"日志被截断或改写：与外部保存的 {head.size} 条事件的检查点不一致。",
        ),
        code="CF-3513",
        do=_KEEP,
    )


def _checkpoint_findings(checkpoints: Sequence[Checkpoint]) -> Iterator[Text]:
    for one, two in pairwise(checkpoints):
        if one.time and two.time and two.time < one.time:
            yield Text(
                f"The checkpoint of {two.size} events is dated before that of {one.size}.",
                f"{two.size} 条事件的检查点早于 {one.size} 条的检查点。",
            )


def _event_findings(export: Export) -> Iterator[Text]:
    """Decodes every event, so that what is reported as counted can also be read."""
    before: datetime | None = None
    for line, leaf in enumerate(export.leaves, export.first_event_line):
        try:
            event = AuditEvent.decode(leaf)
        except AuditRefused as bad:
            raise bad.at(line) from bad
        if before and event.time < before:
            yield Text(f"Line {line}: the clock went back.", f"第 {line} 行：时钟倒退。")
        before = event.time
        for name in leaks(event):
            yield Text(f"Line {line}: {name} looks like personal data.", f"第 {line} 行：{name} 疑似个人数据。")
