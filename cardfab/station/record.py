"""The record: checked against itself and what was kept of it elsewhere, exported, proved piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cardfab.audit import (
    AuditRefused,
    Checkpoint,
    CompactRange,
    ConsistencyProof,
    InclusionProof,
    MerkleTree,
    SignedNote,
    VerifierKey,
    hash_leaf,
    open_checkpoint,
    write_export,
)
from cardfab.audit.naming import differences
from cardfab.errors import InputRefused, Text
from cardfab.production import Act
from cardfab.station.desk import Desk
from cardfab.store import Transaction

_MARK = "tree"
_WHOLE = 2000
"""So many events are looked at at every start; of a longer record, those since the last start."""


class EventUnknown(InputRefused):
    """No such event in the record."""

    default_code = "CF-3520"


def export_record(desk: Desk) -> bytes:
    """The whole audit record, signed to its end; verified before it is returned."""
    desk.must(Act.EXPORT_AUDIT)
    with desk.database.transaction("export") as tx:
        tx.audit.append(desk.event("audit.export", desk.token(), "done", {}))
        desk.checkpoint(tx)
    with desk.database.reading() as tx:
        checkpoints, stored = tx.audit.checkpoints(), tx.audit.stored()
    size = _head(checkpoints[-1]).size
    leaves, hashes = [one.leaf for one in stored[:size]], [one.hash for one in stored[:size]]
    return write_export(desk.origin, [str(desk.audit_key()), *desk.auditors], checkpoints, leaves, hashes)


def sign_now(desk: Desk) -> bytes:
    """A checkpoint over everything that is on record."""
    desk.database.sequence(desk.signed)
    with desk.database.reading() as tx:
        found = tx.audit.last_checkpoint()
    if found is None:
        raise EventUnknown(Text("The record is empty.", "记录为空。"))
    return found


def prove_event(desk: Desk, chosen: Callable[[int, bytes], bool]) -> list[InclusionProof]:
    """Proofs that the events ``chosen`` (by number and bytes) are in the record, each to the newest checkpoint."""
    note = sign_now(desk)
    with desk.database.reading() as tx:
        leaves = tx.audit.leaves()[: _head(note).size]
    tree = MerkleTree(leaves)
    return [
        InclusionProof(index, leaf, tree.inclusion_proof(index, tree.size), note)
        for index, leaf in enumerate(leaves)
        if chosen(index, leaf)
    ]


def prove_growth(desk: Desk, old: Checkpoint) -> ConsistencyProof:
    """Proof that the record continues what it was at ``old``; raises AuditRefused (CF-3506) if it is shorter."""
    note = sign_now(desk)
    with desk.database.reading() as tx:
        tree = MerkleTree(tx.audit.leaves()[: _head(note).size])
    return ConsistencyProof(old.size, tree.consistency_proof(old.size, tree.size), note)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at the record found. ``alerts`` is empty where it agrees with itself and with what is outside."""

    size: int
    looked_at: int
    alerts: tuple[Text, ...]


def check_record(tx: Transaction, key: VerifierKey | None, outside: Sequence[bytes] = ()) -> Checked:
    """Every event, the tree and every checkpoint, computed again (PCI DSS 10.3.4: a change raises an alert).

    Without the station's ``key`` the checkpoints are taken as they are.
    """
    return _check(tx, key, CompactRange(), outside)


def check_start(desk: Desk, outside: Sequence[bytes] = ()) -> Checked:
    """The same at a start, within bounded time; the place is kept from which the next start goes on."""
    with desk.database.reading() as tx:
        key = None if desk.unsigned(tx) else desk.audit_key()
        tree, last, mark = tx.audit.tree(), tx.audit.last_checkpoint(), tx.audit.known(desk.station, _MARK)
        begin = CompactRange() if tree.size <= _WHOLE or mark is None else _read_mark(mark)
        checked = _check(tx, key, begin, outside)
    signed = last is not None and _head(last).size == tree.size
    if signed and not checked.alerts and tree.size > _WHOLE:
        with desk.database.transaction("record checked") as tx:
            tx.audit.learn(desk.station, _MARK, _write_mark(tree))
    return checked


def _check(tx: Transaction, key: VerifierKey | None, begin: CompactRange, outside: Sequence[bytes]) -> Checked:
    stored = tx.audit.stored(begin.size)
    expected = range(begin.size, begin.size + len(stored))
    alerts = [
        Text(f"Event {number} is missing.", f"第 {number} 号事件缺失。")
        for number, one in zip(expected, stored, strict=True)
        if one.position != number
    ][:1]
    found = tuple(hash_leaf(one.leaf) for one in stored)
    alerts += [one for one, _ in differences([one.hash for one in stored], found, begin.size)]
    heads = [*_heads(tx.audit.checkpoints(), key, alerts), *_heads(outside, key, alerts)]
    grown = _follow(begin, found, heads, alerts)
    if not alerts and grown != tx.audit.tree():
        alerts.append(Text("The events do not give the tree that is kept beside them.", "事件算不出随附保存的树。"))
    return Checked(begin.size + len(stored), len(stored), tuple(alerts))


def _heads(notes: Sequence[bytes], key: VerifierKey | None, alerts: list[Text]) -> Iterator[Checkpoint]:
    for note in notes:
        try:
            yield _head(note) if key is None else open_checkpoint(note, [key])[0]
        except AuditRefused as bad:
            alerts.append(Text(f"A checkpoint does not hold: {bad.what.en}", f"有检查点不成立：{bad.what.zh}"))


def _follow(
    begin: CompactRange, hashes: Sequence[bytes], heads: Sequence[Checkpoint], alerts: list[Text]
) -> CompactRange:
    """The tree from ``begin`` on, held against every checkpoint on the way."""
    log, end = begin, begin.size + len(hashes)
    for head in sorted(heads, key=lambda head: head.size):
        if head.size < begin.size:
            continue
        if head.size > end:
            alerts.append(
                Text(
                    f"The record has {end} events, but {head.size} were signed: it was cut, or is of an older backup.",
                    f"记录有 {end} 条事件，而已签署 {head.size} 条：记录被截断，或来自旧备份。",
                )
            )
            break
        log = log.extend_hashes(hashes[log.size - begin.size : head.size - begin.size])
        if log.root() != head.root:
            alerts.append(
                Text(
                    f"The first {head.size} events are not those that were signed: the record was changed.",
                    f"前 {head.size} 条事件与签署时不符：记录被改动。",
                )
            )
            break
    return log.extend_hashes(hashes[log.size - begin.size :])


def _head(note: bytes) -> Checkpoint:
    return Checkpoint.parse(SignedNote.parse(note).text)


def _write_mark(tree: CompactRange) -> str:
    return f"{tree.size}:{b''.join(tree.hashes).hex()}"


def _read_mark(mark: str) -> CompactRange:
    size, _, hashes = mark.partition(":")
    raw = bytes.fromhex(hashes)
    return CompactRange(int(size), tuple(raw[at : at + 32] for at in range(0, len(raw), 32)))
