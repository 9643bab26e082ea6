"""The medical account at the counter: loaded, paid from, read, counted, and settled after a torn transaction."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.apdu.medical import Kind as Transaction
from cardfab.errors import CardRefused, InDoubt, InputRefused, KeyFault, Text
from cardfab.prepare.spoken import yuan
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.onepin import certified, repair
from cardfab.station.counter.pending import Booking, open_of, opened, require_settled
from cardfab.station.counter.pinentry import Given, check_given, current_pin
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Service, Shown, served, serving
from cardfab.station.counter.transactions import report_transactions
from cardfab.terminal.account import Balance, Done, LogEntry, log, purse_directory
from cardfab.terminal.account import balance as ask_balance
from cardfab.terminal.account import load as exchange_load
from cardfab.terminal.account import purchase as exchange_purchase
from cardfab.terminal.account import set_start_day as exchange_start_day
from cardfab.terminal.card import verify_pin
from cardfab.terminal.orders import LoadOrder, PurchaseOrder, Settlement
from cardfab.terminal.recover import Happened
from cardfab.terminal.recover import recover as ask_what_happened

LOADED = Text("Loaded, yuan", "划入金额（元）")
BALANCE = ("Balance, yuan", "账户余额（元）")


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account, the card's log (newest first), and the transactions counted since the last statement."""

    balance: Balance
    entries: tuple[LogEntry, ...]
    counted: int
    limit: int


@dataclass(frozen=True, slots=True)
class Bill:
    """The parts of a settlement in fen, and whose bill it is."""

    account: int
    own: int
    pooled: int
    institution: str
    number: str


def enter_pin(here: Presented, pin: Given) -> None:
    """Check the digits, then the PIN, once a card in the reader; the holder is asked where it was not typed."""
    check_given(pin)
    if not here.card.pin_verified:
        here.run(verify_pin(here.card, current_pin(here, pin)))


def account(here: Presented, pin: Given) -> AccountView:
    """Balance, log and count. Raises PinWrong, PinBlocked, TerminalRefused where the card has no account."""
    enter_pin(here, pin)
    now, entries = here.run(ask_balance(here.card)), here.run(log(here.card))
    return AccountView(now, entries, counted(here, entries), purse_directory(here.card)[1].log_limit)


def newest(entries: tuple[LogEntry, ...]) -> tuple[int, int]:
    """The numbers of the newest load and the newest purchase in the card's log; -1 where it has none."""
    found = {kind: next((one.sequence for one in entries if one.kind is kind), -1) for kind in Transaction}
    return found[Transaction.LOAD], found[Transaction.PURCHASE]


def counted(here: Presented, entries: tuple[LogEntry, ...]) -> int:
    """Transactions of the log that are newer than the last statement; a log that has gone round is a full count."""
    with here.counter.desk.database.reading() as tx:
        cleared = tx.medical.get(here.index)
    if cleared is None:
        return len(entries)
    marks = {Transaction.LOAD: cleared.loads, Transaction.PURCHASE: cleared.purchases}
    return sum(_newer(one.sequence, marks[one.kind]) for one in entries)


def _newer(sequence: int, mark: int) -> bool:
    """Counters have 2 bytes and wrap."""
    return mark < 0 or 0 < (sequence - mark & 0xFFFF) < 0x8000


def load(here: Presented, shown: Shown, pin: Given, amount: int) -> Served:
    """Put money of the insurance into the account, in fen. No cash is taken at the counter."""
    if amount <= 0:
        raise InputRefused(
            Text("Nothing is loaded by an amount of 0.00 yuan.", "划入金额不能为 0.00 元。"),
            do=Text("Give the amount as 123.45.", "请按 123.45 的形式填写划入金额。"),
            code="CF-3579",
        )
    with serving(here.counter, Kind.LOAD, here.subject, shown) as service:
        here.require_active()
        enter_pin(here, pin)
        credit(here, service, amount)
        service.values["reported"] = report_transactions(here)
        service.outcome = Text("The account is loaded.", "个人账户已划入。")
    return served(here.counter, service)


def credit(here: Presented, service: Service, amount: int, *, label: Text = LOADED) -> Done:
    """Load the account within a service, the PIN verified before; ``label`` says on paper what the amount is."""
    desk, card = here.counter.desk, here.card
    require_settled(here)
    order = LoadOrder(amount, here.counter.terminal, here_and_now(desk))
    directory, purse = purse_directory(card)
    host = desk.keys.purse_load(card.label(directory.keys[purse.load]), card.region, card.historical)
    booking = Booking(here, service)
    try:
        done = here.run(exchange_load(card, order, host, intend=booking))
    except (CardRefused, KeyFault):
        booking.settle("not done")
        raise
    booking.settle("done")
    service.say(label.en, label.zh, yuan(amount), strong=True)
    service.say(*BALANCE, yuan(done.balance), strong=True)
    service.values |= {"amount": amount, "balance": done.balance, "tac": done.tac.hex().upper()}
    return done


def purchase(here: Presented, shown: Shown, pin: Given, bill: Bill) -> Served:
    """Pay a medical settlement. Refused when the count is full, the account too small, or it is no settlement."""
    desk = here.counter.desk
    settlement = Settlement(bill.institution, bill.number)
    with serving(here.counter, Kind.PURCHASE, here.subject, shown) as service:
        here.require_active()
        require_settled(here)
        view = account(here, pin)
        with desk.database.transaction("terminal") as tx:
            sequence = tx.jobs.next_number(f"terminal:{here.counter.terminal}", 1)
        order = PurchaseOrder(
            bill.account, bill.own, bill.pooled, settlement, here.counter.terminal, sequence, here_and_now(desk)
        )
        booking = Booking(here, service)
        try:
            done = here.run(exchange_purchase(here.card, order, count=view.counted, known=view.balance, intend=booking))
        except (CardRefused, KeyFault):
            booking.settle("not done")
            raise
        booking.settle("done")
        service.audit["terminal_sequence"] = str(sequence)
        service.values["reported"] = report_transactions(here)
        service.values |= {
            "account": bill.account, "own": bill.own, "pooled": bill.pooled, "balance": done.balance,
            "tac": done.tac.hex().upper(), "counted": view.counted + 1, "limit": view.limit,
        }  # fmt: skip
        service.say("Institution", "医疗机构", bill.institution)
        service.say("Settlement number", "结算单号", bill.number)
        service.say("From the account, yuan", "个人账户支付（元）", yuan(bill.account), strong=True)
        service.say("Paid by the holder, yuan", "个人自付（元）", yuan(bill.own))
        service.say("Paid by the pooled fund, yuan", "统筹基金支付（元）", yuan(bill.pooled))
        service.say(*BALANCE, yuan(done.balance), strong=True)
        if view.counted + 1 >= view.limit:
            service.next("Print the statement before the next settlement.", "下次结算前须打印对账单。")
        service.outcome = Text("The settlement is paid.", "结算成功。")
    return served(here.counter, service)


def set_start_day(here: Presented, shown: Shown, month_day: str) -> Served:
    """Set the day (mmdd) on which the year of the totals begins."""
    exchange = exchange_start_day(here.card, month_day)
    with serving(here.counter, Kind.START_DAY, here.subject, shown) as service:
        here.require_served()
        service.touched = True
        here.run(exchange)
        service.say("The insurance year begins on", "年度起始日", f"{month_day[:2]}-{month_day[2:]}", strong=True)
        service.values["start_day"] = month_day
        service.outcome = Text("The start of the insurance year is set.", "年度起始日已设置。")
    return served(here.counter, service)


def recover(here: Presented, shown: Shown, pin: Given) -> Served:
    """Settle the interrupted transactions of this card by asking it, and a change of its PIN that was cut off.

    Raises InDoubt where card and books disagree.
    """
    desk = here.counter.desk
    with serving(here.counter, Kind.RECOVER, here.subject, shown) as service:
        waiting = open_of(here)
        # A second application with the same PIN gets it by the key store, so the reader's keys are no way then.
        entered = current_pin(here, pin, "reset" if certified(here) else "verify")
        enter_pin(here, entered)
        found: list[dict[str, object]] = []
        for row in waiting:
            directory, purse = purse_directory(here.card)
            label = here.card.label(directory.keys[purse.tac])
            tac = desk.keys.purse_tac(label, here.card.region, here.card.historical)
            told = here.run(ask_what_happened(here.card, opened(desk, row), tac_key=tac))
            if told.happened is Happened.UNKNOWN:
                raise InDoubt(
                    told.text,
                    do=Text(
                        "Compare 'cardfab card balance' with the receipts and call the card centre.",
                        "请用 cardfab card balance 与回执人工核对，并联系卡管中心。",
                    ),
                    code="CF-9310",
                )
            with desk.database.transaction("recovered") as tx:
                tx.medical.settle(row.id, told.happened, desk.at())
            service.say("Transaction", "交易", told.text, strong=True)
            found.append({"kind": row.kind, "happened": str(told.happened), "tac": told.tac.hex().upper()})
        report_transactions(here)
        now = here.run(ask_balance(here.card))
        service.say(*BALANCE, yuan(now.account), strong=True)
        service.values |= {"transactions": found, "balance": now.account}
        service.audit["settled"] = str(len(found))
        repaired = repair(here, service, entered)
        if waiting:
            service.outcome = Text("Settled by the card itself.", "已由卡片自身证明核实。")
        elif repaired:
            service.outcome = Text("The PIN of the card holds everywhere on it.", "卡内各应用密码已一致。")
        else:
            service.outcome = Text("Nothing was interrupted; nothing is to be settled.", "没有中断的交易，无需核实。")
    return served(here.counter, service)
