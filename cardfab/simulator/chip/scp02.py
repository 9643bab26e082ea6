"""The card side of SCP02, option i=15. GPC 2.1.1 annex E; EMV CPS 1.1 chapter 5.

i=15: three keys, explicit initiation, C-MAC over the modified command, ICV encrypted for every command but the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm, decrypt_cbc, decrypt_ecb, encrypt_cbc, encrypt_ecb
from cardfab.simulator.chip import word
from cardfab.simulator.chip.crypt import padded, retail_mac, unpadded
from cardfab.simulator.chip.message import Command, expect

ZERO = bytes(8)
LEVELS = (0x00, 0x01, 0x03)


@dataclass(frozen=True, slots=True, repr=False)
class KeySet:
    """KENC, KMAC and KDEK: three 3DES keys of 16 bytes."""

    enc: bytes
    mac: bytes
    dek: bytes


def diversified(kmc: bytes, key_data: bytes) -> KeySet:
    """The card's keys by EMV CPS: the last 6 bytes of KEYDATA | F0 | n, then | 0F | n, n = 1, 2, 3."""
    low = key_data[4:10]

    def one(n: int) -> bytes:
        return encrypt_ecb(Algorithm.TDES, kmc, low + bytes((0xF0, n)) + low + bytes((0x0F, n)))

    return KeySet(one(1), one(2), one(3))


def session_keys(static: KeySet, sequence: bytes) -> KeySet:
    """E.4.1: 3DES-CBC of constant | sequence counter | 00*12."""

    def one(key: bytes, constant: str) -> bytes:
        return encrypt_cbc(Algorithm.TDES, key, ZERO, bytes.fromhex(constant) + sequence + bytes(12))

    return KeySet(one(static.enc, "0182"), one(static.mac, "0101"), one(static.dek, "0181"))


def cryptogram(enc: bytes, first: bytes, second: bytes) -> bytes:
    """E.4.2: the last block of 3DES-CBC over both parts, padded. Card: host | card challenge; host: the other way."""
    return encrypt_cbc(Algorithm.TDES, enc, ZERO, padded(first + second, 8))[-8:]


class Channel:
    """An open secure channel: it takes the protection off commands and opens secret values."""

    def __init__(self, keys: KeySet, level: int, icv: bytes) -> None:
        self._keys = keys
        self._icv = icv
        self.level = level

    def unwrap(self, command: Command) -> Command:
        """The command without C-MAC and encryption; raises 6982, 6985, 6988. The caller closes the channel then."""
        if self.level == 0:
            expect(not command.cla & 0x04, word.CONDITIONS)
            return command
        expect(bool(command.cla & 0x04), word.NOT_AUTHORISED)
        expect(len(command.data) >= 8, word.MAC_WRONG)
        data, mac = command.data[:-8], command.data[-8:]
        if self.level & 0x02 and data:  # an empty field is not enciphered: E.4.6
            expect(len(data) % 8 == 0, word.MAC_WRONG)
            plain = unpadded(decrypt_cbc(Algorithm.TDES, self._keys.enc, ZERO, data))
            expect(plain is not None, word.MAC_WRONG)
            data = plain or b""
        icv = encrypt_ecb(Algorithm.DES, self._keys.mac[:8], self._icv)
        right = retail_mac(self._keys.mac, icv, command.header(len(data) + 8) + data)
        expect(right == mac, word.MAC_WRONG)
        self._icv = mac
        return Command(command.cla & ~0x04, command.ins, command.p1, command.p2, data, command.le)

    def reveal(self, secret: bytes) -> bytes:
        """Whole blocks under the session DEK, in the clear."""
        return decrypt_ecb(Algorithm.TDES, self._keys.dek, secret)
