"""A station in one sealed file: its database of one moment, its sealed key store, settings, profiles and papers.

Left out on purpose: the pool of chip keys (a key that was taken since would go into a second card), sessions, the cards
in the simulated tray, locks. A restored station issues nothing until everything agrees
(:mod:`cardfab.station.restoring`).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from cardfab import __version__
from cardfab.audit import Checkpoint, SignedNote
from cardfab.errors import InputRefused, Text
from cardfab.station.backupfile import BackupRefused, SealedReader, SealedWriter
from cardfab.store import Database
from cardfab.store.dumping import dump, load

DATABASE, _MANIFEST = "database.jsonl", "manifest.json"
_LEFT_OUT: Final = frozenset(("pool", "tray", "session.json", "station.lock", "station.head"))
_STAGING: Final = ".restoring"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. ``files``: SHA-256 by name; ``size`` events were signed, to the ``head``."""

    station: str
    made_at: str
    program: str
    schema: str
    size: int
    head: str
    files: dict[str, str]


class OlderThanKnown(InputRefused):
    """A newer state of the same station is known."""

    default_code = "CF-3708"


def back_up(
    database: Database, folder: Path, out: BinaryIO, word: bytearray, random: Callable[[int], bytes],
    *, station: str, at: str, leave: Iterable[Path] = (),
) -> Manifest:  # fmt: skip
    """Write the backup; ``leave`` are further files and folders of the station that do not go along.

    The database may be at work meanwhile: what is written is one moment of it. The plain of it is never on the disk.
    """
    database.flush()
    sealed = SealedWriter(out, word, random)
    files: dict[str, str] = {}
    with tarfile.open(fileobj=cast("Any", sealed), mode="w|", format=tarfile.PAX_FORMAT) as tar:
        lines = b"".join(dump(database))
        head = _head(lines)
        _add(tar, DATABASE, lines, files)
        for name, content in _files(folder, frozenset(leave)):
            _add(tar, f"station/{name}", content, files)
        size = 0 if head is None else Checkpoint.parse(SignedNote.parse(head).text).size
        manifest = Manifest(
            station, at, __version__, database.version() or "", size, "" if head is None else head.hex(), files
        )
        _add(tar, _MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False).encode(), {})
    sealed.finish()
    return manifest


def unpack(file: BinaryIO, folder: Path, word: bytearray, *, at_least: bytes | None = None) -> Manifest:
    """Put the station's files into an empty folder, whole or not at all; its database is :func:`fill`'s.

    ``at_least`` is a checkpoint that the backup must be as new as. Raises BackupRefused, :class:`OlderThanKnown`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputRefused(
            Text(f"{folder} is not empty.", f"{folder} 不是空目录。"),
            do=Text("Restore into an empty folder.", "请恢复到空目录。"),
            code="CF-3709",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = folder / _STAGING
    staging.mkdir(mode=0o700)
    try:
        manifest = _checked(staging, _extract(SealedReader(file, word), staging))
        if at_least is not None and manifest.size < (known := Checkpoint.parse(SignedNote.parse(at_least).text).size):
            raise OlderThanKnown(
                Text(f"The backup has {manifest.size} events; {known} are known to have been signed.",
                     f"备份含 {manifest.size} 条事件，而已知签署 {known} 条。"),
                do=Text("Take the newest backup.", "请使用最新的备份。"),
            )  # fmt: skip
        for part in sorted((staging / "station").iterdir()):
            part.rename(folder / part.name)
        (staging / DATABASE).rename(folder / f".{DATABASE}")
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    shutil.rmtree(staging)
    return manifest


def fill(database: Database, folder: Path, manifest: Manifest) -> None:
    """The database of an unpacked backup; its lines are gone afterwards."""
    lines = folder / f".{DATABASE}"
    with lines.open("rb") as source:
        load(database, manifest.schema, source)
    lines.unlink()


def _head(lines: bytes) -> bytes | None:
    """The newest checkpoint among the lines: what the backup holds, not what the station signs meanwhile."""
    rows = [json.loads(line) for line in lines.splitlines() if line.startswith(b'{"table":"audit_checkpoint","rows"')]
    notes = {row[0]: base64.b64decode(row[1]["b"]) for said in rows for row in said["rows"]}
    return notes[max(notes)] if notes else None


def _files(folder: Path, leave: frozenset[Path]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] in _LEFT_OUT or path in leave or any(above in leave for above in path.parents):
            continue
        if path.is_symlink() or not path.is_file() or path.name.endswith((".part", ".lock", ".new")):
            continue
        yield name.as_posix(), path.read_bytes()


def _add(tar: tarfile.TarFile, name: str, content: bytes, files: dict[str, str]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))
    files[name] = hashlib.sha256(content).hexdigest()


def _extract(source: SealedReader, staging: Path) -> dict[str, str]:
    """Every file, and its digest as it came out."""
    found: dict[str, str] = {}
    with tarfile.open(fileobj=cast("Any", source), mode="r|") as tar:
        for entry in tar:
            target = (staging / entry.name).resolve()
            content = tar.extractfile(entry)
            if not entry.isreg() or content is None or staging.resolve() not in target.parents:
                raise BackupRefused("it holds what is no file", "含有非普通文件")
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole = content.read()
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(whole)
                out.flush()
                os.fsync(out.fileno())
            found[entry.name] = hashlib.sha256(whole).hexdigest()
    while source.read(1 << 20):  # to the last piece, which says that nothing was cut
        pass
    return found


def _checked(staging: Path, found: dict[str, str]) -> Manifest:
    if _MANIFEST not in found:
        raise BackupRefused("its manifest is missing", "缺少清单")
    manifest = Manifest(**json.loads((staging / _MANIFEST).read_text(encoding="utf-8")))
    if manifest.files != {name: digest for name, digest in found.items() if name != _MANIFEST}:
        raise BackupRefused("files and manifest disagree", "文件与清单不符")
    return manifest
