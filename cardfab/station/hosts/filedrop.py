"""Family file drop: a folder out, a folder in; one signed file a request, one signed file an answer.

Files appear whole (written beside, flushed, renamed). The name is the request's id, which tells nothing of a holder. A
request that lies there is not written again: its answer is waited for. Both stay until the journal has the answer.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cardfab.profile.host import HostProfile
from cardfab.station.host import READS, Call, HostCode, Refused, Reply, Unknown
from cardfab.station.hosts.neutral import checked, request_of
from cardfab.station.hosts.signed import Signing, read_answer, write_request

REQUESTS, ANSWERS = "out", "in"
_REQUEST, _ANSWER = ".request.json", ".answer.json"


@dataclass(frozen=True, slots=True)
class FileHost:
    """A host behind a folder that both sides can write to."""

    name: str
    profile: HostProfile
    signing: Signing
    folder: Path
    seconds: float
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def ask(self, call: Call) -> Reply:
        """Lay the request down and wait for its answer."""
        wanted = request_of(self.profile, call)
        if isinstance(wanted, Refused):
            return wanted
        request, answer = self._files(call.request_id)
        try:
            body = self._lying(request)
            if body is None:
                body, signature = write_request(call, *wanted, self.signing)
                _write(
                    request, json.dumps({"body": body.decode(), "signature": signature}, ensure_ascii=False).encode()
                )
        except OSError:
            return Unknown(HostCode.TIMEOUT, sent=False)
        until = self.clock() + self.seconds
        while True:
            try:
                found = self._answered(answer)
            except OSError:
                found = None
            if found is not None:
                return checked(self.profile, call, read_answer(call, body, found[0], found[1], self.signing))
            if self.clock() >= until:
                if call.operation in READS:  # it is asked anew, under another name
                    request.unlink(missing_ok=True)
                return Unknown(HostCode.TIMEOUT)
            self.pause(min(0.05, self.seconds))

    def booked(self, request_id: str) -> None:
        """The journal has the answer: the two files have done their service."""
        for file in self._files(request_id):
            file.unlink(missing_ok=True)

    def _files(self, request_id: str) -> tuple[Path, Path]:
        name = "".join(letter for letter in request_id if letter.isalnum() or letter == "-")
        return self.folder / REQUESTS / f"{name}{_REQUEST}", self.folder / ANSWERS / f"{name}{_ANSWER}"

    def _lying(self, request: Path) -> bytes | None:
        """The body of the request as an earlier try has laid it down."""
        found = _read(request, self.profile.rules.longest_answer)
        return None if found is None else found[0]

    def _answered(self, answer: Path) -> tuple[bytes, str] | None:
        if not answer.exists():
            return None
        return _read(answer, self.profile.rules.longest_answer) or (b"", "")


def _read(file: Path, longest: int) -> tuple[bytes, str] | None:
    """Body and signature of a file, None where it is none of ours."""
    if not file.is_file():
        return None
    with file.open("rb") as lying:
        data = lying.read(longest + 1)
    try:
        found = json.loads(data) if len(data) <= longest else {}
        return str(found["body"]).encode(), str(found["signature"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
