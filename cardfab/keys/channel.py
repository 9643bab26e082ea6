"""Session keys of SCP02 channels, derived from a KMC by EMV CPS and used behind the key store's door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cardfab.crypto import Algorithm, cbc_mac, encrypt_cbc, encrypt_ecb, retail_mac
from cardfab.crypto.derive import Scp02Constant, emv_cps, scp02_session
from cardfab.errors import KeyFault, Text
from cardfab.keys.label import Sealed
from cardfab.keys.secret import Secret

_ZERO = bytes(8)


@dataclass(frozen=True, slots=True)
class SoftChannelSession:
    """S-ENC, S-MAC and S-DEK of one channel (GPC 2.3.1 E.4.1); wiped with the session object's secrets."""

    enc: Secret
    mac: Secret
    dek: Secret
    open_sealed: Callable[[Sealed], Secret]

    def cryptogram(self, data: bytes) -> bytes:
        return cbc_mac(Algorithm.TDES, self.enc.view(), _ZERO, data)

    def cmac(self, icv: bytes, data: bytes) -> bytes:
        return retail_mac(self.mac.view(), icv, data)

    def encrypt_icv(self, icv: bytes) -> bytes:
        return encrypt_ecb(Algorithm.DES, self.mac.view()[:8], icv)  # GPC 2.3.1 E.3.4: single DES

    def encrypt(self, data: bytes) -> bytes:
        return encrypt_cbc(Algorithm.TDES, self.enc.view(), _ZERO, data)

    def rewrap(self, sealed: Sealed) -> bytes:
        if sealed.length % 8:
            raise KeyFault(
                Text(
                    f"'{sealed.meaning}' has {sealed.length} bytes, not whole blocks; its DGI rule must pad it.",
                    f"“{sealed.meaning}”为 {sealed.length} 字节，不是整块；应由其 DGI 规则填充。",
                )
            )
        with self.open_sealed(sealed) as plain:
            return encrypt_ecb(Algorithm.TDES, self.dek.view(), plain.view())

    def __repr__(self) -> str:
        return "<SCP02 session keys>"


@dataclass(frozen=True, slots=True)
class SoftChannelKeys:
    """Opens channels to chips keyed from one KMC (EMV CPS 1.1, 4.1)."""

    kmc: Secret
    open_sealed: Callable[[Sealed], Secret]

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> SoftChannelSession:
        """``kvn`` names the key set on the card; one KMC version is held here."""
        parts = ((1, Scp02Constant.ENC), (2, Scp02Constant.C_MAC), (3, Scp02Constant.DEK))
        enc, mac, dek = (
            Secret(scp02_session(emv_cps(self.kmc.view(), key_data, index), constant, sequence))
            for index, constant in parts
        )
        return SoftChannelSession(enc, mac, dek, self.open_sealed)

    def __repr__(self) -> str:
        return "<channel keys>"
