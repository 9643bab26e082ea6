"""The door of an issuer's authorisation host: what it asks of the bank's keys while a payment card is on line.

No call gives a card key, a session key or a PIN away. Cryptograms are checked and made behind the door.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from cardfab.keys.label import Sealed

PinChangeKey = Literal["ENC", "AC"]
"""Which card key gives D1 of PIN CHANGE (quirk ``pin_change_key``)."""


class OnCardEmv(Protocol):
    """The three keys (AC, SMI, SMC) of one card, as the issuer's host uses them. ``atc`` 2 bytes, cryptograms 8."""

    def certifies(self, atc: bytes, data: bytes, cryptogram: bytes) -> bool:
        """Whether an ARQC, TC or AAC over ``data`` (not padded) is the card's."""
        ...

    def certifies_value(self, atc: bytes, value: bytes, mac: bytes) -> bool:
        """Whether the MAC (4 bytes) behind the issuer's discretionary value in tag 9F10 is the card's."""
        ...

    def arpc(self, atc: bytes, cryptogram: bytes, arc: bytes) -> bytes:
        """The answer to an ARQC with the response code ``arc`` (2 bytes): 8 bytes."""
        ...

    def script_mac(self, atc: bytes, cryptogram: bytes, header: bytes, data: bytes) -> bytes:
        """4 bytes for a script command: header of 5 bytes (Lc counts the MAC), data without the MAC."""
        ...

    def pin_change(self, atc: bytes, new: Sealed, current: Sealed | None, d1: PinChangeKey) -> bytes:
        """The 16 enciphered bytes of PIN CHANGE; the PINs are sealed blocks of format 2."""
        ...


class EmvHostKeys(Protocol):
    """What an issuer's host asks of the key store. Every call raises KeyUnknown or KeyUseRefused."""

    def emv_card(
        self, labels: Sequence[str], pan: str, psn: str, *, option: str = "A", parity: bool = False
    ) -> OnCardEmv:
        """The keys of the card with that account and sequence number; ``labels`` name the masters AC, SMI, SMC."""
        ...

    def pin_agrees(self, label: str, form: int, ciphered: bytes, pan: str, reference: Sealed) -> bool:
        """Whether the block of a pin pad (transport key ``label``, format 0 or 3) holds the sealed PIN."""
        ...

    def pin_has_pvv(self, label: str, form: int, ciphered: bytes, pan: str, pvk: str, index: int, pvv: str) -> bool:
        """Whether the block of a pin pad holds the PIN of that verification value."""
        ...

    def pad_block(self, label: str, form: int, pin: str, pan: str) -> bytes:
        """What a PIN pad gives for a PIN that was typed at the screen: training keys only."""
        ...
