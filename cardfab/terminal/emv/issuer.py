"""The issuer's host as a terminal sees it: a port, and the values that go over it.

Whoever fulfils :class:`IssuerHost` may be a line to a bank, or the key store itself (:mod:`cardfab.terminal.emv.host`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cardfab.terminal.emv.deal import Kind
from cardfab.terminal.emv.report import Check
from cardfab.terminal.emv.script import Script

APPROVED, DECLINED = b"00", b"05"
"""Response codes (tag 8A) of this host; any other declines too."""
OFFLINE_APPROVED, OFFLINE_DECLINED, UNABLE_APPROVED, UNABLE_DECLINED = b"Y1", b"Z1", b"Y3", b"Z3"
"""What a terminal puts into tag 8A where no host answered (book 4, A6)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the cryptogram with everything that it covers. ``values`` by tag, as the card got or gave them.

    ``pin_block`` is ciphered by the pad; ``balance`` is that of the e-cash as the card told it to everybody.
    """

    kind: Kind
    pan: str = field(repr=False)
    psn: str
    amount: int
    atc: bytes
    cryptogram: bytes
    iad: bytes
    values: Mapping[int, bytes] = field(repr=False)
    pin_block: bytes | None = field(default=None, repr=False)
    track2: str = field(default="", repr=False)
    balance: int | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The host's answer. ``arc`` is tag 8A; ``arpc`` has 8 bytes, empty where none is given."""

    arc: bytes
    arpc: bytes = b""
    scripts: tuple[Script, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether the issuer approves."""
        return self.arc == APPROVED


class IssuerHost(Protocol):
    """Answers requests; None where it cannot be reached."""

    def authorise(self, asked: Asked, /) -> Answered | None:
        """A request with an ARQC."""
        ...

    def confirm(self, asked: Asked, /) -> tuple[Check, ...]:
        """The card's last cryptogram (TC or AAC), checked when the transaction is handed in."""
        ...
