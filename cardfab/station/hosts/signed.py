"""Signed messages: a body of canonical JSON and a detached signature; an answer belongs to one request and one moment.

Signed is ``cardfab host request`` or ``cardfab host answer``, a line feed, the body. The answer names the SHA-256 of
the body it answers, so that an answer to another request, or to an earlier try of the same, is none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cardfab.crypto.ec import p256_verify
from cardfab.station.host import Call, Done, HostCode, Refused, Reply, Unknown

REQUEST, ANSWER = b"cardfab host request\n", b"cardfab host answer\n"
HOST_KEY = "station/host"
"""The key that signs what this station sends to its host (EC-P256)."""
VERSION = 1


@dataclass(frozen=True, slots=True)
class Signing:
    """Both sides' keys: ``sign`` with the station's, ``host`` the public key of the host's (04 | X | Y)."""

    sign: Callable[[bytes], bytes]
    host: bytes
    random: Callable[[int], bytes]
    now: Callable[[], datetime]
    stale: timedelta


def canonical(content: Mapping[str, Any]) -> bytes:
    """JSON with sorted names and no blanks, UTF-8."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def write_request(call: Call, operation: str, fields: Mapping[str, Any], signing: Signing) -> tuple[bytes, str]:
    """The body and its signature in hex."""
    body = canonical({
        "version": VERSION, "request_id": call.request_id, "operation": operation, "station": call.station,
        "operator": call.operator, "at": signing.now().isoformat(timespec="milliseconds"), "asked_at": call.at,
        "nonce": signing.random(16).hex(), "fields": dict(fields),
    })  # fmt: skip
    return body, signing.sign(REQUEST + body).hex()


def read_answer(call: Call, request: bytes, body: bytes, signature: str, signing: Signing) -> Reply:
    """What the host said. Unsigned, stale, or of another request: unknown, and ``raw`` says which."""
    try:
        signed = p256_verify(signing.host, ANSWER + body, bytes.fromhex(signature))
    except ValueError:
        signed = False
    if not signed:
        return Unknown(HostCode.FORMAT, "signature")
    try:
        found = json.loads(body)
        if found["version"] != VERSION or found["request_id"] != call.request_id:
            return Unknown(HostCode.FORMAT, "another request")
        if found["request"] != hashlib.sha256(request).hexdigest():
            return Unknown(HostCode.FORMAT, "replayed")
        if abs(signing.now() - datetime.fromisoformat(found["at"])) > signing.stale:
            return Unknown(HostCode.FORMAT, "stale")
        if found["outcome"] == "done":
            return Done({**found["answer"]}, bool(found.get("again", False)))
        if found["outcome"] == "refused":
            return Refused(HostCode(found["code"]), str(found.get("raw", ""))[:80])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return Unknown(HostCode.FORMAT)
