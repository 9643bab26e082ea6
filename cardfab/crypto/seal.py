"""Sealing at rest: AES-256-GCM with a random 96-bit nonce, and Argon2id for the key that a person's word opens."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from cardfab.crypto.cipher import Buffer

NONCE = 12
TAG = 16


class SealBroken(ValueError):
    """The sealed bytes were changed, or the key is not theirs."""


def seal(key: Buffer, plain: Buffer, bound: bytes, random: Callable[[int], bytes]) -> bytes:
    """nonce(12) | ciphertext | tag(16); ``bound`` is authenticated and not stored."""
    nonce = random(NONCE)
    return nonce + AESGCM(bytes(key)).encrypt(nonce, bytes(plain), bound)


def unseal(key: Buffer, sealed: bytes, bound: bytes) -> bytes:
    """The inverse of :func:`seal`; raises :class:`SealBroken`."""
    if len(sealed) < NONCE + TAG:
        raise SealBroken("the sealed value is too short")
    try:
        return AESGCM(bytes(key)).decrypt(sealed[:NONCE], sealed[NONCE:], bound)
    except InvalidTag as broken:
        raise SealBroken("the sealed value was changed or is under another key") from broken


def argon2id(word: Buffer, salt: bytes, *, passes: int, kib: int, lanes: int) -> bytes:
    """32 bytes from a passphrase (RFC 9106)."""
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=kib).derive(bytes(word))


def keyed_digest(key: Buffer, data: Buffer) -> bytes:
    """HMAC-SHA-256: an index or digest of something guessable that only the key's holder can compute."""
    return hmac.new(bytes(key), bytes(data), hashlib.sha256).digest()
