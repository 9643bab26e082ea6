"""Issuer certificates of payment cards: what an issuer asks a scheme authority for, and what it gets. All of it public.

The text forms are JSON with hex values, this project's own: a scheme's request and answer files are made from and to
them. Sources: EMV book 2, 5.1 and 6.3 (tags 8F, 90, 92, 9F32); the SM2 side as in :mod:`cardfab.crypto.emvcert`.
"""

from __future__ import annotations

import calendar
import json
from dataclasses import dataclass
from datetime import date

from cardfab.crypto.emvcert import (
    Certificate,
    CertificateRefused,
    recover_issuer,
    recover_request,
    sm2_recover_issuer,
)
from cardfab.crypto.rsa import RsaPublic
from cardfab.errors import KeyFault, Text

PublicKey = RsaPublic | bytes
"""An RSA key, or X | Y of an SM2 key."""
_REQUEST = ("rid", "iin", "expiry", "tracking", "proof")
_ANSWER = ("rid", "index", "certificate", "remainder", "exponent")


class CertificateFault(KeyFault):
    """A certificate of the chain that does not verify, is missing or has expired."""

    default_code = "CF-6400"


def last_day(mmyy: bytes) -> date:
    """The last day on which something with that expiry, MMYY in two bytes, is good."""
    text = mmyy.hex()
    try:
        year, month = 2000 + int(text[2:]), int(text[:2])
        return date(year, month, calendar.monthrange(year, month)[1])
    except ValueError:
        raise CertificateFault(
            Text(f"{text} is no month and year of an expiry.", f"{text} 不是有效的到期年月。"), code="CF-6401"
        ) from None


@dataclass(frozen=True, slots=True)
class IssuerRequest:
    """An issuer's public key on its way to the authority. ``proof`` is signed by that very key.

    ``rid`` 5 bytes, ``iin`` 4 (padded F), ``expiry`` MMYY as wished, ``tracking`` 3 bytes.
    """

    rid: bytes
    iin: bytes
    expiry: bytes
    tracking: bytes
    public: PublicKey
    proof: bytes

    def check(self) -> None:
        """Raises :class:`CertificateFault` where the proof is not of this key and these fields."""
        try:
            found = recover_request(self.public, self.proof)
        except CertificateRefused as refused:
            raise _faulty(str(refused)) from None
        if (found.subject, found.expiry, found.serial) != (self.iin, self.expiry, self.tracking):
            raise _faulty("request: its fields are not those that were signed")

    def to_json_bytes(self) -> bytes:
        """One canonical JSON object."""
        fields = {name: getattr(self, name).hex().upper() for name in _REQUEST}
        return _dumped({"form": "cardfab issuer request 1", **fields, "public": _public_out(self.public)})

    @classmethod
    def from_json_bytes(cls, data: bytes) -> IssuerRequest:
        """Read a request; raises :class:`CertificateFault`. It is not verified yet: :meth:`check` does."""
        read = _loaded(data, _REQUEST, "public")
        if read is None:
            raise CertificateFault(Text("This is no certificate request.", "这不是证书申请文件。"), code="CF-6408")
        return cls(**read[0], public=read[1])


@dataclass(frozen=True, slots=True)
class IssuerCertificate:
    """The authority's answer: tag 90 with what belongs to it, and the authority's own public key.

    ``index`` is tag 8F (1 byte), ``remainder`` and ``exponent`` are tags 92 and 9F32 (empty on the SM2 side).
    """

    rid: bytes
    index: bytes
    authority: PublicKey
    certificate: bytes
    remainder: bytes
    exponent: bytes

    def open(self) -> Certificate:
        """What the certificate says; raises :class:`CertificateFault` where it does not verify."""
        try:
            if isinstance(self.authority, bytes):
                return sm2_recover_issuer(self.authority, self.certificate)
            return recover_issuer(self.authority, self.certificate, self.remainder, self.exponent)
        except CertificateRefused as refused:
            raise _faulty(str(refused)) from None

    def to_json_bytes(self) -> bytes:
        """One canonical JSON object."""
        fields = {name: getattr(self, name).hex().upper() for name in _ANSWER}
        return _dumped({"form": "cardfab issuer certificate 1", **fields, "authority": _public_out(self.authority)})

    @classmethod
    def from_json_bytes(cls, data: bytes) -> IssuerCertificate:
        """Read an answer; raises :class:`CertificateFault`. It is not verified yet: :meth:`open` does."""
        read = _loaded(data, _ANSWER, "authority")
        if read is None:
            raise CertificateFault(
                Text("This is no answer to a certificate request.", "这不是证书申请的应答文件。"), code="CF-6402"
            )
        return cls(**read[0], authority=read[1])


@dataclass(frozen=True, slots=True)
class IccCertificate:
    """Tags 9F46, 9F48 and 9F47 of one card; the last two empty on the SM2 side."""

    certificate: bytes
    remainder: bytes
    exponent: bytes


@dataclass(frozen=True, slots=True)
class IccSubject:
    """Whose ICC certificate: PAN in 10 bytes padded F, expiry MMYY, the issuer's serial (3 bytes)."""

    pan: bytes
    expiry: bytes
    serial: bytes

    @property
    def head(self) -> bytes:
        """As it stands in the certificate."""
        return self.pan + self.expiry + self.serial

    def __repr__(self) -> str:
        return f"<subject of an ICC certificate, serial {self.serial.hex()}>"


def _faulty(step: str) -> CertificateFault:
    return CertificateFault(
        Text(f"The certificate does not verify: {step}.", f"证书验证失败：{step}。"),
        do=Text("Ask the authority for it again.", "请向认证机构重新索取。"),
    )


def _dumped(value: dict[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"


def _loaded(data: bytes, names: tuple[str, ...], key: str) -> tuple[dict[str, bytes], PublicKey] | None:
    """The hex values of these names and the public key under ``key``; None for what is no such text."""
    try:
        given = json.loads(data)
        return {name: bytes.fromhex(given[name]) for name in names}, _public_in(given[key])
    except (KeyError, TypeError, ValueError):
        return None


def _public_out(public: PublicKey) -> dict[str, str]:
    if isinstance(public, bytes):
        return {"algorithm": "SM2", "point": public.hex().upper()}
    return {
        "algorithm": "RSA",
        "modulus": public.modulus.hex().upper(),
        "exponent": public.exponent.hex().upper(),
    }


def _public_in(given: dict[str, str]) -> PublicKey:
    if given["algorithm"] == "SM2":
        return bytes.fromhex(given["point"])
    return RsaPublic(bytes.fromhex(given["modulus"]), bytes.fromhex(given["exponent"]))
