"""The statement of the medical account: printed first, then the count is cleared, so that the card may pay again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from cardfab.apdu.medical import Kind as Type
from cardfab.documents.counter import Statement, Transaction
from cardfab.errors import Text
from cardfab.station.counter.kept import statement_to_plain
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.medical import account, newest
from cardfab.station.counter.pinentry import Given
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Shown, keep_papers, made_here, served, serving
from cardfab.terminal.account import LogEntry, start_day


def print_statement(here: Presented, shown: Shown, pin: Given, give: Callable[[Statement], None]) -> Served:
    """Read the account, ``give`` the statement to its holder, clear the count. What ``give`` raises keeps the count.

    It lies sealed with the receipt before that, so that it can be printed when the program ends in between.
    """
    desk = here.counter.desk
    with serving(here.counter, Kind.STATEMENT, here.subject, shown) as service:
        view = account(here, pin)
        begins = here.run(start_day(here.card))
        year = int(view.balance.year) if view.balance.year.isdecimal() else 0
        statement = Statement(
            made=made_here(here.counter, service.row.receipt),
            holder=here.subject.holder(),
            balance=view.balance.account,
            own=view.balance.own,
            pooled=view.balance.pooled,
            year=year,
            transactions=tuple(_transaction(entry) for entry in reversed(view.entries)),
            count=view.counted,
            limit=view.limit,
            cleared=True,
            year_begins=(int(begins[:2]), int(begins[2:])) if begins.isdecimal() else None,
        )
        service.papers["statement"] = statement_to_plain(statement)
        keep_papers(here.counter, service)
        give(statement)
        loads, purchases = newest(view.entries)
        with desk.database.transaction("count cleared") as tx:
            tx.medical.clear(here.index, loads, purchases, at=desk.at(), by=desk.person.login)
        service.audit |= {"counted": str(view.counted), "records": str(len(view.entries))}
        service.values |= {
            "balance": view.balance.account, "own": view.balance.own, "pooled": view.balance.pooled, "year": year,
            "start_day": begins, "counted": view.counted, "limit": view.limit, "cleared": True,
            "transactions": [entry_value(entry) for entry in view.entries],
        }  # fmt: skip
        service.say("Transactions", "交易笔数", str(len(view.entries)))
        service.say("Counted since the last statement", "上次对账后笔数", f"{view.counted} / {view.limit}")
        service.outcome = Text("The statement is printed, the count is cleared.", "对账单已打印，计数已清零。")
    return served(here.counter, service)


def _transaction(entry: LogEntry) -> Transaction:
    kind: Literal["load", "purchase"] = "load" if entry.kind is Type.LOAD else "purchase"
    return Transaction(entry.sequence, kind, entry.time, entry.terminal, entry.account, entry.own, entry.pooled)


def entry_value(entry: LogEntry) -> dict[str, object]:
    """A record of the log for a program."""
    return {
        "sequence": entry.sequence, "kind": entry.kind.name.lower(), "terminal": entry.terminal,
        "time": entry.time.isoformat(), "account": entry.account, "own": entry.own, "pooled": entry.pooled,
    }  # fmt: skip
