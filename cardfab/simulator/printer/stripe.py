"""A magnetic stripe as a head lays it down (ISO/IEC 7811-2 clauses 10, 7811-6): parity, sentinels, check character.

Track 1 has 6 bits a character (20 to 5F less 20), tracks 2 and 3 have 4 bits (30 to 3F less 30); odd parity above them.
The check character (LRC) makes each column of bits even, from the start sentinel to the end sentinel.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

_FORM = {1: (0x20, 6, "%", "?"), 2: (0x30, 4, ";", "?"), 3: (0x30, 4, ";", "?")}
LONGEST = {1: 76, 2: 37, 3: 104}


class StripeError(Exception):
    """No characters of this track, or one that does not read back whole."""


def lay(track: int, text: str, *, spoiled: bool = False) -> bytes:
    """The characters of ``text`` on a track, one byte each with its parity. ``spoiled``: the LRC has a wrong bit.

    Raises:
        StripeError: too long, or a character that the track has not.
    """
    base, bits, start, end = _FORM[track]
    if len(text) > LONGEST[track] or start in text or end in text:
        raise StripeError(f"track {track}")
    values = [ord(one) - base for one in start + text + end]
    if any(not 0 <= value < 1 << bits for value in values):
        raise StripeError(f"track {track}")
    check = reduce(xor, values) ^ (1 if spoiled else 0)
    return bytes(_odd(value, bits) for value in [*values, check])


def read(track: int, laid: bytes) -> str:
    """The text on a track. Raises StripeError for parity, sentinels or check character."""
    base, bits, start, end = _FORM[track]
    mask = (1 << bits) - 1
    if not laid or any(_odd(value & mask, bits) != value for value in laid) or reduce(xor, (v & mask for v in laid), 0):
        raise StripeError(f"track {track}")
    text = "".join(chr((value & mask) + base) for value in laid[:-1])
    if len(text) < 2 or text[0] != start or text[-1] != end:
        raise StripeError(f"track {track}")
    return text[1:-1]


def _odd(value: int, bits: int) -> int:
    return value | ((value.bit_count() + 1) % 2) << bits
