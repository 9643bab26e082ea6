"""What a token can do: its list of mechanisms, and each ability tried on published values, compared with software.

A list is not proof: SoftHSM2 names wrapping under 3DES and refuses it. Tried with objects of the session only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import pkcs11
from asn1crypto.keys import RSAPrivateKey
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism

from cardfab.crypto import Algorithm, cmac, encrypt_cbc, encrypt_ecb, keyed_digest
from cardfab.crypto.ec import p256_public, p256_verify
from cardfab.crypto.rsa import RsaPrivate, crt_of_der
from cardfab.crypto.signature import ed25519_public, ed25519_verify
from cardfab.keys.custody import ABILITIES, Ability, Capabilities, Capability
from cardfab.keys.pkcs11.native import block
from cardfab.keys.pkcs11.shapes import Handle, May, Template, checked, private, secret
from cardfab.keys.published import published_issuer_key

_ONE, _TWO, _TEXT = bytes(range(16)), bytes(range(32)), bytes(range(0x40, 0x50))
_LISTED: Mapping[Ability, tuple[Mechanism, ...]] = {
    "3DES": (Mechanism.DES3_ECB,),
    "AES": (Mechanism.AES_ECB,),
    "DERIVE-3DES": (Mechanism.DES3_ECB_ENCRYPT_DATA, Mechanism.DES3_CBC_ENCRYPT_DATA),
    "DERIVE-AES": (Mechanism.AES_ECB_ENCRYPT_DATA,),
    "CMAC": (Mechanism.AES_CMAC,),
    "KEY-WRAP": (Mechanism.AES_KEY_WRAP_PAD,),
    "WRAP-AES": (Mechanism.AES_CBC,),
    "WRAP-3DES": (Mechanism.DES3_ECB,),
    "HMAC": (Mechanism.SHA256_HMAC,),
    "GCM": (Mechanism.AES_GCM,),
    "RSA": (Mechanism.RSA_X_509,),
    "ED25519": (Mechanism.EDDSA,),
    "P-256": (Mechanism.ECDSA,),
}
_KDF = 0x3AC  # CKM_SP800_108_COUNTER_KDF (PKCS #11 3.0): listed by few, and not used here yet
ED25519_PARAMS = bytes.fromhex("130c656477617264733235353139")  # the name edwards25519 (PKCS #11 3.0, 2.3.5)
P256_PARAMS = bytes.fromhex("06082a8648ce3d030107")


def capabilities(session: pkcs11.Session) -> Capabilities:
    """The table of a token."""
    token = session.token
    listed = {int(one) for one in token.slot.get_mechanisms()}
    bench = _Bench(session)
    tried: dict[Ability, Callable[[], bool]] = {
        "3DES": bench.tdes,
        "AES": bench.aes,
        "DERIVE-3DES": bench.derive_tdes,
        "DERIVE-AES": bench.derive_aes,
        "CMAC": bench.cmac,
        "KEY-WRAP": bench.key_wrap,
        "WRAP-AES": bench.wrap_aes,
        "WRAP-3DES": bench.wrap_tdes,
        "HMAC": bench.hmac,
        "GCM": bench.gcm,
        "RSA": bench.rsa,
        "ED25519": bench.ed25519,
        "P-256": bench.p256,
    }
    found = []
    for ability in ABILITIES:
        said: bool | None = None
        if ability in _LISTED:
            said = all(int(one) in listed for one in _LISTED[ability])
        elif ability == "KDF":
            said = _KDF in listed
        found.append(Capability(ability, said, ability in tried and _works(tried[ability])))
    bench.clear()
    name = f"{token.label.strip()} ({token.manufacturer_id.strip()} {token.model.strip()})"
    return Capabilities(name, True, tuple(found))


def _works(trial: Callable[[], bool]) -> bool:
    try:
        return trial()
    except (RuntimeError, AttributeError):
        return False  # refused, not known to python-pkcs11, or the object did not get the right to it


class _Bench:
    """The trials."""

    def __init__(self, session: pkcs11.Session) -> None:
        self._session = session
        self._objects: list[Handle] = []

    def clear(self) -> None:
        """Nothing of the trials stays."""
        for one in self._objects:
            one.destroy()

    def _put(self, template: Template) -> Handle:
        return self._kept(self._session.create_object(checked(template)))

    def _kept(self, made: Handle) -> Handle:
        self._objects.append(made)
        return made

    def _made(self, kind: KeyType, value: bytes, *may: May, stays: bool = True) -> Handle:
        template = {**secret(kind, may, stays=stays), Attribute.VALUE: value}
        return self._put(template)

    def _signer(self, template: Template) -> Handle:
        return self._put({**template, Attribute.TOKEN: False})

    def tdes(self) -> bool:
        key = self._made(KeyType.DES2, _ONE, "encrypt", "decrypt")
        wanted = encrypt_ecb(Algorithm.TDES, _ONE, _TEXT)
        there = key.encrypt(_TEXT, mechanism=Mechanism.DES3_ECB)
        return bool(there == wanted and key.decrypt(wanted, mechanism=Mechanism.DES3_ECB) == _TEXT)

    def aes(self) -> bool:
        key = self._made(KeyType.AES, _ONE, "encrypt")
        return bool(key.encrypt(_TEXT, mechanism=Mechanism.AES_ECB) == encrypt_ecb(Algorithm.AES, _ONE, _TEXT))

    def _derived(self, kind: KeyType, mechanism: Mechanism, parameter: bytes) -> bytes:
        root = self._made(kind, _ONE, "derive")
        template = {**secret(KeyType.GENERIC_SECRET, (), stays=False), Attribute.SENSITIVE: False}
        made = root.derive_key(
            KeyType.GENERIC_SECRET, 128, mechanism=mechanism, mechanism_param=parameter,
            template=checked({**template, Attribute.VALUE_LEN: 16}),
        )  # fmt: skip
        return bytes(self._kept(made)[Attribute.VALUE])

    def derive_tdes(self) -> bool:
        ecb, held = block(_TEXT)
        cbc, kept = block(_TEXT, bytes(8))
        one = self._derived(KeyType.DES2, Mechanism.DES3_ECB_ENCRYPT_DATA, ecb)
        two = self._derived(KeyType.DES2, Mechanism.DES3_CBC_ENCRYPT_DATA, cbc)
        del held, kept
        return one == encrypt_ecb(Algorithm.TDES, _ONE, _TEXT) and two == encrypt_cbc(
            Algorithm.TDES, _ONE, bytes(8), _TEXT
        )

    def derive_aes(self) -> bool:
        return self._derived(KeyType.AES, Mechanism.AES_ECB_ENCRYPT_DATA, _TEXT) == encrypt_ecb(
            Algorithm.AES, _ONE, _TEXT
        )

    def cmac(self) -> bool:
        key = self._made(KeyType.AES, _ONE, "sign")
        return bool(key.sign(_TEXT, mechanism=Mechanism.AES_CMAC) == cmac(Algorithm.AES, _ONE, _TEXT))

    def key_wrap(self) -> bool:
        key = self._made(KeyType.AES, _TWO, "wrap", "unwrap")
        inner = self._made(KeyType.GENERIC_SECRET, _TEXT, stays=False)
        blob = key.wrap_key(inner, mechanism=Mechanism.AES_KEY_WRAP_PAD)
        template = {**secret(KeyType.GENERIC_SECRET, (), stays=False), Attribute.SENSITIVE: False}
        again = key.unwrap_key(
            pkcs11.ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, blob,
            mechanism=Mechanism.AES_KEY_WRAP_PAD, template=checked(template),
        )  # fmt: skip
        return bytes(self._kept(again)[Attribute.VALUE]) == _TEXT

    def wrap_aes(self) -> bool:
        key = self._made(KeyType.AES, _ONE, "wrap")
        inner = self._made(KeyType.GENERIC_SECRET, _TWO, stays=False)
        blob = key.wrap_key(inner, mechanism=Mechanism.AES_CBC, mechanism_param=_TEXT)
        return bool(blob == encrypt_cbc(Algorithm.AES, _ONE, _TEXT, _TWO))

    def wrap_tdes(self) -> bool:
        key = self._made(KeyType.DES2, _ONE, "wrap")
        inner = self._made(KeyType.GENERIC_SECRET, _TEXT, stays=False)
        return bool(key.wrap_key(inner, mechanism=Mechanism.DES3_ECB) == encrypt_ecb(Algorithm.TDES, _ONE, _TEXT))

    def hmac(self) -> bool:
        key = self._made(KeyType.GENERIC_SECRET, _TWO, "sign")
        return bool(key.sign(_TEXT, mechanism=Mechanism.SHA256_HMAC) == keyed_digest(_TWO, _TEXT))

    def gcm(self) -> bool:
        key = self._made(KeyType.AES, _TWO, "encrypt", "decrypt")
        form = GCMParams(bytes(12), _ONE, 128)
        sealed = key.encrypt(_TEXT, mechanism=Mechanism.AES_GCM, mechanism_param=form)
        return bool(key.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=form) == _TEXT)

    def rsa(self) -> bool:
        der = published_issuer_key("bank/ISSUER-RSA")
        key = self._signer(rsa_template(der))
        own = RsaPrivate.of_der(der)
        message = _TEXT.rjust(own.public.length, b"\x01")[: own.public.length]
        return bool(key.sign(message, mechanism=Mechanism.RSA_X_509) == own.sign(message))

    def ed25519(self) -> bool:
        template = {**private(KeyType.EC_EDWARDS), Attribute.EC_PARAMS: ED25519_PARAMS, Attribute.VALUE: _TWO}
        signature = self._signer(template).sign(_TEXT, mechanism=Mechanism.EDDSA)
        return ed25519_verify(ed25519_public(_TWO), _TEXT, signature)

    def p256(self) -> bool:
        template = {**private(KeyType.EC), Attribute.EC_PARAMS: P256_PARAMS, Attribute.VALUE: _TWO}
        signature = self._signer(template).sign(hashlib.sha256(_TEXT).digest(), mechanism=Mechanism.ECDSA)
        return p256_verify(p256_public(_TWO), _TEXT, signature)


def rsa_template(der: bytes) -> Template:
    """An RSA private key of PKCS #1 as an object's attributes."""
    public, crt = RsaPrivate.of_der(der).public, crt_of_der(der)
    d = private_exponent(der)
    return {
        **private(KeyType.RSA),
        Attribute.MODULUS: public.modulus,
        Attribute.PUBLIC_EXPONENT: public.exponent,
        Attribute.PRIVATE_EXPONENT: d,
        Attribute.PRIME_1: crt.p,
        Attribute.PRIME_2: crt.q,
        Attribute.EXPONENT_1: crt.d_p,
        Attribute.EXPONENT_2: crt.d_q,
        Attribute.COEFFICIENT: crt.q_inverse,
    }


def private_exponent(der: bytes) -> bytes:
    """d of a PKCS #1 key: its fourth integer."""
    d = int(RSAPrivateKey.load(der)["private_exponent"].native)
    return d.to_bytes((d.bit_length() + 7) // 8, "big")
