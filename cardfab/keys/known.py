"""Values that no key of a store in earnest may have: published, default and weak ones (PCI PIN requirements 17, 19)."""

from __future__ import annotations

from functools import cache

from cardfab.crypto import Algorithm, Buffer
from cardfab.crypto.derive import kcv
from cardfab.errors import KeyFault, Text
from cardfab.keys.held import check_value, cipher_of
from cardfab.keys.label import KeyInfo, KeySpec, training_root
from cardfab.keys.published import ISSUER_KEYS, published_issuer_key
from cardfab.keys.roots import ROOTS


class KeyKnown(KeyFault):
    """The value is known to everybody, or weak."""

    default_code = "CF-6262"


_DEFAULTS = tuple(
    bytes.fromhex(text)
    for text in (
        "00" * 16,
        "01" * 16,
        "11" * 16,
        "FF" * 16,  # transport key of many chips
        "404142434445464748494A4B4C4D4E4F",  # GlobalPlatform's test key
        "47454D5850524553534F53414D504C45",  # a card maker's sample key, ASCII
        "000102030405060708090A0B0C0D0E0F",
        "0123456789ABCDEFFEDCBA9876543210",  # the example key of SM4 and of most PIN standards
        "0123456789ABCDEF0123456789ABCDEF",
        "FEDCBA98765432100123456789ABCDEF",
        "2B7E151628AED2A6ABF7158809CF4F3C",  # FIPS 197 A.1
        "8000000000000000" * 2,
    )
)
_LONG = tuple(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "FF" * 32,
        bytes(range(32)).hex(),
        "603DEB1015CA71BE2B73AEF0857D77811F352C073B6108D72D9810A30914DFF4",  # FIPS 197 A.3
    )
)

# fmt: off
_WEAK_DES = frozenset(bytes(byte & 0xFE for byte in bytes.fromhex(text)) for text in (
    "0101010101010101", "FEFEFEFEFEFEFEFE", "E0E0E0E0F1F1F1F1", "1F1F1F1F0E0E0E0E",
    "011F011F010E010E", "1F011F010E010E01", "01E001E001F101F1", "E001E001F101F101",
    "01FE01FE01FE01FE", "FE01FE01FE01FE01", "1FE01FE00EF10EF1", "E01FE01FF10EF10E",
    "1FFE1FFE0EFE0EFE", "FE1FFE1FFE0EFE0E", "E0FEE0FEF1FEF1FE", "FEE0FEE0FEF1FEF1",
))
# fmt: on
"""Weak and semi-weak keys of DES without their parity bits (NIST SP 800-67, 3.4.2)."""


@cache
def known_check_values(algorithm: str) -> frozenset[str]:
    """The check values of every published key of an algorithm."""
    cipher = cipher_of(algorithm)
    if cipher is None:
        issuers = (check_value(spec, published_issuer_key(spec.label)) for spec in ISSUER_KEYS)
        return frozenset(issuers)
    short = (*_DEFAULTS, *(training_root(spec.label) for spec in ROOTS))
    values = [value for value in (*short, *_LONG) if len(value) in cipher.key_sizes]
    if cipher is Algorithm.TDES:
        values += [value + value[:8] for value in short]
    return frozenset(kcv(cipher, value).hex().upper() for value in values)


def require_strong(spec: KeySpec | KeyInfo, value: Buffer, check: str) -> None:
    """Raise :class:`KeyKnown` for a published or weak value; ``check`` is its check value.

    A check value has 24 bits: of some hundred known ones a new random key hits one in about 50 000 times, and is made
    again.
    """
    if check in known_check_values(spec.algorithm):
        raise KeyKnown(
            Text(
                f"The check value {check} of '{spec.label}' is that of a published or default key.",
                f"“{spec.label}”的校验值 {check} 与公开密钥或默认密钥相同。",
            ),
            do=Text("Make another key.", "请另行生成密钥。"),
        )
    if cipher_of(spec.algorithm) is not None and _weak(spec.algorithm, value):
        raise KeyKnown(
            Text(f"The value of '{spec.label}' is a weak key.", f"“{spec.label}”为弱密钥。"),
            do=Text("Make another key.", "请另行生成密钥。"),
            code="CF-6263",
        )


def _weak(algorithm: str, value: Buffer) -> bool:
    if all(byte == value[0] for byte in value):
        return True
    if cipher_of(algorithm) is not Algorithm.TDES:
        return False
    parts = [bytes(byte & 0xFE for byte in value[place : place + 8]) for place in range(0, len(value), 8)]
    same = len(set(parts)) < len(parts)  # K1 = K2 or K2 = K3 is DES; K1 = K3 given as 24 bytes is two keys
    if len(parts) == 3 and parts[0] == parts[2] and parts[0] != parts[1]:
        same = False
    return same or any(part in _WEAK_DES for part in parts)
