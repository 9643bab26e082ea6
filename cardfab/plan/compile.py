"""A prepared card and its profiles compile to a plan. Pure: the same input gives the same plan, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cardfab.apdu import commands
from cardfab.apdu.tlv import Tlv, find, parse
from cardfab.errors import InputRefused, Text
from cardfab.plan.plan import PersonalisationPlan
from cardfab.plan.steps import (
    Authenticate,
    Capture,
    Expect,
    ExpectBlank,
    OpenChannel,
    ReadRegion,
    Select,
    Step,
    StoreData,
    UpdateRecord,
)
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.records import PreparedRecord
from cardfab.profile.application import DedicatedFile, ElementaryFile, FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.financial import FinancialApplication

CARD_NUMBER, HOLDER_NUMBER = "card_number", "social_security_number"


def compile_plan(
    card: PreparedCard, profile: CardProfile, files: FileApplication, financial: FinancialApplication
) -> PersonalisationPlan:
    """Everything that is done to one chip; raises InputRefused when a profile cannot be followed."""
    required = card.region if profile.blanks == "same region" else None
    return PersonalisationPlan(
        product=card.product,
        inspect=tuple(_blank(files, required)),
        encode=(*_blank(files, required), *_write_files(card, files), *_write_financial(card, profile, financial)),
        verify=(*_read_files(card, files), *_read_financial(card, financial)),
        identify=tuple(_identify(files)),
    )


def _place(files: FileApplication, source: str) -> tuple[DedicatedFile, ElementaryFile, int]:
    """Where the item of a source lies: directory, file, record number."""
    for directory in files.directories:
        for file in directory.files:
            for number, item in enumerate(file.items, 1):
                if item.source == source:
                    return directory, file, number
    raise InputRefused(
        Text(
            f"The application '{files.name}' has no item for '{source}'.", f"应用“{files.name}”没有“{source}”数据项。"
        ),
        do=Text("Correct the application profile.", "请修改应用配置。"),
        code="CF-3210",
    )


def _select(directory: DedicatedFile) -> Select:
    return Select(directory.aid, Text(f"SELECT {directory.name}", f"选择 {directory.name}"))


def _authenticate(directory: DedicatedFile, condition: str) -> Authenticate:
    """The step that opens a condition; of alternatives the first that is a key. Both of two keys is not needed yet."""
    names = [part for part in condition.split("|") if part in directory.keys]
    if "&" in condition or not names:
        raise InputRefused(
            Text(
                f"{directory.name}: no key of the station opens the condition {condition}.",
                f"{directory.name}：本制卡点没有密钥可满足条件 {condition}。",
            ),
            do=Text("Correct the application profile.", "请修改应用配置。"),
            code="CF-3211",
        )
    key = directory.keys[names[0]]
    return Authenticate(key.label, key.id[0], Text(f"prove {names[0]} to the chip", f"外部认证 {names[0]}"))


def _blank(files: FileApplication, required: str | None) -> Iterator[Step]:
    """The chip is a blank of ours: its identification code is there, nobody's data is."""
    directory, file, number = _place(files, HOLDER_NUMBER)
    yield _select(directory)
    yield _region(required)
    yield ExpectBlank(file.sfi[0], number, Text("check that the chip is blank", "检查芯片为空白"))


def _region(required: str | None = None) -> Step:
    return ReadRegion(5, 1, required, Text("read the blank's region", "读取卡片所属地区"))


def _records_of(card: PreparedCard, directory: DedicatedFile, file: ElementaryFile) -> list[PreparedRecord]:
    return [record for record in card.records if record.df == directory.name and record.fid == file.fid]


def _titled(verb_en: str, verb_zh: str, record: PreparedRecord) -> Text:
    where = f"{record.df}/{record.fid.hex().upper()} {record.tag.hex().upper()}"
    return Text(f"{verb_en} {where} {record.name_en}", f"{verb_zh} {where} {record.name_zh}")


def _write_files(card: PreparedCard, files: FileApplication) -> Iterator[Step]:
    selected, _, _ = _place(files, HOLDER_NUMBER)  # by the look at the blank
    for directory in files.directories:
        open_for = None
        if directory is not selected:
            yield _select(directory)
            selected = directory
        for file in directory.files:
            records = _records_of(card, directory, file)
            if records and file.write not in (open_for, "FREE"):
                yield _authenticate(directory, file.write)
                open_for = file.write
            for record in records:
                yield UpdateRecord(file.sfi[0], record.record_number, record.tlv, _titled("write", "写入", record))


def _read_files(card: PreparedCard, files: FileApplication) -> Iterator[Step]:
    for place, directory in enumerate(files.directories):
        open_for = None
        yield _select(directory)
        if place == 0:
            yield _region()
        for file in directory.files:
            records = _records_of(card, directory, file)
            if records and file.read not in (open_for, "FREE"):
                yield _authenticate(directory, file.read)
                open_for = file.read
            for record in records:
                command = commands.read_record(record.record_number, file.sfi[0], secret=True)
                yield Expect(command, record.tlv, _titled("read", "读取", record))


def _financial_select(financial: FinancialApplication) -> Select:
    return Select(financial.aid, Text(f"SELECT {financial.title_en}", f"选择 {financial.title_zh}"))


def _write_financial(card: PreparedCard, profile: CardProfile, financial: FinancialApplication) -> Iterator[Step]:
    channel = profile.channel
    title = Text("load the debit application", "写入借记应用")
    yield _financial_select(financial)
    yield OpenChannel(channel.root, channel.kvn, channel.level, Text("open the secure channel", "建立安全通道"))
    yield StoreData(card.groupings, channel.chunk, title)


def _read_financial(card: PreparedCard, financial: FinancialApplication) -> Iterator[Step]:
    """What a terminal would see: FCI, GPO, every record; and the try counter as loaded."""
    records = [f"{entry.sfi:02X}{entry.record:02X}" for entry in financial.records]
    values = _clear(card, financial, ("9102", "9104", "9010", *records))
    name = Text("FCI of the debit application", "借记应用 FCI")
    fci = Tlv(0x6F, Tlv(0x84, financial.aid).to_bytes() + values["9102"]).to_bytes()
    yield Expect(commands.select(financial.aid), fci, name)
    pdol = find(parse(values["9102"]), 0xA5, 0x9F38)
    options = commands.get_processing_options(bytes(_dol_length(pdol.value)) if pdol else b"")
    aip, afl = (item.value for item in parse(values["9104"]))
    yield Expect(options, Tlv(0x80, aip + afl).to_bytes(), Text("GPO: AIP and AFL", "GPO：AIP 与 AFL"))
    for entry, dgi in zip(financial.records, records, strict=True):
        where = f"SFI {entry.sfi} / {entry.record}"
        title = Text(f"debit record {where}", f"借记记录 {where}")
        yield Expect(commands.read_record(entry.record, entry.sfi, secret=True), values[dgi], title)
    tries = Tlv(0x9F17, values["9010"][:1]).to_bytes()
    yield Expect(commands.get_data(0x9F17), tries, Text("PIN try counter", "PIN 重试次数"))


def _clear(card: PreparedCard, financial: FinancialApplication, needed: Sequence[str]) -> dict[str, bytes]:
    """The groupings in the clear, by DGI; raises InputRefused when one is missing that a terminal reads."""
    values = {one.dgi: one.value for one in card.groupings if isinstance(one.value, bytes)}
    if missing := [dgi for dgi in needed if dgi not in values]:
        raise InputRefused(
            Text(
                f"The order of '{financial.name}' leaves out DGI {', '.join(missing)}, which every card needs.",
                f"“{financial.name}”的顺序缺少每张卡都需要的 DGI {'、'.join(missing)}。",
            ),
            do=Text("Correct the application profile.", "请修改应用配置。"),
            code="CF-3212",
        )
    return values


def _dol_length(dol: bytes) -> int:
    """The bytes that a data object list asks for (EMV book 3, 5.4)."""
    total, at = 0, 0
    while at < len(dol):
        at += 2 if dol[at] & 0x1F == 0x1F else 1
        total, at = total + dol[at], at + 1
    return total


def _identify(files: FileApplication) -> Iterator[Step]:
    """The card number on the chip, read on the reader that is paired with the printer, just before printing."""
    directory, file, number = _place(files, CARD_NUMBER)
    yield _select(directory)
    yield Capture(CARD_NUMBER, file.sfi[0], number, Text("read the card number", "读取卡号"))


__all__ = ["CARD_NUMBER", "HOLDER_NUMBER", "compile_plan"]
