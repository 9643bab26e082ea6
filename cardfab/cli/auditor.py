"""``cardfab audit auditor-key`` and ``countersign``: the auditor's own machine. No station is opened here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from cardfab.audit import Checkpoint, SignedNote, VerifierKey, countersign
from cardfab.cli.output import talk_of
from cardfab.cli.record import Trust, read_file, trusted
from cardfab.cli.session import write_private
from cardfab.cli.wiring import prompt
from cardfab.errors import Text, UsageRefused
from cardfab.keys import KeySpec, Level, SoftKeyStore, Usage
from cardfab.keys.held import hold
from cardfab.keys.secret import Secret

_LABEL = "auditor/"


def auditor_key(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The key, sealed under a word that is asked for.")],
    name: Annotated[str, typer.Option("--name", help="What signatures are called by: no space, no plus.")] = "auditor",
) -> None:
    """Make the key that countersigns checkpoints, and print its verifier key for those who verify."""
    talk = talk_of(context)
    if file.exists():
        raise UsageRefused(
            Text(f"{file} is there already.", f"{file} 已存在。"),
            do=Text("A key is never written over; name another file.", "密钥不可覆盖，请另取文件名。"),
            code="CF-2144",
        )
    spec = KeySpec(_LABEL + name, "Ed25519", Usage.SIGN, Level.STATION)
    with Secret(os.urandom(32)) as seed:
        store = SoftKeyStore({spec.label: hold(spec, seed.view(), training=False)}, os.urandom)
    key = VerifierKey(name, store.public(spec.label))  # a name that cannot sign is refused before anything is written
    write_private(file, store.to_file(prompt("auditor key").encode()))
    talk.give({"file": str(file), "key": str(key)}, lambda: talk.out.print(str(key), markup=False))


def countersign_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint, a proof of growth, or an export.")],
    key: Annotated[Path, typer.Option("--key", metavar="KEYFILE", help="The auditor's key.")],
    trust: Trust = None,
    seen: Annotated[
        Path | None, typer.Option("--seen", metavar="FILE", help="What was seen last; else KEYFILE.seen.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Else FILE.countersigned.")] = None,
) -> None:
    """Sign a station's checkpoint if it continues what the auditor saw last; the trusted keys are named once."""
    talk = talk_of(context)
    memory = _Memory(seen or key.with_name(f"{key.name}.seen"))
    named = [] if trust is None else [VerifierKey.parse(one) for one in trusted(trust)]
    data = read_file(file)
    stations = memory.keys(named)
    if not stations:
        raise UsageRefused(
            Text("No station's key is known yet.", "尚不知任何制卡点的公钥。"),
            do=Text("Name the file with it: --trust KEYS.", "请指定公钥文件：--trust 文件。"),
            code="CF-2142",
        )
    store = SoftKeyStore.from_file(read_file(key), prompt("auditor key").encode(), os.urandom)
    [label] = [info.label for info in store.infos() if info.label.startswith(_LABEL)]
    auditor = VerifierKey(label.removeprefix(_LABEL), store.public(label))
    origin = memory.origin_of(data)
    signed = countersign(data, stations, auditor, lambda said: store.sign(label, said), memory.seen(origin))
    memory.keep(signed.head, signed.note, stations)  # before the signature leaves: never two histories
    target = out or file.with_name(f"{file.name}.countersigned")
    target.write_bytes(signed.note)
    words = Text(
        f"{target}: {signed.head.origin} at {signed.head.size} events, signed by {auditor.name}.",
        f"{target}：{signed.head.origin}，{signed.head.size} 条事件，已由 {auditor.name} 会签。",
    )
    value = {"file": str(target), "origin": signed.head.origin, "size": signed.head.size, "key": str(auditor)}
    talk.give(value, lambda: talk.out.print(talk.of(words), markup=False))


class _Memory:
    """The auditor's small file: for every log its keys and the checkpoint that was countersigned last."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._logs: dict[str, dict[str, str]] = json.loads(file.read_text("utf-8")) if file.is_file() else {}

    def keys(self, named: list[VerifierKey]) -> list[VerifierKey]:
        """Those that were named now, else those that were trusted before."""
        return named or [VerifierKey.parse(key) for log in self._logs.values() for key in log["keys"].split()]

    def origin_of(self, data: bytes) -> str:
        """The log that a file speaks of, as far as is known of it: the line where its checkpoint begins."""
        lines = data.decode("utf-8", errors="replace").split("\n")
        return next((name for name in self._logs if name in lines or f"origin {name}" in lines), "")

    def seen(self, origin: str) -> bytes | None:
        """The last checkpoint of a log."""
        return self._logs[origin]["checkpoint"].encode() if origin in self._logs else None

    def keep(self, head: Checkpoint, note: bytes, keys: list[VerifierKey]) -> None:
        """Remember it, on the disk."""
        by = [str(key) for key in keys if any(one.is_by(key) for one in SignedNote.parse(note).signatures)]
        self._logs[head.origin] = {"keys": "\n".join(by), "checkpoint": note.decode()}
        write_private(self._file, json.dumps(self._logs, ensure_ascii=False, indent=1).encode())
