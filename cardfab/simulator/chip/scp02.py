"""The card side of SCP02 with explicit initiation. GPC 2.3.1 annex E; EMV CPS 1.1 chapter 5.

Option i (table E-1): 01 three keys instead of one base key, 04 explicit initiation, 10 ICV encrypted for every command
but the first, 20 R-MAC, 40 the card challenge is computed. The C-MAC is over the modified command (02 is not offered).
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm, decrypt_cbc, decrypt_ecb, encrypt_cbc, encrypt_ecb, same
from cardfab.simulator.chip import word
from cardfab.simulator.chip.crypt import padded, retail_mac, unpadded
from cardfab.simulator.chip.message import Command, expect

ZERO = bytes(8)
OPTIONS = (0x04, 0x05, 0x14, 0x15, 0x44, 0x45, 0x54, 0x55)
R_MAC = 0x20


@dataclass(frozen=True, slots=True, repr=False)
class KeySet:
    """KENC, KMAC and KDEK; for SCP02 three 3DES keys of 16 bytes, or three times the base key."""

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
    return KeySet(
        _session(static.enc, "0182", sequence),
        _session(static.mac, "0101", sequence),
        _session(static.dek, "0181", sequence),
    )


def _session(key: bytes, constant: str, sequence: bytes) -> bytes:
    return encrypt_cbc(Algorithm.TDES, key, ZERO, bytes.fromhex(constant) + sequence + bytes(12))


def response_key(static: KeySet, sequence: bytes) -> bytes:
    """The R-MAC session key: E.4.1 with the constant 0102."""
    return _session(static.mac, "0102", sequence)


def computed_challenge(keys: KeySet, aid: bytes) -> bytes:
    """Six bytes of card challenge by the well-known algorithm: the MAC over the AID, E.4.2.3 (i bit 40)."""
    return retail_mac(keys.mac, ZERO, aid)[:6]


def levels(option: int) -> tuple[int, ...]:
    """The security levels that EXTERNAL AUTHENTICATE may ask for."""
    return (0x00, 0x01, 0x03, 0x10, 0x11, 0x13) if option & R_MAC else (0x00, 0x01, 0x03)


def cryptogram(enc: bytes, first: bytes, second: bytes) -> bytes:
    """E.4.2: the last block of 3DES-CBC over both parts, padded. Card: host | card challenge; host: the other way."""
    return encrypt_cbc(Algorithm.TDES, enc, ZERO, padded(first + second, 8))[-8:]


class Channel:
    """An open secure channel: it takes the protection off commands and opens secret values."""

    def __init__(
        self, keys: KeySet, level: int, icv: bytes, *, encrypted_icv: bool = True, response: bytes = b""
    ) -> None:
        self._keys = keys
        self._icv = icv
        self._encrypted_icv = encrypted_icv
        self._response = response  # the R-MAC session key
        self._chain = icv  # of the R-MACs, begins with the C-MAC of EXTERNAL AUTHENTICATE: E.5.2
        self._asked = b""
        self.level = level

    def unwrap(self, command: Command) -> Command:
        """The command without C-MAC and encryption; raises 6982, 6985, 6988. The caller closes the channel then."""
        if not self.level & 0x01:
            expect(not command.cla & 0x04, word.CONDITIONS)
            return self._noted(command)
        expect(bool(command.cla & 0x04), word.NOT_AUTHORISED)
        expect(len(command.data) >= 8, word.MAC_WRONG)
        data, mac = command.data[:-8], command.data[-8:]
        if self.level & 0x02 and data:  # an empty field is not enciphered: E.4.6
            expect(len(data) % 8 == 0, word.MAC_WRONG)
            plain = unpadded(decrypt_cbc(Algorithm.TDES, self._keys.enc, ZERO, data))
            expect(plain is not None, word.MAC_WRONG)
            data = plain or b""
        icv = encrypt_ecb(Algorithm.DES, self._keys.mac[:8], self._icv) if self._encrypted_icv else self._icv
        right = retail_mac(self._keys.mac, icv, command.header(len(data) + 8) + data)
        expect(same(right, mac), word.MAC_WRONG)
        self._icv = mac
        return self._noted(command.plain(data))

    def _noted(self, command: Command) -> Command:
        self._asked = command.header(len(command.data)) + command.data
        return command

    def wrap(self, data: bytes, sw: int) -> bytes:
        """Answer data | R-MAC over the stripped command, length, data and status word: E.4.5."""
        message = self._asked + bytes((len(data) & 0xFF,)) + data + sw.to_bytes(2)
        self._chain = retail_mac(self._response, self._chain, message)
        return data + self._chain

    def reveal(self, secret: bytes) -> bytes:
        """Whole blocks under the session DEK, in the clear."""
        return decrypt_ecb(Algorithm.TDES, self._keys.dek, secret)
