"""What a station does before and after its work, for the record: what changed since, what is left over, the last head.

Between two starts others may have had their hands on it: settings, profiles, the program, the database. What is not as
it was goes on record before any work is done; what the record says of itself is held against what lies elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cardfab.errors import Text
from cardfab.station.desk import Desk
from cardfab.station.outside import Outside, OutsideRefused
from cardfab.station.record import check_start
from cardfab.store import Database

Tell = Callable[[Text], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the record keeps an eye on. ``things``: a digest by name; ``head``: where the last checkpoint lies."""

    things: Mapping[str, str]
    head: Path
    outside: Outside | None = None
    required: bool = False
    """Whether there is no work without a place outside."""


def digest_of(*folders: Path) -> str:
    """Of every file below the folders, by name and content; of a file alone likewise."""
    whole = sha256()
    for folder in folders:
        for file in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            if file.is_file():
                whole.update(f"{file.relative_to(folder)}\n".encode() + sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def begin_work(desk: Desk, around: Surroundings, tell: Tell) -> None:
    """Take in what is left over, look at the record, and record what changed. Raises OutsideRefused where required."""
    database = desk.database
    database.flush()
    for name, kept in database.doubts():  # the answer to a commit was lost before the last start
        details = {"act": name, "kept": str(kept).lower()}
        database.note(desk.event("database.doubt", desk.token(), "done", details))
    database.sequence(patient=False)
    _look(desk, around, tell)
    _note_changes(desk, {**around.things, "schema": database.version() or ""})
    if around.outside is not None:
        database.signed = _Keeper(desk, around.outside, tell).keep
        with database.reading() as tx:
            last = tx.audit.last_checkpoint()
        if last is not None:
            _Keeper(desk, around.outside, tell, required=around.required).keep(last)


def end_work(desk: Desk, around: Surroundings) -> None:
    """Everything has its place and is signed; the head is kept beside the database."""
    database = desk.database
    database.flush()
    with database.reading() as tx:
        size, waiting, last = tx.audit.tree().size, tx.audit.waiting(), tx.audit.last_checkpoint()
        sign = None if desk.unsigned(tx) else desk.signed
    if waiting or (size and not _is_of(last, size)):
        database.sequence(sign, patient=False)
    _keep_head(database, around.head)


def _look(desk: Desk, around: Surroundings, tell: Tell) -> None:
    elsewhere = [note for note in (_read(around.head), around.outside and around.outside.last()) if note]
    for alert in check_start(desk, elsewhere).alerts:
        tell(Text(f"ALERT: {alert.en}", f"警报：{alert.zh}"))
        desk.database.note(desk.event("audit.alert", desk.token(), "failed", {"why": alert.en}))


def _note_changes(desk: Desk, things: Mapping[str, str]) -> None:
    with desk.database.reading() as tx:
        before = {thing: tx.audit.known(desk.station, thing) for thing in things}
    changed = {thing: digest for thing, digest in things.items() if before[thing] != digest}
    if not changed:
        return
    with desk.database.transaction("changes") as tx:
        for thing, digest in changed.items():
            details = {"thing": thing, "digest": digest, "before": before[thing] or ""}
            tx.audit.append(desk.event("config.change", desk.token(), "done", details))
            tx.audit.learn(desk.station, thing, digest)


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Puts checkpoints outside; what cannot be put there is on record."""

    desk: Desk
    outside: Outside
    tell: Tell
    required: bool = False

    def keep(self, note: bytes) -> None:
        try:
            self.outside.keep(note)
        except OutsideRefused as refused:
            details = {"code": refused.code, "why": refused.what.en}
            self.desk.database.note(self.desk.event("audit.outside", self.desk.token(), "failed", details))
            if self.required:
                raise
            self.tell(refused.what)


def _keep_head(database: Database, file: Path) -> None:
    with database.reading() as tx:
        last = tx.audit.last_checkpoint()
    if last is not None and last != _read(file):
        part = file.with_name(f"{file.stem}.{os.getpid()}.part")  # programs of one folder may end at once
        part.write_bytes(last)
        part.replace(file)


def _read(file: Path) -> bytes | None:
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return None


def _is_of(note: bytes | None, size: int) -> bool:
    return note is not None and note.split(b"\n")[1] == str(size).encode()
