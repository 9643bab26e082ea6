"""Issuer scripts: orders become commands under the card's session keys, and are delivered in templates 71 and 72.

A counter that maintains a card after issue builds the same orders (:func:`build`) and delivers them in a transaction.
Sources: EMV book 3, 6.5 and 10.10; the PBOC forms of the facts (cryptograms, issuer_script). Several commands of one
script have each a MAC of its own: whether MACs chain is not settled by any source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from cardfab.apdu import tlv
from cardfab.apdu.link import Exchange
from cardfab.apdu.message import CommandApdu
from cardfab.errors import InputRefused, Text
from cardfab.keys import Sealed
from cardfab.keys.emvkeys import OnCardEmv, PinChangeKey

BEFORE, AFTER = 0x71, 0x72
"""Delivered before or after the second GENERATE AC."""
_LONGEST = 128
"""Bytes of all scripts of one transaction that every terminal takes (book 3, 10.10)."""
_MAC, _MAINTENANCE, _OPEN = 4, 0x84, 0x04


@dataclass(frozen=True, slots=True)
class UnblockPin:
    """Set the tries back; the PIN stays."""


@dataclass(frozen=True, slots=True)
class ChangePin:
    """A new PIN (a sealed block of format 2), with the current one where the applet wants it."""

    new: Sealed
    current: Sealed | None = None


@dataclass(frozen=True, slots=True)
class BlockApplication:
    """The application answers no transaction until it is unblocked."""


@dataclass(frozen=True, slots=True)
class UnblockApplication:
    """The inverse."""


@dataclass(frozen=True, slots=True)
class BlockCard:
    """For ever."""


@dataclass(frozen=True, slots=True)
class PutData:
    """An internal data object by its tag of two bytes, such as the balance 9F79."""

    tag: int
    value: bytes


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """A record, whole with its template."""

    sfi: int
    number: int
    record: bytes = field(repr=False)


Order: TypeAlias = UnblockPin | ChangePin | BlockApplication | UnblockApplication | BlockCard | PutData | UpdateRecord
_FIXED = {UnblockPin: (0x24, "PIN UNBLOCK"), BlockApplication: (0x1E, "APPLICATION BLOCK"),
          UnblockApplication: (0x18, "APPLICATION UNBLOCK"), BlockCard: (0x16, "CARD BLOCK")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Script:
    """Commands with their MACs, in the template of their time; ``identifier`` is tag 9F18, 4 bytes."""

    template: int
    identifier: bytes
    commands: tuple[bytes, ...] = field(repr=False)

    def to_bytes(self) -> bytes:
        """As the issuer's answer carries it."""
        inside = [tlv.Tlv(0x9F18, self.identifier), *(tlv.Tlv(0x86, one) for one in self.commands)]
        return tlv.Tlv(self.template, tlv.encode(inside)).to_bytes()

    @classmethod
    def of(cls, raw: bytes) -> tuple[Script, ...]:
        """Every script of an issuer's answer; raises TlvError."""
        return tuple(
            cls(
                one.tag,
                next((inner.value for inner in one.children if inner.tag == 0x9F18), b""),
                tuple(inner.value for inner in one.children if inner.tag == 0x86),
            )
            for one in tlv.parse(raw)
            if one.tag in (BEFORE, AFTER)
        )


def build(
    orders: Sequence[Order],
    card: OnCardEmv,
    atc: bytes,
    cryptogram: bytes,
    *,
    template: int = AFTER,
    identifier: bytes = bytes(4),
    d1: PinChangeKey = "ENC",
) -> Script:
    """The script of these orders for the transaction with that counter and first cryptogram.

    ``d1`` as the applet's quirk ``pin_change_key``. Raises InputRefused (CF-3822) beyond 128 bytes.
    """
    commands = tuple(_command(order, card, atc, cryptogram, d1) for order in orders)
    script = Script(template, identifier, commands)
    if len(script.to_bytes()) > _LONGEST:
        raise InputRefused(
            Text(
                f"The scripts have {len(script.to_bytes())} bytes; a terminal takes {_LONGEST}.",
                f"脚本为 {len(script.to_bytes())} 字节，终端最多接受 {_LONGEST} 字节。",
            ),
            do=Text("Deliver the orders in several transactions.", "请分多次交易下发。"),
            code="CF-3822",
        )
    return script


def _command(order: Order, card: OnCardEmv, atc: bytes, cryptogram: bytes, d1: PinChangeKey) -> bytes:
    cla, ins, p1, p2, data = _MAINTENANCE, 0x00, 0x00, 0x00, b""
    if isinstance(order, ChangePin):
        ins, p2 = 0x24, 0x02 if order.current is None else 0x01
        data = card.pin_change(atc, order.new, order.current, d1)
    elif isinstance(order, PutData):
        cla, ins, (p1, p2), data = _OPEN, 0xDA, divmod(order.tag, 0x100), order.value
    elif isinstance(order, UpdateRecord):
        cla, ins, p1, p2, data = _OPEN, 0xDC, order.number, order.sfi << 3 | 0x04, order.record
    else:
        ins = _FIXED[type(order)][0]
    header = bytes((cla, ins, p1, p2, len(data) + _MAC))
    return header + data + card.script_mac(atc, cryptogram, header, data)


_NAMES = {0x24: "PIN CHANGE/UNBLOCK", 0x1E: "APPLICATION BLOCK", 0x18: "APPLICATION UNBLOCK", 0x16: "CARD BLOCK",
          0xDA: "PUT DATA", 0xDC: "UPDATE RECORD"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one script. ``answer`` is the first status word that is no success, else 9000."""

    identifier: bytes
    sent: int
    of: int
    answer: int
    last: str

    @property
    def good(self) -> bool:
        """Whether every command was sent, and none refused (62xx and 63xx are warnings: book 3, 10.10)."""
        return self.sent == self.of and self.answer >> 8 in (0x90, 0x62, 0x63)

    @property
    def result(self) -> bytes:
        """Issuer script results, 5 bytes (book 4, A5): success 2, failure 1 with the number of the command."""
        high = 0x20 if self.good else 0x10 | min(self.sent, 15)
        return bytes([high]) + self.identifier.rjust(4, b"\x00")


def deliver(script: Script) -> Exchange[Delivered]:
    """Each command in order, until one is refused (book 3, 10.10)."""
    sent, word, name = 0, 0x9000, ""
    for raw in script.commands:
        command = CommandApdu.from_bytes(raw, secret=raw[1:2] == b"\x24", name=_NAMES.get(raw[1], "script command"))
        response = yield command
        sent, word, name = sent + 1, int(response.sw), command.title
        if response.sw.sw1 not in (0x90, 0x62, 0x63):
            break
    return Delivered(script.identifier, sent, len(script.commands), word, name)
