"""The sealed key file.

File format (docs/keys.md, to the byte)::

    "CFKS1\\n"  header JSON, one line "\\n"  sealed bytes (AES-256-GCM: nonce 12 | ciphertext | tag 16)

The header (Argon2id parameters and salt, training flag, count) is bound to the seal as associated data. The plaintext
is a JSON list of keys with their attributes and values in hex.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from cardfab.crypto import Buffer, SealBroken, argon2id, seal, unseal
from cardfab.errors import Text
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.held import Held, hold
from cardfab.keys.label import KeySpec, Level, Usage
from cardfab.keys.secret import Secret
from cardfab.keys.store import StoreLocked

MAGIC = b"CFKS1\n"
_PASSES, _KIB, _LANES = 3, 64 * 1024, 2  # RFC 9106 section 4, second recommended option, two lanes
_MOST = {"passes": 100, "kib": 4 * 1024 * 1024, "lanes": 64}
"""What a header may ask for: a changed one shall not take all the memory of the machine."""


Contents = tuple[dict[str, Held], dict[str, IssuerCertificate]]
"""Keys and issuer certificates, by label."""


def write_sealed(
    held: Mapping[str, Held],
    certificates: Mapping[str, IssuerCertificate],
    word: Buffer,
    random: Callable[[int], bytes],
) -> bytes:
    """The sealed file under a word."""
    header = {
        "argon2id": {"passes": _PASSES, "kib": _KIB, "lanes": _LANES, "salt": random(16).hex()},
        "count": len(held),
        "training": all(key.info.training for key in held.values()),
    }
    line = json.dumps(header, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    kept = [{"certificate": one.to_json_bytes().decode(), "label": label} for label, one in certificates.items()]
    plain = json.dumps([*(_to_json(key) for key in held.values()), *kept]).encode()
    with _opening_key(header, word) as opening:
        return MAGIC + line + seal(opening.view(), plain, MAGIC + line, random)


def read_sealed(data: bytes, word: Buffer) -> Contents:
    """Open a sealed file; raises :class:`StoreLocked`."""
    line, sealed = _split(data)
    try:
        with _opening_key(json.loads(line), word) as opening:
            plain = unseal(opening.view(), sealed, MAGIC + line)
    except (SealBroken, KeyError, TypeError, ValueError) as broken:
        raise StoreLocked(
            Text(
                "The key store does not open: the word is wrong or the file was changed.",
                "密钥库无法打开：口令错误或文件被改动。",
            ),
            do=Text("Try the word again, or restore the file from its backup.", "请重新输入口令，或从备份恢复该文件。"),
        ) from broken
    entries = json.loads(plain)
    held = [_from_json(entry) for entry in entries if "certificate" not in entry]
    certificates = {
        entry["label"]: IssuerCertificate.from_json_bytes(entry["certificate"].encode())
        for entry in entries
        if "certificate" in entry
    }
    return {key.info.label: key for key in held}, certificates


def _split(data: bytes) -> tuple[bytes, bytes]:
    if not data.startswith(MAGIC) or b"\n" not in data[len(MAGIC) :]:
        raise StoreLocked(Text("This file is not a cardfab key store.", "该文件不是 cardfab 密钥库。"))
    line, _, sealed = data[len(MAGIC) :].partition(b"\n")
    return line + b"\n", sealed


def _opening_key(header: object, word: Buffer) -> Secret:
    """The key that the word opens. The header is not proved yet: nothing but whole, bearable costs is taken from it."""
    given = header.get("argon2id") if isinstance(header, dict) else None
    if not isinstance(given, dict) or not isinstance(given.get("salt"), str):
        raise ValueError("argon2id")
    passes, kib, lanes = (_cost(given.get(name), most) for name, most in _MOST.items())
    return Secret(argon2id(word, bytes.fromhex(given["salt"]), passes=passes, kib=kib, lanes=lanes))


def _cost(value: object, most: int) -> int:
    if type(value) is not int or not 0 < value <= most:
        raise ValueError("argon2id")
    return value


def _to_json(key: Held) -> dict[str, object]:
    info = key.info
    return {
        "label": info.label,
        "algorithm": info.algorithm,
        "usage": info.usage.name,
        "level": info.level.name,
        "version": info.version,
        "region": info.region,
        "training": info.training,
        "value": key.value.view().hex(),
    }


def _from_json(entry: Mapping[str, str | int | bool]) -> Held:
    spec = KeySpec(
        label=str(entry["label"]),
        algorithm=str(entry["algorithm"]),
        usage=Usage[str(entry["usage"])],
        level=Level[str(entry["level"])],
        version=int(entry["version"]),
        region=str(entry.get("region", "")),
    )
    return hold(spec, bytes.fromhex(str(entry["value"])), training=bool(entry["training"]))
