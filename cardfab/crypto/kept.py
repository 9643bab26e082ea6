"""Contexts that are kept: a key is scheduled once and used for every command of a channel.

Making a cipher costs ten times what it then does with a short APDU. Each object here holds one key schedule inside the
cipher library (which cleanses it when the object goes) and is used by one thread. Results are those of
:mod:`cardfab.crypto.cipher` and :mod:`cardfab.crypto.mac`, byte for byte.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import modes

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, decryptor, encryptor, output
from cardfab.crypto.mac import cmac_context


class KeptCmac:
    """CMAC (NIST SP 800-38B) under one key, each on a copy of the context that scheduled it."""

    __slots__ = ("_start",)

    def __init__(self, algorithm: Algorithm, key: Buffer) -> None:
        self._start = cmac_context(algorithm, key)

    def of(self, data: bytes) -> bytes:
        """One whole block."""
        step = self._start.copy()
        step.update(data)
        return step.finalize()

    def __repr__(self) -> str:
        return "<CMAC under a kept key>"


class KeptCbc:
    """CBC encryption and decryption under one key, with a new IV each time.

    The encryptor never ends: its chaining value is the last block that it gave, so that an IV is set by adding both to
    the first block. Data is whole blocks, not empty.
    """

    __slots__ = ("_block", "_decryptor", "_encryptor", "_last")

    def __init__(self, algorithm: Algorithm, key: Buffer) -> None:
        mode = modes.CBC(bytes(algorithm.block))
        self._encryptor = encryptor(algorithm, key, mode)
        self._decryptor = decryptor(algorithm, key, mode)
        self._block = algorithm.block
        self._last = 0

    def _whole(self, data: bytes) -> bytes:
        if not data or len(data) % self._block:
            raise CipherRefused(f"this cipher takes whole blocks of {self._block} bytes, not {len(data)} bytes")
        return data

    def _run(self, first: int, rest: bytes) -> bytes:
        out = self._encryptor.update((first ^ self._last).to_bytes(self._block, "big") + rest)
        self._last = int.from_bytes(out[-self._block :], "big")
        return out

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        """CBC with that IV."""
        head = self._whole(data)[: self._block]
        return self._run(int.from_bytes(head, "big") ^ int.from_bytes(iv, "big"), data[self._block :])

    def encrypt_behind(self, block: bytes, data: bytes) -> bytes:
        """CBC whose IV is the encryption of ``block``: one block more in the same run, not given back."""
        return self._run(int.from_bytes(block, "big"), self._whole(data))[self._block :]

    def encrypt_block(self, block: bytes) -> bytes:
        """One block by itself (ECB)."""
        return self._run(int.from_bytes(block, "big"), b"")

    def decrypt(self, iv: bytes, data: bytes) -> bytes:
        """The inverse of :meth:`encrypt`."""
        return self._decryptor.update(iv + self._whole(data))[self._block :]

    def __repr__(self) -> str:
        return "<CBC under a kept key>"


class KeptEcb:
    """ECB encryption under one key."""

    __slots__ = ("_block", "_encryptor")

    def __init__(self, algorithm: Algorithm, key: Buffer) -> None:
        self._encryptor = encryptor(algorithm, key, modes.ECB())  # noqa: S305 - as the standards say
        self._block = algorithm.block

    def encrypt(self, data: bytes) -> bytes:
        """Whole blocks; the library keeps back what is less."""
        return self._encryptor.update(data)

    def encrypt_to(self, data: bytes) -> bytearray:
        """Whole blocks, into a buffer that the caller wipes."""
        return output(self._encryptor, data, self._block)

    def __repr__(self) -> str:
        return "<ECB under a kept key>"


class KeptRetailMac:
    """ISO 9797-1 algorithm 3 under one 16-byte key: DES-CBC under its left half, the last block by 3DES."""

    __slots__ = ("_left", "_whole_key")

    def __init__(self, key: Buffer) -> None:
        if len(key) != 16:
            raise CipherRefused("the retail MAC takes a key of 16 bytes")
        self._left = KeptCbc(Algorithm.DES, memoryview(key)[:8])
        self._whole_key = KeptCbc(Algorithm.TDES, key)

    def of(self, iv: bytes, data: bytes) -> bytes:
        """8 bytes over ``data``, which is already padded."""
        chain = self._left.encrypt(iv, data[:-8])[-8:] if len(data) > 8 else iv
        return self._whole_key.encrypt(chain, data[-8:])

    def encrypt_iv(self, iv: bytes) -> bytes:
        """One block under the left half (GPC 2.3.1 E.3.4)."""
        return self._left.encrypt_block(iv)

    def __repr__(self) -> str:
        return "<retail MAC under a kept key>"
