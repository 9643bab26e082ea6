"""Block ciphers on bytes: DES, 3DES, AES, SM4 in ECB and CBC. Keys go in; nothing here keeps one.

pyca deprecates 8- and 16-byte TripleDES keys, so this module owns the expansion to 24 bytes (K1|K2|K1, and K|K|K for
single DES, which the social-security session keys need: LD/T 32 part 4, 8.4).
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherContext, modes
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
    whole, view = bytearray(24), memoryview(key)
    for at in range(0, 24, len(view)):  # K|K|K, K1|K2|K1 or the key itself
        whole[at : at + len(view)] = view[: 24 - at]
    return TripleDES(whole)  # type: ignore[arg-type]  # its stub says bytes; it takes any buffer


_MAKERS: dict[Algorithm, Callable[[Buffer], BlockCipherAlgorithm]] = {
    Algorithm.DES: _tdes,
    Algorithm.TDES: _tdes,
    Algorithm.AES: lambda key: AES(bytearray(key)),
    Algorithm.SM4: lambda key: SM4(bytearray(key)),  # type: ignore[arg-type]  # as above
}


def _make(algorithm: Algorithm, key: Buffer, data: Buffer) -> BlockCipherAlgorithm:
    if algorithm not in _MAKERS:
        raise CipherRefused(f"{algorithm.value} is not published; this build cannot compute it")
    if len(key) not in algorithm.key_sizes:
        raise CipherRefused(f"{algorithm.value} takes keys of {algorithm.key_sizes} bytes, not {len(key)}")
    if len(data) % algorithm.block:
        raise CipherRefused(f"{algorithm.value} takes whole blocks of {algorithm.block} bytes, not {len(data)} bytes")
    return _MAKERS[algorithm](key)


def wipe(buffer: bytearray | memoryview) -> None:
    """Overwrite with zeros."""
    memoryview(buffer)[:] = bytes(len(buffer))


def encryptor(algorithm: Algorithm, key: Buffer, mode: modes.ECB | modes.CBC, data: Buffer = b"") -> CipherContext:
    """A context of the cipher library, which cleanses what it has of the key; the copy it was made of is wiped."""
    made = _make(algorithm, key, data)
    try:
        return Cipher(made, mode).encryptor()
    finally:
        wipe(made.key)  # type: ignore[arg-type]  # a bytearray of _make


def decryptor(algorithm: Algorithm, key: Buffer, mode: modes.ECB | modes.CBC, data: Buffer = b"") -> CipherContext:
    """The same for the other direction."""
    made = _make(algorithm, key, data)
    try:
        return Cipher(made, mode).decryptor()
    finally:
        wipe(made.key)  # type: ignore[arg-type]


def output(step: CipherContext, data: Buffer, block: int) -> bytearray:
    """What comes of whole blocks, in a buffer that the caller wipes: for output that is a key or a PIN."""
    whole = bytearray(len(data) + block - 1)
    del whole[step.update_into(data, whole) :]  # nothing was written behind it, and nothing moves
    return whole


def encrypt_ecb(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytes:
    """ECB over whole blocks; raises :class:`CipherRefused`."""
    step = encryptor(algorithm, key, modes.ECB(), data)  # noqa: S305 - the standards say ECB
    return step.update(data) + step.finalize()


def encrypt_ecb_into(algorithm: Algorithm, key: Buffer, data: Buffer, into: bytearray) -> memoryview:
    """ECB into a buffer of the caller, who wipes it: many keys from one call, and no copy of them that stays.

    ``into`` has :func:`room` bytes at least. Gives the view of what was written; raises :class:`CipherRefused`.
    """
    step = encryptor(algorithm, key, modes.ECB(), data)  # noqa: S305
    return memoryview(into)[: step.update_into(data, into)]


def encrypt_ecb_to(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytearray:
    """ECB of what is a key afterwards: in a buffer that the caller wipes."""
    return output(encryptor(algorithm, key, modes.ECB(), data), data, algorithm.block)  # noqa: S305


def encrypt_cbc_to(algorithm: Algorithm, key: Buffer, iv: Buffer, data: Buffer) -> bytearray:
    """The same in CBC."""
    return output(encryptor(algorithm, key, _cbc(algorithm, iv), data), data, algorithm.block)


def decrypt_ecb_to(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytearray:
    """The inverse of :func:`encrypt_ecb_to`, for what is a PIN or a key."""
    return output(decryptor(algorithm, key, modes.ECB(), data), data, algorithm.block)  # noqa: S305


def room(algorithm: Algorithm, length: int) -> int:
    """How many bytes a buffer needs to take ``length`` bytes of output from the cipher library."""
    return length + algorithm.block - 1


def decrypt_cbc_into(algorithm: Algorithm, key: Buffer, iv: Buffer, data: Buffer, into: bytearray) -> memoryview:
    """CBC decryption into a buffer of the caller, of :func:`room` bytes at least, who wipes it."""
    step = decryptor(algorithm, key, _cbc(algorithm, iv), data)
    return memoryview(into)[: step.update_into(data, into)]


def decrypt_ecb(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytes:
    """The inverse of :func:`encrypt_ecb`."""
    step = decryptor(algorithm, key, modes.ECB(), data)  # noqa: S305
    return step.update(data) + step.finalize()


def _cbc(algorithm: Algorithm, iv: Buffer) -> modes.CBC:
    if len(iv) != algorithm.block:
        raise CipherRefused(f"{algorithm.value} takes an IV of {algorithm.block} bytes, not {len(iv)}")
    return modes.CBC(bytes(iv))


def encrypt_cbc(algorithm: Algorithm, key: Buffer, iv: Buffer, data: Buffer) -> bytes:
    """CBC over whole blocks, no padding; raises :class:`CipherRefused`."""
    step = encryptor(algorithm, key, _cbc(algorithm, iv), data)
    return step.update(data) + step.finalize()


def decrypt_cbc(algorithm: Algorithm, key: Buffer, iv: Buffer, data: Buffer) -> bytes:
    """The inverse of :func:`encrypt_cbc`."""
    step = decryptor(algorithm, key, _cbc(algorithm, iv), data)
    return step.update(data) + step.finalize()
