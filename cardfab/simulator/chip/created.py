"""Directories, files and keys that were created on the card, as cells: what pre-personalisation leaves behind.

A right is a name ``@directory:level``: what a key or a PIN of that directory gives, in the numbers of the dialect.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from cardfab.simulator.chip import layout
from cardfab.simulator.chip.layout import Access, Directory, File, Key
from cardfab.simulator.chip.memory import Memory

DIALECT = "os/dialect"
PIN_PLACE = "os/pin"
EXTERNAL, START_DAY = "external", "start-day"


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
    stored = memory.read(directory_cell(fid))
    return _made(fid, stored) if stored else None


def _made(fid: int, stored: bytes) -> Made:
    value = decode(stored)
    return Made(fid, value["parent"], bytes.fromhex(value["name"]), bytes.fromhex(value["settings"]), value["ended"])


def file(directory_fid: int, one: File, access: bytes) -> dict[str, bytes]:
    """The cell of a file; ``access`` are the dialect's bytes."""
    value = {"sfi": one.sfi, "kind": one.kind, "size": one.size, "length": one.length, "space": one.space}
    return {file_cell(directory_fid, one.fid): encode({**value, "line": one.line, "access": access.hex()})}


def key(directory_fid: int, one: Key) -> dict[str, bytes]:
    """The cell of a key place."""
    value = {"kid": one.kid, "use": one.use, "level": one.level, "groups": one.groups}
    return {key_cell(directory_fid, one.name): encode(value)}


def cells_of(memory: Memory, fids: Iterable[int]) -> dict[str, None]:
    """Everything that was created in these directories and what lies in it, to be erased; the directories too."""
    paths = [f"{fid:04X}" for fid in fids]
    prefixes = tuple(f"{part}/{path}/" for path in paths for part in ("fs", "ef", "key", "tries", "purse"))
    names = {name for name in memory.cells if name.startswith(prefixes)}
    names |= {f"{part}/{path}" for path in paths for part in ("blocked", "purse")} & memory.cells.keys()
    if decode(memory.read(PIN_PLACE)).get("path") in paths:
        names |= {name for name in memory.cells if name in ("pin", PIN_PLACE) or name.startswith("tries/PIN/")}
    return dict.fromkeys(sorted(names))


def right(path: str, level: int) -> str:
    """The name of a level of a directory."""
    return f"@{path}:{level:02X}"


class Conditions:
    """How a dialect reads its access bytes."""

    def access(self, made: Made, access: bytes) -> tuple[Access, Access, str]:
        """(read, write, key of the line protection, by its name or its right) in directory ``made``."""
        return layout.FREE, layout.FREE, ""


def structure(memory: Memory, conditions: Conditions) -> dict[int, Directory]:
    """The tree by FID; an empty MF where nothing was created."""
    tree = {layout.MF: Directory(layout.MF, b"", None)}
    parts: dict[str, list[tuple[str, bytes]]] = {}
    for name, stored in memory.under("fs/").items():
        path, _, part = name.partition("/")
        parts.setdefault(path, []).append((part, stored))
    for path, found in parts.items():
        if found[0][0] == "":
            tree[int(path, 16)] = _directory(int(path, 16), tuple(found), conditions)
    return tree


@lru_cache(maxsize=256)
def _directory(fid: int, parts: tuple[tuple[str, bytes], ...], conditions: Conditions) -> Directory:
    """A directory of its cells, by what follows its FID in their names."""
    own = _made(fid, parts[0][1])
    files, keys = [], []
    for name, stored in parts[1:]:
        kind, _, rest = name.partition("/")
        if kind == "ef":
            value = decode(stored)
            read, write, line_key = conditions.access(own, bytes.fromhex(value["access"]))
            one = File(int(rest, 16), value["sfi"], read, write, line_key)
            files.append(_with(one, {part: value[part] for part in ("kind", "size", "length", "space", "line")}))
        elif kind == "key":
            value = decode(stored)
            keys.append(Key(rest, value["kid"], value["use"], "", value["level"], value["groups"]))
    return _settled(Directory(fid, own.name, own.parent, tuple(files), tuple(keys)))


def _settled(one: Directory) -> Directory:
    """With the keys that rights stand for. An internal file that names a log is a purse; its writer sets the day."""
    by_right = {right(one.path, key.level): key.name for key in one.keys if key.use == EXTERNAL}
    purse = next((file for file in one.files if file.kind == "internal" and file.length), None)
    log = next((file.fid for file in one.files if purse and file.kind == "cyclic" and file.sfi == purse.length), 0)
    day = by_right.get(purse.write_key) if purse and log else None
    return replace(
        one,
        files=tuple(replace(file, write_key=by_right.get(file.write_key, file.write_key)) for file in one.files),
        keys=tuple(replace(key, use=START_DAY) if key.name == day else key for key in one.keys),
        log=log,
    )


def _with(one: File, sizes: Mapping[str, Any]) -> File:
    return File(one.fid, one.sfi, one.read, one.write, one.write_key, (), **sizes)
