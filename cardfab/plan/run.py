"""What one carrying-out of a plan holds: the keys' door, the chip's identity, and what was read and compared so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from cardfab.apdu.dialect import LoadKey, MasterKey
from cardfab.apdu.line import CardKey
from cardfab.apdu.pki import PkiPin
from cardfab.apdu.scp import Scp02, Scp02Keys, Scp02KeySource, Scp03, Scp03Keys, Scp03KeySource
from cardfab.apdu.status import StatusWord
from cardfab.errors import KeyFault, Text
from cardfab.keys import Sealed
from cardfab.plan.authority import AuthorityFault, CertificateAuthority, Certificates


class SessionKeys(Scp02Keys, Protocol):
    """Channel keys that can also re-wrap a sealed secret under S-DEK."""

    def rewrap(self, sealed: Sealed, /) -> bytes:
        """The secret as ciphertext for the chip."""


class SessionKeys03(Scp03Keys, Protocol):
    """The same for SCP03, under the card's own K-DEK."""

    def rewrap(self, sealed: Sealed, /) -> bytes:
        """The secret as ciphertext for the chip."""


Channel: TypeAlias = Scp02[SessionKeys] | Scp03[SessionKeys03]


class FirstPin(Protocol):
    """The PIN that blanks come with, on its way to a chip."""

    def block(self) -> bytes:
        """Its digits, two a byte, an odd last one padded F: the data field of VERIFY (LD/T 32 part 5)."""


class RunKeys(Protocol):
    """What a run asks of the key store."""

    def card_key(self, label: str, region: str, historical: bytes, /) -> CardKey:
        """A key of the card in the reader."""

    def master_key(self, label: str, region: str, historical: bytes, /) -> MasterKey:
        """A master or transport key of the card in the reader."""

    def load_key(
        self, label: str, region: str, historical: bytes, /, *, under: str | None, header: bytes, fill: int
    ) -> LoadKey:
        """A key that the card in the reader is to get."""

    def first_pin(self, label: str, /) -> FirstPin:
        """The PIN of the blanks of that label."""

    def pki_pin(self, label: str, region: str, historical: bytes, /, *, new: str | None = None) -> PkiPin:
        """A PIN of the certificate application of the card in the reader."""

    def channel(self, label: str, diversification: str | None = None, /) -> Scp02KeySource[SessionKeys]:
        """Channel keys of a KMC; None: diversified as in EMV CPS."""

    def channel03(self, label: str, diversification: str | None = None, /) -> Scp03KeySource[SessionKeys03]:
        """The same for SCP03; None: KDF3."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One item read back. ``sw`` is the chip's word when it did not answer with data."""

    title: Text
    expected: bytes = field(repr=False)
    found: bytes = field(repr=False)
    sw: StatusWord

    @property
    def equal(self) -> bool:
        """Whether the chip holds what was planned."""
        return self.sw.ok and self.expected == self.found


@dataclass(slots=True)
class Run:
    """One run on one chip. ``random`` gives that many random bytes."""

    keys: RunKeys
    historical: bytes
    random: Callable[[int], bytes]
    region: str = "000000"
    captured: dict[str, bytes] = field(default_factory=dict, repr=False)
    compared: list[Comparison] = field(default_factory=list)
    channel: Channel | None = None
    ca: CertificateAuthority | None = None
    certificates: Certificates | None = field(default=None, repr=False)

    def authority(self) -> CertificateAuthority:
        """Who certifies; raises :class:`AuthorityFault` where the station has nobody."""
        if self.ca is None:
            raise AuthorityFault(
                "this station has none, and the card needs certificates", "本制卡点未配置，而该卡需要证书"
            )
        return self.ca

    def certified(self) -> Certificates:
        """What the authority gave; raises KeyFault when a plan writes before it asked."""
        if self.certificates is None:
            raise KeyFault(
                Text("The plan writes certificates before it asked for them.", "方案在申请证书之前写入证书。")
            )
        return self.certificates

    def open_channel(self) -> Channel:
        """The channel; raises KeyFault when a plan stores before it opened one."""
        if self.channel is None:
            raise KeyFault(Text("The plan stores data before a channel is open.", "方案在建立安全通道之前写入数据。"))
        return self.channel
