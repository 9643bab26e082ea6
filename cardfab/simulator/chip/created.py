"""Directories, files and keys that were created on the card, as cells: what pre-personalisation leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cardfab.simulator.chip import layout
from cardfab.simulator.chip.layout import Access, Directory, File, Key
from cardfab.simulator.chip.memory import Memory

DIALECT = "os/dialect"


@dataclass(frozen=True, slots=True)
class Made:
    """A directory as it was created: ``settings`` are the dialect's own bytes; ``ended``: nothing is created in it."""

    fid: int
    parent: int | None
    name: bytes
    settings: bytes
    ended: bool = False


def directory_cell(fid: int) -> str:
    """Where a directory lies."""
    return f"fs/{fid:04X}/"


def file_cell(directory: int, fid: int) -> str:
    """Where the description of a file lies."""
    return f"fs/{directory:04X}/ef/{fid:04X}"


def key_cell(directory: int, name: str) -> str:
    """Where the description of a key lies; its value is at ``key/<directory>/<name>``."""
    return f"fs/{directory:04X}/key/{name}"


def encode(value: Mapping[str, Any]) -> bytes:
    """A description as a cell."""
    return json.dumps(value).encode("ascii")


def decode(stored: bytes) -> dict[str, Any]:
    """A description from its cell; empty where there is none."""
    found: dict[str, Any] = json.loads(stored) if stored else {}
    return found


def directory(made: Made) -> dict[str, bytes]:
    """The cell of a directory."""
    value = {"parent": made.parent, "name": made.name.hex(), "settings": made.settings.hex(), "ended": made.ended}
    return {directory_cell(made.fid): encode(value)}


def made(memory: Memory, fid: int) -> Made | None:
    """A directory as it was created."""
    stored = decode(memory.read(directory_cell(fid)))
    if not stored:
        return None
    name, settings = bytes.fromhex(stored["name"]), bytes.fromhex(stored["settings"])
    return Made(fid, stored["parent"], name, settings, stored["ended"])


def file(directory_fid: int, one: File, access: bytes) -> dict[str, bytes]:
    """The cell of a file; ``access`` are the dialect's bytes."""
    value = {"sfi": one.sfi, "kind": one.kind, "size": one.size, "length": one.length, "space": one.space}
    return {file_cell(directory_fid, one.fid): encode({**value, "line": one.line, "access": access.hex()})}


def key(directory_fid: int, one: Key) -> dict[str, bytes]:
    """The cell of a key place."""
    return {key_cell(directory_fid, one.name): encode({"kid": one.kid, "use": one.use, "level": one.level})}


class Conditions:
    """How a dialect reads its access bytes."""

    def access(self, made: Made, access: bytes) -> tuple[Access, Access, str]:
        """(read, write, name of the key of the line protection) in directory ``made``."""
        return layout.FREE, layout.FREE, ""


def structure(memory: Memory, conditions: Conditions) -> dict[int, Directory]:
    """The tree by FID; an empty MF where nothing was created."""
    tree = {layout.MF: Directory(layout.MF, b"", None)}
    for name in memory.under("fs/"):
        fid, _, rest = name.partition("/")
        if not rest:
            tree[int(fid, 16)] = _directory(memory, int(fid, 16), conditions)
    return tree


def _directory(memory: Memory, fid: int, conditions: Conditions) -> Directory:
    own = made(memory, fid) or Made(fid, None, b"", b"")
    files = []
    for name, stored in memory.under(directory_cell(fid) + "ef/").items():
        value = decode(stored)
        read, write, line_key = conditions.access(own, bytes.fromhex(value["access"]))
        one = File(int(name, 16), value["sfi"], read, write, line_key)
        sizes = {part: value[part] for part in ("kind", "size", "length", "space", "line")}
        files.append(_with(one, sizes))
    keys = []
    for name, stored in memory.under(directory_cell(fid) + "key/").items():
        value = decode(stored)
        keys.append(Key(name, value["kid"], value["use"], "", value["level"]))
    return Directory(fid, own.name, own.parent, tuple(files), tuple(keys))


def _with(one: File, sizes: Mapping[str, Any]) -> File:
    return File(one.fid, one.sfi, one.read, one.write, one.write_key, (), **sizes)
