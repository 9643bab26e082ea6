"""A card that was read, as people and programs see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from cardfab.cli import cardaccount
from cardfab.cli.output import Talk
from cardfab.documents.counter import Line, Step
from cardfab.errors import Text
from cardfab.prepare.spoken import yuan
from cardfab.station.counter import reading
from cardfab.station.counter.changes import label_of
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.reading import Read, Settled
from cardfab.terminal.identify import Identity

_LOG = "DF04/EF08"


def identity_value(identity: Identity) -> dict[str, object]:
    """Which card it is, for a program."""
    return {
        "card_number": identity.card_number,
        "identification": identity.serial,
        "region": identity.region,
        "version": identity.version,
        "algorithm": identity.algorithm,
        "issued": identity.issue_date,
        "expires": identity.expiry_date,
    }


def read_value(here: Presented, found: Read, settled: Settled | None) -> dict[str, object]:
    """A reading for a program."""
    value: dict[str, object] = {
        **identity_value(found.reading.identity),
        "listed": here.listed,
        "state": str(here.subject.row.state) if here.subject.row else None,
        "pin_tries": found.reading.tries,
        "pin_verified": found.reading.pin_verified,
        "items": dict(found.reading.values),
        "denied": {address: denied.name.lower() for address, denied in found.reading.denied.items()},
        "writable": sorted(found.reading.writable),
    }
    if found.account is not None:
        now = found.account.balance
        value["account"] = {
            "balance": now.account, "own": now.own, "pooled": now.pooled, "year": now.year,
            "counted": found.account.counted, "limit": found.account.limit,
        }  # fmt: skip
    if settled is not None:
        view = settled.view
        value["settlement"] = {
            "insurance": view.insurance, "category": view.category, "insured_region": view.insured_region,
            "institutions": list(view.institutions), "off_site": view.off_site,
        }  # fmt: skip
        if settled.parts is not None:
            parts = settled.parts
            value["bill"] = {
                "place": parts.place, "pooled": parts.pooled, "account": parts.account, "cash": parts.cash,
                "own": parts.own, "capped": parts.capped,
            }  # fmt: skip
    return value


def show_reading(talk: Talk, found: Read, settled: Settled | None, today: date, standing: Text) -> None:
    """A reading for people: its standing first, then every file, the account, the settlement."""
    talk.out.print(talk.of(standing), style="bold")
    rows: list[tuple[str, str]] = []
    for file in found.reading.files:
        values = {address: value for address, value in file.values.items() if value}
        why = reading.why_unread(found.book, file)
        logged = found.account is not None and file.address == _LOG
        if (why is None and not values) or logged:
            continue
        rows.append((f"{file.address} {talk.of(file.name)}", "" if why is None else talk.of(why)))
        rows += _items(talk, found, values, numbered=reading.is_log(found.book, file))
    columns = (Text("file and item", "文件与数据项"), Text("value", "内容"))
    talk.table(columns, rows, empty=Text("Nothing could be read.", "未能读取任何内容。"))
    if found.account is not None:
        talk.out.print(talk.of(cardaccount.account_words(found.account)), style="bold")
        if found.account.entries:
            cardaccount.show_log(talk, found.account)
    if settled is not None:
        _show_settlement(talk, found, settled, today)


def _items(talk: Talk, found: Read, values: Mapping[str, str], *, numbered: bool) -> Iterator[tuple[str, str]]:
    """The items of a file; the records of a cyclic one are numbered, the newest first."""
    record = ""
    for address, value in values.items():
        if numbered and address.rpartition("/")[0] != record:
            record = address.rpartition("/")[0]
            number = record.partition(":")[2] or "1"
            yield talk.of(Text(f"  record {number}", f"  第 {number} 条")), ""
        label = label_of(found.book, address)
        yield f"    {talk.of(label)}", talk.of(found.book.describe(address, value))


def _show_settlement(talk: Talk, found: Read, settled: Settled, today: date) -> None:
    paper = reading.settlement_paper(found.book, settled, today)

    def word(line: Line) -> str:
        return (talk.of(line.value) if isinstance(line.value, Text) else line.value) or "—"

    rows = [(talk.of(line.label), word(line)) for line in paper.lines]
    talk.table((Text("settlement", "结算信息"), Text("value", "内容")), rows, empty=Text("", ""))
    if paper.share is None:
        return

    def how(step: Step) -> str:
        return talk.of(step.how) if isinstance(step.how, Text) else step.how

    bill = Text("The bill", "本次费用")
    steps = [(talk.of(bill), yuan(paper.share.bill), "")]
    steps += [(talk.of(step.label), yuan(step.amount), how(step)) for step in paper.share.steps]
    steps.append((talk.of(Text("The holder pays", "持卡人承担")), yuan(paper.share.holder_pays), ""))
    columns = (Text("the bill divided", "费用分担"), Text("yuan", "金额（元）"), Text("how", "计算"))
    talk.table(columns, steps, empty=Text("", ""))
