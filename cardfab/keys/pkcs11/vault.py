"""Root keys in a PKCS#11 token: every derivation is a walk through objects of the token.

A root derives and does nothing else, so that nobody who reaches the token can encrypt a card's factor with it. What may
be read at the end of a walk is said by the template of its last object; a token whose roots have a derive template of
their own holds that even against this program, SoftHSM2 has none.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error

from cardfab.crypto import Algorithm, Buffer, SealBroken, same
from cardfab.crypto.ec import p256_verify
from cardfab.crypto.rsa import RsaPublic
from cardfab.crypto.signature import ed25519_verify
from cardfab.errors import KeyFault, Text
from cardfab.keys.channel import WRAPPING
from cardfab.keys.custody import Capabilities
from cardfab.keys.label import KeyInfo, State
from cardfab.keys.pkcs11.attach import Attached
from cardfab.keys.pkcs11.native import block
from cardfab.keys.pkcs11.records import Record, RecordChanged, Records
from cardfab.keys.pkcs11.shapes import (
    Handle,
    May,
    Template,
    cannot_hold,
    checked,
    derived,
    flags,
    secret,
)
from cardfab.keys.pkcs11.trial import capabilities
from cardfab.keys.pkcs11.walk import TokenRoot, stays_not
from cardfab.keys.secret import Secret
from cardfab.keys.vault import Path, Step

RECORD_KEY = "cardfab/records"
LEFT = "#left"
"""Behind a label: its left half twice, as a DES2 key, for the single DES of a retail MAC."""
_ECB = {Algorithm.TDES: Mechanism.DES3_ECB, Algorithm.AES: Mechanism.AES_ECB}
_NONCE, _TAG = 12, 16
_KEPT = 48
"""Objects of walks that are kept for the next card or command."""


class TokenVault:
    """A :class:`~cardfab.keys.vault.Vault` on a token. Everything runs in one thread."""

    wrapping = WRAPPING

    def __init__(self, attached: Attached) -> None:
        self.attached = attached
        self._walked: OrderedDict[tuple[str, Path, May], Handle] = OrderedDict()
        self.load()

    def __repr__(self) -> str:
        return f"<{len(self._records)} keys in the token {self.attached.name}>"

    # -- what there is -------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Try the token, read its records and prove that each fits its key; raises :class:`RecordChanged`."""
        self._capabilities = self.attached.run(lambda: capabilities(self.session))
        self._objects: dict[str, Handle] = {}
        self.attached.run(self._find)
        self.certificates: dict[str, bytes] = {}
        self._records: dict[str, Record] = {}
        for name, content in self.attached.run(self.records.read).items():
            kind, _, label = name.partition(":")
            if kind == "certificate":
                self.certificates[label] = content
            else:
                self._records[label] = self._proved(label, content)

    def _find(self) -> None:
        for kind in (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY):
            for one in list(self.session.get_objects({Attribute.CLASS: kind, Attribute.TOKEN: True})):
                label = one[Attribute.LABEL]
                if label in self._objects:
                    raise RecordChanged(label, Text("fits two keys", "对应两个密钥"))
                self._objects[label] = one

    def _proved(self, label: str, content: bytes) -> Record:
        try:
            record = Record.from_json(content)
        except (KeyError, TypeError, ValueError) as strange:
            raise RecordChanged(label, Text("is of a newer cardfab", "由更新版本写成")) from strange
        if record.info.state is State.DESTROYED:
            return record
        if label not in self._objects or self._objects[label][Attribute.ID] != record.id:
            raise RecordChanged(label, Text("has no key", "没有对应的密钥"))
        self.require_safe(label)
        if self.check_value(record.info, record.public) != record.info.kcv:
            raise RecordChanged(label, Text("has another check value than its key", "与密钥校验值不符"))
        return record

    def require_safe(self, label: str) -> None:
        """A key stays inside, and one that derives does nothing else; raises :class:`KeyFault` CF-6653."""
        key = self._objects[label]
        bad = [name.name for name in (Attribute.EXTRACTABLE,) if key[name]]
        bad += [] if key[Attribute.SENSITIVE] else ["not SENSITIVE"]
        others = (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.SIGN, Attribute.WRAP, Attribute.UNWRAP)
        if key[Attribute.CLASS] == ObjectClass.SECRET_KEY and key[Attribute.DERIVE]:
            bad += [f"DERIVE and {name.name}" for name in others if key[name]]
        if bad:
            told = ", ".join(bad)
            raise KeyFault(
                Text(
                    f"The key '{label}' in the token may do what it must not: {told}.",
                    f"设备中的密钥“{label}”具有不允许的属性：{told}。",
                ),
                do=Text("Import it anew with 'cardfab keys', and destroy this one.", "请重新导入，并销毁该密钥。"),
                code="CF-6653",
            )

    def labels(self) -> frozenset[str]:
        """Every key on the token, those without a record too."""
        return frozenset(self._objects)

    @property
    def session(self) -> pkcs11.Session:
        """The one session."""
        return self.attached.session

    @property
    def records(self) -> Records:
        """What the token keeps about its keys; bound under a key of its own, which the founding made."""
        return Records(self.session, lambda data: self._sign(RECORD_KEY, data, Mechanism.SHA256_HMAC))

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def infos(self) -> Mapping[str, KeyInfo]:
        return {label: record.info for label, record in self._records.items()}

    def reattach(self) -> None:
        """After the token went away."""
        self._walked.clear()
        self.attached.reattach()
        self.load()

    def close(self) -> None:
        self._walked.clear()
        self.attached.detach()

    # -- changes, for the manager --------------------------------------------------------------------------------------

    def keep(self, record: Record, key: Handle) -> None:
        """Enter a key with its record; the key goes where the record cannot be written."""
        self._objects[record.info.label] = key
        try:
            self.require_safe(record.info.label)
            self.attached.run(lambda: self.records.write(f"key:{record.info.label}", record.to_json()))
        except BaseException:
            self._objects.pop(record.info.label).destroy()
            raise
        self._records[record.info.label] = record

    def rewrite(self, info: KeyInfo) -> None:
        """Other attributes for a key that is there."""
        record = replace(self._records[info.label], info=info)
        self.attached.run(lambda: self.records.write(f"key:{info.label}", record.to_json()))
        self._records[info.label] = record

    def record(self, label: str) -> Record:
        """What is kept about a key."""
        return self._records[label]

    def drop(self, label: str) -> None:
        """Destroy the objects of a key; its record is the caller's affair."""
        self._forget(label)
        for name in (label, label + LEFT):
            if name in self._objects:
                self.attached.run(self._objects.pop(name).destroy)

    def rename(self, label: str, other: str) -> None:
        """A key under another label, its record with it."""
        self._forget(label)
        for end in ("", LEFT):
            if label + end in self._objects:
                key = self._objects.pop(label + end)
                self.attached.run(partial(key.__setitem__, Attribute.LABEL, other + end))
                self._objects[other + end] = key
        record = self._records.pop(label)
        moved = replace(record, info=replace(record.info, label=other))
        self.attached.run(lambda: self.records.write(f"key:{other}", moved.to_json()))
        self.attached.run(lambda: self.records.remove(f"key:{label}"))
        self._records[other] = moved

    def add(self, label: str, key: Handle) -> None:
        """A second object of a key (:data:`LEFT`), or one that has no record (:data:`RECORD_KEY`)."""
        self._objects[label] = key

    def keep_certificate(self, label: str, content: bytes) -> None:
        """An issuer certificate beside its key."""
        self.attached.run(lambda: self.records.write(f"certificate:{label}", content))
        self.certificates[label] = content

    def check_value(self, info: KeyInfo, public: bytes) -> str:
        """As :func:`~cardfab.keys.held.check_value`; of a wrapping key CKA_CHECK_VALUE, of an HMAC key the index's."""
        label = info.label
        if public:
            return public[1:5].hex().upper() if info.algorithm == "EC-P256" else public[:4].hex().upper()
        kind, may = flags(info)
        if "sign" in may:
            return self.hmac(label, bytes(16))[:3].hex().upper()
        if "wrap" in may:
            return bytes(self.attached.run(lambda: self._objects[label][Attribute.CHECK_VALUE])).hex().upper()
        cipher = Algorithm.AES if kind is KeyType.AES else Algorithm.TDES
        zeros = (b"\x01" if cipher is Algorithm.AES else b"\0") * cipher.block
        if may == ("derive",):
            with self.root(label).derive((Step(cipher, "ECB", (zeros,), cipher.block),)) as value:
                return value.view()[:3].hex().upper()
        if "encrypt" not in may:
            return bytes(self.attached.run(lambda: self._objects[label][Attribute.CHECK_VALUE])).hex().upper()
        return self.ecb(self._secret(label), cipher, zeros)[:3].hex().upper()

    # -- computations --------------------------------------------------------------------------------------------------

    def root(self, label: str) -> TokenRoot:
        self._secret(label)
        return TokenRoot(self, label)

    def encrypt(self, label: str, data: Buffer) -> bytes:
        return self.ecb(self._secret(label), self._cipher(label), bytes(data))

    def decrypt(self, label: str, data: bytes) -> Secret:
        key, mechanism = self._secret(label), _ECB[self._cipher(label)]
        return Secret(self.attached.run(lambda: key.decrypt(data, mechanism=mechanism)))

    def retail_mac(self, label: str, data: bytes) -> bytes:
        """Single DES by a key whose halves are equal, chained here; the last block by the whole key."""
        left, chain = self._secret(label + LEFT), bytes(8)
        for at in range(0, len(data) - 8, 8):
            chain = self.ecb(left, Algorithm.TDES, _xor(chain, data[at : at + 8]))
        return self.ecb(self._secret(label), Algorithm.TDES, _xor(chain, data[-8:]))

    def hmac(self, label: str, data: bytes) -> bytes:
        return self._sign(label, data, Mechanism.SHA256_HMAC)

    def seal(self, label: str, plain: Buffer, bound: bytes, random: Callable[[int], bytes]) -> bytes:
        nonce, key = random(_NONCE), self._secret(label)
        form, room = GCMParams(nonce, bound, 8 * _TAG), len(plain) + 2 * _TAG
        sealed: bytes = self.attached.run(
            lambda: key.encrypt(bytes(plain), mechanism=Mechanism.AES_GCM, mechanism_param=form, buffer_size=room)
        )
        return nonce + sealed

    def unseal(self, label: str, sealed: bytes, bound: bytes) -> Secret:
        if len(sealed) < _NONCE + _TAG:
            raise SealBroken("the sealed value is too short")
        key, form = self._secret(label), GCMParams(sealed[:_NONCE], bound, 8 * _TAG)
        try:
            return Secret(
                self.attached.run(
                    lambda: key.decrypt(
                        sealed[_NONCE:], mechanism=Mechanism.AES_GCM, mechanism_param=form, buffer_size=len(sealed)
                    )
                )
            )
        except KeyFault as fault:
            # A wrong tag is no code of its own everywhere: SoftHSM2 says CKR_GENERAL_ERROR.
            if isinstance(fault.__cause__, PKCS11Error) and fault.code == "CF-6644":
                raise SealBroken("the sealed value was changed or is under another key") from fault
            raise

    def rsa_public(self, label: str) -> RsaPublic:
        key = self._object(label)
        modulus, exponent = self.attached.run(lambda: (key[Attribute.MODULUS], key[Attribute.PUBLIC_EXPONENT]))
        return RsaPublic(modulus, exponent)

    def rsa(self, label: str, block: bytes) -> bytes:
        public = self.rsa_public(label)
        signature = self._sign(label, block, Mechanism.RSA_X_509)
        if len(signature) != public.length or not same(public.recover(signature), block):
            raise _computes_wrongly(self.attached.name)
        return signature

    def sm2_public(self, label: str) -> bytes:
        raise cannot_hold(self.infos()[label])

    def sm2_sign(self, label: str, digest: bytes, random: Callable[[int], bytes]) -> bytes:
        raise cannot_hold(self.infos()[label])

    def sign(self, label: str, message: bytes) -> bytes:
        public = self.public(label)
        if self.infos()[label].algorithm == "EC-P256":
            signature = self._sign(label, hashlib.sha256(message).digest(), Mechanism.ECDSA)
            good = p256_verify(public, message, signature)
        else:
            signature = self._sign(label, message, Mechanism.EDDSA)
            good = ed25519_verify(public, message, signature)
        if not good:
            raise _computes_wrongly(self.attached.name)
        return signature

    def public(self, label: str) -> bytes:
        return self._records[label].public

    # -- objects -------------------------------------------------------------------------------------------------------

    def walked(self, label: str, path: Path, may: May) -> Handle:
        """The object that a path comes to, made by its steps; the latest are kept."""
        if not path:
            return self._secret(label)
        place = (label, path, may)
        if place in self._walked:
            self._walked.move_to_end(place)
            return self._walked[place]
        step = path[-1]
        template = derived(_next_cipher(step, may), (may,), step.length)
        made = self.step(label, path, template)
        self._walked[place] = made
        if len(self._walked) > _KEPT:
            _, oldest = self._walked.popitem(last=False)
            self.attached.run(oldest.destroy)
        return made

    def step(self, label: str, path: Path, template: Template) -> Handle:
        """The last step of a path, into an object of that template. ECB and CBC only: a CMAC comes out in clear."""
        step, above = path[-1], self.walked(label, path[:-1], "derive")
        if step.mode == "CMAC" or step.cipher not in _ECB:
            raise stays_not(label, step)
        text = step.texts[0]
        if step.cipher is Algorithm.AES:
            mechanism, parameter, held = Mechanism.AES_ECB_ENCRYPT_DATA, text, None
            if step.mode == "CBC":
                raise stays_not(label, step)
        elif step.mode == "CBC":
            mechanism = Mechanism.DES3_CBC_ENCRYPT_DATA
            parameter, held = block(text, bytes(8))
        else:
            mechanism = Mechanism.DES3_ECB_ENCRYPT_DATA
            parameter, held = block(text)
        kind = template[Attribute.KEY_TYPE]
        made = self.attached.run(
            lambda: above.derive_key(
                kind,
                8 * step.length, mechanism=mechanism, mechanism_param=parameter, template=checked(template),
            )
        )  # fmt: skip
        del held
        return made

    def read(self, key: Handle, length: int) -> Secret:
        """The value of an object that may be read; the object goes."""
        session: Handle = self.session
        try:
            return self.attached.run(lambda: self.attached.native.value(session.handle, key.handle, length))
        finally:
            self.attached.run(key.destroy)

    def put(self, value: Buffer) -> Handle:
        """A value that is in clear here, as an object that can be wrapped."""
        template = {**secret(KeyType.GENERIC_SECRET, (), stays=False), Attribute.VALUE: bytes(value)}
        return self.attached.run(lambda: self.session.create_object(checked(template)))

    def ecb(self, key: Handle, cipher: Algorithm, data: bytes) -> bytes:
        return bytes(self.attached.run(lambda: key.encrypt(data, mechanism=_ECB[cipher])))

    def _sign(self, label: str, data: bytes, mechanism: Mechanism) -> bytes:
        key = self._object(label)
        return bytes(self.attached.run(lambda: key.sign(data, mechanism=mechanism)))

    def _object(self, label: str) -> Handle:
        return self._objects[label]

    def _secret(self, label: str) -> Handle:
        return self._objects[label]

    def _cipher(self, label: str) -> Algorithm:
        return Algorithm.AES if flags(self.infos()[label])[0] is KeyType.AES else Algorithm.TDES

    def _forget(self, label: str) -> None:
        for place in [one for one in self._walked if one[0] == label]:
            self.attached.run(self._walked.pop(place).destroy)


def _next_cipher(step: Step, may: May) -> Algorithm:
    return Algorithm.AES if may in ("sign",) else step.cipher


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _computes_wrongly(name: str) -> KeyFault:
    return KeyFault(
        Text(f"A signature of the token '{name}' does not verify.", f"设备“{name}”的签名验证失败。"),
        do=Text("Do not use this token.", "请停用该设备。"),
        code="CF-6654",
    )


__all__ = ["LEFT", "RECORD_KEY", "TokenVault"]
