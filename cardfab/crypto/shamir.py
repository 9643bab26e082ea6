"""Shamir's secret sharing over GF(256): any ``threshold`` shares give the secret, fewer say nothing about it.

Byte by byte, each a polynomial of degree threshold - 1 whose constant term is the secret's byte, in the field of AES
(x^8 + x^4 + x^3 + x + 1, FIPS 197 4); a share is the value at its index. The same as draft-mcgrew-tss-03, 3 and 9,
without its framing. Multiplication looks no secret up in a table and takes no branch on one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cardfab.crypto.cipher import Buffer, CipherRefused

MOST = 255
"""Indexes are 1 to 255; at 0 lies the secret."""


def split(secret: Buffer, threshold: int, count: int, random: Callable[[int], Buffer]) -> list[bytearray]:
    """The values at 1 to ``count``, each of the secret's length. Raises :class:`CipherRefused`."""
    if not 2 <= threshold <= count <= MOST:
        raise CipherRefused(f"{threshold} of {count} shares is no choice: 2 <= threshold <= count <= {MOST}")
    size = len(secret)
    terms = [bytearray(random(size)) for _ in range(threshold - 1)]
    if any(len(term) != size for term in terms):
        raise CipherRefused("the random source gave less than was asked for")
    try:
        return [_at(index, secret, terms) for index in range(1, count + 1)]
    finally:
        for term in terms:
            memoryview(term)[:] = bytes(size)


def combine(shares: Mapping[int, Buffer]) -> bytearray:
    """The value at 0 of the polynomial through these shares, by index. Wrong or too few shares give another value."""
    sizes = {len(value) for value in shares.values()}
    if len(sizes) != 1 or not all(1 <= index <= MOST for index in shares):
        raise CipherRefused("shares have one length and indexes of 1 to 255")
    secret = bytearray(sizes.pop())
    for index, value in shares.items():
        weight = 1  # Lagrange: the product of x / (x - index) over the others, and minus is plus here
        for other in shares:
            if other != index:
                weight = times(weight, times(other, _inverse(other ^ index)))
        for place, byte in enumerate(value):
            secret[place] ^= times(byte, weight)
    return secret


def _at(index: int, secret: Buffer, terms: list[bytearray]) -> bytearray:
    """Horner's rule, from the highest term down."""
    value = bytearray(len(secret))
    for term in reversed(terms):
        for place, byte in enumerate(term):
            value[place] = times(value[place] ^ byte, index)
    for place, byte in enumerate(secret):
        value[place] ^= byte
    return value


def times(left: int, right: int) -> int:
    """The product of two bytes in the field (FIPS 197 4.2)."""
    product = 0
    for bit in range(8):
        product ^= left & -(right >> bit & 1)
        left = (left << 1) ^ (0x11B & -(left >> 7))
    return product


def _inverse(value: int) -> int:
    """value^254, which is 1/value."""
    result = 1
    for _ in range(7):  # 254 = 2 + 4 + ... + 128
        value = times(value, value)
        result = times(result, value)
    return result
