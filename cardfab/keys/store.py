"""The one door to key material: a protocol that a sealed file, a PKCS#11 token or a vendor HSM fulfils.

No call returns a key. What a chip needs from a root (authentication, line MAC, channel cryptograms, secrets under the
chip's own session key) is computed behind this door; objects handed out show check values and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from cardfab.crypto.purse import Load, Purchase
from cardfab.errors import KeyFault, Text
from cardfab.keys.custody import Capabilities
from cardfab.keys.emvkeys import EmvHostKeys
from cardfab.keys.explain import Explained
from cardfab.keys.issuerkeys import IssuerKeys
from cardfab.keys.label import KeyInfo, KeySpec, Level, Mode, Sealed, State, Usage
from cardfab.keys.many import ManyKeys
from cardfab.keys.secret import Secret


class KeyUnknown(KeyFault):
    """No key of that label in this store."""

    default_code = "CF-6100"

    def __init__(self, label: str, *, published: bool = False) -> None:
        old = Text(
            "This training station is older than that training key; make a new one with 'cardfab init'.",
            "该培训制卡点建立时尚未公布此培训密钥；请用 cardfab init 新建培训制卡点。",
        )
        look = Text("'cardfab keys list' shows what it has.", "cardfab keys list 可查看已有密钥。")
        super().__init__(
            Text(f"The key store has no key '{label}'.", f"密钥库中没有密钥“{label}”。"), do=old if published else look
        )


class KeyOfAnotherRegion(KeyFault):
    """The root was given out to another province or city than the card's; the card is not asked."""

    default_code = "CF-6230"

    def __init__(self, info: KeyInfo, region: str) -> None:
        level = Text("province", "省") if info.level is Level.PROVINCE else Text("city", "市")
        super().__init__(
            Text(
                f"The key '{info.label}' is that of {level.en} {info.region}; the card is of region {region}.",
                f"密钥“{info.label}”属于{level.zh} {info.region}，卡片属于地区 {region}。",
            ),
            do=Text("Serve this card where its keys are held.", "请到持有该密钥的地区办理。"),
        )
        self.level = info.level


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


class KeyModeRefused(KeyUseRefused):
    """The purpose is right, and the label allows less than its purpose does."""

    default_code = "CF-6254"

    def __init__(self, info: KeyInfo, mode: Mode) -> None:
        KeyFault.__init__(
            self,
            Text(f"The key '{info.label}' may not {mode}.", f"密钥“{info.label}”不允许{mode.zh}。"),
            do=Text("'cardfab keys list' shows what it may.", "cardfab keys list 可查看其允许的使用方式。"),
        )


class KeyNotInForce(KeyUseRefused):
    """The key is retired or destroyed, or this is not its time."""

    default_code = "CF-6255"

    def __init__(self, info: KeyInfo, what: Text) -> None:
        KeyFault.__init__(
            self,
            Text(f"The key '{info.label}' {what.en}.", f"密钥“{info.label}”{what.zh}。"),
            do=Text("Put a new version in its place: 'cardfab keys rotate'.", "请用 cardfab keys rotate 换用新版本。"),
        )


Today = Callable[[], date]
"""Which day it is, for the validity of keys."""


def require_use(
    info: KeyInfo, usage: Usage, mode: Mode | None = None, *, today: Today | None = None, making: bool = False
) -> None:
    """Raise :class:`KeyUseRefused` unless the label allows this use. The one place where that is decided.

    ``mode`` None: one of the usage's own is meant. ``making`` is a use for something new (a card's key, a seal, a
    signature), which a retired key is not for. Without ``today`` the time is not looked at.
    """
    if info.usage is not usage:
        raise KeyUseRefused(info, usage)
    if info.state is State.DESTROYED:
        raise KeyNotInForce(info, Text("is destroyed", "已销毁"))
    if making and info.state is State.RETIRED:
        raise KeyNotInForce(info, Text("is retired and makes nothing new", "已停用，不能用于新的制作"))
    if mode is not None and mode not in info.modes:
        raise KeyModeRefused(info, mode)
    if mode is None and not info.modes & usage.modes:
        raise KeyModeRefused(info, min(usage.modes))
    day = "" if today is None else _iso(today)
    if day and info.valid_from and day < info.valid_from:
        raise KeyNotInForce(info, Text(f"is valid from {info.valid_from}", f"自 {info.valid_from} 起有效"))
    if day and info.valid_until and day > info.valid_until:
        raise KeyNotInForce(info, Text(f"was valid until {info.valid_until}", f"有效期至 {info.valid_until}"))


def _iso(clock: Today) -> str:
    return clock().isoformat()


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

    def code(self, data: bytes) -> bytes:
        """MAC of 4 bytes under the key itself, IV 0: the authentication code of an identification code."""
        ...


class LoadPurse(Protocol):
    """DLK of one card: what the host does in a load (LD/T 32 part 7, 11)."""

    def offers(self, load: Load, mac1: bytes) -> bool:
        """Whether MAC1 of INITIALIZE FOR LOAD is the card's."""
        ...

    def credit(self, load: Load) -> bytes:
        """MAC2, 4 bytes, for CREDIT FOR LOAD."""
        ...


class PurchasePurse(Protocol):
    """DPK of one card: what the terminal's PSAM does in a purchase (part 7, 12)."""

    def debit(self, purchase: Purchase) -> bytes:
        """MAC1, 4 bytes, for DEBIT FOR PURCHASE."""
        ...

    def paid(self, purchase: Purchase, mac2: bytes) -> bool:
        """Whether MAC2 is the card's."""
        ...


class TacKey(Protocol):
    """DTK of one card: proves to the host that a transaction was made (part 7, 15)."""

    def certifies(self, transaction: Load | Purchase, tac: bytes) -> bool:
        """Whether the TAC is the card's."""
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


class ChannelSession03(Protocol):
    """The session keys of one SCP03 channel; K-DEK does not leave."""

    def cryptogram(self, constant: int, context: bytes, length: int) -> bytes:
        """``length`` bytes derived from S-MAC."""
        ...

    def cmac(self, data: bytes) -> bytes:
        """AES-CMAC under S-MAC, 16 bytes."""
        ...

    def rmac(self, data: bytes) -> bytes:
        """AES-CMAC under S-RMAC, 16 bytes."""
        ...

    def encrypt(self, counter: bytes, data: bytes) -> bytes:
        """CBC of whole blocks under S-ENC behind the encrypted counter."""
        ...

    def decrypt(self, counter: bytes, data: bytes) -> bytes:
        """The inverse, for responses."""
        ...

    def rewrap(self, sealed: Sealed) -> bytes:
        """A sealed secret as AES-CBC ciphertext under K-DEK, filled to whole blocks."""
        ...


class ChannelKeys03(Protocol):
    """Opens SCP03 sessions for chips whose channel keys come from one root."""

    def open(self, key_data: bytes, kvn: int, context: bytes) -> ChannelSession03:
        """Session keys for the chip with that KEYDATA; ``context`` is host challenge | card challenge."""
        ...


class OnCardMasterKey(Protocol):
    """A master or transport key of one card: proved to the card; other keys go under it."""

    def answer(self, data: bytes) -> bytes:
        """E(key, data), ``data`` of at most one block, padded with 00."""
        ...

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        """The 8 bytes that prove the key in the social-security form."""
        ...

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        """4 bytes over ``data`` under the key itself, IV the challenge (part 9, 7.1.3)."""
        ...


class FirstPin(Protocol):
    """The PIN that blanks come with, on its way to a chip."""

    def block(self) -> bytes:
        """Its digits, two a byte, an odd last one padded F."""
        ...


class PkiPin(Protocol):
    """A PIN of the certificate application: proved and changed by a key that is made of it."""

    def proof(self, challenge: bytes) -> bytes:
        """SM4 of a challenge of 16 bytes."""
        ...

    def change(self, challenge: bytes, header: bytes) -> bytes:
        """The new PIN under this one, and a MAC over ``header`` of five bytes and it, IV the challenge: 20 bytes."""
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


class KeyStore(IssuerKeys, EmvHostKeys, ManyKeys, Protocol):
    """What the station asks of key material. Every method raises :class:`KeyUnknown` or :class:`KeyUseRefused`."""

    def capabilities(self) -> Capabilities:
        """What the device behind this store can do; it was tried when the store was opened."""
        ...

    def infos(self) -> Sequence[KeyInfo]:
        """All keys, by label."""
        ...

    def info(self, label: str) -> KeyInfo:
        """One key's attributes."""
        ...

    def card_key(self, label: str, region: str, historical: bytes) -> OnCardKey:
        """The card's key of a ministry, province or city root, by region code and the 13 historical bytes.

        Raises :class:`KeyOfAnotherRegion` for a root that was given out to another province or city.
        """
        ...

    def purse_load(self, label: str, region: str, historical: bytes) -> LoadPurse:
        """The card's load key of a root."""
        ...

    def purse_purchase(self, label: str, region: str, historical: bytes) -> PurchasePurse:
        """The card's purchase key of a root."""
        ...

    def purse_tac(self, label: str, region: str, historical: bytes) -> TacKey:
        """The card's TAC key of a root."""
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

    def first_pin(self, label: str) -> FirstPin:
        """The PIN of the blanks of that label."""
        ...

    def pki_pin(self, label: str, region: str, historical: bytes, *, new: str | None = None) -> PkiPin:
        """The manager's PIN of a card by its root, or the user's by the label of the blanks' PIN; ``new`` likewise."""
        ...

    def holder_pin(self, pin: str | Sealed, *, new: str | Sealed | None = None) -> PkiPin:
        """The user's PIN as the holder typed it, and the one it is to become: 4 to 16 digits, or from a pad, sealed."""
        ...

    def pki_reset(self, label: str, region: str, historical: bytes, *, new: str | Sealed) -> PkiPin:
        """The manager's PIN of a card by its root, with the user's PIN that it is to set."""
        ...

    def pin_under(self, label: str, region: str, historical: bytes, pin: Sealed, challenge: bytes) -> bytes:
        """Line encryption (LD | PIN, two digits a byte) of a PIN from a pad, under a key of the card in the reader."""
        ...

    def pin_clear(self, pin: Sealed) -> bytes:
        """A PIN from a pad, two digits a byte, for a command that takes it in clear; never out of a key service."""
        ...

    def channel(self, label: str, diversification: str | None = None) -> ChannelKeys:
        """Channel keys of a KMC for SCP02; the chip's keys come as in EMV CPS, or by that diversification."""
        ...

    def channel03(self, label: str, diversification: str | None = None) -> ChannelKeys03:
        """The same for SCP03, where KDF3 is usual."""
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

    def explain(self, label: str, scheme: str, factors: Mapping[str, str]) -> tuple[Explained, ...]:
        """Every step of a named scheme's derivation under a root, with check values and no key; numbers are masked."""
        ...


class KeyManager(Protocol):
    """The life of keys. Every change is on disk, whole, when the call returns; no call returns a key.

    A store is for training or it is not. In one that is not, a key comes in with the id of a ``ceremony`` only, and
    a published or weak value is refused. Raises :class:`~cardfab.errors.KeyFault`.
    """

    def infos(self) -> Sequence[KeyInfo]:
        """All keys, by label, retired and destroyed ones too."""
        ...

    def generate(self, spec: KeySpec, *, ceremony: str = "") -> KeyInfo:
        """A new key at random."""
        ...

    def import_value(self, spec: KeySpec, value: Secret, *, ceremony: str = "") -> KeyInfo:
        """A key whose value was put together elsewhere, as a ceremony does; ``value`` is wiped."""
        ...

    def import_block(self, spec: KeySpec, block: str, under: str, *, ceremony: str = "") -> KeyInfo:
        """A key out of a key block under the key ``under``; the block's header must say what the spec says."""
        ...

    def export_block(self, label: str, under: str) -> str:
        """The key as a key block under another."""
        ...

    def rotate(self, label: str, *, ceremony: str = "") -> KeyInfo:
        """A new version under the label; the old one is retired as ``LABEL@VERSION``."""
        ...

    def retire(self, label: str) -> KeyInfo:
        """The key makes nothing new from now on."""
        ...

    def destroy(self, label: str) -> KeyInfo:
        """The value is wiped; the label and its attributes stay, so that nobody gives it again."""
        ...
