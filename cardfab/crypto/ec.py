"""ECDSA with SHA-256 on curve P-256 (FIPS 186-5), on raw bytes: what a browser's WebCrypto can check."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardfab.crypto.cipher import Buffer, CipherRefused

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HALF = 32


def p256_private(random: Buffer) -> bytes:
    """A private key, 32 bytes, from 48 random ones (FIPS 186-5 A.2.1)."""
    if len(random) != 48:
        raise CipherRefused(f"a key of P-256 is made of 48 random bytes, not {len(random)}")
    return (int.from_bytes(random, "big") % (_ORDER - 1) + 1).to_bytes(_HALF, "big")


def _key(private: Buffer) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(private, "big")
    if len(private) != _HALF or not 0 < number < _ORDER:
        raise CipherRefused("a private key of P-256 has 32 bytes and is less than the order")
    return ec.derive_private_key(number, ec.SECP256R1())


def p256_public(private: Buffer) -> bytes:
    """04 | X | Y, 65 bytes."""
    return _key(private).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def p256_sign(private: Buffer, message: bytes) -> bytes:
    """r | s, 64 bytes, over SHA-256 of the message."""
    r, s = decode_dss_signature(_key(private).sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def p256_der(signature: bytes) -> bytes:
    """A signature r | s as the DER SEQUENCE that X.509 and CMS want."""
    return encode_dss_signature(int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big"))


def p256_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is the key's over the message; a malformed key or signature is False."""
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(p256_der(signature), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return len(signature) == 2 * _HALF
