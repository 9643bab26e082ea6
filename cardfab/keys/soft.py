"""SoftKeyStore: keys opened into memory from one sealed file. For training and small sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cardfab.crypto import Buffer
from cardfab.crypto.rsa import generate
from cardfab.crypto.sm import sm2_generate
from cardfab.errors import KeyFault, Text
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.held import Held, hold, station_value
from cardfab.keys.keystore import GP_TEST, GP_TEST_KEY, VaultKeyStore
from cardfab.keys.label import STATION_KEYS, KeyInfo, KeySpec, Level, Usage, training_root
from cardfab.keys.published import ISSUER_KEYS, published_issuer_key
from cardfab.keys.roots import ROOTS
from cardfab.keys.sealedfile import read_sealed, write_sealed
from cardfab.keys.store import Today
from cardfab.keys.vault import MemoryVault


class SoftKeyStore(VaultKeyStore):
    """A :class:`~cardfab.keys.store.KeyStore` over keys held in this process's memory."""

    _vault: MemoryVault

    def __init__(
        self,
        held: Mapping[str, Held],
        random: Callable[[int], bytes],
        certificates: Mapping[str, IssuerCertificate] | None = None,
        today: Today | None = None,
    ) -> None:
        super().__init__(MemoryVault(held), random, certificates, today)

    @property
    def _held(self) -> dict[str, Held]:
        return self._vault.held

    def replace(self, held: Mapping[str, Held], certificates: Mapping[str, IssuerCertificate]) -> None:
        """Other contents in place of the old, which the caller wipes."""
        self._vault.forget()
        self._vault.held = dict(held)
        self._certificates = dict(certificates)

    @classmethod
    def training(cls, random: Callable[[int], bytes]) -> SoftKeyStore:
        """The published training roots, and station keys at random."""
        held = {spec.label: hold(spec, training_root(spec.label), training=True) for spec in ROOTS}
        held |= {spec.label: hold(spec, station_value(spec, random), training=True) for spec in STATION_KEYS}
        held |= {spec.label: hold(spec, published_issuer_key(spec.label), training=True) for spec in ISSUER_KEYS}
        return cls(held, random)

    def make_issuer_key(self, label: str, *, bits: int | None, exponent: int = 65537) -> KeyInfo:
        """A new issuer key: RSA of so many bits, SM2 for None. Raises KeyFault where the label is taken."""
        if label in self._held:
            raise KeyFault(Text(f"There is a key '{label}' already.", f"已有密钥“{label}”。"), code="CF-6407")
        value = sm2_generate(self._random)[0] if bits is None else generate(bits, exponent)
        spec = KeySpec(label, "SM2" if bits is None else f"RSA-{bits}", Usage.ISSUER, Level.BANK)
        self._held[label] = hold(spec, value, training=self._training)
        return self._held[label].info

    def to_file(self, word: Buffer) -> bytes:
        """The sealed file under a word."""
        return write_sealed(self._held, self._certificates, word, self._random)

    @classmethod
    def from_file(cls, data: bytes, word: Buffer, random: Callable[[int], bytes]) -> SoftKeyStore:
        """Open a sealed file; raises :class:`StoreLocked`."""
        held, certificates = read_sealed(data, word)
        return cls(held, random, certificates)


__all__ = ["GP_TEST", "GP_TEST_KEY", "SoftKeyStore"]
