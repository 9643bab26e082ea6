"""A card read for its holder: everything that the presented rights allow, in words; what a settlement needs of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cardfab.documents.counter import Area, Group, HolderSheet, Line, Made, Records, Settlement, Share, Step, Unread
from cardfab.errors import CardfabError, CardRefused, Text
from cardfab.prepare.items import ItemBook
from cardfab.prepare.spoken import yuan
from cardfab.production import Act
from cardfab.profile.application import DedicatedFile
from cardfab.profile.shares import ShareRules
from cardfab.station.counter.changes import label_of
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kinds import state_words
from cardfab.station.counter.medical import AccountView, account, enter_pin
from cardfab.station.counter.pinentry import Given
from cardfab.station.counter.presented import ApplicationBlocked, Presented
from cardfab.station.host import Operation
from cardfab.terminal.account import start_day
from cardfab.terminal.identify import Identity
from cardfab.terminal.read import CardReading, FileReading
from cardfab.terminal.reason import Denied, TerminalRefused
from cardfab.terminal.settlement import BASICS, Bill, Parts, SettlementView, divide, settlement_view
from cardfab.terminal.voucher import Voucher, voucher


class NothingInsured(CardRefused):
    """The medical insurance file is readable and empty."""

    default_code = "CF-4631"


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, with the account where the holder's PIN was given."""

    reading: CardReading
    book: ItemBook
    account: AccountView | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What a designated institution's terminal sees, and how a bill divides."""

    view: SettlementView
    bill: Bill | None = None
    parts: Parts | None = None
    rules: ShareRules | None = None


def read(here: Presented, pin: Given | None = None) -> Read:
    """Read the card; the account too where the PIN is given. Recorded, without what was read."""
    desk = here.counter.desk
    desk.must(Act.READ)
    if pin is not None:
        enter_pin(here, pin)
    reading = here.read()
    seen: AccountView | None = None
    if pin is not None:
        try:
            seen = account(here, pin)
        except (TerminalRefused, ApplicationBlocked):
            seen = None  # a kind of card without an account, or one that is blocked
    details = {"files": str(sum(one.denied is None for one in reading.files)), "pin": str(pin is not None).lower()}
    with desk.database.transaction("card read") as tx:
        tx.audit.append(desk.event("counter.read", desk.token(), "done", details))
    return Read(reading, here.card.book, seen)


def standing_of(here: Presented, found: Read) -> Text:
    """What the counter has to know first: where the card is in its life, whether it is listed, the PIN."""
    row = here.subject.row
    state = state_words(row.state) if row else Text("of another station", "非本网点所发")
    en, zh = [f"Card {state.en}"], [f"该卡{state.zh}"]
    if here.listed:
        en.append("on the black list")
        zh.append("在黑名单中")
    if found.reading.tries is not None:
        blocked = found.reading.tries == 0
        en.append("PIN blocked" if blocked else f"{found.reading.tries} PIN tries left")
        zh.append("密码已锁定" if blocked else f"密码剩余 {found.reading.tries} 次")
    return Text("; ".join(en) + ".", "；".join(zh) + "。")


def verify(here: Presented) -> tuple[Voucher, bool | None]:
    """Every check of the voucher, with the station's black list; and the host's list, None where it was not asked."""
    counter, desk = here.counter, here.counter.desk
    desk.must(Act.READ)
    listed = _listed_at_host(here)
    regions = desk.codes().region

    def on_list(_identity: Identity) -> bool:
        return here.listed or bool(listed)

    found = here.run(
        voucher(here.card, today=here_and_now(desk).date(), serves=lambda region: region in regions, black_list=on_list)
    )
    with counter.desk.database.transaction("card verified") as tx:
        outcome = {"good": str(found.good).lower(), "failed": " ".join(one.name for one in found.failed)}
        tx.audit.append(desk.event("counter.verify", desk.token(), "done", outcome))
    return found, listed


def _listed_at_host(here: Presented) -> bool | None:
    if here.counter.host is None:
        return None
    fields = {"card_number": here.subject.card_number}
    try:
        said = here.counter.host.read(Operation.BLACK_LIST, f"card:{here.subject.card_number}", fields)
    except CardfabError:
        return None
    return bool(said.get("listed"))


def settlement(here: Presented, found: Read, rules: ShareRules | None, bill: Bill | None) -> Settled:
    """What a settlement needs of the card, and the division of a bill by the region's rules.

    Raises :class:`NothingInsured`, TerminalRefused (not readable, rules of another region).
    """
    basics = next((one for one in found.reading.files if one.address == BASICS), None)
    if basics is not None and basics.denied is None and not any(basics.values.values()):
        raise NothingInsured(
            Text(
                "The card holds no medical insurance data; nothing can be settled.", "卡内没有医疗保险信息，无法结算。"
            ),
            do=Text(
                f"Write it first: 'cardfab card update --item {BASICS}/81=31000000 --item {BASICS}/84=REGION'.",
                f"请先写入：cardfab card update --item {BASICS}/81=31000000 --item {BASICS}/84=参保地。",
            ),
        )
    begins = here.run(start_day(here.card)) if found.account else "0101"
    view = settlement_view(found.reading.values, found.account.balance if found.account else None, start_day=begins)
    if rules is None or bill is None:
        return Settled(view)
    return Settled(view, bill, divide(rules, view, bill), rules)


def sheet(here: Presented, found: Read, settled: Settled | None) -> HolderSheet:
    """The printable sheet of a reading."""
    desk = here.counter.desk
    now = here_and_now(desk)
    with desk.database.transaction("sheet") as tx:
        number = f"DK{now:%Y%m%d}{tx.jobs.next_number(f'sheet:{now:%Y%m%d}', 1):04d}"
    rights = [Text("with the keys of this terminal", "凭本终端密钥")]
    if found.reading.pin_verified:
        rights.append(Text("with the holder's PIN", "凭持卡人密码"))
    made = Made(number, desk.station, desk.person.login, now, here.counter.language, specimen=desk.training)
    areas = tuple(_areas(found.book, found.reading))
    asked = None if settled is None else settlement_paper(found.book, settled, now.date())
    return HolderSheet(made, here.subject.holder(), areas, tuple(rights), asked)


def _areas(book: ItemBook, reading: CardReading) -> Iterable[Area]:
    for directory in book.files.directories:
        files = [one for one in reading.files if one.directory == directory.name]
        groups = [
            _group(book, one) for one in files if one.denied is None and one.values and not _cyclic(directory, one)
        ]
        records = [_records(book, directory, one) for one in files if one.values and _cyclic(directory, one)]
        unread = [Unread(one.name, why) for one in files if (why := why_unread(book, one)) is not None]
        if groups or records or unread:
            title = Text(directory.name_en, directory.name_zh)
            yield Area(title, tuple(groups), tuple(records), tuple(unread))


def why_unread(book: ItemBook, one: FileReading) -> Text | None:
    """Why a file was not read; None for one that was, and for a reserved file that the card does without."""
    if one.denied is None:
        return None
    reserved = book.files.directory(one.directory).file(one.file).category == "reserved"
    return None if reserved and one.denied is Denied.ABSENT else one.denied.text


def is_log(book: ItemBook, one: FileReading) -> bool:
    """Whether a file is cyclic: records of one kind, newest first, that are a table."""
    return _cyclic(book.files.directory(one.directory), one)


def records_of(book: ItemBook, one: FileReading) -> Records:
    """The records of a cyclic file as a table."""
    return _records(book, book.files.directory(one.directory), one)


def _cyclic(directory: DedicatedFile, one: FileReading) -> bool:
    return directory.file(one.file).structure == "cyclic"


def _group(book: ItemBook, one: FileReading) -> Group:
    lines = [Line(label_of(book, at), book.describe(at, value)) for at, value in one.values.items() if value]
    return Group(one.name, tuple(lines))


def _records(book: ItemBook, directory: DedicatedFile, one: FileReading) -> Records:
    fields = directory.file(one.file).fields
    rows: dict[str, dict[str, Text]] = {}
    for address, value in one.values.items():
        instance, _, key = address.rpartition("/")
        rows.setdefault(instance, {})[key] = book.describe(address, value)
    columns = tuple(Text(field.name_en, field.name_zh) for field in fields)
    return Records(one.name, columns, tuple(tuple(row.get(field.key, "") for field in fields) for row in rows.values()))


def settlement_paper(book: ItemBook, settled: Settled, today: date) -> Settlement:
    """The settlement's part of the sheet."""
    view = settled.view
    own, pooled = view.totals(today)
    sign = {True: Text("approved", "已审批"), False: Text("not approved", "未审批"), None: Text("not stated", "未注明")}
    lines = [
        Line(Text("Insurance", "险种"), _insurance(book, view)),
        Line(Text("Insured category", "参保人员类别"), book.describe("DF04/EF05/8C", view.category)),
        Line(Text("Insured region", "参保地"), view.insured_region),
        Line(
            Text("Designated institutions", "定点医疗机构"),
            Text(", ".join(view.institutions), "、".join(view.institutions)),
        ),
        Line(Text("Treatment elsewhere", "异地就医"), sign[view.off_site], strong=True),
    ]
    if view.balance is not None:
        lines += [
            Line(Text("Account, yuan", "个人账户余额（元）"), yuan(view.balance.account), strong=True),
            Line(Text("Paid by the holder this year, yuan", "本年度个人自付累计（元）"), yuan(own)),
            Line(Text("Paid by the pooled fund this year, yuan", "本年度统筹支付累计（元）"), yuan(pooled)),
        ]
    return Settlement(tuple(lines), _share(settled))


def _insurance(book: ItemBook, view: SettlementView) -> Text:
    """The kind of insurance in words; the flags behind it are told in lines of their own."""
    words = book.describe("DF04/EF05/81", view.insurance)
    return Text(words.en.split("; ")[0], words.zh.split("；")[0])


def _share(settled: Settled) -> Share | None:
    parts, bill, rules = settled.parts, settled.bill, settled.rules
    if parts is None or bill is None or rules is None:
        return None
    steps = [
        Step(
            Text("Pooled part of a band", "分段统筹支付") if line.share else Text("Not pooled", "统筹不予支付"),
            f"{yuan(line.amount)} × {line.share / 10:g} %",
            line.pooled,
        )
        for line in parts.lines
    ]
    steps += [
        Step(Text("Pooled fund", "统筹基金支付"), parts.place.text, parts.pooled, total=True),
        Step(Text("From the account", "个人账户支付"), "", parts.account),
        Step(Text("Paid in cash", "现金支付"), "", parts.cash),
    ]
    total = bill.covered + bill.uncovered
    return Share(total, tuple(steps), parts.account + parts.cash, Text(rules.title_en, rules.title_zh))
