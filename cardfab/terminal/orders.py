"""What a counter or hospital orders from the medical account, checked before a card is touched.

There is no cash here and no transfer: an amount leaves the account for a medical settlement only, whose institution and
number go with it. Amounts are whole fen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cardfab.crypto.purse import Load, Purchase
from cardfab.errors import Text
from cardfab.terminal.reason import TerminalRefused

MOST = 0xFFFFFFFF


def _amount(name: Text, fen: int) -> None:
    if type(fen) is not int or not 0 <= fen <= MOST:
        raise TerminalRefused(
            Text(f"{name.en} must be whole fen from 0 to {MOST}.", f"{name.zh}须为 0 至 {MOST} 的整数（分）。"),
            do=Text("Correct the amount.", "请更正金额。"),
        )


def _terminal(number: str) -> None:
    if len(number) != 12 or not (number.isascii() and number.isdigit()):
        raise TerminalRefused(
            Text("A terminal number has 12 digits.", "终端机编号应为 12 位数字。"),
            do=Text("Correct the number of this terminal in the settings.", "请更正设置中的终端机编号。"),
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """The medical settlement that a purchase pays: the institution's code (items 83, 86, 89) and its number there."""

    institution: str
    number: str

    def __post_init__(self) -> None:
        if not self.institution.strip() or not self.number.strip():
            raise TerminalRefused(
                Text(
                    "The account pays medical settlements only: the institution and settlement number are missing.",
                    "个人账户只能用于医疗结算：缺少医疗机构代码或结算单号。",
                ),
                do=Text(
                    "Give both; cash and transfers are not made from this account.", "请填写；本账户不能取现或转账。"
                ),
                code="CF-3811",
            )


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """Money from the host's account into the card's. ``terminal`` has 12 digits, ``time`` is the host's."""

    amount: int
    terminal: str
    time: datetime

    def __post_init__(self) -> None:
        _amount(Text("The amount", "金额"), self.amount)
        _terminal(self.terminal)


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """A settlement's three parts: from the account, paid by the holder, paid by the pooled fund. All may be 0."""

    account: int
    own: int
    pooled: int
    settlement: Settlement
    terminal: str
    terminal_sequence: int
    time: datetime

    def __post_init__(self) -> None:
        _amount(Text("The account's part", "个人账户支付额"), self.account)
        _amount(Text("The holder's part", "个人自付额"), self.own)
        _amount(Text("The pooled fund's part", "统筹基金支付额"), self.pooled)
        _amount(Text("The terminal's sequence", "终端交易序号"), self.terminal_sequence)
        _terminal(self.terminal)
        if type(self.settlement) is not Settlement:
            raise TerminalRefused(Text("A purchase needs its settlement.", "消费须注明结算单。"), code="CF-3811")


@dataclass(frozen=True, slots=True)
class Pending:
    """A transaction whose last command is about to be sent: kept before it goes, so that a torn one can be settled.

    ``code`` is the card's identification code, ``before`` the balance before it.
    """

    code: bytes
    transaction: Load | Purchase
    before: int
    version: int
    settlement: Settlement | None = None

    @property
    def after(self) -> int:
        """The balance when it has happened."""
        one = self.transaction
        return self.before + one.amount if isinstance(one, Load) else self.before - one.account


@dataclass(frozen=True, slots=True)
class LogLimit:
    """The station's rule (not the card's): after so many purchases the statement is printed and the count cleared.

    ``count`` is that since the last clearing, which the station keeps; ``limit`` comes from the profile's purse.
    """

    count: int
    limit: int

    def refuse_when_full(self) -> None:
        """Raises TerminalRefused (CF-3812) when no purchase may be made before the statement is printed."""
        if self.count >= self.limit:
            raise TerminalRefused(
                Text(
                    f"The card has made {self.count} transactions since its last statement; {self.limit} are allowed.",
                    f"自上次打印明细以来已有 {self.count} 笔交易，上限为 {self.limit} 笔。",
                ),
                do=Text("Print the statement and clear the count, then pay.", "请先打印交易明细并清零，再办理结算。"),
                code="CF-3812",
            )
