"""Key diversification by NXP AN10922 (rev. 2.2, 2.2 to 2.5): CMACs of a constant and 1 to 31 bytes (3DES: to 15).

Unlike CMAC the message is always filled to two blocks, so that a short input is not one. 3DES keys come without the
version that some chips keep in the parity bits.
"""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, encrypt_ecb, xor

CONSTANTS = {
    (Algorithm.AES, 16): b"\x01",
    (Algorithm.AES, 24): b"\x11\x12",
    (Algorithm.AES, 32): b"\x41\x42",
    (Algorithm.TDES, 16): b"\x21\x22",
    (Algorithm.TDES, 24): b"\x31\x32\x33",
}
"""The first byte of each message, by cipher and bytes of the key."""


def subkeys(zero: Buffer) -> tuple[bytes, bytes]:
    """K1 and K2 from E(K, 0) (NIST SP 800-38B, 6.1)."""
    first = _doubled(bytes(zero))
    return first, _doubled(first)


def _doubled(block: bytes) -> bytes:
    size = len(block)
    number = int.from_bytes(block, "big") << 1
    if number >> 8 * size:
        number = (number & (1 << 8 * size) - 1) ^ (0x87 if size == 16 else 0x1B)
    return number.to_bytes(size, "big")


def message(algorithm: Algorithm, length: int, number: int, diversification: Buffer) -> tuple[bytes, bool]:
    """The two blocks of key part ``number`` and whether they were filled (then K2 enters, else K1)."""
    if (algorithm, length) not in CONSTANTS:
        raise CipherRefused(f"AN10922 has no {algorithm.value} key of {length} bytes")
    most = 2 * algorithm.block - 1
    if not 1 <= len(diversification) <= most:
        raise CipherRefused(f"AN10922 takes a diversification input of 1 to {most} bytes, not {len(diversification)}")
    whole = CONSTANTS[algorithm, length][number : number + 1] + bytes(diversification)
    filled = len(whole) < 2 * algorithm.block
    return (whole + b"\x80").ljust(2 * algorithm.block, b"\x00")[: 2 * algorithm.block], filled


def assembled(algorithm: Algorithm, parts: tuple[Buffer, ...], length: int) -> bytearray:
    """The key of its CMACs: one after the other, with AES-192 overlapping by 8 bytes (2.3)."""
    if (algorithm, length) == (Algorithm.AES, 24):
        first, second = parts
        return bytearray(first[:8]) + xor(first[8:], second[:8]) + second[8:]
    return bytearray().join(parts)


def an10922(algorithm: Algorithm, key: Buffer, diversification: Buffer) -> bytes:
    """The diversified key, as long as ``key``. Raises :class:`CipherRefused`."""
    return bytes(an10922_by(lambda data: encrypt_ecb(algorithm, key, data), algorithm, len(key), diversification))


def an10922_by(ecb: Callable[[bytes], bytes], algorithm: Algorithm, length: int, diversification: Buffer) -> bytearray:
    """The same by a cipher that is given: of a key in a token."""
    whole = [
        message(algorithm, length, n, diversification) for n in range(len(CONSTANTS.get((algorithm, length), b"1")))
    ]
    block, (k1, k2) = algorithm.block, subkeys(ecb(bytes(algorithm.block)))
    parts = tuple(ecb(xor(ecb(both[:block]), xor(both[block:], k2 if filled else k1))) for both, filled in whole)
    return assembled(algorithm, parts, length)
