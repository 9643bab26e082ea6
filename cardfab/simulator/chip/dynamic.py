"""Dynamic data authentication: DDA, CDA and fDDA with the RSA or the SM2 key that was loaded. EMV book 2, 6.5, 6.6."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cardfab.crypto import CipherRefused
from cardfab.crypto.rsa import RsaCrt, RsaPrivate, RsaPublic, consistent
from cardfab.crypto.sm import sm2_sign, sm3
from cardfab.simulator.chip.crypt import unpadded

EXPONENTS = (b"\x03", b"\x01\x00\x01")


def crt(parts: Sequence[bytes]) -> RsaCrt | None:
    """DGI 8201 to 8205, all with their padding of 80 00.. or all without; None where they are of different lengths."""
    bare = [unpadded(part) for part in parts]
    lengths = {len(part) for part in bare if part is not None}
    filled = all(part is not None for part in bare) and len(lengths) == 1 and len(parts[0]) % 8 == 0
    chosen = [part for part in bare if part is not None] if filled else list(parts)
    return RsaCrt(*chosen) if len({len(part) for part in chosen}) == 1 else None


def related(parts: Sequence[bytes]) -> bool:
    """Whether the components are those of one key with an exponent that cards have, p greater than q."""
    found = crt(parts)
    if found is None:
        return False
    modulus = int.from_bytes(found.p) * int.from_bytes(found.q)
    whole = modulus.to_bytes((modulus.bit_length() + 7) // 8 or 1)
    return any(consistent(found, RsaPublic(whole, one)) for one in EXPONENTS)


@dataclass(frozen=True, slots=True, repr=False)
class RsaSigner:
    """The card's RSA key."""

    key: RsaPrivate

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> RsaSigner | None:
        """From what was loaded, or None where it cannot sign."""
        found = crt(parts)
        try:
            return cls(RsaPrivate.of_crt(found)) if found else None
        except CipherRefused:
            return None

    @property
    def length(self) -> int:
        """Bytes of a signature."""
        return self.key.public.length

    @staticmethod
    def hashed(message: bytes) -> bytes:
        """SHA-1, hash algorithm 01."""
        return hashlib.sha1(message, usedforsecurity=False).digest()

    def sign(self, own: bytes, terminal: bytes) -> bytes:
        """9F4B over the card's dynamic data and the terminal's: 6A 05 01 L data BB.. hash BC."""
        head = b"\x05\x01" + bytes((len(own),)) + own
        head += b"\xbb" * (self.length - 22 - len(head))
        return self.key.sign(b"\x6a" + head + self.hashed(head + terminal) + b"\xbc")

    def recovered(self, secret: bytes) -> bytes:
        """The private operation on an enciphered PIN; raises :class:`CipherRefused`."""
        return self.key.sign(secret)


@dataclass(frozen=True, slots=True, repr=False)
class Sm2Signer:
    """The card's SM2 key: 8501 (d | 80 00*7) or 8402 (d)."""

    private: bytes
    random: Callable[[int], bytes]

    length = 0  # a signature is short whatever the key

    @staticmethod
    def hashed(message: bytes) -> bytes:
        """SM3."""
        return sm3(message)

    def sign(self, own: bytes, terminal: bytes) -> bytes:
        """9F4B: 15 | L | data | r | s, over what comes before and the terminal's. The inner data as with RSA [?]."""
        head = b"\x15" + bytes((len(own),)) + own
        return head + sm2_sign(self.private, head + terminal, self.random)


Signer = RsaSigner | Sm2Signer


def dynamic_number(atc: bytes) -> bytes:
    """ICC dynamic number: 02 and the ATC."""
    return b"\x02" + atc
