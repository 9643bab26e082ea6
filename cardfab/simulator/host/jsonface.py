"""The training host as signed JSON: over HTTP(S), or as files in a folder that both sides can write to.

A request: its signature over ``cardfab host request``, a line feed and the body; an answer likewise with ``cardfab host
answer``. Both carry a moment; a request seen before is turned away by its nonce.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cardfab.crypto.ec import p256_private, p256_public, p256_sign, p256_verify
from cardfab.simulator.host.books import Record
from cardfab.simulator.host.host import TrainingHost
from cardfab.simulator.host.web import Page

_KEY = p256_private(hashlib.sha384(b"signing key of the training host, not secret").digest())
PUBLIC = p256_public(_KEY)
"""The published key with which a training host signs."""
_SIGNATURE = "cardfab-signature"
_STALE = 300.0


class JsonFace:
    """Signed JSON. ``station`` is the public key of the station; without one its signature is not looked at."""

    def __init__(
        self, host: TrainingHost, station: bytes | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._host, self._station, self._now = host, station, now
        self._seen: set[str] = set()
        self.stale = _STALE
        self.spoil: str | None = None
        """How the next answers are spoilt: ``signature``, ``old`` (a moment long ago), ``other`` (of another body)."""
        self.last: tuple[bytes, str] | None = None

    def __call__(self, headers: Mapping[str, str], body: bytes) -> Page | None:
        """One request over HTTP."""
        answered = self.answer(body, headers.get(_SIGNATURE, ""))
        if answered is None:
            return None
        text, signature = answered
        return Page(text, {"Content-Type": "application/json; charset=utf-8", "Cardfab-Signature": signature})

    def answer(self, body: bytes, signature: str) -> tuple[bytes, str] | None:
        """The answer and its signature; None is silence."""
        try:
            asked = json.loads(body)
            request_id, nonce = str(asked["request_id"]), str(asked["nonce"])
            at = datetime.fromisoformat(asked["at"])
            operation, fields = str(asked["operation"]), dict(asked["fields"])
        except (ValueError, KeyError, TypeError):
            return self._signed(body, {"request_id": "", "outcome": "refused", "code": "format"})
        head = {"request_id": request_id, "outcome": "refused", "code": "credentials"}
        if self._station is not None and not self._proved(body, signature):
            return self._signed(body, {**head, "raw": "signature"})
        if nonce in self._seen or abs((self._now() - at).total_seconds()) > self.stale:
            return self._signed(body, {**head, "raw": "replay"})
        self._seen.add(nonce)
        answer = self._host.ask(request_id, operation, fields)
        if answer is None:
            return None
        if answer.get("garbled"):
            return b"\xff{", "00"
        return self._signed(body, answer)

    def _proved(self, body: bytes, signature: str) -> bool:
        try:
            return p256_verify(self._station or b"", b"cardfab host request\n" + body, bytes.fromhex(signature))
        except ValueError:
            return False

    def _signed(self, asked: bytes, answer: Record) -> tuple[bytes, str]:
        at = datetime(2001, 1, 1, tzinfo=UTC) if self.spoil == "old" else self._now()
        about = asked + b" " if self.spoil == "other" else asked
        content: dict[str, Any] = {
            **answer, "version": 1, "at": at.isoformat(timespec="milliseconds"),
            "request": hashlib.sha256(about).hexdigest(),
        }  # fmt: skip
        body = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        signature = p256_sign(_KEY, b"cardfab host answer\n" + body).hex()
        if self.spoil == "signature":
            signature = signature[:-2] + ("00" if signature[-2:] != "00" else "01")
        self.last = body, signature
        return self.last


class FileServer:
    """Looks into the folder ``out`` for requests and lays answers into ``in``; a context manager."""

    def __init__(self, face: JsonFace, folder: Path) -> None:
        self._face, self._out, self._in = face, folder / "out", folder / "in"
        self._end = threading.Event()
        self._done: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="training host", daemon=True)
        face.stale = 2 * 86400.0

    def look(self) -> None:
        """Answer what lies there and has no answer."""
        for file in sorted(self._out.glob("*.request.json")):
            if file.name in self._done:
                continue
            self._done.add(file.name)
            try:
                asked = json.loads(file.read_bytes())
                answered = self._face.answer(asked["body"].encode(), asked["signature"])
            except (ValueError, KeyError, TypeError, OSError):
                continue
            if answered is not None:
                self._lay(file.name.replace(".request.", ".answer."), *answered)

    def forget(self) -> None:
        """Look at everything again, as after a restart."""
        self._done.clear()

    def _lay(self, name: str, body: bytes, signature: str) -> None:
        self._in.mkdir(parents=True, exist_ok=True)
        part = self._in / f"{name}.part"
        text = json.dumps({"body": body.decode("latin-1" if b"\xff" in body[:1] else "utf-8"), "signature": signature})
        with part.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        part.replace(self._in / name)

    def _run(self) -> None:
        while not self._end.is_set():
            self.look()
            time.sleep(0.02)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
