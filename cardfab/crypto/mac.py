"""Message authentication on bytes: ISO 9797-1 padding method 2, CBC-MAC, retail MAC, CMAC, constant-time comparison."""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.cmac import CMAC

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, _make, decrypt_ecb, encrypt_cbc, encrypt_ecb


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
    left, right = key[:8], key[8:]
    last = cbc_mac(Algorithm.DES, left, iv, data)
    return encrypt_ecb(Algorithm.DES, left, decrypt_ecb(Algorithm.DES, right, last))


def cmac(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytes:
    """NIST SP 800-38B, one whole block."""
    step = CMAC(_make(algorithm, key, b""))
    step.update(bytes(data))
    return step.finalize()


def same(left: Buffer, right: Buffer) -> bool:
    """Whether two MACs are equal, in constant time."""
    return hmac.compare_digest(bytes(left), bytes(right))
