"""What one carrying-out of a plan holds: the keys' door, the chip's identity, and what was read and compared so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from cardfab.apdu.dialect import LoadKey, MasterKey
from cardfab.apdu.line import CardKey
from cardfab.apdu.scp import Scp02, Scp02Keys, Scp02KeySource
from cardfab.apdu.status import StatusWord
from cardfab.errors import KeyFault, Text
from cardfab.keys import Sealed


class SessionKeys(Scp02Keys, Protocol):
    """Channel keys that can also re-wrap a sealed secret under S-DEK."""

    def rewrap(self, sealed: Sealed, /) -> bytes:
        """The secret as ciphertext for the chip."""


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

    def channel(self, label: str, /) -> Scp02KeySource[SessionKeys]:
        """Channel keys of a KMC."""


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
    channel: Scp02[SessionKeys] | None = None

    def open_channel(self) -> Scp02[SessionKeys]:
        """The channel; raises KeyFault when a plan stores before it opened one."""
        if self.channel is None:
            raise KeyFault(Text("The plan stores data before a channel is open.", "方案在建立安全通道之前写入数据。"))
        return self.channel
