"""The life of keys in a token: a :class:`~cardfab.keys.store.KeyManager` over it.

Keys are made in the token, or put in by value as a ceremony or a training station does. Key blocks of X9.143 are not
opened: PKCS#11 has no call for them, and a value that was unwrapped here would have been in clear here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pkcs11
from asn1crypto.core import OctetString
from pkcs11 import Attribute, KeyType, Mechanism

from cardfab.crypto import Buffer
from cardfab.crypto.ec import p256_public
from cardfab.crypto.rsa import RsaPrivate
from cardfab.crypto.signature import ed25519_public
from cardfab.errors import KeyFault, Text
from cardfab.keys.held import info_of
from cardfab.keys.label import KeyInfo, KeySpec, State, Usage
from cardfab.keys.pkcs11.records import Record
from cardfab.keys.pkcs11.shapes import Handle, Template, TokenCannotHold, cannot_hold, checked, flags, private, secret
from cardfab.keys.pkcs11.trial import ED25519_PARAMS, P256_PARAMS, rsa_template
from cardfab.keys.pkcs11.vault import LEFT, RECORD_KEY, TokenVault
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyUnknown

_KINDS = {"Ed25519": (KeyType.EC_EDWARDS, ED25519_PARAMS), "EC-P256": (KeyType.EC, P256_PARAMS)}
_GENERATORS = {
    KeyType.EC_EDWARDS: Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
    KeyType.EC: Mechanism.EC_KEY_PAIR_GEN,
    KeyType.RSA: Mechanism.RSA_PKCS_KEY_PAIR_GEN,
}


class TokenManager:
    """Keys of one token. ``training`` is the token's: all its keys are so, or none."""

    def __init__(self, vault: TokenVault, *, training: bool) -> None:
        self._vault, self._training = vault, training

    def __repr__(self) -> str:
        return f"<manager of {self._vault!r}>"

    def found(self) -> None:
        """The key that binds what a token keeps about its keys; made once, in the token."""
        template: Template = {**secret(KeyType.GENERIC_SECRET, ("sign",), kept=True), Attribute.LABEL: RECORD_KEY}
        self._vault.add(RECORD_KEY, self._fresh(KeyType.GENERIC_SECRET, 256, template))

    # -- KeyManager ----------------------------------------------------------------------------------------------------

    def infos(self) -> Sequence[KeyInfo]:
        found = self._vault.infos()
        return tuple(found[label] for label in sorted(found))

    def generate(self, spec: KeySpec, *, ceremony: str = "") -> KeyInfo:
        spec = self._enterable(spec, ceremony)
        own = self._vault.session.generate_random(64)
        if spec.usage in (Usage.SIGN, Usage.ISSUER):
            return self._generate_pair(spec, own)
        if spec.usage is Usage.CVN:
            raise TokenCannotHold(
                Text(
                    f"'{spec.label}' serves by its left half too, which a token does not take out of a key it made.",
                    f"“{spec.label}”还需单独使用左半密钥，设备无法从自行生成的密钥中取出。",
                ),
                do=Text("Make it in a ceremony and import it.", "请通过密钥仪式生成后导入。"),
            )
        kind, may = flags(spec)
        bits = {KeyType.DES2: None, KeyType.GENERIC_SECRET: 256}.get(kind, 8 * _octets(spec.algorithm))
        template: Template = {**secret(kind, may, kept=True), Attribute.LABEL: spec.label, Attribute.ID: own}
        return self._enter(spec, self._fresh(kind, bits, template), own, b"")

    def import_value(self, spec: KeySpec, value: Secret, *, ceremony: str = "") -> KeyInfo:
        spec = self._enterable(spec, ceremony)
        own = self._vault.session.generate_random(64)
        with value:
            template, public = _template(spec, value.view())
            key = self._create({**template, Attribute.LABEL: spec.label, Attribute.ID: own})
            if spec.usage is Usage.CVN:
                half, label = bytes(value.view()[:8]), spec.label + LEFT
                left: Template = {**secret(KeyType.DES2, ("encrypt",), kept=True), Attribute.VALUE: half * 2}
                self._vault.add(label, self._create({**left, Attribute.LABEL: label, Attribute.ID: own}))
        return self._enter(spec, key, own, public)

    def import_block(self, spec: KeySpec, block: str, under: str, *, ceremony: str = "") -> KeyInfo:
        raise _not_here()

    def export_block(self, label: str, under: str) -> str:
        raise _not_here()

    def rotate(self, label: str, *, ceremony: str = "") -> KeyInfo:
        old = self._info(label)
        if old.usage is Usage.INDEX:
            raise KeyFault(
                Text(
                    f"Under '{label}' people are found again; another key would find nobody.",
                    f"“{label}”用于检索已存数据，更换后将无法检索。",
                ),
                code="CF-6656",
            )
        kept = f"{label}@{old.version}"
        self._vault.rename(label, kept)
        try:
            new = self.generate(KeySpec(
                label, old.algorithm, old.usage, old.level, old.version + 1, old.region, old.modes, old.group,
            ), ceremony=ceremony)  # fmt: skip
        except KeyFault:
            self._vault.rename(kept, label)
            raise
        self._vault.rewrite(replace(self._info(kept), state=State.RETIRED))
        return new

    def retire(self, label: str) -> KeyInfo:
        info = self._info(label)
        if info.state is State.DESTROYED:
            raise KeyFault(Text(f"The key '{label}' is destroyed.", f"密钥“{label}”已销毁。"), code="CF-6657")
        self._vault.rewrite(replace(info, state=State.RETIRED))
        return self._info(label)

    def destroy(self, label: str) -> KeyInfo:
        info = self._info(label)
        self._vault.rewrite(replace(info, state=State.DESTROYED))  # said first: a key without a record is never used
        self._vault.drop(label)
        return self._info(label)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _info(self, label: str) -> KeyInfo:
        found = self._vault.infos().get(label)
        if found is None:
            raise KeyUnknown(label)
        return found

    def _enterable(self, spec: KeySpec, ceremony: str) -> KeySpec:
        if spec.label in self._vault.infos():
            raise KeyFault(Text(f"There is a key '{spec.label}' already.", f"已有密钥“{spec.label}”。"), code="CF-6658")
        if not self._training and not ceremony:
            raise KeyFault(
                Text(
                    "A key of a station that is not for training comes by a ceremony.", "非训练密钥须经密钥仪式产生。"
                ),
                do=Text("'cardfab keys ceremony'.", "请使用 cardfab keys ceremony。"),
                code="CF-6659",
            )
        return replace(spec, ceremony=ceremony)

    def _enter(self, spec: KeySpec, key: Handle, own: bytes, public: bytes) -> KeyInfo:
        info = info_of(spec, "", training=self._training)
        self._vault.add(spec.label, key)
        info = replace(info, kcv=self._vault.check_value(info, public))
        self._vault.keep(Record(info, own, public), key)
        return info

    def _generate_pair(self, spec: KeySpec, own: bytes) -> KeyInfo:
        if spec.algorithm.startswith("RSA-"):
            kind, half = (
                KeyType.RSA,
                {Attribute.MODULUS_BITS: int(spec.algorithm[4:]), Attribute.PUBLIC_EXPONENT: b"\x03"},
            )
        elif spec.algorithm in _KINDS:
            kind, params = _KINDS[spec.algorithm]
            half = {Attribute.EC_PARAMS: params}
        else:
            raise cannot_hold(spec)
        session = self._vault.session
        mine: Template = {k: v for k, v in private(kind).items() if k not in (Attribute.CLASS, Attribute.KEY_TYPE)}
        mine |= {Attribute.LABEL: spec.label, Attribute.ID: own}
        theirs: Template = {**half, Attribute.TOKEN: False, Attribute.VERIFY: True}
        public, key = self._vault.attached.run(partial(
            _pair, session, kind, checked(theirs), checked(mine),
        ))  # fmt: skip
        if kind is KeyType.RSA:
            told = bytes(public[Attribute.MODULUS])
        else:
            told = bytes(OctetString.load(public[Attribute.EC_POINT]).native)
        return self._enter(spec, key, own, told)

    def _create(self, template: Template) -> Handle:
        return self._vault.attached.run(partial(self._vault.session.create_object, checked(template)))

    def _fresh(self, kind: KeyType, bits: int | None, template: Template) -> Handle:
        return self._vault.attached.run(
            partial(self._vault.session.generate_key, kind, bits, store=True, template=checked(template))
        )


def _pair(session: pkcs11.Session, kind: KeyType, theirs: Template, mine: Template) -> tuple[Handle, Handle]:
    if kind is KeyType.RSA:
        bits = int(theirs.pop(Attribute.MODULUS_BITS))
        return session.generate_keypair(
            kind, bits, store=True, mechanism=_GENERATORS[kind], public_template=theirs, private_template=mine
        )
    params = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: theirs.pop(Attribute.EC_PARAMS)}, local=True)
    return params.generate_keypair(
        store=True, mechanism=_GENERATORS[kind], public_template=theirs, private_template=mine
    )


def _template(spec: KeySpec, value: Buffer) -> tuple[Template, bytes]:
    """The object of a value, and what is public of it."""
    if spec.algorithm in _KINDS:
        kind, params = _KINDS[spec.algorithm]
        public = p256_public(value) if kind is KeyType.EC else ed25519_public(value)
        return {**private(kind), Attribute.EC_PARAMS: params, Attribute.VALUE: bytes(value)}, public
    if spec.algorithm.startswith("RSA-"):
        return rsa_template(bytes(value)), RsaPrivate.of_der(value).public.modulus
    kind, may = flags(spec)
    return {**secret(kind, may, kept=True), Attribute.VALUE: bytes(value)}, b""


def _octets(algorithm: str) -> int:
    return {"AES-192": 24, "AES-256": 32}.get(algorithm, 16)


def _not_here() -> TokenCannotHold:
    return TokenCannotHold(
        Text("PKCS#11 does not open or make key blocks (X9.143).", "PKCS#11 不支持密钥块（X9.143）的导入导出。"),
        do=Text(
            "Import components in a ceremony, or use the HSM's own tool for key blocks.",
            "请通过密钥仪式导入分量，或使用设备自带的密钥块工具。",
        ),
    )
