"""The bank's side of the key store's door, as data preparation sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cardfab.keys.certificates import IccCertificate, IccSubject, IssuerCertificate, PublicKey
from cardfab.keys.custody import Custody
from cardfab.keys.label import Sealed

Filling = Literal["always80", "none"]
"""How a chip wants private values filled: 80 00.. to whole blocks always, or not at all (quirk ``crt_padding``)."""


@dataclass(frozen=True, slots=True)
class IccKey:
    """A chip's key pair on its way: the public key, and the private values sealed, in the order of their DGIs.

    RSA: 8201 to 8205. SM2: 8501 and 8502.
    """

    public: PublicKey
    values: tuple[Sealed, ...]


class IssuerKeys(Protocol):
    """What data preparation asks of a bank's keys. Every call raises KeyUnknown, KeyUseRefused or CertificateFault."""

    def issuer_public(self, label: str) -> PublicKey:
        """The public key of an issuer key."""
        ...

    def issuer_certificate(self, label: str) -> IssuerCertificate:
        """The certificate that the authority gave for it."""
        ...

    def sign_static(self, label: str, dac: bytes, static: bytes) -> bytes:
        """Tag 93 over the static data; ``dac`` is the data authentication code, 2 bytes."""
        ...

    def certify_icc(self, label: str, subject: IccSubject, public: PublicKey, static: bytes) -> IccCertificate:
        """Tags 9F46, 9F48, 9F47 over the static data."""
        ...

    def emv_keys(
        self,
        labels: Sequence[str],
        pan: str,
        psn: str,
        meaning: str,
        *,
        option: str = "A",
        parity: bool = False,
        check: str | None = None,
        custody: Custody = "service-clear",
    ) -> Sealed:
        """The card's UDKs, one after the other, sealed, with check values (by the cipher ``check`` where given).

        ``custody`` token-wrap: each is an object of the device, which only the chip's channel opens again.
        """
        ...

    def icc_sm2(self, filling: Filling = "always80") -> IccKey:
        """A new SM2 key of a chip."""
        ...

    def icc_from_pool(self, sealed: bytes, filling: Filling = "always80") -> IccKey:
        """The chip's RSA key that the pool gave."""
        ...

    def random_pin(self, digits: int, meaning: str) -> Sealed:
        """A random PIN as a sealed format-2 block."""
        ...

    def training_pin(self, digits: int, meaning: str) -> Sealed:
        """The published PIN of training cards; raises KeyFault in a store of real keys."""
        ...

    def print_pin(self, pin: Sealed, before: bytes, after: bytes, send: Callable[[memoryview], None]) -> None:
        """Give a page with the PIN's digits between two texts to ``send``, once; the page is wiped behind it."""
        ...

    def pin_from_pad(self, label: str, form: int, ciphered: bytes, pan: str, meaning: str) -> Sealed:
        """The PIN that the holder entered at a pin pad, from its ciphered block (format 0 or 3), sealed in format 2."""
        ...

    def cvn(self, label: str, pan: str, expiry: str, service_code: str) -> str:
        """The three digits for a stripe (YYMM)."""
        ...

    def pvv(self, label: str, pan: str, pin: Sealed, index: int) -> str:
        """The PIN verification value of a sealed PIN."""
        ...
