"""A card that was gone before it answered: what happened to its transaction (LD/T 32 part 7, 14).

The card keeps MAC and TAC of its last transaction. Which counter names it, the one before the transaction or the one
after, is not stated, so both are asked, and a purchase's MAC2 tells whether the proof is of this one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from cardfab.apdu import medical
from cardfab.apdu.link import Exchange, expect
from cardfab.crypto.purse import Load, Purchase
from cardfab.errors import InputRefused, Text
from cardfab.terminal.account import balance, enter_purse, purchase_key
from cardfab.terminal.card import PresentedCard
from cardfab.terminal.orders import Pending

_NO_PROOF = 0x9406


class TacCheck(Protocol):
    """DTK, where it is at hand."""

    def certifies(self, transaction: Load | Purchase, tac: bytes, /) -> bool:
        """Whether the TAC is the card's over this transaction."""


class Happened(enum.StrEnum):
    """What became of a torn transaction."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Recovered:
    """The answer, with TAC and MAC where the card gave them."""

    happened: Happened
    pending: Pending
    text: Text
    tac: bytes = b""
    mac: bytes = b""


class OtherCard(InputRefused):
    """The card in the reader is not the one of the transaction."""

    default_code = "CF-3820"

    def __init__(self) -> None:
        super().__init__(
            Text("This is not the card of the broken transaction.", "这不是交易中断的那张卡。"),
            do=Text("Ask the holder for the other card.", "请持卡人出示原卡。"),
        )


def recover(card: PresentedCard, pending: Pending, *, tac_key: TacCheck | None = None) -> Exchange[Recovered]:
    """Counter, balance and proof compared with what was pending. The card is identified and its PIN verified before.

    Raises :class:`OtherCard`. UNKNOWN is for a person: the log on the card shows more.
    """
    if card.code != pending.code:
        raise OtherCard()
    directory, purse = yield from enter_purse(card, Text("The transaction was not settled", "交易未确认"))
    made = pending.transaction
    key = purchase_key(card, directory, purse) if isinstance(made, Purchase) else None
    for sequence in (made.sequence, made.sequence + 1):
        proof = yield from _proof(made, sequence & 0xFFFF)
        if proof is None:
            continue
        if isinstance(made, Purchase):
            ours = key is not None and key.paid(made, proof.mac)
        else:
            ours = tac_key is not None and tac_key.certifies(made, proof.tac)
        if ours:
            text = Text("The card proves the transaction.", "卡片证明交易已完成。")
            return Recovered(Happened.DONE, pending, text, proof.tac, proof.mac)
    name = purse.load if isinstance(made, Load) else purse.purchase
    counter = yield from _counter(made, card.index(directory.keys[name]))
    now = yield from balance(card)
    if counter == made.sequence and now.account == pending.before:
        text = Text("The card did not change; the transaction may be made again.", "卡片未变动，可重新办理。")
        return Recovered(Happened.NOT_DONE, pending, text)
    if counter == made.sequence + 1 and now.account == pending.after:
        proof = yield from _proof(made, made.sequence)
        text = Text("Counter and balance show the transaction.", "序号和余额表明交易已完成。")
        return Recovered(Happened.DONE, pending, text, proof.tac if proof else b"", proof.mac if proof else b"")
    text = Text("Counter and balance fit neither; look at the card's log.", "序号与余额不符，请核对卡内交易明细。")
    return Recovered(Happened.UNKNOWN, pending, text)


def _proof(made: Load | Purchase, sequence: int) -> Exchange[medical.Proof | None]:
    kind = medical.Kind.LOAD if isinstance(made, Load) else medical.Kind.PURCHASE
    command = medical.get_proof(kind, sequence)
    response = expect((yield command), command, _NO_PROOF)
    return medical.Proof.kept(command, response) if response.sw.ok else None


def _counter(made: Load | Purchase, index: int) -> Exchange[int]:
    """The counter as INITIALIZE tells it; amounts of 0 change nothing, and nothing follows."""
    if isinstance(made, Load):
        command = medical.init_load(0, made.terminal, version=index)
        return medical.LoadOffer.parse(command, expect((yield command), command)).sequence
    command = medical.init_purchase(0, 0, 0, made.terminal, version=index)
    return medical.PurchaseOffer.parse(command, expect((yield command), command)).sequence
