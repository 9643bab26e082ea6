"""The signed, dated list of temporary cards that ended before their last day, for whoever checks without a network.

Text of lines that end with LF::

    cardfab-temporary-list 1
    station <name>
    key <key id, 8 hex digits>[ <key id of an earlier key of the station>]...
    made 2026-11-22T01:00:00Z
    until 2026-11-24T01:00:00Z
    <number> <revoked|ended|returned|extended> <day>
    signature <base64 of r | s over every byte before this line>

Numbers stand there plainly: they run on from day to day, so that a digest of one, salted or not, would be found by
trying; and a number says nothing about the person.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal, get_args

from cardfab.crypto.ec import p256_verify
from cardfab.documents.claim import DocumentRefused, TrustedKey
from cardfab.errors import Text

Why = Literal["revoked", "ended", "returned", "extended"]
_FORM = "cardfab-temporary-list 1"
_ENTRY = re.compile(r"([0-9A-Z-]{1,20}) (revoked|ended|returned|extended) (\d{4}-\d{2}-\d{2})")
_STAMP = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Ended:
    """A temporary card that is good no more, why and since which day."""

    number: str
    why: Why
    day: date


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What a list says. After ``until`` it proves nothing any more."""

    station: str
    key_id: bytes
    made: datetime
    until: datetime
    entries: Sequence[Ended]
    earlier: tuple[bytes, ...] = ()
    """Ids of the keys that signed this station's papers before: the list speaks of those papers too."""

    def signed_bytes(self) -> bytes:
        """The bytes the signature is over."""
        lines = [
            _FORM,
            f"station {self.station}",
            f"key {' '.join(one.hex() for one in (self.key_id, *self.earlier))}",
            f"made {self.made.astimezone(UTC):{_STAMP}}",
            f"until {self.until.astimezone(UTC):{_STAMP}}",
            *(f"{one.number} {one.why} {one.day.isoformat()}" for one in self.entries),
        ]
        return "".join(f"{line}\n" for line in lines).encode()

    def signed_text(self, sign: Callable[[bytes], bytes]) -> str:
        """The file; ``sign`` answers r | s, 64 bytes."""
        signed = self.signed_bytes()
        return f"{signed.decode()}signature {base64.b64encode(sign(signed)).decode('ascii')}\n"

    def speaks_of(self, key_id: bytes) -> bool:
        """Whether papers of that key are this list's business."""
        return key_id in (self.key_id, *self.earlier)

    def find(self, number: str) -> Ended | None:
        """What it says of a number."""
        return next((one for one in self.entries if one.number == number), None)


def read_list(data: bytes, keys: Iterable[TrustedKey]) -> RevocationList:
    """A list that one of the keys signed. Raises ``DocumentRefused``: no list (CF-3556), not signed so (CF-3557)."""
    try:
        body, mark, last = data.rpartition(b"signature ")
        form, station, named, made, until, *entries = body.decode().splitlines()
        if form != _FORM or not mark:
            raise ValueError(form)
        signature = base64.b64decode(last.strip(), validate=True)
        key, *earlier = map(bytes.fromhex, _after("key ", named).split(" "))
        read = RevocationList(
            _after("station ", station),
            key,
            _moment(_after("made ", made)),
            _moment(_after("until ", until)),
            tuple(_entry(line) for line in entries),
            tuple(earlier),
        )
        if read.signed_bytes() != body:
            raise ValueError("not canonical")
    except (ValueError, binascii.Error) as broken:
        raise DocumentRefused(
            Text("This is no list of revoked temporary cards.", "该文件不是临时卡作废名单。"),
            do=Text(
                "Take the file of 'cardfab temporary revocations'.", "请使用 cardfab temporary revocations 生成的文件。"
            ),
            code="CF-3556",
        ) from broken
    known = tuple(keys)
    signer = next((one for one in known if one.key_id == key and p256_verify(one.public, body, signature)), None)
    if signer is None:
        raise DocumentRefused(
            Text(
                "The list of revoked temporary cards is not signed by a station that is trusted here, or was changed.",
                "作废名单不是由受信任的网点签名，或已被改动。",
            ),
            do=Text("Get the list from the issuing station again.", "请向签发网点重新索取名单。"),
            code="CF-3557",
        )
    # No station speaks of another's papers, however it names the keys.
    own = {one.key_id for one in known if one.station == signer.station}
    return replace(read, earlier=tuple(one for one in earlier if one in own))


def _after(mark: str, line: str) -> str:
    if not line.startswith(mark):
        raise ValueError(line)
    return line[len(mark) :]


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def _entry(line: str) -> Ended:
    found = _ENTRY.fullmatch(line)
    if found is None:
        raise ValueError(line)
    (why,) = (each for each in get_args(Why) if each == found[2])
    return Ended(found[1], why, date.fromisoformat(found[3]))
