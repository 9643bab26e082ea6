"""Block ciphers on bytes: DES, 3DES, AES, SM4 in ECB and CBC. Keys go in; nothing here keeps one.

pyca deprecates 8- and 16-byte TripleDES keys, so this module owns the expansion to 24 bytes (K1|K2|K1, and K|K|K for
single DES, which the social-security session keys need: LD/T 32 part 4, 8.4).
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4

Buffer = bytes | bytearray | memoryview


class Algorithm(enum.Enum):
    """A named block cipher. ``SSF33`` is named by the specification and not published: see :func:`usable`."""

    DES = "DES"
    TDES = "3DES"
    AES = "AES"
    SM4 = "SM4"
    SSF33 = "SSF33"

    @property
    def block(self) -> int:
        """Block size in bytes."""
        return 8 if self in (Algorithm.DES, Algorithm.TDES) else 16

    @property
    def key_sizes(self) -> tuple[int, ...]:
        """Key lengths in bytes that are accepted."""
        return _KEY_SIZES[self]


_KEY_SIZES = {
    Algorithm.DES: (8,),
    Algorithm.TDES: (16, 24),
    Algorithm.AES: (16, 24, 32),
    Algorithm.SM4: (16,),
    Algorithm.SSF33: (16,),
}


class CipherRefused(ValueError):
    """A key, block or algorithm that cannot be used. Never carries the key."""


def xor(left: Buffer, right: Buffer) -> bytes:
    """Two strings of the same length, byte by byte; raises ValueError for others."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def usable(algorithm: Algorithm) -> bool:
    """Whether the cipher can be computed here; SSF33 is not published."""
    return algorithm is not Algorithm.SSF33


def _tdes(key: Buffer) -> BlockCipherAlgorithm:
    k = bytes(key)
    return TripleDES({8: k * 3, 16: k + k[:8], 24: k}[len(k)])


_MAKERS: dict[Algorithm, Callable[[Buffer], BlockCipherAlgorithm]] = {
    Algorithm.DES: _tdes,
    Algorithm.TDES: _tdes,
    Algorithm.AES: lambda key: AES(bytes(key)),
    Algorithm.SM4: lambda key: SM4(bytes(key)),
}


def _make(algorithm: Algorithm, key: Buffer, data: Buffer) -> BlockCipherAlgorithm:
    if algorithm not in _MAKERS:
        raise CipherRefused(f"{algorithm.value} is not published; this build cannot compute it")
    if len(key) not in algorithm.key_sizes:
        raise CipherRefused(f"{algorithm.value} takes keys of {algorithm.key_sizes} bytes, not {len(key)}")
    if len(data) % algorithm.block:
        raise CipherRefused(f"{algorithm.value} takes whole blocks of {algorithm.block} bytes, not {len(data)} bytes")
    return _MAKERS[algorithm](key)


def encrypt_ecb(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytes:
    """ECB over whole blocks; raises :class:`CipherRefused`."""
    step = Cipher(_make(algorithm, key, data), modes.ECB()).encryptor()  # noqa: S305 - the standards say ECB
    return step.update(data) + step.finalize()


def decrypt_ecb(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytes:
    """The inverse of :func:`encrypt_ecb`."""
    step = Cipher(_make(algorithm, key, data), modes.ECB()).decryptor()  # noqa: S305
    return step.update(data) + step.finalize()


def _cbc(algorithm: Algorithm, iv: Buffer) -> modes.CBC:
    if len(iv) != algorithm.block:
        raise CipherRefused(f"{algorithm.value} takes an IV of {algorithm.block} bytes, not {len(iv)}")
    return modes.CBC(bytes(iv))


def encrypt_cbc(algorithm: Algorithm, key: Buffer, iv: Buffer, data: Buffer) -> bytes:
    """CBC over whole blocks, no padding; raises :class:`CipherRefused`."""
    step = Cipher(_make(algorithm, key, data), _cbc(algorithm, iv)).encryptor()
    return step.update(data) + step.finalize()


def decrypt_cbc(algorithm: Algorithm, key: Buffer, iv: Buffer, data: Buffer) -> bytes:
    """The inverse of :func:`encrypt_cbc`."""
    step = Cipher(_make(algorithm, key, data), _cbc(algorithm, iv)).decryptor()
    return step.update(data) + step.finalize()
