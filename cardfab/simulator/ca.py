"""The training certification authority: a root, an issuing authority below it, certificates for cards. X.509 v3, SM2.

All its private keys are published, as all training keys are: their seed is SHA-256 over a sentence and a name. A
certificate of this authority proves nothing and says so in its subject. Forms: RFC 5280; SM2 keys and signatures in
certificates by GM/T 0015; the key that the authority makes for the holder travels as GM/T 0016 describes (the secret
key under a session key, the session key under the public key of the card).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from asn1crypto import algos, core, crl, keys, pem, x509

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.crypto.sm import sm2_encrypt, sm2_generate, sm2_sign, sm2_verify, sm3

SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM2_CURVE = "1.2.156.10197.1.301"
SPECIMEN = "样卡 SPECIMEN"
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
YEARS = 10

Usage = Literal["signing", "encryption"]
USAGES: dict[Usage, set[str]] = {
    "signing": {"digital_signature", "non_repudiation"},
    "encryption": {"key_encipherment", "data_encipherment"},
}
Random = Callable[[int], bytes]


class NotTrusted(ValueError):
    """A certificate that this authority does not vouch for, and why."""


@dataclass(frozen=True, slots=True)
class EnvelopedKey:
    """The encryption key pair of a holder on its way to the card.

    ``public``: X | Y. ``envelope``: the session key under the card's public key, X | Y | hash | cipher (112 bytes).
    ``private``: 32 bytes under the session key (SM4, ECB).
    """

    public: bytes
    envelope: bytes
    private: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate and the private key to it."""

    certificate: bytes
    private: bytes

    def __repr__(self) -> str:
        return "Authority(...)"


class TrainingCa:
    """Issues and verifies. ``random`` makes serial numbers, nonces and holders' keys; the authority itself is fixed."""

    def __init__(self, random: Random = secrets.token_bytes) -> None:
        self._random = random
        self.revoked: dict[int, datetime] = {}
        """Since when which serial numbers are revoked."""

    @property
    def _root(self) -> Authority:
        return _authority("root", None)

    @property
    def _issuing(self) -> Authority:
        return _authority("issuing", self._root)

    @property
    def chain(self) -> tuple[bytes, bytes]:
        """The issuing authority's certificate and the root's, DER."""
        return self._issuing.certificate, self._root.certificate

    def issue(self, public: bytes, *, name: str, number: str, usage: Usage, now: datetime) -> bytes:
        """A certificate (DER) over a public key X | Y; ``number`` becomes the subject's serial number.

        Raises ValueError for a key or an empty name that cannot be certified.
        """
        if len(public) != 64 or not name or not number:
            raise ValueError("a certificate needs a public key of 64 bytes, a name and a number")
        subject = {"common_name": name, "serial_number": number, "organization_name": SPECIMEN, "country_name": "CN"}
        start = now.astimezone(UTC).replace(microsecond=0)
        return _certificate(
            subject,
            public,
            self._issuing,
            serial=int.from_bytes(b"\x01" + self._random(15)),
            validity=(start, start + timedelta(days=365 * YEARS)),
            extensions=[("key_usage", True, USAGES[usage])],
            random=self._random,
        )

    def encryption_key(self, card_public: bytes) -> EnvelopedKey:
        """A new encryption key pair for the card whose public key is X | Y; raises CipherRefused for a bad one."""
        private, public = sm2_generate(self._random)
        session = self._random(16)
        envelope = sm2_encrypt(card_public, session, self._random)[1:]
        return EnvelopedKey(public, envelope, encrypt_ecb(Algorithm.SM4, session, private))

    def revoke(self, serial: int, now: datetime) -> None:
        """Take a certificate back; the first time stands."""
        self.revoked.setdefault(serial, now.astimezone(UTC).replace(microsecond=0))

    def revocations(self, now: datetime) -> bytes:
        """The list of what is revoked, signed (CRL version 2, RFC 5280, 5), DER."""
        issuer = _parsed(self._issuing.certificate)
        at, algorithm = now.astimezone(UTC).replace(microsecond=0), {"algorithm": SM2_WITH_SM3}
        body = crl.TbsCertList(
            {
                "version": "v2",
                "signature": algorithm,
                "issuer": issuer.subject,
                "this_update": _time(at),
                "next_update": _time(at + timedelta(days=1)),
                "revoked_certificates": [
                    {"user_certificate": serial, "revocation_date": _time(since)}
                    for serial, since in sorted(self.revoked.items())
                ],
                "crl_extensions": [
                    {"extn_id": "authority_key_identifier", "extn_value": {"key_identifier": issuer.key_identifier}},
                    {"extn_id": "crl_number", "extn_value": len(self.revoked)},
                ],
            }
        )
        signature = _signed(self._issuing, body.dump(), self._random)
        return bytes(
            crl.CertificateList(
                {"tbs_cert_list": body, "signature_algorithm": algorithm, "signature": signature}
            ).dump()
        )

    def verify(self, certificate: bytes, *, usage: Usage, now: datetime) -> bytes:
        """The public key X | Y that the certificate binds; raises :class:`NotTrusted`.

        Trailing bytes, as a card file has them, are not looked at.
        """
        issuing, root = (_parsed(one) for one in self.chain)
        found = _parsed(certificate)
        for one, above in ((found, issuing), (issuing, root), (root, root)):
            _check(one, above, now)
        if found.serial_number in self.revoked:
            raise NotTrusted("the certificate is revoked")
        if found.key_usage_value is None or found.key_usage_value.native != USAGES[usage]:
            raise NotTrusted(f"the certificate is not for {usage}")
        return _public_of(found)


def as_pem(certificate: bytes) -> str:
    """A DER certificate as text."""
    return str(pem.armor("CERTIFICATE", certificate).decode("ascii"))


def _fixed(name: str) -> Random:
    """The published random numbers of a training authority."""

    def blocks() -> Iterator[int]:
        count = 0
        while True:
            seed = f"cardfab training authority, not secret: {name} {count}".encode("ascii")
            yield from hashlib.sha256(seed).digest()
            count += 1

    stream = blocks()
    return lambda length: bytes(next(stream) for _ in range(length))


@cache
def _authority(name: str, above: Authority | None) -> Authority:
    random = _fixed(name)
    private, public = sm2_generate(random)
    label = {"root": "样卡根证书 SPECIMEN ROOT CA", "issuing": "样卡签发机构 SPECIMEN ISSUING CA"}[name]
    subject = {"common_name": label, "organization_name": SPECIMEN, "country_name": "CN"}
    certificate = _certificate(
        subject,
        public,
        above or Authority(b"", private),
        serial=int.from_bytes(b"\x01" + random(15)),
        validity=(BEGIN, END),
        extensions=[
            ("basic_constraints", True, {"ca": True, "path_len_constraint": 1 if above is None else 0}),
            ("key_usage", True, {"key_cert_sign", "crl_sign"}),
        ],
        random=random,
    )
    return Authority(certificate, private)


def _certificate(
    subject: dict[str, str],
    public: bytes,
    by: Authority,
    *,
    serial: int,
    validity: tuple[datetime, datetime],
    extensions: list[tuple[str, bool, Any]],
    random: Random,
) -> bytes:
    """A signed certificate; ``by`` without a certificate signs itself."""
    name, point = x509.Name.build(subject), b"\x04" + public
    issuer = _parsed(by.certificate) if by.certificate else None
    authority = issuer.key_identifier if issuer is not None else _identifier(public)
    identifiers = [
        ("key_identifier", False, _identifier(public)),
        ("authority_key_identifier", False, {"key_identifier": authority}),
    ]
    algorithm = {"algorithm": SM2_WITH_SM3}
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial,
            "signature": algorithm,
            "issuer": issuer.subject if issuer is not None else name,
            "validity": {"not_before": _time(validity[0]), "not_after": _time(validity[1])},
            "subject": name,
            "subject_public_key_info": {
                "algorithm": {"algorithm": "ec", "parameters": keys.ECDomainParameters("named", SM2_CURVE)},
                "public_key": keys.ECPointBitString(point),
            },
            "extensions": [
                {"extn_id": kind, "critical": critical, "extn_value": value}
                for kind, critical, value in (*extensions, *identifiers)
            ],
        }
    )
    signature = _signed(by, body.dump(), random)
    whole = {"tbs_certificate": body, "signature_algorithm": algorithm, "signature_value": signature}
    return bytes(x509.Certificate(whole).dump())


def _signed(by: Authority, body: bytes, random: Random) -> bytes:
    """A signature as certificates and lists carry it."""
    signature = sm2_sign(by.private, body, random)
    encoded = algos.DSASignature({"r": int.from_bytes(signature[:32]), "s": int.from_bytes(signature[32:])})
    return bytes(encoded.dump())


def _identifier(public: bytes) -> bytes:
    return sm3(b"\x04" + public)[:20]


def _time(at: datetime) -> Any:
    """UTCTime to 2049, GeneralizedTime from then on: RFC 5280, 4.1.2.5."""
    kind = ("utc_time", core.UTCTime(at)) if at.year < 2050 else ("general_time", core.GeneralizedTime(at))
    return x509.Time(*kind)


def _parsed(certificate: bytes) -> Any:
    try:
        found = x509.Certificate.load(certificate, strict=False)
        found.native  # noqa: B018 - asn1crypto parses only what is asked for
    except (ValueError, TypeError):
        raise NotTrusted("these bytes are no certificate") from None
    return found


def _public_of(certificate: Any) -> bytes:
    point = bytes(certificate.public_key["public_key"])
    if len(point) != 65 or point[0] != 4:
        raise NotTrusted("the certificate is not over an SM2 key")
    return point[1:]


def _check(one: Any, above: Any, now: datetime) -> None:
    """The signature of ``above`` over ``one``, the names, the time; that ``above`` may sign."""
    body = one["tbs_certificate"]
    if one.issuer != above.subject:
        raise NotTrusted("the certificate is by another authority")
    if one["signature_algorithm"]["algorithm"].dotted != SM2_WITH_SM3:
        raise NotTrusted("the certificate is not signed with SM2 and SM3")
    if above.basic_constraints_value is None or not above.basic_constraints_value["ca"].native:
        raise NotTrusted("what signed the certificate is no authority")
    try:
        parts = algos.DSASignature.load(one["signature_value"].native).native
        signature = b"".join(parts[part].to_bytes(32) for part in ("r", "s"))
    except (ValueError, OverflowError):
        raise NotTrusted("the signature is no SM2 signature") from None
    if not sm2_verify(_public_of(above), body.dump(), signature):
        raise NotTrusted("the signature is not the authority's")
    if not body["validity"]["not_before"].native <= now <= body["validity"]["not_after"].native:
        raise NotTrusted("the certificate is not valid at this time")
