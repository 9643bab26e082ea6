"""The one door to key material: a protocol that a sealed file, a PKCS#11 token or a vendor HSM fulfils.

No call returns a key. What a chip needs from a root (authentication, line MAC, channel cryptograms, secrets under the
chip's own session key) is computed behind this door; objects handed out show check values and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cardfab.errors import KeyFault, Text
from cardfab.keys.label import KeyInfo, Sealed, Usage


class KeyUnknown(KeyFault):
    """No key of that label in this store."""

    default_code = "CF-6100"

    def __init__(self, label: str) -> None:
        super().__init__(
            Text(f"The key store has no key '{label}'.", f"密钥库中没有密钥“{label}”。"),
            do=Text("'cardfab keys list' shows what it has.", "cardfab keys list 可查看已有密钥。"),
        )


class KeyUseRefused(KeyFault):
    """The label does not allow what was asked."""

    default_code = "CF-6200"

    def __init__(self, info: KeyInfo, asked: Usage) -> None:
        super().__init__(
            Text(
                f"The key '{info.label}' is for {info.usage}, not for {asked}.",
                f"密钥“{info.label}”的用途为{info.usage.zh}，不能用于{asked.zh}。",
            )
        )


class StoreLocked(KeyFault):
    """The sealed file does not open."""

    default_code = "CF-6300"


class OnCardKey(Protocol):
    """A social-security key as it lies on one card, seen from outside (LD/T 32 part 4)."""

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        """The 8 bytes that prove the key."""
        ...

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        """A line MAC of 4 bytes."""
        ...

    def encrypt(self, challenge: bytes, plain: bytes) -> bytes:
        """Line encryption of LD | plain."""
        ...

    def answer(self, data: bytes) -> bytes:
        """E(key, data), ``data`` of at most one block, padded with 00."""
        ...


@dataclass(frozen=True, slots=True)
class KeyUnderDek:
    """A new key of a chip on its way: ciphertext under the data-encryption key of a channel, for PUT KEY.

    ``type`` as GPC 2.3.1, table 11-16 (80 DES, 88 AES); ``length`` of the key, the ciphertext may be longer; ``kcv`` 3
    bytes.
    """

    type: int
    ciphertext: bytes
    length: int
    kcv: bytes

    def __repr__(self) -> str:
        return f"<key of type {self.type:02X}, {self.length} bytes, KCV {self.kcv.hex().upper()}>"


class ChannelSession(Protocol):
    """The session keys of one SCP02 channel. The data-encryption key does not leave; secrets are re-wrapped inside."""

    def cryptogram(self, data: bytes) -> bytes:
        """3DES CBC-MAC of whole blocks under S-ENC, 8 bytes."""
        ...

    def cmac(self, icv: bytes, data: bytes) -> bytes:
        """Retail MAC of whole blocks under S-MAC, 8 bytes."""
        ...

    def encrypt_icv(self, icv: bytes) -> bytes:
        """The ICV under the first half of S-MAC (i bit 5)."""
        ...

    def encrypt(self, data: bytes) -> bytes:
        """CBC of whole blocks under S-ENC, IV 0."""
        ...

    def rmac(self, icv: bytes, data: bytes) -> bytes:
        """Retail MAC of whole blocks under S-RMAC, 8 bytes."""
        ...

    def rewrap(self, sealed: Sealed) -> bytes:
        """A sealed secret as 3DES-ECB ciphertext under the session DEK."""
        ...


class ChannelKeys(Protocol):
    """Opens sessions for chips whose channel keys come from one KMC."""

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> ChannelSession:
        """Session keys for the chip with that KEYDATA (10 bytes) and sequence counter (2 bytes)."""
        ...


class OnCardMasterKey(Protocol):
    """A master or transport key of one card: proved to the card; other keys go under it."""

    def answer(self, data: bytes) -> bytes:
        """E(key, data), ``data`` of at most one block, padded with 00."""
        ...

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        """The 8 bytes that prove the key in the social-security form."""
        ...


class KeyToLoad(Protocol):
    """A key's record (header | value) for WRITE KEY, as it goes over the line (LD/T 32 part 9, 7.1)."""

    def clear(self) -> bytes:
        """The record itself; refused for every key that is not published."""
        ...

    def encrypted(self) -> bytes:
        """LD | record in whole blocks under the key it goes under."""
        ...

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        """4 bytes over ``data`` under that key, IV the challenge."""
        ...


class KeyStore(Protocol):
    """What the station asks of key material. Every method raises :class:`KeyUnknown` or :class:`KeyUseRefused`."""

    def infos(self) -> Sequence[KeyInfo]:
        """All keys, by label."""
        ...

    def info(self, label: str) -> KeyInfo:
        """One key's attributes."""
        ...

    def card_key(self, label: str, region: str, historical: bytes) -> OnCardKey:
        """The card's key of a ministry, province or city root, by region code and the 13 historical bytes."""
        ...

    def master_key(self, label: str, region: str, historical: bytes) -> OnCardMasterKey:
        """The card's master key of a root, or the transport key of its factory."""
        ...

    def load_key(
        self,
        label: str,
        region: str,
        historical: bytes,
        *,
        under: str | None = None,
        header: bytes = b"",
        fill: int = 0,
    ) -> KeyToLoad:
        """The card's key of a root, to be loaded under another; its value padded with FF to ``fill`` bytes."""
        ...

    def channel(self, label: str) -> ChannelKeys:
        """Channel keys of a KMC."""
        ...

    def emv_keys(self, labels: Sequence[str], pan: str, psn: str, meaning: str) -> Sealed:
        """The card's UDKs of several issuer master keys, one after the other, sealed, with their check values."""
        ...

    def random_pin(self, digits: int, meaning: str) -> Sealed:
        """A random PIN as a sealed format-2 block (ISO 9564-1), never seen outside."""
        ...

    def seal(self, label: str, salt: bytes, plain: bytes, bound: bytes) -> bytes:
        """Seal data at rest under a key of this label and salt; without the salt nothing opens it again."""
        ...

    def unseal(self, label: str, salt: bytes, sealed: bytes, bound: bytes) -> bytes:
        """The inverse of :meth:`seal`."""
        ...

    def index(self, label: str, data: bytes) -> bytes:
        """A keyed digest of 32 bytes, to find what is sealed."""
        ...

    def sign(self, label: str, message: bytes) -> bytes:
        """An Ed25519 signature."""
        ...

    def public(self, label: str) -> bytes:
        """The public key of a signing key, 32 bytes."""
        ...
