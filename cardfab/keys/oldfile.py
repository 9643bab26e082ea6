"""Reading of the older key file, CFKS1: JSON and hex inside, so that opening one leaves copies until it is rewritten.

``"CFKS1\\n" | header JSON, one line "\\n" | nonce 12 | ciphertext | tag 16``; see docs/keys.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cardfab.crypto import Buffer, SealBroken, unseal
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.held import Held, hold
from cardfab.keys.label import KeySpec, Level, Usage
from cardfab.keys.openings import Cost, FileRefused

MAGIC = b"CFKS1\n"
BEFORE = "CFKS1"
"""What stands for the ceremony of a key that is not for training and came in before ceremonies were kept."""


@dataclass(frozen=True, slots=True)
class OldContents:
    """Keys and issuer certificates, by label, and what a word cost."""

    held: dict[str, Held]
    certificates: dict[str, IssuerCertificate]
    cost: Cost


def read_old(data: bytes, word: Buffer) -> OldContents:
    """Open it; raises :class:`SealBroken` or ValueError."""
    line, end, sealed = data[len(MAGIC) :].partition(b"\n")
    if not data.startswith(MAGIC) or not end:
        raise FileRefused("CFKS1")
    header = json.loads(line)
    given = header.get("argon2id") if isinstance(header, dict) else None
    if not isinstance(given, dict) or not isinstance(given.get("salt"), str):
        raise FileRefused("argon2id")
    cost = Cost(_whole(given, "passes"), _whole(given, "kib"), _whole(given, "lanes"))
    with cost.key(word, bytes.fromhex(given["salt"])) as key:
        plain = unseal(key.view(), sealed, MAGIC + line + end)
    entries = json.loads(plain)
    held = [_held(entry) for entry in entries if "certificate" not in entry]
    certificates = {
        entry["label"]: IssuerCertificate.from_json_bytes(entry["certificate"].encode())
        for entry in entries
        if "certificate" in entry
    }
    return OldContents({key.info.label: key for key in held}, certificates, cost)


def _whole(given: Mapping[str, object], name: str) -> int:
    value = given.get(name)
    if type(value) is not int:
        raise FileRefused("argon2id")
    return value


def _held(entry: Mapping[str, str | int | bool]) -> Held:
    training = bool(entry["training"])
    spec = KeySpec(
        label=str(entry["label"]),
        algorithm=str(entry["algorithm"]),
        usage=Usage[str(entry["usage"])],
        level=Level[str(entry["level"])],
        version=int(entry["version"]),
        region=str(entry.get("region", "")),
        ceremony="" if training else BEFORE,
    )
    return hold(spec, bytes.fromhex(str(entry["value"])), training=training)


__all__ = ["BEFORE", "MAGIC", "OldContents", "SealBroken", "read_old"]
