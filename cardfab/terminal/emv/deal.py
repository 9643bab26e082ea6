"""What a terminal brings to a transaction: itself, the deal, and what the holder does. Values, checked when built.

Amounts are whole fen. What a terminal of real service would have from its acquirer (action codes, floor limit, random
selection) is here the tester's choice.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cardfab.errors import Text
from cardfab.keys.certificates import PublicKey
from cardfab.terminal.reason import TerminalRefused

CHINA = bytes.fromhex("0156")
"""Country and currency code of ISO 3166-1 and ISO 4217, three digits right justified."""


class Kind(enum.StrEnum):
    """What is done. ``LOAD`` puts money into the e-cash, on line."""

    PURCHASE = "purchase"
    OFFLINE = "offline"
    ECASH = "ecash"
    LOAD = "load"

    @property
    def type(self) -> bytes:
        """Tag 9C: 00 purchase; 60 load from the account of the card (a terminal's list, general knowledge)."""
        return b"\x60" if self is Kind.LOAD else b"\x00"


@dataclass(frozen=True, slots=True)
class EmvTerminal:
    """A terminal. ``authorities`` are keys of scheme authorities by RID | index (6 bytes).

    ``sm``: it prefers SM2/SM4 where the card has both (tag DF69). ``velocity``: it counts off-line transactions (EMV
    book 3, 10.6.3). Action codes have 5 bytes, bits as tag 95. ``qualifiers`` is the fourth byte of tag 9F66.
    ``branch``: the issuer's own device, which goes on with a blocked application so that a script can unblock it.
    """

    authorities: Mapping[bytes, PublicKey] = field(repr=False)
    sm: bool = False
    country: bytes = CHINA
    currency: bytes = CHINA
    type: bytes = b"\x22"
    capabilities: bytes = bytes.fromhex("E0F8C8")
    version: bytes = bytes.fromhex("0030")
    merchant: bytes = b"CARDFAB TEST SHOP 01"
    number: bytes = b"00000001"
    floor_limit: int = 0
    velocity: bool = True
    tac_denial: bytes = bytes.fromhex("0010000000")
    tac_online: bytes = bytes.fromhex("D84004F800")
    tac_default: bytes = bytes.fromhex("D84000A800")
    qualifiers: bytes = b"\x80"
    branch: bool = False

    def __post_init__(self) -> None:
        if any(len(code) != 5 for code in (self.tac_denial, self.tac_online, self.tac_default)):
            raise TerminalRefused(Text("A terminal action code has 5 bytes.", "终端行为代码为 5 字节。"))
        if len(self.merchant) != 20:
            raise TerminalRefused(Text("A merchant's name has 20 bytes.", "商户名称为 20 字节。"))


@dataclass(frozen=True, slots=True)
class Deal:
    """One transaction. ``unpredictable`` 4 bytes; ``time`` is local; ``other`` is cash back."""

    kind: Kind
    amount: int
    time: datetime
    unpredictable: bytes
    other: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.amount < 10**12 or not 0 <= self.other <= self.amount:
            raise TerminalRefused(
                Text("The amount must be whole fen, at most 12 digits.", "金额须为整数分，最多 12 位。"),
                do=Text("Correct the amount.", "请更正金额。"),
            )
        if len(self.unpredictable) != 4:
            raise TerminalRefused(Text("An unpredictable number has 4 bytes.", "不可预知数为 4 字节。"))

    @property
    def date(self) -> bytes:
        """Tag 9A."""
        return bytes.fromhex(f"{self.time:%y%m%d}")


@dataclass(frozen=True, slots=True)
class Holder:
    """What the holder does. ``pin`` for the chip, off line; ``pad`` gives the block of an on-line PIN.

    ``pad`` is called with the account number and gives the block as the PIN pad ciphered it for the issuer.
    ``tries_chip_pin``: the PIN is verified by the chip although its list of methods does not ask for it.
    """

    pin: str | None = field(default=None, repr=False)
    pad: Callable[[str], bytes] | None = field(default=None, repr=False)
    signs: bool = True
    tries_chip_pin: bool = False


def packed(number: int, length: int = 6) -> bytes:
    """Decimal digits two a byte, right justified."""
    return bytes.fromhex(f"{number:0{2 * length}d}")


def unpacked(value: bytes) -> int:
    """The inverse of :func:`packed`; letters raise ValueError."""
    return int(value.hex() or "0")


def terminal_data(terminal: EmvTerminal, deal: Deal) -> dict[int, bytes]:
    """Every data object that a card may ask for in a DOL; tag 95 comes in as it changes."""
    return {
        0x9F02: packed(deal.amount),
        0x9F03: packed(deal.other),
        0x9F1A: terminal.country,
        0x5F2A: terminal.currency,
        0x9A: deal.date,
        0x9F21: bytes.fromhex(f"{deal.time:%H%M%S}"),
        0x9C: deal.kind.type,
        0x9F37: deal.unpredictable,
        0x9F4E: terminal.merchant,
        0x9F1C: terminal.number,
        0x9F33: terminal.capabilities,
        0x9F35: terminal.type,
        0x9F09: terminal.version,
        0x9F7A: bytes([deal.kind is Kind.ECASH]),  # 1: e-cash is wanted
        0x9F7B: packed(terminal.floor_limit),
        0xDF69: bytes([terminal.sm]),
        0xDF60: b"\x00",
        0x95: bytes(5),
    }
