"""``cardfab audit checkpoint``, ``prove``, ``verify-proof``, ``accept``: what leaves the station, what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.audit import (
    AuditEvent,
    Checkpoint,
    ConsistencyProof,
    InclusionProof,
    SignedNote,
    VerifierKey,
    merged,
    open_checkpoint,
    parse_proof,
)
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.record import Trust, read_file, trusted
from cardfab.cli.recording import surroundings
from cardfab.errors import Text, UsageRefused
from cardfab.production import Act
from cardfab.station.outside import Outside
from cardfab.station.record import EventUnknown, prove_event, prove_growth, sign_now

_Older = Annotated[
    Path | None, typer.Option("--from", metavar="CHECKPOINT", help="An older checkpoint of this record.")
]


def checkpoint(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Put it there as a new file; else [audit] outside.")
    ] = None,
) -> None:
    """Sign the record as it stands now, and put the checkpoint outside."""
    talk = talk_of(context)
    with talk.desk() as desk:
        note = sign_now(desk)
        place = surroundings(talk.located()).outside if to is None else Outside(to, desk.station)
        if place is not None:
            place.keep(note)
    head = _head(note)
    value = {"origin": head.origin, "size": head.size, "root": head.root.hex(), "note": note.decode()}
    talk.give(value, lambda: talk.out.print(note.decode(), markup=False, end=""))


def prove(
    context: typer.Context,
    event: Annotated[int | None, typer.Option("--event", metavar="N", min=0, help="This event, by its number.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="TOKEN", help="Every event about this token.")
    ] = None,
    older: _Older = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE")] = Path("event.tlog-proof"),
) -> None:
    """Prove to somebody else that an event is in the record, or that the record continues an older checkpoint."""
    talk = talk_of(context)
    if [event, subject, older].count(None) != 2:
        raise UsageRefused(
            Text("Name one: --event, --subject or --from.", "请指定其一：--event、--subject 或 --from。"),
            code="CF-2141",
        )
    with talk.desk() as desk:
        desk.must(Act.EXPORT_AUDIT)
        if older is not None:
            head = open_checkpoint(read_file(older), [desk.audit_key()])[0]
            files = {out: prove_growth(desk, head).encode()}
        else:
            proofs = prove_event(desk, lambda n, leaf: n == event or AuditEvent.decode(leaf).subject == subject)
            if not proofs:
                raise EventUnknown(Text("There is no such event.", "没有这样的事件。"))
            files = {_numbered(out, one, alone=len(proofs) == 1): one.encode() for one in proofs}
        desk.database.note(desk.event("audit.prove", desk.token(), "done", {"files": str(len(files))}))
    for file, content in files.items():
        file.write_bytes(content)
    names = [str(file) for file in files]
    talk.give({"files": names}, lambda: talk.out.print("\n".join(names), markup=False))


def verify_proof(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    trust: Trust = None,
    older: _Older = None,
) -> None:
    """Verify a proof with the trusted keys alone; of growth, with the older checkpoint too."""
    talk = talk_of(context)
    if trust is None:
        raise UsageRefused(
            Text("A proof proves nothing without a key that you trust.", "没有受信任的公钥，证明毫无意义。"),
            do=Text("Name the file with it: --trust KEYS.", "请指定公钥文件：--trust 文件。"),
            code="CF-2142",
        )
    keys = [VerifierKey.parse(key) for key in trusted(trust)]
    proof = parse_proof(read_file(file))
    if isinstance(proof, ConsistencyProof):
        if older is None:
            raise UsageRefused(
                Text("Which older checkpoint does the record continue?", "须指明要比对的旧检查点。"),
                do=Text("Name it: --from CHECKPOINT.", "请指定：--from 检查点。"),
                code="CF-2143",
            )
        _show_growth(talk, proof, keys, open_checkpoint(read_file(older), keys)[0])
    else:
        _show_event(talk, proof, keys)


def accept(context: typer.Context, file: Annotated[Path, typer.Argument(metavar="CHECKPOINT")]) -> None:
    """Take back a checkpoint that the auditor countersigned, so that exports carry both signatures."""
    talk = talk_of(context)
    with talk.desk() as desk:
        keys = [desk.audit_key(), *map(VerifierKey.parse, desk.auditors)]
        note = read_file(file)
        head, by = open_checkpoint(note, keys)
        with desk.database.transaction("countersigned") as tx:
            own = next((one for one in tx.audit.checkpoints() if _head(one).size == head.size), None)
            if own is None:
                raise EventUnknown(Text("This record has no such checkpoint.", "本记录没有此检查点。"))
            tx.audit.replace_checkpoint(head.size, merged(own, _only(note, by)))
            names = ",".join(key.name for key in by)
            tx.audit.append(
                desk.event("audit.countersigned", desk.token(), "done", {"size": str(head.size), "by": names})
            )
    talk.give({"size": head.size, "by": [str(key) for key in by]}, lambda: talk.out.print(names, markup=False))


def _show_growth(talk: Talk, proof: ConsistencyProof, keys: list[VerifierKey], old: Checkpoint) -> None:
    head, by = proof.verify(keys, old)
    words = Text(
        f"The record of {head.origin} with {head.size} events continues the one of {old.size}.",
        f"{head.origin} 的 {head.size} 条记录是其 {old.size} 条的延续。",
    )
    value = {"origin": head.origin, "old": old.size, "size": head.size, "signed_by": [key.name for key in by]}
    talk.give(value, lambda: talk.out.print(talk.of(words), markup=False))


def _show_event(talk: Talk, proof: InclusionProof, keys: list[VerifierKey]) -> None:
    event, head, by = proof.verify(keys)
    words = Text(
        f"Event {proof.index} of {head.origin} is in the record of {head.size} events:",
        f"{head.origin} 的第 {proof.index} 号事件在 {head.size} 条记录之中：",
    )
    value = {
        "origin": head.origin,
        "event": proof.index,
        "size": head.size,
        "signed_by": [key.name for key in by],
        "leaf": event.encode().decode(),
    }
    talk.give(value, lambda: talk.out.print(f"{talk.of(words)}\n{event.encode().decode()}", markup=False))


def _numbered(out: Path, proof: InclusionProof, *, alone: bool) -> Path:
    return out if alone else out.with_name(f"{out.stem}-{proof.index}{out.suffix}")


def _only(note: bytes, by: tuple[VerifierKey, ...]) -> bytes:
    """The note with the signatures of known keys; what nobody here can verify is not taken in."""
    parsed = SignedNote.parse(note)
    return SignedNote(
        parsed.text, tuple(one for one in parsed.signatures if any(one.is_by(key) for key in by))
    ).encode()


def _head(note: bytes) -> Checkpoint:
    return Checkpoint.parse(SignedNote.parse(note).text)
