"""Passwords at rest: Argon2id as a PHC string, which names its own parameters, salt and result.

One call at a time in a process: with cryptography 50.0.2 two at once fail as "not enough memory", whatever the memory.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from cardfab.crypto.cipher import Buffer

# RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes, salt of 128 bits, tag of 256.
_KIB, _PASSES, _LANES, _SALT, _TAG = 64 * 1024, 3, 4, 16, 32


def hash_password(word: Buffer, random: Callable[[int], bytes]) -> str:
    """What is kept of a password."""
    made = Argon2id(salt=random(_SALT), length=_TAG, iterations=_PASSES, lanes=_LANES, memory_cost=_KIB)
    return made.derive_phc_encoded(word)  # type: ignore[arg-type]  # any buffer; the stub says bytes


def verify_password(word: Buffer, kept: str) -> bool:
    """Whether the password is the kept one's; compared in constant time."""
    try:
        Argon2id.verify_phc_encoded(word, kept)  # type: ignore[arg-type]  # the same
    except InvalidKey:
        return False
    return True


def is_current(kept: str) -> bool:
    """Whether the kept one has today's parameters; else it is made anew when its word is heard next."""
    return kept.startswith(_head())


def decoy(random: Callable[[int], bytes]) -> str:
    """A kept password that no word opens and that costs as much: for a login that has none, or that nobody has."""
    return _head() + "$".join(base64.b64encode(random(size)).decode().rstrip("=") for size in (_SALT, _TAG))


def _head() -> str:
    return f"$argon2id$v=19$m={_KIB},t={_PASSES},p={_LANES}$"
