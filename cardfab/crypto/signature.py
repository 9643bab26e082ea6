"""Ed25519 (RFC 8032) on raw bytes: a 32-byte seed, a 32-byte public key, a 64-byte signature."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cardfab.crypto.cipher import Buffer


def ed25519_public(seed: Buffer) -> bytes:
    """The public key of a seed."""
    return Ed25519PrivateKey.from_private_bytes(bytes(seed)).public_key().public_bytes_raw()


def ed25519_sign(seed: Buffer, message: bytes) -> bytes:
    """A 64-byte signature."""
    return Ed25519PrivateKey.from_private_bytes(bytes(seed)).sign(message)


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is the key's over the message; a malformed key or signature is False."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
