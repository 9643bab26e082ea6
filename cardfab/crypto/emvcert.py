"""What stands in the certificates and signatures of a payment card, recovered and checked as a terminal does it.

RSA: the signed block comes out of the signature (EMV book 2, 5 and 6). SM2: the fields stand in clear and the signature
follows them (the layouts of JR/T 0025.17, as on cards that verify). Every function raises :class:`CertificateRefused`
and says at which step; none looks at the clock: expiry is given back as MMYY.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cardfab.crypto.cipher import CipherRefused
from cardfab.crypto.mac import same
from cardfab.crypto.rsa import RsaPublic
from cardfab.crypto.sm import sm2_verify

SM2_ISSUER, SM2_ICC, SM2_STATIC, SM2_DYNAMIC = 142, 148, 67, 69
"""Lengths of tags 90, 9F46, 93 and 9F4B on the SM2 side."""
_SM2_SIGNATURE = 64


class CertificateRefused(ValueError):
    """A certificate or signature that does not verify; the message says at which step."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A public key that its superior vouches for. ``subject`` is the IIN (4 bytes) or the PAN (10), padded F.

    ``public`` is an :class:`RsaPublic`, or X | Y of an SM2 key.
    """

    subject: bytes
    expiry: bytes
    serial: bytes
    public: RsaPublic | bytes


def open_block(key: RsaPublic, signature: bytes, kind: int, hashed: bytes, what: str) -> bytes:
    """The fields of a signed block without header, hash and trailer; ``hashed`` is what is hashed behind them.

    EMV book 2, 5.2.2 steps 1 to 7, 6.5.2 steps 1 to 6: length, 6A, format, SHA-1, BC.
    """
    try:
        block = key.recover(signature)
    except CipherRefused:
        raise CertificateRefused(f"{what}: its length or value is not that of a signature of this key") from None
    if block[0] != 0x6A or block[-1] != 0xBC:
        raise CertificateRefused(f"{what}: header or trailer is wrong, so it was signed by another key or changed")
    if block[1] != kind:
        raise CertificateRefused(f"{what}: format {block[1]:02X} instead of {kind:02X}")
    fields, digest = block[1:-21], block[-21:-1]
    if not same(hashlib.sha1(fields + hashed, usedforsecurity=False).digest(), digest):
        raise CertificateRefused(f"{what}: the hash is not that of its data")
    return fields


def recover_issuer(ca: RsaPublic, certificate: bytes, remainder: bytes, exponent: bytes) -> Certificate:
    """Tags 90, 92 and 9F32 under the authority's key. EMV book 2, 6.3."""
    return _certificate(ca, certificate, 0x02, 4, remainder, exponent, b"", "90")


def recover_icc(issuer: RsaPublic, certificate: bytes, remainder: bytes, exponent: bytes, static: bytes) -> Certificate:
    """Tags 9F46, 9F48 and 9F47 under the issuer's key, over the static data. EMV book 2, 6.4."""
    return _certificate(issuer, certificate, 0x04, 10, remainder, exponent, static, "9F46")


def recover_static(issuer: RsaPublic, signature: bytes, static: bytes) -> bytes:
    """The data authentication code (2 bytes) of tag 93. EMV book 2, 5.4."""
    fields = open_block(issuer, signature, 0x03, static, "93")
    if fields[1] != 0x01:
        raise CertificateRefused(f"93: hash algorithm {fields[1]:02X} is not SHA-1")
    return fields[2:4]


def recover_dynamic(icc: RsaPublic, signature: bytes, terminal: bytes) -> bytes:
    """The ICC dynamic data of tag 9F4B, signed together with the terminal's data. EMV book 2, 6.5.2 and 6.6.2."""
    fields = open_block(icc, signature, 0x05, terminal, "9F4B")
    length = fields[2]
    if fields[1] != 0x01 or length > len(fields) - 3:
        raise CertificateRefused("9F4B: hash algorithm or length of the dynamic data is wrong")
    return fields[3 : 3 + length]


def sm2_recover_issuer(ca: bytes, certificate: bytes) -> Certificate:
    """Tag 90 on the SM2 side under the authority's key X | Y."""
    return _sm2_certificate(ca, certificate, 0x12, 4, SM2_ISSUER, b"", "90")


def sm2_recover_icc(issuer: bytes, certificate: bytes, static: bytes) -> Certificate:
    """Tag 9F46 on the SM2 side under the issuer's key, over the static data."""
    return _sm2_certificate(issuer, certificate, 0x14, 10, SM2_ICC, static, "9F46")


def sm2_recover_static(issuer: bytes, signature: bytes, static: bytes) -> bytes:
    """The data authentication code of tag 93 on the SM2 side."""
    fields = _sm2_fields(issuer, signature, 0x13, SM2_STATIC, static, "93")
    return fields[1:3]


def sm2_recover_dynamic(icc: bytes, signature: bytes, terminal: bytes) -> bytes:
    """The ICC dynamic data of tag 9F4B on the SM2 side: 15 | length | data | signature."""
    length = len(signature)
    fields = _sm2_fields(icc, signature, 0x15, length, terminal, "9F4B")
    if fields[1] != len(fields) - 2:
        raise CertificateRefused("9F4B: the length of the dynamic data is wrong")
    return fields[2:]


def static_data(records: tuple[bytes, ...], aip: bytes | None) -> bytes:
    """What 93 and 9F46 are computed over: the signed records as they are hashed, and the AIP where 9F4A is 82.

    A record is given without template 70 and its length in SFI 1 to 10 (EMV book 3, 10.3).
    """
    return b"".join(records) + (aip or b"")


def _certificate(
    superior: RsaPublic,
    certificate: bytes,
    kind: int,
    subject: int,
    remainder: bytes,
    exponent: bytes,
    static: bytes,
    what: str,
) -> Certificate:
    fields = open_block(superior, certificate, kind, remainder + exponent + static, what)
    at = 1 + subject
    expiry, serial = fields[at : at + 2], fields[at + 2 : at + 5]
    hash_algorithm, key_algorithm, length, exponent_length = fields[at + 5 : at + 9]
    if (hash_algorithm, key_algorithm) != (1, 1):
        raise CertificateRefused(f"{what}: the algorithms are not SHA-1 and RSA")
    room = fields[at + 9 :]
    left = room[: min(length, len(room))]
    if len(left) + len(remainder) != length or room[len(left) :].strip(b"\xbb"):
        raise CertificateRefused(f"{what}: the remainder or the padding does not fit the length of the key")
    if exponent_length != len(exponent):
        raise CertificateRefused(f"{what}: the exponent has another length than it says")
    return Certificate(fields[1:at], expiry, serial, RsaPublic(left + remainder, exponent))


def _sm2_certificate(
    superior: bytes, certificate: bytes, kind: int, subject: int, length: int, static: bytes, what: str
) -> Certificate:
    fields = _sm2_fields(superior, certificate, kind, length, static, what)
    at = 1 + subject
    signature_algorithm, _, _, key_length = fields[at + 5 : at + 9]
    if (signature_algorithm, key_length) != (4, 64):  # encryption and curve id differ between 90 and 9F46 as seen
        raise CertificateRefused(f"{what}: the algorithm is not SM2 with SM3")
    return Certificate(fields[1:at], fields[at : at + 2], fields[at + 2 : at + 5], fields[at + 9 :])


def _sm2_fields(superior: bytes, signed: bytes, kind: int, length: int, static: bytes, what: str) -> bytes:
    if len(signed) != length or len(signed) <= _SM2_SIGNATURE + 2:
        raise CertificateRefused(f"{what}: {len(signed)} bytes is not its length")
    fields, signature = signed[:-_SM2_SIGNATURE], signed[-_SM2_SIGNATURE:]
    if fields[0] != kind:
        raise CertificateRefused(f"{what}: format {fields[0]:02X} instead of {kind:02X}")
    if not sm2_verify(superior, fields + static, signature):
        raise CertificateRefused(f"{what}: the signature does not verify")
    return fields


REQUEST = 0x11
"""The format byte of a request's proof: this project's choice; a scheme's own request file is made from it."""


def request_proof(public: RsaPublic, subject: bytes, expiry: bytes, tracking: bytes) -> tuple[bytes, bytes]:
    """The block that an issuer signs with the key it asks a certificate for, and the remainder of its modulus.

    Laid out as tag 90 with N_CA = N_I, so that :func:`recover_request` proves that the asker has the private key.
    """
    return certificate_block(public, public.length, REQUEST, subject + expiry + tracking, b"")


def recover_request(public: RsaPublic | bytes, proof: bytes) -> Certificate:
    """What a request's proof says: IIN, wished expiry, tracking number and the key itself."""
    if isinstance(public, bytes):
        found = _sm2_certificate(public, proof, REQUEST, 4, SM2_ISSUER, b"", "request")
    else:
        remainder = public.modulus[max(0, public.length - 36) :]
        found = _certificate(public, proof, REQUEST, 4, remainder, public.exponent, b"", "request")
    if found.public != public:
        raise CertificateRefused("request: it was signed for another key")
    return found


def certificate_block(
    public: RsaPublic, superior_length: int, kind: int, head: bytes, static: bytes
) -> tuple[bytes, bytes]:
    """The block to be signed for a certificate, and the remainder (tags 92 and 9F48; empty where all fits).

    ``head`` is subject, expiry and serial. EMV book 2, 5.1 table 2 (issuer), 6.1 table 9 (ICC).
    """
    lengths = bytes((1, 1, public.length, len(public.exponent)))
    room = superior_length - 1 - 1 - len(head) - 4 - 21
    left, remainder = public.modulus[:room], public.modulus[room:]
    fields = bytes([kind]) + head + lengths + left.ljust(room, b"\xbb")
    return seal_block(fields, remainder + public.exponent + static), remainder


def seal_block(fields: bytes, hashed: bytes) -> bytes:
    """6A | fields | SHA-1 of fields and what follows them | BC (EMV book 2, A2.1.2)."""
    return b"\x6a" + fields + hashlib.sha1(fields + hashed, usedforsecurity=False).digest() + b"\xbc"
