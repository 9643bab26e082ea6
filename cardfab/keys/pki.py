"""PINs of the certificate application: their SM4 keys, how they are proved and changed.

What the manager's PIN is, no source says. Here its eight digits come from a card key of its own, so that nothing need
be kept for a card: the key's first eight bytes as a number, its last eight decimal digits.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm, Buffer
from cardfab.crypto.cipher import encrypt_ecb
from cardfab.crypto.line import load_encrypt, load_mac
from cardfab.crypto.sm import sm3
from cardfab.errors import KeyFault, Text
from cardfab.keys.secret import Secret

_DIGITS = 10**8


def manager_digits(card_key: Buffer) -> bytes:
    """The manager's PIN of one card, eight digits, two a byte."""
    return bytes.fromhex(f"{int.from_bytes(bytes(card_key)[:8], 'big') % _DIGITS:08d}")


def packed(pin: str) -> Secret:
    """A PIN of 4 to 16 digits, two a byte, an odd last one padded F."""
    return Secret(bytes.fromhex(pin + "F" * (len(pin) % 2)))


@dataclass(frozen=True, slots=True)
class SoftPkiPin:
    """One PIN, and the one it is to become; fulfils ``apdu.pki.PkiPin``."""

    value: Secret
    new: Secret | None = None

    def proof(self, challenge: bytes) -> bytes:
        with self._key() as key:
            return encrypt_ecb(Algorithm.SM4, key.view(), challenge)

    def change(self, challenge: bytes, header: bytes) -> bytes:
        if self.new is None:
            raise KeyFault(Text("No new PIN was named.", "未指定新密码。"))
        with self._key() as key:
            data = load_encrypt(Algorithm.SM4, key.view(), self.new.view())
            return data + load_mac(Algorithm.SM4, key.view(), challenge, header + data)

    def _key(self) -> Secret:
        return Secret(sm3(self.value.view())[:16])

    def __repr__(self) -> str:
        return "<a PIN of the certificate application>"
