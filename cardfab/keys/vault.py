"""Where root keys lie: in this process's memory, or in a device. The seam under the one key store.

A vault computes under a root by its label and never decides who may: that is the store's affair
(:class:`cardfab.keys.keystore.VaultKeyStore`). What comes out of a root is said as a path of steps, so that a device
can walk it inside. Three things come of a path: a value in clear (a session key, or a card key in service-clear), a
block key that stays where it is, or the data-encryption key of a channel, which never leaves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cardfab.crypto import (
    Algorithm,
    Buffer,
    encrypt_cbc,
    encrypt_ecb,
    keyed_digest,
    seal_buffer,
    unseal_buffer,
)
from cardfab.crypto.cipher import decrypt_ecb_to, encrypt_cbc_to, encrypt_ecb_to
from cardfab.crypto.ec import p256_public, p256_sign
from cardfab.crypto.kept import KeptEcb
from cardfab.crypto.mac import cmac_to, retail_mac
from cardfab.crypto.rsa import RsaPrivate, RsaPublic
from cardfab.crypto.signature import ed25519_public, ed25519_sign
from cardfab.crypto.sm import sm2_public, sm2_sign_digest, sm2_sign_digests
from cardfab.errors import KeyFault, Text
from cardfab.keys.custody import SOFTWARE, Capabilities, CustodyRefused
from cardfab.keys.held import Held
from cardfab.keys.label import KeyInfo, Sealed
from cardfab.keys.secret import Secret

StepMode = Literal["ECB", "CBC", "CMAC"]


@dataclass(frozen=True, slots=True)
class Step:
    """One derivation under the key that the path has come to.

    ECB, and CBC with IV 0, encipher the one text; CMAC takes the codes of all texts. The first ``length`` bytes are
    the next key.
    """

    cipher: Algorithm
    mode: StepMode
    texts: tuple[bytes, ...] = field(repr=False)
    length: int

    def of(self, key: Buffer) -> Secret:
        """The next key, computed here."""
        if self.mode == "CMAC":
            codes = [taken(cmac_to(self.cipher, key, text)) for text in self.texts]
            whole = bytearray(sum(len(code) for code in codes))
            for at, code in enumerate(codes):
                whole[at * len(code) : (at + 1) * len(code)] = code.view()
        elif self.mode == "CBC":
            whole = encrypt_cbc_to(self.cipher, key, bytes(self.cipher.block), self.texts[0])
        else:
            whole = encrypt_ecb_to(self.cipher, key, self.texts[0])
        return taken(whole, self.length)


Path = tuple[Step, ...]


def ecb(cipher: Algorithm, text: bytes) -> Step:
    """A step that keeps all of the ciphertext."""
    return Step(cipher, "ECB", (text,), len(text))


class BlockKey(Protocol):
    """A card's key where it is: it enciphers blocks and does not show itself."""

    def ecb(self, data: bytes) -> bytes:
        """Whole blocks in ECB."""
        ...

    def session(self, data: bytes, length: int) -> Secret:
        """The first bytes of one block's cipher text: a key of one challenge."""
        ...

    def clear(self) -> Secret:
        """A copy for a computation that cannot be done where the key is: service-clear."""
        ...


class Dek(Protocol):
    """The data-encryption key of one channel; it does not leave."""

    def encrypt(self, plain: Buffer) -> bytes:
        """Whole blocks as the channel has them: 3DES in ECB, AES in CBC with IV 0."""
        ...

    def rewrap(self, sealed: Sealed) -> bytes:
        """Keys that were sealed as objects of the device, enciphered the same way without being seen."""
        ...


class Root(Protocol):
    """One root key where it lies."""

    def derive(self, path: Path) -> Secret:
        """What the path comes to, in clear: a session key, or one card's key in service-clear."""
        ...

    def inside(self, path: Path) -> BlockKey:
        """The card key that the path comes to, left where it is."""
        ...

    def dek(self, path: Path, cipher: Algorithm) -> Dek:
        """The data-encryption key that the path comes to."""
        ...

    def sealed(self, path: Path, *, parity: bool) -> tuple[bytes, bytes]:
        """The card key that the path comes to, wrapped under the vault's own wrapping key, and its check value."""
        ...


class Vault(Protocol):
    """Keys by label, and the raw computations under them. ``under`` a label that is not there raises KeyError."""

    wrapping: str
    """The label under which :meth:`Root.sealed` wraps; empty where nothing is."""

    def capabilities(self) -> Capabilities:
        """What it can do, as it was found when the vault was opened."""
        ...

    def infos(self) -> Mapping[str, KeyInfo]:
        """The attributes of every key, by label."""
        ...

    def root(self, label: str) -> Root:
        """A root to derive from."""
        ...

    def encrypt(self, label: str, data: Buffer) -> bytes:
        """Whole blocks in ECB, under a key that may encrypt."""
        ...

    def decrypt(self, label: str, data: bytes) -> Secret:
        """The inverse."""
        ...

    def retail_mac(self, label: str, data: bytes) -> bytes:
        """ISO 9797-1 algorithm 3 over whole blocks, IV 0, under a 3DES key: 8 bytes."""
        ...

    def hmac(self, label: str, data: bytes) -> bytes:
        """HMAC-SHA-256."""
        ...

    def seal(self, label: str, plain: Buffer, bound: bytes, random: Callable[[int], bytes]) -> bytes:
        """nonce(12) | AES-GCM ciphertext | tag(16)."""
        ...

    def unseal(self, label: str, sealed: bytes, bound: bytes) -> Secret:
        """The inverse; raises :class:`cardfab.crypto.SealBroken`."""
        ...

    def rsa_public(self, label: str) -> RsaPublic:
        """The public half of an RSA key."""
        ...

    def rsa(self, label: str, block: bytes) -> bytes:
        """The private operation without padding, checked by the public one."""
        ...

    def sm2_public(self, label: str) -> bytes:
        """The point of an SM2 key, 64 bytes."""
        ...

    def sm2_sign(self, label: str, digest: bytes, random: Callable[[int], bytes]) -> bytes:
        """r | s over a digest."""
        ...

    def sign(self, label: str, message: bytes) -> bytes:
        """Ed25519, or by a key of P-256 ECDSA over SHA-256 as r | s."""
        ...

    def public(self, label: str) -> bytes:
        """Of a signing key: 32 bytes, or 04 | X | Y."""
        ...

    def close(self) -> None:
        """Wipe or let go of every key."""
        ...


# -- in memory ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClearKey:
    """A :class:`BlockKey` in this process's memory."""

    cipher: Algorithm
    value: Secret

    def ecb(self, data: bytes) -> bytes:
        return encrypt_ecb(self.cipher, self.value.view(), data)

    def session(self, data: bytes, length: int) -> Secret:
        return taken(encrypt_ecb_to(self.cipher, self.value.view(), data), length)

    def clear(self) -> Secret:
        return Secret(self.value.view())


@dataclass(frozen=True, slots=True)
class ClearDek:
    """A :class:`Dek` in this process's memory."""

    cipher: Algorithm
    value: Secret

    def encrypt(self, plain: Buffer) -> bytes:
        if self.cipher is Algorithm.AES:
            return encrypt_cbc(self.cipher, self.value.view(), bytes(16), plain)
        return encrypt_ecb(self.cipher, self.value.view(), plain)

    def rewrap(self, sealed: Sealed) -> bytes:
        raise no_inside(sealed.meaning)


class ClearRoot:
    """A :class:`Root` in this process's memory; its schedule is kept for all the cards below it."""

    __slots__ = ("_kept", "_one", "value")

    def __init__(self, value: Secret) -> None:
        self.value = value
        self._kept: dict[Algorithm, KeptEcb] = {}
        self._one = threading.Lock()

    def _first(self, step: Step) -> Secret:
        if step.mode != "ECB" or len(step.texts[0]) % step.cipher.block:
            return step.of(self.value.view())
        with self._one:  # a kept context serves one thread at a time
            if step.cipher not in self._kept:
                self._kept[step.cipher] = KeptEcb(step.cipher, self.value.view())
            whole = self._kept[step.cipher].encrypt_to(step.texts[0])
        return taken(whole, step.length)

    def derive(self, path: Path) -> Secret:
        if not path:
            return Secret(self.value.view())
        key = self._first(path[0])
        for step in path[1:]:
            with key as above:
                key = step.of(above.view())
        return key

    def inside(self, path: Path) -> ClearKey:
        return ClearKey(path[-1].cipher, self.derive(path))

    def dek(self, path: Path, cipher: Algorithm) -> ClearDek:
        return ClearDek(cipher, self.derive(path))

    def sealed(self, path: Path, *, parity: bool) -> tuple[bytes, bytes]:
        raise no_inside("card key")

    def __repr__(self) -> str:
        return "<a root in memory>"


@dataclass(frozen=True, slots=True, eq=False)
class _Infos(Mapping[str, KeyInfo]):
    """The attributes of keys as they are held now: asked for some times a card, so that no copy is made."""

    held: Mapping[str, Held]

    def __getitem__(self, label: str) -> KeyInfo:
        return self.held[label].info

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)


class MemoryVault:
    """A :class:`Vault` of keys in this process's memory."""

    wrapping = ""

    def __init__(self, held: Mapping[str, Held]) -> None:
        self.held = dict(held)
        self._roots: dict[str, tuple[Held, ClearRoot]] = {}
        self._signers: dict[str, tuple[Held, RsaPrivate]] = {}
        self._points: dict[str, tuple[Held, bytes]] = {}

    def capabilities(self) -> Capabilities:
        return SOFTWARE

    def infos(self) -> Mapping[str, KeyInfo]:
        return _Infos(self.held)

    def root(self, label: str) -> ClearRoot:
        key = self.held[label]
        kept = self._roots.get(label)
        if kept is None or kept[0] is not key:
            kept = self._roots[label] = key, ClearRoot(key.value)
        return kept[1]

    def encrypt(self, label: str, data: Buffer) -> bytes:
        return encrypt_ecb(self._cipher(label), self._value(label), data)

    def decrypt(self, label: str, data: bytes) -> Secret:
        return taken(decrypt_ecb_to(self._cipher(label), self._value(label), data))

    def retail_mac(self, label: str, data: bytes) -> bytes:
        return retail_mac(self._value(label), bytes(8), data)

    def hmac(self, label: str, data: bytes) -> bytes:
        return keyed_digest(self._value(label), data)

    def seal(self, label: str, plain: Buffer, bound: bytes, random: Callable[[int], bytes]) -> bytes:
        return bytes(seal_buffer(self._value(label), plain, bound, random))

    def unseal(self, label: str, sealed: bytes, bound: bytes) -> Secret:
        return taken(unseal_buffer(self._value(label), sealed, bound))

    def rsa_public(self, label: str) -> RsaPublic:
        return self._signer(label).public

    def rsa(self, label: str, block: bytes) -> bytes:
        return self._signer(label).sign(block)

    def _signer(self, label: str) -> RsaPrivate:
        key = self.held[label]
        kept = self._signers.get(label)
        if kept is None or kept[0] is not key:
            kept = self._signers[label] = key, RsaPrivate.of_der(key.value.view())
        return kept[1]

    def sm2_public(self, label: str) -> bytes:
        key = self.held[label]
        kept = self._points.get(label)
        if kept is None or kept[0] is not key:
            kept = self._points[label] = key, sm2_public(key.value.view())
        return kept[1]

    def sm2_sign(self, label: str, digest: bytes, random: Callable[[int], bytes]) -> bytes:
        return sm2_sign_digest(self._value(label), digest, random)

    def sm2_sign_many(
        self, label: str, digests: Sequence[bytes], random: Callable[[int], bytes]
    ) -> list[tuple[bytes, bytes]]:
        """r | s over each digest, and the point that proves it quickly."""
        return sm2_sign_digests(self._value(label), digests, random)

    def sign(self, label: str, message: bytes) -> bytes:
        sign = p256_sign if self.held[label].info.algorithm == "EC-P256" else ed25519_sign
        return sign(self._value(label), message)

    def public(self, label: str) -> bytes:
        public = p256_public if self.held[label].info.algorithm == "EC-P256" else ed25519_public
        return public(self._value(label))

    def close(self) -> None:
        self.forget()
        for key in self.held.values():
            key.value.wipe()
        self.held.clear()

    def forget(self) -> None:
        """Drop what is kept of keys, so that only their values remain."""
        self._roots.clear()
        self._signers.clear()
        self._points.clear()

    def __repr__(self) -> str:
        return f"<{len(self.held)} keys in memory>"

    def _value(self, label: str) -> memoryview:
        return self.held[label].value.view()

    def _cipher(self, label: str) -> Algorithm:
        return Algorithm(self.held[label].info.algorithm)


def taken(buffer: bytearray, length: int | None = None) -> Secret:
    """A secret of what lies in a buffer, or of its first bytes; the buffer is wiped."""
    try:
        return Secret(memoryview(buffer)[:length])
    finally:
        memoryview(buffer)[:] = bytes(len(buffer))


def no_inside(what: str) -> KeyFault:
    """The error of a vault that has no inside."""
    return CustodyRefused(
        Text(
            f"'{what}' was sealed inside a device, and this key store has none.",
            f"“{what}”在设备内封装，而本密钥库没有设备。",
        ),
        do=Text("Work with the key store that prepared the card.", "请使用准备该卡时的密钥库。"),
        code="CF-6642",
    )


__all__ = [
    "BlockKey",
    "ClearDek",
    "ClearKey",
    "ClearRoot",
    "Dek",
    "MemoryVault",
    "Path",
    "Root",
    "Step",
    "StepMode",
    "Vault",
    "ecb",
    "no_inside",
    "taken",
]
