"""Templates of the objects in a token: what an object may do is said when it is made, and nothing is left to a default.

python-pkcs11 frees pointers that it never set when a value of a template cannot be packed: every template is checked
here first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.constants import DEFAULT

from cardfab.crypto import Algorithm
from cardfab.errors import KeyFault, Text
from cardfab.keys.label import KeyInfo, KeySpec, Mode, Usage

Template = dict[Attribute, Any]
Handle = Any
"""An object of a token: python-pkcs11 makes its class at run time, out of what the object may do."""
May = Literal["encrypt", "decrypt", "sign", "wrap", "unwrap", "derive"]

_FLAGS: Mapping[str, Attribute] = {
    "encrypt": Attribute.ENCRYPT,
    "decrypt": Attribute.DECRYPT,
    "sign": Attribute.SIGN,
    "verify": Attribute.VERIFY,
    "wrap": Attribute.WRAP,
    "unwrap": Attribute.UNWRAP,
    "derive": Attribute.DERIVE,
}
_ROOTS = frozenset((
    Usage.CARD_ROOT, Usage.LOAD_ROOT, Usage.PURCHASE_ROOT, Usage.TAC_ROOT, Usage.MASTER_ROOT, Usage.CHANNEL_ROOT,
    Usage.EMV_ROOT,
))  # fmt: skip


class TokenCannotHold(KeyFault):
    """A key that a token has no way to use."""

    default_code = "CF-6645"


def secret(kind: KeyType, may: Collection[str], *, stays: bool = True, kept: bool = False) -> Template:
    """A secret key that does what ``may`` says. ``stays``: sensitive and not extractable; ``kept``: on the token."""
    return {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: kind,
        Attribute.TOKEN: kept,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: not stays,
        **{flag: name in may for name, flag in _FLAGS.items()},
    }


def private(kind: KeyType) -> Template:
    """A private key on the token that signs."""
    return {
        Attribute.CLASS: ObjectClass.PRIVATE_KEY,
        Attribute.KEY_TYPE: kind,
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.SIGN: True,
    }


def readable(length: int) -> Template:
    """A derived value that is read out: a session key, or a card key in service-clear."""
    made = secret(KeyType.GENERIC_SECRET, (), stays=False)
    return {**made, Attribute.SENSITIVE: False, Attribute.VALUE_LEN: length}


def derived(cipher: Algorithm, may: Collection[May], length: int) -> Template:
    """A derived key that stays and serves one cipher. DES keys have their length by their type (DEFAULT: not said)."""
    kind = KeyType.AES if cipher is Algorithm.AES else KeyType.DES2
    return {**secret(kind, may), Attribute.VALUE_LEN: length if kind is KeyType.AES else DEFAULT}


def wrappable(length: int, *, parity: bool) -> Template:
    """A derived card key that leaves wrapped. As a DES key the token sets its parity bits, as a value it does not."""
    if parity:
        return {**secret(KeyType.DES2, (), stays=False), Attribute.VALUE_LEN: DEFAULT}
    return {**secret(KeyType.GENERIC_SECRET, (), stays=False), Attribute.VALUE_LEN: length}


def flags(spec: KeySpec | KeyInfo) -> tuple[KeyType, tuple[May, ...]]:
    """How a symmetric key of that label lies on a token; raises :class:`TokenCannotHold`."""
    if spec.usage in _ROOTS and spec.algorithm in ("3DES", "AES", "AES-128", "AES-192", "AES-256"):
        return (KeyType.DES2 if spec.algorithm == "3DES" else KeyType.AES), ("derive",)
    if spec.usage in (Usage.SEAL, Usage.INDEX):
        return KeyType.GENERIC_SECRET, ("sign",)
    if spec.usage in (Usage.TRANSPORT, Usage.POOL) and Mode.WRAP in spec.modes:
        return KeyType.AES, ("wrap", "unwrap")
    if spec.usage in (Usage.TRANSPORT, Usage.POOL):
        return KeyType.AES, ("encrypt", "decrypt")
    if spec.algorithm == "3DES" and spec.usage in (Usage.CVN, Usage.PVV):
        return KeyType.DES2, ("encrypt",)
    if spec.algorithm == "3DES" and spec.usage is Usage.PIN_TRANSPORT:
        both: tuple[tuple[Mode, May], ...] = ((Mode.ENCRYPT, "encrypt"), (Mode.DECRYPT, "decrypt"))
        return KeyType.DES2, tuple(may for mode, may in both if mode in spec.modes)
    raise cannot_hold(spec)


def cannot_hold(spec: KeySpec | KeyInfo) -> TokenCannotHold:
    """Why a key cannot lie on a token."""
    why = {
        Usage.FACTORY: Text(
            "a transport key is used by itself in MACs of half a key, which PKCS#11 does not have",
            "传输密钥直接用于半密钥 MAC，PKCS#11 无此机制",
        ),
        Usage.KEY_BLOCK: Text("PKCS#11 does not open key blocks (X9.143)", "PKCS#11 不支持密钥块（X9.143）"),
    }.get(spec.usage, Text(f"PKCS#11 has no {spec.algorithm}", f"PKCS#11 没有 {spec.algorithm}"))
    return TokenCannotHold(
        Text(
            f"The key '{spec.label}' cannot lie in this token: {why.en}.",
            f"密钥“{spec.label}”不能存入该设备：{why.zh}。",
        ),
        do=Text(
            "Keep it in a sealed key file, or use a device that has it (docs/hsm.md).",
            "请使用密钥文件，或支持的设备（见 docs/hsm.md）。",
        ),
    )


def checked(template: Template) -> Template:
    """The template, every value of it one that can be packed; raises ValueError."""
    for name, value in template.items():
        if value is DEFAULT:
            continue
        if not isinstance(value, bool | int | bytes | str):
            raise ValueError(f"a template says nothing usable of {name.name}")
    return template
