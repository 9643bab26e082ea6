"""Where a card's keys may be while it is made, what a product accepts of that, and what a device can do.

``token-wrap``: a card's keys leave the device only wrapped for the chip. ``service-clear``: they are in clear, of one
card, in the process that holds the keys, and wiped behind it. A product names what it accepts; what the device can do
is tried when it is opened. Where the two do not meet the card is refused before it is touched.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from cardfab.errors import KeyFault, Text

Custody = Literal["token-wrap", "service-clear"]
CUSTODIES: tuple[Custody, ...] = ("token-wrap", "service-clear")

Ability = Literal[
    "3DES", "AES", "SM4", "SM2", "SM3", "DERIVE-3DES", "DERIVE-AES", "CMAC", "KDF", "KEY-WRAP", "WRAP-AES", "WRAP-3DES",
    "CRT", "LOAD", "HMAC", "GCM", "RSA", "ED25519", "P-256",
]  # fmt: skip

ABILITIES: dict[Ability, Text] = {
    "3DES": Text("3DES encryption, ECB", "3DES 加密（ECB）"),
    "AES": Text("AES encryption, ECB", "AES 加密（ECB）"),
    "SM4": Text("SM4", "SM4"),
    "SM2": Text("SM2 signature", "SM2 签名"),
    "SM3": Text("SM3 digest", "SM3 摘要"),
    "DERIVE-3DES": Text("card keys of a 3DES root as objects inside", "3DES 根密钥在设备内分散出卡片密钥"),
    "DERIVE-AES": Text("card keys of an AES root as objects inside", "AES 根密钥在设备内分散出卡片密钥"),
    "CMAC": Text("AES-CMAC (SCP03 session keys)", "AES-CMAC（SCP03 会话密钥）"),
    "KDF": Text("SP 800-108 KDF that stays inside (KDF3)", "SP 800-108 KDF（KDF3，K-DEK 不出设备）"),
    "KEY-WRAP": Text("AES key wrap, RFC 5649", "AES 密钥封装（RFC 5649）"),
    "WRAP-AES": Text("wrap for the chip under AES-CBC (SCP03)", "以 AES-CBC 为芯片封装密钥（SCP03）"),
    "WRAP-3DES": Text("wrap for the chip under 3DES-ECB (SCP02)", "以 3DES-ECB 为芯片封装密钥（SCP02）"),
    "CRT": Text("components of an RSA key wrapped one by one", "逐项封装 RSA 私钥分量"),
    "LOAD": Text("keys loaded under a factory's transport key", "以出厂传输密钥向空白卡装载密钥"),
    "HMAC": Text("HMAC-SHA-256", "HMAC-SHA-256"),
    "GCM": Text("AES-GCM", "AES-GCM"),
    "RSA": Text("RSA without padding", "RSA 无填充运算"),
    "ED25519": Text("Ed25519 signature", "Ed25519 签名"),
    "P-256": Text("ECDSA on P-256", "P-256 ECDSA 签名"),
}
"""What a store is asked for, to be shown to people."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One ability of a device: whether it says so (None: its list has no such line), and whether it came out right."""

    ability: Ability
    listed: bool | None
    works: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the device behind a key store can do. ``inside``: keys stay in a device; a key file has none."""

    device: str
    inside: bool
    abilities: tuple[Capability, ...]

    def can(self, ability: Ability) -> bool:
        """Whether it was tried and came out right."""
        return any(one.works for one in self.abilities if one.ability == ability)

    def lacks(self, wanted: Collection[Ability]) -> tuple[Ability, ...]:
        """Those of ``wanted`` that it cannot, in the order of the table."""
        return tuple(ability for ability in ABILITIES if ability in wanted and not self.can(ability))


SOFTWARE = Capabilities("software", False, tuple(Capability(one, None, True) for one in ABILITIES))
"""A sealed key file: every computation, and no inside that a key could stay in."""


class CustodyRefused(KeyFault):
    """The device cannot do what the product asks for in a way that the product accepts."""

    default_code = "CF-6640"


@dataclass(frozen=True, slots=True)
class Needs:
    """What one product asks of the device. ``any_way``: in either custody; ``wrapping``: for token-wrap as well."""

    product: str
    accepted: tuple[Custody, ...]
    any_way: frozenset[Ability]
    wrapping: frozenset[Ability]


def choose(needs: Needs, device: Capabilities) -> Custody:
    """The custody of a product's cards on this device, token-wrap where both can. Raises :class:`CustodyRefused`."""
    missing = device.lacks(needs.any_way)
    if missing:
        raise CustodyRefused(
            Text(
                f"The device '{device.device}' cannot make '{needs.product}': it has no {_listed(missing, 'en')}.",
                f"设备“{device.device}”不能制作“{needs.product}”：不支持{_listed(missing, 'zh')}。",
            ),
            do=_ADVICE_SM if {"SM2", "SM3", "SM4"} & set(missing) else _ADVICE,
        )
    lacking = device.lacks(needs.wrapping) if device.inside else tuple(needs.wrapping)
    if "token-wrap" in needs.accepted and device.inside and not lacking:
        return "token-wrap"
    if "service-clear" in needs.accepted:
        return "service-clear"
    why = (
        Text(f"it has no {_listed(lacking, 'en')}", f"不支持{_listed(lacking, 'zh')}")
        if device.inside
        else Text("keys of a key file are in the memory of this process", "密钥文件的密钥位于本进程内存中")
    )
    raise CustodyRefused(
        Text(
            f"'{needs.product}' accepts token-wrap only, and '{device.device}' cannot: {why.en}.",
            f"“{needs.product}”仅接受 token-wrap，设备“{device.device}”无法满足：{why.zh}。",
        ),
        do=Text(
            "Use a device that can (docs/hsm.md), or let the product accept service-clear: [keys] custody.",
            "请改用支持的设备（见 docs/hsm.md），或在产品配置 [keys] custody 中允许 service-clear。",
        ),
        code="CF-6641",
    )


_ADVICE = Text(
    "'cardfab keys token' shows what it can; choose another product or device.",
    "cardfab keys token 可查看其能力；请另选产品或设备。",
)
_ADVICE_SM = Text(
    "SM2, SM3 and SM4 need a device that has them (docs/hsm.md); choose a 3DES product, or the sealed key file.",
    "SM2、SM3、SM4 需要支持国密的设备（见 docs/hsm.md）；请选用 3DES 产品或密钥文件。",
)


def _listed(abilities: Collection[Ability], language: str) -> str:
    return "; ".join(ABILITIES[one].of(language) for one in abilities)


__all__ = [
    "ABILITIES",
    "CUSTODIES",
    "SOFTWARE",
    "Ability",
    "Capabilities",
    "Capability",
    "Custody",
    "CustodyRefused",
    "Needs",
    "choose",
]
