"""The record of a ceremony: every step with time, names, check values and package serials; no key, no component.

JSON in one spelling (members sorted, no spaces, UTF-8, one line), signed over these bytes. Read back, it is written
again and compared: another spelling is another record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cardfab.crypto import ed25519_verify
from cardfab.crypto.ec import p256_verify
from cardfab.errors import InputRefused, Text

FORMAT = "cardfab-ceremony-record v1"
_CONTEXT = FORMAT.encode() + b"\n"
_POINT = 65
"""Bytes of a public key of P-256, 04 | X | Y; one of Ed25519 has 32."""
Sign = Callable[[bytes], bytes]


class RecordRefused(InputRefused):
    """A record that was changed, is not signed by the key that is trusted, or is none."""

    default_code = "CF-3910"


@dataclass(frozen=True, slots=True)
class RecordedPerson:
    """Somebody of the ceremony. ``component`` is the number of the one he held, 0 for none."""

    login: str
    name: str
    duty: str
    component: int = 0


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One step; ``people`` are logins."""

    number: int
    at: str
    event: str
    people: tuple[str, ...]
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordedPackage:
    """One sealed package with a component: its serial, whose it is, its way and what became of it."""

    serial: str
    component: int
    custodian: str
    channel: str
    state: str


@dataclass(frozen=True, slots=True)
class CeremonyRecord:
    """A ceremony as it was held. ``outcome`` is closed or interrupted; times are ISO 8601 in UTC."""

    id: str
    kind: str
    rehearsal: bool
    station: str
    began_at: str
    ended_at: str
    outcome: str
    reason: str
    """Why it was interrupted."""
    label: str
    algorithm: str
    usage: str
    level: str
    version: int
    region: str
    group: str
    kcv: str
    """Of the key; empty where none came to be."""
    people: tuple[RecordedPerson, ...]
    steps: tuple[RecordedStep, ...]
    packages: tuple[RecordedPackage, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record with the key that signed it."""

    record: CeremonyRecord
    key: str
    public: bytes
    signature: bytes

    def to_json_bytes(self) -> bytes:
        """The file."""
        signed = {"key": self.key, "public": self.public.hex(), "value": self.signature.hex()}
        return _canonical({"format": FORMAT, "record": asdict(self.record), "signature": signed})

    @classmethod
    def from_json_bytes(cls, data: bytes) -> SignedRecord:
        """Read a file and check its signature; raises :class:`RecordRefused`."""
        try:
            given = json.loads(data)
            signed = given["signature"]
            found = cls(
                _record(given["record"]),
                str(signed["key"]),
                bytes.fromhex(signed["public"]),
                bytes.fromhex(signed["value"]),
            )
            whole = found.to_json_bytes() == data
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _refused(Text("This is no record of a ceremony.", "这不是密钥仪式记录。"), code="CF-3911") from None
        if not whole or not _verifies(found):
            raise _refused(
                Text("The record was changed after it was signed.", "记录在签名后被改动。"),
            )
        return found

    def require_trusted(self, publics: frozenset[bytes]) -> None:
        """Raise :class:`RecordRefused` unless one of these keys signed it."""
        if self.public not in publics:
            raise _refused(
                Text("The record is signed by a key that is not trusted.", "记录的签名密钥不在信任范围内。"),
                code="CF-3912",
            )


def sign_record(record: CeremonyRecord, key: str, public: bytes, sign: Sign) -> SignedRecord:
    """The record, signed."""
    return SignedRecord(record, key, public, sign(signed_bytes(record, key, public)))


def signed_bytes(record: CeremonyRecord, key: str, public: bytes) -> bytes:
    """What a signature is over: the record, and which key is said to sign it."""
    return _CONTEXT + _canonical({"key": key, "public": public.hex(), "record": asdict(record)})


def _verifies(signed: SignedRecord) -> bool:
    verify = p256_verify if len(signed.public) == _POINT else ed25519_verify
    return bool(verify(signed.public, signed_bytes(signed.record, signed.key, signed.public), signed.signature))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _record(given: Mapping[str, Any]) -> CeremonyRecord:
    return CeremonyRecord(
        **{
            **given,
            "people": tuple(RecordedPerson(**one) for one in given["people"]),
            "steps": tuple(RecordedStep(**{**one, "people": tuple(one["people"])}) for one in given["steps"]),
            "packages": tuple(RecordedPackage(**one) for one in given["packages"]),
        }
    )


def _refused(what: Text, *, code: str | None = None) -> RecordRefused:
    do = Text("Get the record from where it was made.", "请从原出处重新取得记录。")
    return RecordRefused(what, do=do, code=code)
