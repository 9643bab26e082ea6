"""A writer of the older key file, CFKS1, as docs/keys.md has it: the program only reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from cardfab.crypto import argon2id, seal
from cardfab.keys.held import Held


def old_key_file(keys: Iterable[Held], word: bytes, random: Callable[[int], bytes], *, region: bool = True) -> bytes:
    """The sealed file under a word, at the least cost; without ``region`` as the first stations wrote it."""
    held = list(keys)
    salt = random(16)
    header = {
        "argon2id": {"passes": 1, "kib": 8, "lanes": 1, "salt": salt.hex()},
        "count": len(held),
        "training": all(key.info.training for key in held),
    }
    start = b"CFKS1\n" + json.dumps(header, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    plain = json.dumps([_entry(key, region) for key in held]).encode()
    return start + seal(argon2id(word, salt, passes=1, kib=8, lanes=1), plain, start, random)


def _entry(key: Held, region: bool) -> dict[str, object]:
    info = key.info
    entry: dict[str, object] = {
        "label": info.label,
        "algorithm": info.algorithm,
        "usage": info.usage.name,
        "level": info.level.name,
        "version": info.version,
        "training": info.training,
        "value": key.value.view().hex(),
    }
    return entry | {"region": info.region} if region else entry
