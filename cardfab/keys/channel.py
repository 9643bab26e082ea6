"""Session keys of SCP02 and SCP03 channels, derived from a root and used behind the key store's door.

One session keeps its ciphers (:mod:`cardfab.crypto.kept`), so that a key is scheduled once and not for every command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cardfab.crypto import Algorithm, CipherRefused, cbc_mac, pad80
from cardfab.crypto.derive import (
    Diversification,
    Scp02Constant,
    Scp03Constant,
    kcv,
    scp02_text,
    scp03_derive,
    scp03_texts,
)
from cardfab.crypto.kept import KeptCbc, KeptCmac, KeptRetailMac
from cardfab.errors import KeyFault, Text
from cardfab.keys.label import Sealed
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyUnderDek
from cardfab.keys.vault import ClearRoot, Dek, Path, Root, Step

_ZERO = bytes(8)
WRAPPING = "station/wrap"
"""The label under which a device wraps its own objects; it wraps and unwraps and nothing else."""
_TYPES = {Algorithm.TDES: 0x80, Algorithm.AES: 0x88}  # GPC 2.3.1, table 11-16


@dataclass(frozen=True, slots=True)
class SoftPlatformKeys:
    """The keys ENC, MAC and DEK of GlobalPlatform chips, by one root. ``scheme`` None: the root is all three itself.

    ``ciphers`` says what the root may be used for; a root has one cipher, unless it is published. ``length`` is that of
    the card's keys, the root's own where it is in memory.
    """

    root: Secret | Root
    scheme: Diversification | None
    ciphers: frozenset[Algorithm]
    open_sealed: Callable[[Sealed], Secret] = field(repr=False)
    length: int = 16

    @property
    def at(self) -> Root:
        """The root where it lies."""
        return ClearRoot(self.root) if isinstance(self.root, Secret) else self.root

    @property
    def size(self) -> int:
        """Bytes of a card key."""
        held = self.root.value if isinstance(self.root, ClearRoot) else self.root
        return len(held) if isinstance(held, Secret) else self.length

    def path(self, algorithm: Algorithm, key_data: bytes, index: int) -> Path:
        """The steps from the root to a card key: ``index`` 1 ENC, 2 MAC, 3 DEK; none where the root is all three."""
        if algorithm not in self.ciphers:
            raise KeyFault(
                Text(f"This root has no {algorithm.value} keys.", f"该根密钥不提供 {algorithm.value} 密钥。"),
                do=Text("Name a root of that cipher.", "请指定该算法的根密钥。"),
                code="CF-6210",
            )
        if self.scheme is None:
            return ()
        mode, texts = self.scheme.material(key_data, index, self.size)
        if mode == "CMAC":
            return (Step(Algorithm.AES, "CMAC", texts, self.size),)
        if len(texts[0]) < self.size:
            raise CipherRefused(f"this template gives {len(texts[0])} bytes, the master key has {self.size}")
        return (Step(Algorithm(mode), "ECB", texts, self.size),)

    def card_keys(self, algorithm: Algorithm, key_data: bytes) -> tuple[Secret, Secret, Secret]:
        """ENC, MAC and DEK of the chip with that key diversification data (10 bytes), in clear: for PUT KEY."""
        root = self.at
        one, two, three = (root.derive(self.path(algorithm, key_data, index)) for index in (1, 2, 3))
        return one, two, three

    @property
    def scp02(self) -> SoftChannelKeys:
        """Opens SCP02 sessions."""
        return SoftChannelKeys(self)

    @property
    def scp03(self) -> SoftScp03Keys:
        """Opens SCP03 sessions."""
        return SoftScp03Keys(self)

    def __repr__(self) -> str:
        return f"<card keys, diversified by {self.scheme.name}>" if self.scheme else "<card keys, not diversified>"


def _under_dek(
    new: SoftPlatformKeys, algorithm: Algorithm, key_data: bytes, block: int, encrypt: Callable[[bytes], bytes]
) -> tuple[KeyUnderDek, ...]:
    """The chip's keys of another root for PUT KEY, filled with 00 to whole blocks of the DEK's cipher."""
    found = []
    for key in new.card_keys(algorithm, key_data):
        with key:
            check = kcv(algorithm, key.view())
            filled = bytes(key.view()) + bytes(-len(key) % block)
            found.append(KeyUnderDek(_TYPES[algorithm], encrypt(filled), len(key), check))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SoftChannelSession:
    """S-ENC, S-MAC, S-RMAC and S-DEK of one SCP02 channel (GPC 2.3.1 E.4.1); wiped with the session's secrets."""

    enc: Secret
    dek: Dek
    kept_enc: KeptCbc
    kept_mac: KeptRetailMac
    kept_rmac: KeptRetailMac
    open_sealed: Callable[[Sealed], Secret]

    def cryptogram(self, data: bytes) -> bytes:
        return cbc_mac(Algorithm.TDES, self.enc.view(), _ZERO, data)

    def cmac(self, icv: bytes, data: bytes) -> bytes:
        return self.kept_mac.of(icv, data)

    def rmac(self, icv: bytes, data: bytes) -> bytes:
        return self.kept_rmac.of(icv, data)

    def encrypt_icv(self, icv: bytes) -> bytes:
        return self.kept_mac.encrypt_iv(icv)  # GPC 2.3.1 E.3.4: single DES

    def encrypt(self, data: bytes) -> bytes:
        return self.kept_enc.encrypt(_ZERO, data)

    def rewrap(self, sealed: Sealed) -> bytes:
        if _inside(sealed):
            return self.dek.rewrap(sealed)
        with self.open_sealed(_in_blocks(sealed, 8)) as plain:
            return self.dek.encrypt(plain.view())

    def new_keys(self, new: SoftPlatformKeys, algorithm: Algorithm, key_data: bytes) -> tuple[KeyUnderDek, ...]:
        return _under_dek(new, algorithm, key_data, 8, self.dek.encrypt)  # GPC 2.3.1 E.4.7

    def __repr__(self) -> str:
        return "<SCP02 session keys>"


@dataclass(frozen=True, slots=True)
class SoftChannelKeys:
    """Opens SCP02 channels to chips keyed from one root."""

    keys: SoftPlatformKeys

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> SoftChannelSession:
        """``kvn`` names the key set on the card; one version of the root is held here."""
        root = self.keys.at
        enc, mac, dek = (self.keys.path(Algorithm.TDES, key_data, index) for index in (1, 2, 3))
        s_enc = root.derive((*enc, _scp02(Scp02Constant.ENC, sequence)))
        s_dek = root.dek((*dek, _scp02(Scp02Constant.DEK, sequence)), Algorithm.TDES)
        made = []
        for constant in (Scp02Constant.C_MAC, Scp02Constant.R_MAC):
            with root.derive((*mac, _scp02(constant, sequence))) as key:
                made.append(KeptRetailMac(key.view()))
        s_mac, s_rmac = made
        kept_enc = KeptCbc(Algorithm.TDES, s_enc.view())
        return SoftChannelSession(s_enc, s_dek, kept_enc, s_mac, s_rmac, self.keys.open_sealed)

    def __repr__(self) -> str:
        return "<channel keys>"


@dataclass(frozen=True, slots=True)
class SoftScp03Session:
    """S-ENC, S-MAC and S-RMAC of one SCP03 channel, and the chip's own K-DEK (amendment D 1.2, 6.2.1, 6.2.8)."""

    mac: Secret
    dek: Dek
    kept_enc: KeptCbc
    kept_mac: KeptCmac
    kept_rmac: KeptCmac
    open_sealed: Callable[[Sealed], Secret]

    def cryptogram(self, constant: int, context: bytes, length: int) -> bytes:
        return scp03_derive(self.mac.view(), constant, context, length)

    def cmac(self, data: bytes) -> bytes:
        return self.kept_mac.of(data)

    def rmac(self, data: bytes) -> bytes:
        return self.kept_rmac.of(data)

    def encrypt(self, counter: bytes, data: bytes) -> bytes:
        return self.kept_enc.encrypt_behind(counter, data)

    def decrypt(self, counter: bytes, data: bytes) -> bytes:
        return self.kept_enc.decrypt(self.kept_enc.encrypt_block(counter), data)

    def rewrap(self, sealed: Sealed) -> bytes:
        """A value that is not whole blocks of AES is filled with 80 00.. (its DGI rule fills to 8 bytes at most)."""
        if _inside(sealed):
            return self.dek.rewrap(sealed)
        with self.open_sealed(_in_blocks(sealed, 8)) as plain:
            filled = plain.view() if len(plain) % 16 == 0 else pad80(plain.view(), 16)
            return self.dek.encrypt(filled)

    def new_keys(self, new: SoftPlatformKeys, algorithm: Algorithm, key_data: bytes) -> tuple[KeyUnderDek, ...]:
        return _under_dek(new, algorithm, key_data, 16, self.dek.encrypt)

    def __repr__(self) -> str:
        return "<SCP03 session keys>"


@dataclass(frozen=True, slots=True)
class SoftScp03Keys:
    """Opens SCP03 channels to chips keyed from one root; the key length is the root's."""

    keys: SoftPlatformKeys

    def open(self, key_data: bytes, kvn: int, context: bytes) -> SoftScp03Session:
        """``context`` is host challenge | card challenge."""
        root, length = self.keys.at, self.keys.size
        enc, mac, dek = (self.keys.path(Algorithm.AES, key_data, index) for index in (1, 2, 3))
        s_mac = root.derive((*mac, _scp03(Scp03Constant.S_MAC, context, length)))
        with (
            root.derive((*enc, _scp03(Scp03Constant.S_ENC, context, length))) as s_enc,
            root.derive((*mac, _scp03(Scp03Constant.S_RMAC, context, length))) as s_rmac,
        ):
            kept_enc, kept_rmac = KeptCbc(Algorithm.AES, s_enc.view()), KeptCmac(Algorithm.AES, s_rmac.view())
        kept_mac = KeptCmac(Algorithm.AES, s_mac.view())
        own = root.dek(dek, Algorithm.AES)
        return SoftScp03Session(s_mac, own, kept_enc, kept_mac, kept_rmac, self.keys.open_sealed)

    def __repr__(self) -> str:
        return "<channel keys>"


def _scp02(constant: int, sequence: bytes) -> Step:
    return Step(Algorithm.TDES, "CBC", (scp02_text(constant, sequence),), 16)


def _scp03(constant: int, context: bytes, length: int) -> Step:
    return Step(Algorithm.AES, "CMAC", scp03_texts(constant, context, length), length)


def _inside(sealed: Sealed) -> bool:
    """Whether what is sealed are objects of a device, not a value."""
    return sealed.under == WRAPPING


def _in_blocks(sealed: Sealed, block: int) -> Sealed:
    if sealed.length % block:
        raise KeyFault(
            Text(
                f"'{sealed.meaning}' has {sealed.length} bytes, not whole blocks; its DGI rule must pad it.",
                f"“{sealed.meaning}”为 {sealed.length} 字节，不是整块；应由其 DGI 规则填充。",
            )
        )
    return sealed
