"""What comes of a root in a token: values that leave, keys that stay, and the data-encryption key of a channel.

Each is a path of steps (:class:`~cardfab.keys.vault.Step`); the objects are made by a :class:`Walker`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from pkcs11 import KeyType, Mechanism, ObjectClass

from cardfab.crypto import Algorithm, Buffer
from cardfab.errors import Text
from cardfab.keys.channel import WRAPPING
from cardfab.keys.custody import Capabilities, CustodyRefused
from cardfab.keys.label import Sealed
from cardfab.keys.pkcs11.attach import Attached
from cardfab.keys.pkcs11.shapes import Handle, May, Template, TokenCannotHold, checked, readable, secret, wrappable
from cardfab.keys.secret import Secret
from cardfab.keys.vault import Path, Step


class Walker(Protocol):
    """Makes the objects that paths come to; a part of :class:`~cardfab.keys.pkcs11.vault.TokenVault`."""

    attached: Attached

    def capabilities(self) -> Capabilities:
        """What the token can do."""
        ...

    def walked(self, label: str, path: Path, may: May) -> Handle:
        """The object that a path comes to; the latest are kept."""
        ...

    def step(self, label: str, path: Path, template: Template) -> Handle:
        """The last step of a path, into a new object of that template."""
        ...

    def read(self, key: Handle, length: int) -> Secret:
        """The value of an object that may be read; the object goes."""
        ...

    def put(self, value: Buffer) -> Handle:
        """A value that is in clear here, as an object that can be wrapped."""
        ...

    def ecb(self, key: Handle, cipher: Algorithm, data: bytes) -> bytes:
        """Whole blocks under an object."""
        ...


@dataclass(frozen=True, slots=True)
class TokenRoot:
    """A :class:`~cardfab.keys.vault.Root` on a token."""

    vault: Walker
    label: str

    def derive(self, path: Path) -> Secret:
        if not path:
            raise TokenCannotHold(
                Text(f"The root '{self.label}' does not leave the token.", f"根密钥“{self.label}”不出设备。"),
                do=Text("Diversify the card keys.", "请对卡片密钥进行分散。"),
            )
        step = path[-1]
        if step.mode != "CMAC":
            return self.vault.read(self.vault.step(self.label, path, readable(step.length)), step.length)
        if len(path) == 1:
            raise stays_not(self.label, step)
        key = self.vault.walked(self.label, path[:-1], "sign")
        whole = Secret(bytes(16 * len(step.texts)))
        with whole:
            for place, text in enumerate(step.texts):
                code = self.vault.attached.run(partial(key.sign, text, mechanism=Mechanism.AES_CMAC))
                whole.view()[16 * place : 16 * place + 16] = code
            return Secret(whole.view()[: step.length])

    def inside(self, path: Path) -> TokenKey:
        return TokenKey(self, path)

    def dek(self, path: Path, cipher: Algorithm) -> TokenDek:
        if not path:
            raise stays_not(self.label, None)
        made = TokenDek(self, path, cipher)
        made.key()
        return made

    def sealed(self, path: Path, *, parity: bool) -> tuple[bytes, bytes]:
        step, vault = path[-1], self.vault
        if step.cipher is not Algorithm.TDES:
            raise stays_not(self.label, step)
        check = self.inside(path).ecb(bytes(8))[:3]
        key, wrapping = (
            vault.step(self.label, path, wrappable(step.length, parity=parity)),
            vault.walked(WRAPPING, (), "wrap"),
        )
        try:
            return vault.attached.run(lambda: wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP_PAD)), check
        finally:
            vault.attached.run(key.destroy)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A :class:`~cardfab.keys.vault.BlockKey` on a token: a card's own key, which enciphers and derives nothing."""

    root: TokenRoot
    path: Path

    def ecb(self, data: bytes) -> bytes:
        cipher = self.path[-1].cipher
        key = self.root.vault.walked(self.root.label, self.path, "encrypt")
        return self.root.vault.ecb(key, cipher, data)

    def session(self, data: bytes, length: int) -> Secret:
        return Secret(self.ecb(data)[:length])

    def clear(self) -> Secret:
        return self.root.derive(self.path)


@dataclass(frozen=True, slots=True)
class TokenDek:
    """A :class:`~cardfab.keys.vault.Dek` on a token. AES wraps objects; 3DES encrypts where it cannot wrap."""

    root: TokenRoot
    path: Path
    cipher: Algorithm

    def key(self) -> Handle:
        """The object; it wraps or encrypts, never both: what it wraps could be read back by a key that decrypts."""
        may: May = "wrap" if self._wraps else "encrypt"
        return self.root.vault.walked(self.root.label, self.path, may)

    @property
    def _wraps(self) -> bool:
        return self.root.vault.capabilities().can("WRAP-AES" if self.cipher is Algorithm.AES else "WRAP-3DES")

    def encrypt(self, plain: Buffer) -> bytes:
        vault = self.root.vault
        if not self._wraps and self.cipher is Algorithm.TDES:
            return vault.ecb(self.key(), self.cipher, bytes(plain))
        value = vault.put(plain)
        try:
            return self._wrapped(value, bytes(16))
        finally:
            vault.attached.run(value.destroy)

    def rewrap(self, sealed: Sealed) -> bytes:
        if not self._wraps:
            raise CustodyRefused(
                Text(
                    f"'{sealed.meaning}' lies wrapped, and this token does not wrap under {self.cipher.value}.",
                    f"“{sealed.meaning}”已在设备内封装，而该设备不能以 {self.cipher.value} 为芯片封装密钥。",
                ),
                do=Text("Prepare the card again as service-clear.", "请按 service-clear 重新准备该卡。"),
                code="CF-6647",
            )
        vault, count = self.root.vault, len(sealed.kcvs)
        size = len(sealed.ciphertext) // count
        opening, chain, out = vault.walked(WRAPPING, (), "unwrap"), bytes(16), b""
        template = secret(KeyType.GENERIC_SECRET, (), stays=False)
        for at in range(0, count * size, size):
            blob = sealed.ciphertext[at : at + size]
            key = vault.attached.run(partial(
                opening.unwrap_key, ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET, blob,
                mechanism=Mechanism.AES_KEY_WRAP_PAD, template=checked(template),
            ))  # fmt: skip
            try:
                made = self._wrapped(key, chain)
            finally:
                vault.attached.run(key.destroy)
            out, chain = out + made, made[-16:]
        return out

    def _wrapped(self, value: Handle, iv: bytes) -> bytes:
        """CBC goes on from one key to the next where the last ciphertext block is the next IV."""
        key, vault = self.key(), self.root.vault
        if self.cipher is Algorithm.AES:
            return bytes(
                vault.attached.run(partial(key.wrap_key, value, mechanism=Mechanism.AES_CBC, mechanism_param=iv))
            )
        return bytes(vault.attached.run(partial(key.wrap_key, value, mechanism=Mechanism.DES3_ECB)))


def stays_not(label: str, step: Step | None) -> CustodyRefused:
    what = "the root itself" if step is None else f"{step.cipher.value} {step.mode}"
    return CustodyRefused(
        Text(
            f"By {what} a key of '{label}' would come out of the token in clear.",
            f"按 {what} 处理时，“{label}”的密钥会以明文离开设备。",
        ),
        do=Text(
            "Diversify by '3DES ...' or 'AES ...' (ECB), or use a device with that derivation (docs/hsm.md).",
            "请采用“3DES …”或“AES …”（ECB）分散，或使用支持该分散的设备（见 docs/hsm.md）。",
        ),
        code="CF-6646",
    )


__all__ = ["TokenDek", "TokenKey", "TokenRoot", "Walker", "stays_not"]
