"""AES key wrap: RFC 3394 for keys of whole 8-byte halves, RFC 5649 for every other length. The inside's key block.

NIST SP 800-38F names them KW and KWP; PKCS #11 CKM_AES_KEY_WRAP and CKM_AES_KEY_WRAP_KWP.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import keywrap

from cardfab.crypto.cipher import Buffer, CipherRefused


class KeyWrapBroken(ValueError):
    """The wrapped bytes were changed, or the wrapping key is not theirs."""


def _kek(key: Buffer) -> bytes:
    if len(key) not in (16, 24, 32):
        raise CipherRefused(f"AES key wrap takes a key of 16, 24 or 32 bytes, not {len(key)}")
    return bytes(key)


def aes_wrap(kek: Buffer, key: Buffer) -> bytes:
    """RFC 3394, 2.2.1: ``key`` of 16 bytes at least, a multiple of 8; 8 bytes longer when wrapped."""
    if len(key) < 16 or len(key) % 8:
        raise CipherRefused(f"RFC 3394 wraps multiples of 8 bytes from 16 on, not {len(key)}")
    return keywrap.aes_key_wrap(_kek(kek), bytes(key))


def aes_unwrap(kek: Buffer, wrapped: Buffer) -> bytes:
    """The inverse of :func:`aes_wrap`; raises :class:`KeyWrapBroken`."""
    try:
        return keywrap.aes_key_unwrap(_kek(kek), bytes(wrapped))
    except keywrap.InvalidUnwrap as broken:
        raise KeyWrapBroken("the wrapped key does not open") from broken


def aes_wrap_padded(kek: Buffer, key: Buffer) -> bytes:
    """RFC 5649, 4.1: ``key`` of any length but none."""
    if not key:
        raise CipherRefused("there is no key to wrap")
    return keywrap.aes_key_wrap_with_padding(_kek(kek), bytes(key))


def aes_unwrap_padded(kek: Buffer, wrapped: Buffer) -> bytes:
    """The inverse of :func:`aes_wrap_padded`; raises :class:`KeyWrapBroken`."""
    try:
        return keywrap.aes_key_unwrap_with_padding(_kek(kek), bytes(wrapped))
    except keywrap.InvalidUnwrap as broken:
        raise KeyWrapBroken("the wrapped key does not open") from broken
