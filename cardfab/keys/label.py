"""Names of keys, what each may be used for, and where it stands in the hierarchy ministry > province > city > card."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass

TRAINING_WORDS = b"cardfab training key, not secret: "
"""Every training root is SHA-256 of these words and its label, first 16 bytes: published on purpose (docs/keys.md)."""


class Usage(enum.StrEnum):
    """The one purpose of a key (PCI PIN requirement 19: one key, one purpose)."""

    CARD_ROOT = "root of social-security card keys"
    LOAD_ROOT = "root of keys that load the medical account"
    PURCHASE_ROOT = "root of keys that pay from the medical account"
    TAC_ROOT = "root of keys that certify transactions of the medical account"
    MASTER_ROOT = "root of card master keys"
    FACTORY = "transport key of chips from their factory"
    CHANNEL_ROOT = "root of secure-channel keys (KMC)"
    EMV_ROOT = "issuer master key (IMK)"
    ISSUER = "issuer key that certifies payment cards"
    CVN = "card verification number key (CVK)"
    PVV = "PIN verification key (PVK)"
    PIN_TRANSPORT = "PIN transport key of pin pads"
    POOL = "sealing of chip keys made ahead"
    SEAL = "sealing of personal data at rest"
    TRANSPORT = "sealing of card secrets on their way to a chip"
    INDEX = "keyed index and digest"
    SIGN = "signature"

    @property
    def zh(self) -> str:
        """The purpose in Chinese."""
        return _USAGE_ZH[self]


_USAGE_ZH = {
    Usage.CARD_ROOT: "社保卡卡片密钥的根密钥",
    Usage.LOAD_ROOT: "医保账户划入密钥的根密钥",
    Usage.PURCHASE_ROOT: "医保账户消费密钥的根密钥",
    Usage.TAC_ROOT: "医保交易验证码（TAC）密钥的根密钥",
    Usage.MASTER_ROOT: "卡片主控密钥的根密钥",
    Usage.FACTORY: "芯片出厂传输密钥",
    Usage.CHANNEL_ROOT: "安全通道根密钥（KMC）",
    Usage.EMV_ROOT: "发卡行主密钥（IMK）",
    Usage.ISSUER: "签发支付卡证书的发卡行密钥",
    Usage.CVN: "卡校验码密钥（CVK）",
    Usage.PVV: "PIN 校验密钥（PVK）",
    Usage.PIN_TRANSPORT: "密码键盘 PIN 传输密钥",
    Usage.POOL: "预生成芯片密钥的加密",
    Usage.SEAL: "静态个人数据加密",
    Usage.TRANSPORT: "卡片机密数据传输加密",
    Usage.INDEX: "带密钥的索引和摘要",
    Usage.SIGN: "签名",
}


class Level(enum.StrEnum):
    """Whose key it is."""

    MINISTRY = "ministry"
    PROVINCE = "province"
    CITY = "city"
    BANK = "bank"
    STATION = "station"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """Everything about a key but the key. ``kcv`` is 3 bytes in hex; of a signing key the first 4 of its public key.

    ``region`` is where a root of a lower level belongs: two digits of a province, six of a city; else empty.
    """

    label: str
    algorithm: str
    usage: Usage
    level: Level
    version: int
    training: bool
    kcv: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key to be made: its label and attributes, without a value."""

    label: str
    algorithm: str
    usage: Usage
    level: Level
    version: int = 1
    region: str = ""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A card secret on its way: ciphertext under a transport key of the store. ``meaning`` names it to people.

    ``kcvs`` are the check values of the keys inside, in order, 3 bytes each; empty for a PIN block.
    """

    ciphertext: bytes
    under: str
    meaning: str
    length: int
    kcvs: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.meaning}, {self.length} bytes sealed under {self.under}>"


def training_root(label: str) -> bytes:
    """The published training root of a label, 16 bytes."""
    return hashlib.sha256(TRAINING_WORDS + label.encode("ascii")).digest()[:16]


STATION_KEYS: tuple[KeySpec, ...] = (
    KeySpec("station/seal", "AES-256", Usage.SEAL, Level.STATION),
    KeySpec("station/transport", "AES-256", Usage.TRANSPORT, Level.STATION),
    KeySpec("station/pool", "AES-256", Usage.POOL, Level.STATION),
    KeySpec("station/index", "HMAC-SHA-256", Usage.INDEX, Level.STATION),
    KeySpec("station/audit", "Ed25519", Usage.SIGN, Level.STATION),
    KeySpec("station/temporary", "Ed25519", Usage.SIGN, Level.STATION),
)
"""The station's own keys, made at random by ``cardfab init``."""
