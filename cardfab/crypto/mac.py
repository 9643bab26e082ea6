"""Message authentication on bytes: ISO 9797-1 padding method 2, CBC-MAC, retail MAC, CMAC, constant-time comparison."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.cmac import CMAC

from cardfab.crypto.cipher import (
    Algorithm,
    Buffer,
    CipherRefused,
    _make,
    decrypt_ecb,
    encrypt_cbc,
    encrypt_cbc_to,
    encrypt_ecb,
    encrypt_ecb_to,
    wipe,
)


def pad80(data: Buffer, block: int) -> bytes:
    """ISO 9797-1 method 2: 80, then 00 to whole blocks; always at least one byte."""
    padded = bytes(data) + b"\x80"
    return padded + bytes(-len(padded) % block)


def cbc_mac(algorithm: Algorithm, key: Buffer, iv: Buffer, data: Buffer) -> bytes:
    """The last CBC block over data that is already padded (ISO 9797-1 algorithm 1)."""
    return encrypt_cbc(algorithm, key, iv, data)[-algorithm.block :]


def retail_mac(key: Buffer, iv: Buffer, data: Buffer) -> bytes:
    """DES-CBC under K1, last block through D(K2), E(K1): ISO 9797-1 algorithm 3, 8 bytes, data already padded."""
    if len(key) != 16:
        raise CipherRefused("the retail MAC takes a key of 16 bytes")
    left, right = memoryview(key)[:8], memoryview(key)[8:]
    last = cbc_mac(Algorithm.DES, left, iv, data)
    return encrypt_ecb(Algorithm.DES, left, decrypt_ecb(Algorithm.DES, right, last))


def cmac_context(algorithm: Algorithm, key: Buffer) -> CMAC:
    """A context of the cipher library, which cleanses what it has of the key; the copy it was made of is wiped."""
    made = _make(algorithm, key, b"")
    try:
        return CMAC(made)
    finally:
        wipe(made.key)  # type: ignore[arg-type]  # a bytearray of _make


def cmac_to(algorithm: Algorithm, key: Buffer, data: bytes) -> bytearray:
    """The same as :func:`cmac` for a code that is a key: in a buffer that the caller wipes.

    SP 800-38B 6.2: the last block with a subkey, then CBC; the library gives its own codes as bytes only.
    """
    block = algorithm.block
    whole = bool(data) and len(data) % block == 0
    text = data if whole else pad80(data, block)
    zeros = encrypt_ecb_to(algorithm, key, bytes(block))
    one = int.from_bytes(zeros, "big")
    wipe(zeros)
    for _ in range(1 if whole else 2):
        one = (one << 1) & ((1 << 8 * block) - 1) ^ ({8: 0x1B, 16: 0x87}[block] if one >> (8 * block - 1) else 0)
    last = (int.from_bytes(text[-block:], "big") ^ one).to_bytes(block, "big")
    chain = encrypt_cbc_to(algorithm, key, bytes(block), text[:-block] + last)
    try:
        return chain[-block:]
    finally:
        wipe(chain)


def cmac(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytes:
    """NIST SP 800-38B, one whole block."""
    step = cmac_context(algorithm, key)
    step.update(data)  # type: ignore[arg-type, unused-ignore]  # any buffer is taken; a copy could not be wiped
    return step.finalize()


def same(left: Buffer, right: Buffer) -> bool:
    """Whether two MACs are equal, in constant time."""
    return hmac.compare_digest(left, right)
