"""Sealing at rest: AES-256-GCM with a random 96-bit nonce, and Argon2id for the key that a person's word opens."""

from __future__ import annotations

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
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def unseal(key: Buffer, sealed: bytes, bound: bytes) -> bytes:
    """The inverse of :func:`seal`; raises :class:`SealBroken`."""
    if len(sealed) < NONCE + TAG:
        raise SealBroken("the sealed value is too short")
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound)
    except InvalidTag as broken:
        raise SealBroken("the sealed value was changed or is under another key") from broken


def seal_buffer(key: Buffer, plain: Buffer, bound: bytes, random: Callable[[int], bytes]) -> bytearray:
    """The same as :func:`seal` for a plain text that is not to be copied."""
    sealed = bytearray(NONCE + len(plain) + TAG)
    nonce = random(NONCE)
    sealed[:NONCE] = nonce
    AESGCM(key).encrypt_into(nonce, plain, bound, memoryview(sealed)[NONCE:])
    return sealed


def unseal_buffer(key: Buffer, sealed: Buffer, bound: bytes) -> bytearray:
    """The same as :func:`unseal`, into a buffer that the caller wipes; no other copy is left."""
    if len(sealed) < NONCE + TAG:
        raise SealBroken("the sealed value is too short")
    view = memoryview(sealed)
    plain = bytearray(len(sealed) - NONCE - TAG)
    try:
        AESGCM(key).decrypt_into(view[:NONCE], view[NONCE:], bound, plain)
    except InvalidTag as broken:
        memoryview(plain)[:] = bytes(len(plain))
        raise SealBroken("the sealed value was changed or is under another key") from broken
    return plain


def argon2id(word: Buffer, salt: bytes, *, passes: int, kib: int, lanes: int) -> bytearray:
    """32 bytes from a passphrase (RFC 9106), in a buffer that the caller wipes."""
    made = bytearray(32)
    made_by = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=kib)
    made_by.derive_into(word, made)  # type: ignore[arg-type]  # its stub says bytes; it takes any buffer
    return made


def keyed_digest(key: Buffer, data: Buffer) -> bytes:
    """HMAC-SHA-256: an index or digest of something guessable that only the key's holder can compute."""
    return hmac.digest(key, data, "sha256")  # type: ignore[arg-type, unused-ignore]  # any buffer, not copied
