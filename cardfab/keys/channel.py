"""Session keys of SCP02 and SCP03 channels, derived from a root and used behind the key store's door.

One session keeps its ciphers (:mod:`cardfab.crypto.kept`), so that a key is scheduled once and not for every command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cardfab.crypto import Algorithm, cbc_mac, encrypt_cbc, encrypt_ecb, pad80
from cardfab.crypto.derive import (
    Diversification,
    Scp02Constant,
    Scp03Constant,
    kcv,
    scp02_session,
    scp03_derive,
)
from cardfab.crypto.kept import KeptCbc, KeptCmac, KeptRetailMac
from cardfab.errors import KeyFault, Text
from cardfab.keys.label import Sealed
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyUnderDek

_ZERO = bytes(8)
_TYPES = {Algorithm.TDES: 0x80, Algorithm.AES: 0x88}  # GPC 2.3.1, table 11-16


@dataclass(frozen=True, slots=True)
class SoftPlatformKeys:
    """The keys ENC, MAC and DEK of GlobalPlatform chips, by one root. ``scheme`` None: the root is all three itself.

    ``ciphers`` says what the root may be used for; a root has one cipher, unless it is published.
    """

    root: Secret
    scheme: Diversification | None
    ciphers: frozenset[Algorithm]
    open_sealed: Callable[[Sealed], Secret] = field(repr=False)

    def card_keys(self, algorithm: Algorithm, key_data: bytes) -> tuple[Secret, Secret, Secret]:
        """ENC, MAC and DEK of the chip with that key diversification data (10 bytes)."""
        if algorithm not in self.ciphers:
            raise KeyFault(
                Text(f"This root has no {algorithm.value} keys.", f"该根密钥不提供 {algorithm.value} 密钥。"),
                do=Text("Name a root of that cipher.", "请指定该算法的根密钥。"),
                code="CF-6210",
            )
        root = self.root.view()
        if self.scheme is None:
            return Secret(root), Secret(root), Secret(root)
        one, two, three = (Secret(self.scheme.card_key(root, key_data, index)) for index in (1, 2, 3))
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
    dek: Secret
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
        with self.open_sealed(_in_blocks(sealed, 8)) as plain:
            return encrypt_ecb(Algorithm.TDES, self.dek.view(), plain.view())

    def new_keys(self, new: SoftPlatformKeys, algorithm: Algorithm, key_data: bytes) -> tuple[KeyUnderDek, ...]:
        return _under_dek(
            new, algorithm, key_data, 8, lambda key: encrypt_ecb(Algorithm.TDES, self.dek.view(), key)
        )  # GPC 2.3.1 E.4.7

    def __repr__(self) -> str:
        return "<SCP02 session keys>"


@dataclass(frozen=True, slots=True)
class SoftChannelKeys:
    """Opens SCP02 channels to chips keyed from one root."""

    keys: SoftPlatformKeys

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> SoftChannelSession:
        """``kvn`` names the key set on the card; one version of the root is held here."""
        enc, mac, dek = self.keys.card_keys(Algorithm.TDES, key_data)
        with enc, mac, dek:
            s_enc = Secret(scp02_session(enc.view(), Scp02Constant.ENC, sequence))
            s_dek = Secret(scp02_session(dek.view(), Scp02Constant.DEK, sequence))
            s_mac, s_rmac = (
                KeptRetailMac(scp02_session(mac.view(), constant, sequence))
                for constant in (Scp02Constant.C_MAC, Scp02Constant.R_MAC)
            )
        kept_enc = KeptCbc(Algorithm.TDES, s_enc.view())
        return SoftChannelSession(s_enc, s_dek, kept_enc, s_mac, s_rmac, self.keys.open_sealed)

    def __repr__(self) -> str:
        return "<channel keys>"


@dataclass(frozen=True, slots=True)
class SoftScp03Session:
    """S-ENC, S-MAC and S-RMAC of one SCP03 channel, and the chip's own K-DEK (amendment D 1.2, 6.2.1, 6.2.8)."""

    mac: Secret
    dek: Secret
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
        with self.open_sealed(_in_blocks(sealed, 8)) as plain:
            filled = plain.view() if len(plain) % 16 == 0 else pad80(plain.view(), 16)
            return self._under_dek(bytes(filled))

    def new_keys(self, new: SoftPlatformKeys, algorithm: Algorithm, key_data: bytes) -> tuple[KeyUnderDek, ...]:
        return _under_dek(new, algorithm, key_data, 16, self._under_dek)

    def _under_dek(self, plain: bytes) -> bytes:
        return encrypt_cbc(Algorithm.AES, self.dek.view(), bytes(16), plain)

    def __repr__(self) -> str:
        return "<SCP03 session keys>"


@dataclass(frozen=True, slots=True)
class SoftScp03Keys:
    """Opens SCP03 channels to chips keyed from one root; the key length is the root's."""

    keys: SoftPlatformKeys

    def open(self, key_data: bytes, kvn: int, context: bytes) -> SoftScp03Session:
        """``context`` is host challenge | card challenge."""
        enc, mac, dek = self.keys.card_keys(Algorithm.AES, key_data)
        with enc, mac:
            length = len(mac)
            s_mac = Secret(scp03_derive(mac.view(), Scp03Constant.S_MAC, context, length))
            kept_enc = KeptCbc(Algorithm.AES, scp03_derive(enc.view(), Scp03Constant.S_ENC, context, length))
            kept_rmac = KeptCmac(Algorithm.AES, scp03_derive(mac.view(), Scp03Constant.S_RMAC, context, length))
        kept_mac = KeptCmac(Algorithm.AES, s_mac.view())
        return SoftScp03Session(s_mac, dek, kept_enc, kept_mac, kept_rmac, self.keys.open_sealed)

    def __repr__(self) -> str:
        return "<channel keys>"


def _in_blocks(sealed: Sealed, block: int) -> Sealed:
    if sealed.length % block:
        raise KeyFault(
            Text(
                f"'{sealed.meaning}' has {sealed.length} bytes, not whole blocks; its DGI rule must pad it.",
                f"“{sealed.meaning}”为 {sealed.length} 字节，不是整块；应由其 DGI 规则填充。",
            )
        )
    return sealed
