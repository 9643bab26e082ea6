"""The medical account at a terminal: balance, log, starting day, load, purchase (LD/T 32 part 7, 11 and 12).

Every transaction tells the station what it is about to do before its last command, by ``intend``; when the card is gone
before its answer, :mod:`cardfab.terminal.recover` finds out what happened (part 7, 14).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cardfab.apdu import commands, medical
from cardfab.apdu.link import CardNotGenuine, Exchange, expect
from cardfab.crypto.purse import Load, Purchase
from cardfab.errors import InDoubt, InputRefused, Text
from cardfab.keys import KeyOfAnotherRegion, KeyUnknown, Level
from cardfab.prepare.spoken import yuan
from cardfab.profile.application import DedicatedFile
from cardfab.profile.application import Purse as PurseProfile
from cardfab.terminal.card import PresentedCard, PurchaseKey, pin_tries
from cardfab.terminal.orders import LoadOrder, LogLimit, Pending, PurchaseOrder
from cardfab.terminal.reason import Denied, RightMissing, TerminalRefused


class LoadHost(Protocol):
    """The host's side of a load (DLK): the store of the issuer, or a host behind it."""

    def offers(self, load: Load, mac1: bytes, /) -> bool:
        """Whether MAC1 is the card's."""

    def credit(self, load: Load, /) -> bytes:
        """MAC2 for the card."""


@dataclass(frozen=True, slots=True)
class Balance:
    """The account and the totals of the year ``yyyy``, in fen."""

    account: int
    own: int
    pooled: int
    year: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One record of the card's log, the newest first. A load has its amount in ``account``."""

    sequence: int
    kind: medical.Kind
    terminal: str
    time: datetime
    account: int
    own: int
    pooled: int


@dataclass(frozen=True, slots=True)
class Done:
    """A transaction that the card confirmed. ``tac`` goes to the host, which checks it."""

    pending: Pending
    tac: bytes
    mac2: bytes = b""

    @property
    def balance(self) -> int:
        """The account after it, in fen."""
        return self.pending.after


def purse_directory(card: PresentedCard) -> tuple[DedicatedFile, PurseProfile]:
    """The directory with the medical account; raises TerminalRefused (CF-3813) when the profile has none."""
    for directory in card.application.directories:
        if directory.purse is not None:
            return directory, directory.purse
    raise TerminalRefused(
        Text("This kind of card has no medical account.", "该类卡没有医保个人账户。"),
        do=Text("Settle the bill without the card's account.", "请不使用卡内账户结算。"),
        code="CF-3813",
    )


def enter_purse(card: PresentedCard, what: Text) -> Exchange[tuple[DedicatedFile, PurseProfile]]:
    """Enter the account's directory; raises :class:`RightMissing` when the holder's PIN is needed and was not given."""
    directory, purse = purse_directory(card)
    if not card.pin_verified and (yield from pin_tries(card)) is not None:
        raise RightMissing(what, Denied.PIN)
    yield from card.must_enter(directory.name)
    return directory, purse


def balance(card: PresentedCard) -> Exchange[Balance]:
    """GET BALANCE of account and totals. The PIN must have been verified (part 5, 7.3)."""
    yield from enter_purse(card, Text("The balance was not read", "未读取余额"))
    found: list[tuple[int, str]] = []
    for account in medical.Account:
        command = medical.get_balance(account)
        found.append(medical.balance_of(command, expect((yield command), command)))
    (cia, _), (own, year), (pooled, _) = found
    return Balance(cia, own, pooled, year)


def log(card: PresentedCard) -> Exchange[tuple[LogEntry, ...]]:
    """The card's own list of transactions, the newest first; it keeps as many as its file has records."""
    what = Text("The log was not read", "未读取交易明细")
    directory, purse = yield from enter_purse(card, what)
    file = directory.file(purse.log)
    denied = yield from card.satisfy(file.read)
    if denied is not None:
        raise RightMissing(what, denied)
    records = yield from commands.read_records(file.sfi[0], secret=True)
    return tuple(entry for raw in records if (entry := log_entry(raw)) is not None)


def log_entry(raw: bytes) -> LogEntry | None:
    """A record of 28 bytes, or of 20 where only the account is kept (part 7, 12); None where nothing was written yet.

    Raises InputRefused (CF-3817) when it is neither.
    """
    if len(raw) in (20, 28) and raw[2] in (0x00, 0xFF):
        return None
    try:
        if len(raw) not in (20, 28):
            raise ValueError
        time = datetime.strptime(raw[9:16].hex(), "%Y%m%d%H%M%S")
        kind = medical.Kind(raw[2])
    except ValueError:
        raise InputRefused(
            Text("A record of the card's log cannot be read.", "卡内一条交易明细无法读取。"),
            do=Text("Replace the card; the issuer host has its account.", "请办理补换卡，余额以主机为准。"),
            code="CF-3817",
        ) from None
    account, own, pooled = (int.from_bytes(raw[at : at + 4], "big") for at in (16, 20, 24))
    return LogEntry(int.from_bytes(raw[:2], "big"), kind, raw[3:9].hex(), time, account, own, pooled)


def start_day(card: PresentedCard) -> Exchange[str]:
    """The day ``mmdd`` on which the year of the totals begins."""
    directory, _ = purse_directory(card)
    yield from card.must_enter(directory.name)
    command = medical.get_start_day()
    return medical.start_day_of(command, expect((yield command), command))


def set_start_day(card: PresentedCard, month_day: str) -> Exchange[None]:
    """UPDATE STARTING DAY under DSK. Raises :class:`RightMissing`; a day that no year has is refused (CF-3814)."""
    try:
        if len(month_day) != 4:
            raise ValueError
        datetime.strptime("2000" + month_day, "%Y%m%d")
    except ValueError:
        raise TerminalRefused(
            Text(f"'{month_day}' is no day, mmdd.", f"“{month_day}”不是有效日期。"),
            do=Text("Give month and day as 0401.", "请按月日填写，如 0401。"),
            code="CF-3814",
        ) from None
    return _set_start_day(card, month_day)


def _set_start_day(card: PresentedCard, month_day: str) -> Exchange[None]:
    directory, purse = purse_directory(card)
    yield from card.must_enter(directory.name)
    denied = yield from card.satisfy(purse.start_day)
    if denied is not None:
        what = Text("The starting day was not set", "未设置年度起始日期")
        raise RightMissing(what, denied)
    command = medical.set_start_day(month_day)
    expect((yield command), command)


def load(
    card: PresentedCard, order: LoadOrder, host: LoadHost, *, intend: Callable[[Pending], None] | None = None
) -> Exchange[Done]:
    """INITIALIZE FOR LOAD, the host's check and MAC2, CREDIT FOR LOAD.

    Raises CardNotGenuine when MAC1 is not the card's; nothing was credited then. After ``intend`` a card that is gone
    leaves the load in doubt.
    """
    directory, purse = yield from enter_purse(card, Text("The account was not loaded", "未划入账户"))
    terminal = medical.terminal_number(order.terminal)
    command = medical.init_load(order.amount, terminal, version=card.index(directory.keys[purse.load]))
    offer = medical.LoadOffer.parse(command, expect((yield command), command))
    if offer.balance + order.amount > 0xFFFFFFFF:
        raise TerminalRefused(
            Text("The account cannot hold so much.", "账户余额将超出上限。"),
            do=Text("Load a smaller amount.", "请减少划入金额。"),
        )
    time = medical.time_of(order.time)
    made = Load(offer.balance, order.amount, offer.sequence, offer.random, terminal, time)
    if not host.offers(made, offer.mac1):
        raise CardNotGenuine(command.title)
    pending = Pending(card.code, made, offer.balance, offer.version)
    credit = medical.credit_load(time, host.credit(made))
    if intend is not None:
        intend(pending)
    tac = medical.tac_of_credit(credit, expect((yield credit), credit))
    return Done(pending, tac)


def purchase_key(card: PresentedCard, directory: DedicatedFile, purse: PurseProfile) -> PurchaseKey:
    """DPK of the card; raises :class:`RightMissing` when the terminal does not hold it for this card."""
    what = Text("The purchase was not made", "未进行医疗结算")
    try:
        return card.keys.purse_purchase(card.label(directory.keys[purse.purchase]), card.region, card.historical)
    except KeyUnknown:
        raise RightMissing(what, Denied.NO_KEY) from None
    except KeyOfAnotherRegion as other:
        far = Denied.OTHER_PROVINCE if other.level is Level.PROVINCE else Denied.OTHER_CITY
        raise RightMissing(what, far) from None


def purchase(
    card: PresentedCard,
    order: PurchaseOrder,
    *,
    count: int,
    known: Balance | None = None,
    intend: Callable[[Pending], None] | None = None,
) -> Exchange[Done]:
    """INITIALIZE and DEBIT FOR PURCHASE. ``count``: purchases since the statement was last printed and cleared.

    Refused before the card is asked: a full count (CF-3812), an account part above the balance ``known`` (CF-3815), a
    key that is not held (CF-6240). A MAC2 that is not the card's raises InDoubt: the card may have paid.
    """
    directory, purse = purse_directory(card)
    LogLimit(count, purse.log_limit).refuse_when_full()
    if known is not None and order.account > known.account:
        raise TerminalRefused(
            Text(
                f"The account holds {yuan(known.account)} yuan, {yuan(order.account)} were asked for.",
                f"账户余额 {yuan(known.account)} 元，不足支付 {yuan(order.account)} 元。",
            ),
            do=Text("Let the holder pay the rest.", "不足部分请由持卡人支付。"),
            code="CF-3815",
        )
    key = purchase_key(card, directory, purse)
    return _purchase(card, order, key, intend)


def _purchase(
    card: PresentedCard, order: PurchaseOrder, key: PurchaseKey, intend: Callable[[Pending], None] | None
) -> Exchange[Done]:
    directory, purse = yield from enter_purse(card, Text("The purchase was not made", "未进行医疗结算"))
    terminal, index = medical.terminal_number(order.terminal), card.index(directory.keys[purse.purchase])
    command = medical.init_purchase(order.account, order.own, order.pooled, terminal, version=index)
    offer = medical.PurchaseOffer.parse(command, expect((yield command), command))
    made = Purchase(
        account=order.account,
        own=order.own,
        pooled=order.pooled,
        sequence=offer.sequence,
        random=offer.random,
        terminal=terminal,
        terminal_sequence=order.terminal_sequence,
        time=medical.time_of(order.time),
    )
    pending = Pending(card.code, made, offer.balance, offer.version, order.settlement)
    debit = medical.debit(order.terminal_sequence, made.time, key.debit(made))
    if intend is not None:
        intend(pending)
    proof = medical.Proof.of_debit(debit, expect((yield debit), debit))
    if not key.paid(made, proof.mac):
        raise InDoubt(
            Text("The card's MAC2 is wrong; it may have paid.", "卡片返回的 MAC2 不正确，可能已扣款。"),
            do=Text("Read the balance and the log before anything else.", "请先读取余额和交易明细再处理。"),
            code="CF-9210",
        )
    return Done(pending, proof.tac, proof.mac)
