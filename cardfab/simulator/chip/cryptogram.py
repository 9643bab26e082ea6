"""Symmetric cryptography of the payment application: session keys, cryptograms, ARPC, script MACs, issuer data.

JR/T 0025 part 5 (3DES) and part 17 (SM4) as collected in the facts, ``cryptograms``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardfab.crypto import Algorithm, decrypt_ecb, encrypt_cbc, encrypt_ecb
from cardfab.simulator.chip.crypt import exclusive_or, inverted, padded, retail_mac

AAC, TC, ARQC = 0x00, 0x40, 0x80
CVN01 = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)
SHORT_CVN = 0x17


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """The keys of one transaction, from AC | MAC | ENC of the card and the ATC."""

    algorithm: Algorithm
    keys: bytes
    atc: bytes

    def _key(self, which: int) -> bytes:
        """3DES: one block for ATC, one for its inverse; SM4: the same 16 bytes as one block."""
        own = self.keys[16 * which : 16 * which + 16]
        return encrypt_ecb(self.algorithm, own, bytes(6) + self.atc + bytes(6) + inverted(self.atc))

    def _code(self, which: int, message: bytes) -> bytes:
        """Eight bytes: the retail MAC, or the left half of an SM4 CBC-MAC."""
        key = self._key(which)
        if self.algorithm is Algorithm.TDES:
            return retail_mac(key, bytes(8), message)
        return encrypt_cbc(self.algorithm, key, bytes(16), padded(message, 16))[-16:-8]

    def cryptogram(self, message: bytes) -> bytes:
        """Application cryptogram, 8 bytes."""
        return self._code(0, message)

    def mac(self, message: bytes) -> bytes:
        """MAC of a script command or of issuer data, 4 bytes."""
        return self._code(1, message)[:4]

    def response(self, cryptogram: bytes, code: bytes) -> bytes:
        """The ARPC that belongs to an ARQC and a response code. Method 1."""
        block = exclusive_or(cryptogram, code.ljust(8, b"\x00"))
        return encrypt_ecb(self.algorithm, self._key(0), block.ljust(self.algorithm.block, b"\x00"))[:8]

    def revealed(self, secret: bytes) -> bytes:
        """The plain data of a script, ECB."""
        return decrypt_ecb(self.algorithm, self._key(2), secret)


def message(version: int, values: Mapping[int, bytes], profile: bytes, atc: bytes, results: bytes) -> bytes:
    """What an application cryptogram is over. ``results``: the CVR without its length, ``profile``: the AIP."""
    if version == SHORT_CVN:  # [?] the last byte is the first of the CVR
        return values[0x9F02] + values[0x9F37] + atc + results[:1]
    return b"".join(values[tag] for tag in CVN01) + profile + atc + b"\x03" + results


def needed(version: int) -> tuple[int, ...]:
    """The terminal data that a cryptogram of this version wants."""
    return (0x9F02, 0x9F37) if version == SHORT_CVN else CVN01


def issuer_data(prefix: bytes, results: bytes, session: Session, amounts: Mapping[int, int]) -> bytes:
    """9F10: the loaded prefix with the CVR in place, and what its IDD id asks for with its MAC.

    ``amounts`` by id: 01 e-cash balance, 02 cumulative amount, 04 (second half) its limit, 05 available off line.
    """
    fixed = prefix[:4] + results + prefix[7:8]
    wanted = {1: (1,), 2: (2,), 3: (1, 2), 4: (2, 4), 5: (5,)}.get(prefix[9] if len(prefix) > 9 else 0)
    if wanted is None or prefix[8] != 5 * len(wanted) + 5:
        return fixed + prefix[8:]
    value = b"".join(bytes.fromhex(f"{amounts[one]:012d}")[-5:] for one in wanted)
    fill = bytes(1 if len(wanted) == 1 else 4)
    return fixed + prefix[8:10] + value + session.mac(session.atc + value + fill)
