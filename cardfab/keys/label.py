"""Names of keys, what each may be used for, and where it stands in the hierarchy ministry > province > city > card."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cardfab.errors import KeyFault, Text

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
    KEY_BLOCK = "key block protection key (KBPK)"

    @property
    def modes(self) -> frozenset[Mode]:
        """What a key of this purpose does, unless its label says less."""
        return _MODES[self]

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
    Usage.KEY_BLOCK: "密钥块保护密钥（KBPK）",
}


class Mode(enum.StrEnum):
    """What may be computed with a key, whatever its purpose (X9.143 calls it mode of use)."""

    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    MAC = "mac"
    DERIVE = "derive"
    WRAP = "wrap"
    UNWRAP = "unwrap"
    SIGN = "sign"

    @property
    def zh(self) -> str:
        """The mode in Chinese."""
        return _MODE_ZH[self]


_MODE_ZH = {
    Mode.ENCRYPT: "加密",
    Mode.DECRYPT: "解密",
    Mode.MAC: "计算 MAC",
    Mode.DERIVE: "分散",
    Mode.WRAP: "导出密钥",
    Mode.UNWRAP: "导入密钥",
    Mode.SIGN: "签名",
}

_DERIVES = frozenset((Mode.DERIVE,))
_MODES = {
    Usage.CARD_ROOT: _DERIVES,
    Usage.LOAD_ROOT: _DERIVES,
    Usage.PURCHASE_ROOT: _DERIVES,
    Usage.TAC_ROOT: _DERIVES,
    Usage.MASTER_ROOT: _DERIVES,
    Usage.FACTORY: frozenset((Mode.ENCRYPT, Mode.MAC, Mode.WRAP)),  # not diversified: it is the chip's own key
    Usage.CHANNEL_ROOT: _DERIVES,
    Usage.EMV_ROOT: _DERIVES,
    Usage.ISSUER: frozenset((Mode.SIGN,)),
    Usage.CVN: frozenset((Mode.MAC,)),
    Usage.PVV: frozenset((Mode.MAC,)),
    Usage.PIN_TRANSPORT: frozenset((Mode.ENCRYPT, Mode.DECRYPT)),
    Usage.POOL: frozenset((Mode.ENCRYPT, Mode.DECRYPT)),
    Usage.SEAL: _DERIVES,  # a key of its own for each batch
    Usage.TRANSPORT: frozenset((Mode.ENCRYPT, Mode.DECRYPT)),
    Usage.INDEX: frozenset((Mode.MAC,)),
    Usage.SIGN: frozenset((Mode.SIGN,)),
    Usage.KEY_BLOCK: frozenset((Mode.WRAP, Mode.UNWRAP)),
}

_NOT_TOGETHER: tuple[tuple[frozenset[Mode], Text], ...] = (
    (
        frozenset((Mode.DERIVE, Mode.ENCRYPT)),
        Text("encryption with it would give every card's key away", "用其加密即可得到每张卡的密钥"),
    ),
    (frozenset((Mode.DERIVE, Mode.DECRYPT)), Text("decryption with it would do the same", "用其解密亦然")),
    (
        frozenset((Mode.WRAP, Mode.DECRYPT)),
        Text("a key that it wraps could be decrypted into the clear", "由其导出的密钥可被解密为明文"),
    ),
    (
        frozenset((Mode.UNWRAP, Mode.ENCRYPT)),
        Text("a known value could be encrypted and brought in as a key", "已知数值可加密后作为密钥导入"),
    ),
)


class Level(enum.StrEnum):
    """Whose key it is."""

    MINISTRY = "ministry"
    PROVINCE = "province"
    CITY = "city"
    BANK = "bank"
    STATION = "station"


class State(enum.StrEnum):
    """Where a key is in its life. A retired key makes nothing new and serves what was made; a destroyed one is gone."""

    ACTIVE = "active"
    RETIRED = "retired"
    DESTROYED = "destroyed"

    @property
    def zh(self) -> str:
        """The state in Chinese."""
        return {"active": "在用", "retired": "停用（仅服务已制卡）", "destroyed": "已销毁"}[self]


class LabelRefused(KeyFault):
    """Attributes that no key may have."""

    default_code = "CF-6250"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """Everything about a key but the key. ``kcv`` is 3 bytes in hex; of a signing key the first 4 of its public key.

    ``region`` is where a root of a lower level belongs: two digits of a province, six of a city; else empty.
    ``modes`` are those of the usage where none are given. ``valid_from`` and ``valid_until`` are ISO dates, both days
    included, or empty. ``parent`` is the label of the key that this one came in under, ``group`` that of its
    custodians, ``ceremony`` the record that made it. Only an ``exportable`` key leaves in a key block.
    """

    label: str
    algorithm: str
    usage: Usage
    level: Level
    version: int
    training: bool
    kcv: str
    region: str = ""
    modes: frozenset[Mode] = frozenset()
    group: str = ""
    valid_from: str = ""
    valid_until: str = ""
    parent: str = ""
    state: State = State.ACTIVE
    ceremony: str = ""
    exportable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "modes", _checked(self))


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key to be made: its label and attributes, without a value. Raises :class:`LabelRefused`."""

    label: str
    algorithm: str
    usage: Usage
    level: Level
    version: int = 1
    region: str = ""
    modes: frozenset[Mode] = frozenset()
    group: str = ""
    valid_from: str = ""
    valid_until: str = ""
    parent: str = ""
    ceremony: str = ""
    exportable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "modes", _checked(self))


def _checked(key: KeyInfo | KeySpec) -> frozenset[Mode]:
    """The modes of a key whose attributes can be; raises :class:`LabelRefused`."""
    modes = modes_of(key.modes) or key.usage.modes
    for pair, why in _NOT_TOGETHER:
        if pair <= modes:
            one, other = sorted(pair)
            raise LabelRefused(
                Text(
                    f"The key '{key.label}' may not both {one} and {other}: {why.en}.",
                    f"密钥“{key.label}”不能同时用于{one.zh}和{other.zh}：{why.zh}。",
                ),
                do=Text("Make two keys, one for each.", "请分别建立两个密钥。"),
            )
    first, last = _day(key.label, key.valid_from), _day(key.label, key.valid_until)
    if first and last and last < first:
        raise LabelRefused(
            Text(f"The key '{key.label}' would end before it begins.", f"密钥“{key.label}”的有效期终止早于开始。"),
            code="CF-6251",
        )
    return modes


def modes_of(names: Iterable[str]) -> frozenset[Mode]:
    """Modes by their names; raises :class:`LabelRefused`."""
    try:
        return frozenset(Mode(name) for name in names)
    except ValueError as unknown:
        raise LabelRefused(
            Text(f"There is no such mode of use: {unknown}.", f"没有这种使用方式：{unknown}。"), code="CF-6252"
        ) from None


def _day(label: str, day: str) -> date | None:
    try:
        return date.fromisoformat(day) if day else None
    except ValueError:
        raise LabelRefused(
            Text(f"Validity of the key '{label}' is no date: {day}.", f"密钥“{label}”的有效期不是日期：{day}。"),
            do=Text("Write YYYY-MM-DD.", "请写为 YYYY-MM-DD。"),
            code="CF-6253",
        ) from None


HOLDERS_PIN = "holder's PIN, format 2 block"
"""The meaning of a PIN that a holder entered at a pad for the card in the reader."""


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
    KeySpec("station/documents", "EC-P256", Usage.SIGN, Level.STATION),
    KeySpec("station/host", "EC-P256", Usage.SIGN, Level.STATION),
)
"""The station's own keys, made at random by ``cardfab init``."""
