"""The bank side of a plan: applications loaded through their channel, and read back as a terminal would see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cardfab.apdu import commands
from cardfab.apdu.tlv import Tlv, find, parse
from cardfab.errors import InputRefused, Text
from cardfab.plan.channel import OpenChannel, Personalise, StoreData
from cardfab.plan.filing import NotReadBack
from cardfab.plan.steps import Expect, Select, Step
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import DataGrouping
from cardfab.profile.card import CardProfile
from cardfab.profile.financial import FinancialApplication, PathEntry

_CHECK_VALUES = ("9000", "9400", "9003")

# -- writing -----------------------------------------------------------------------------------------------------------


def write_financial(card: PreparedCard, profile: CardProfile, financial: FinancialApplication) -> Iterator[Step]:
    """The debit application, then PSE and PPSE where the card has them, each through a channel of its own.

    With a security domain in the card profile there is one channel, and the domain is told where the data goes.
    """
    applications = [(financial.aid, _name(financial), card.groupings)]
    for aid, groupings in _environments(card):
        applications.append((aid, environment_name(aid), groupings))
    domain = profile.channel.domain
    if domain is not None:
        yield Select(domain, Text("SELECT the security domain", "选择安全域"))
        yield _open(profile)
    for aid, name, groupings in applications:
        if domain is None:
            yield Select(aid, Text(f"SELECT {name.en}", f"选择 {name.zh}"))
            yield _open(profile)
        else:
            yield Personalise(aid, Text(f"personalise {name.en}", f"个人化 {name.zh}"))
        title = Text(f"load {_short(name).en}", f"写入{_short(name).zh}")
        yield _store(groupings, profile, financial, title)


def _store(
    groupings: tuple[DataGrouping, ...], profile: CardProfile, financial: FinancialApplication, title: Text
) -> StoreData:
    quirks = financial.quirks
    announced = _CHECK_VALUES if quirks.p1_for_kcv == "60" else ()
    chunk = min(profile.channel.chunk, quirks.chunk)
    return StoreData(groupings, chunk, title, quirks.packing == "packed", announced)


def _open(profile: CardProfile) -> OpenChannel:
    channel = profile.channel
    title = Text("open the secure channel", "建立安全通道")
    return OpenChannel(channel.root, channel.kvn, channel.level, title, channel.protocol, channel.diversification)


def _name(financial: FinancialApplication) -> Text:
    return Text(financial.title_en, financial.title_zh)


def _environments(card: PreparedCard) -> list[tuple[bytes, tuple[DataGrouping, ...]]]:
    return [(bytes.fromhex(aid), groupings) for aid, groupings in card.environments.items()]


def environment_name(aid: bytes) -> Text:
    """PSE or PPSE by its name."""
    name = "PPSE" if aid.startswith(b"2") else "PSE"
    return Text(name, name)


def _short(name: Text) -> Text:
    return name if name.en in ("PSE", "PPSE") else Text("the debit application", "借记应用")


# -- reading back ------------------------------------------------------------------------------------------------------


def read_financial(card: PreparedCard, profile: CardProfile, financial: FinancialApplication) -> Iterator[Step]:
    """What a terminal would see: FCI, internal data, each contact path with its records, the try counter, PSE, PPSE."""
    paths = [path for path in financial.ways if not path.contactless]
    records = [f"{entry.sfi:02X}{entry.record:02X}" for entry in financial.records]
    values = _clear(card, financial, ("9102", *(path.gpo for path in financial.ways), "9010", *records))
    name = Text("FCI of the debit application", "借记应用 FCI")
    fci = values["9102"] if financial.quirks.fci_form == "full_6F" else _fci(financial.aid, values["9102"])
    yield Expect(commands.select(financial.aid), fci, name)
    yield from _internal(card, profile)
    read: set[str] = set()
    for number, path in enumerate(paths):
        if number:  # one GPO for each selection
            yield Expect(commands.select(financial.aid), fci, name)
        yield _options(path, values, financial)
        for dgi in (dgi for dgi in (path.records if financial.paths else records) if dgi not in read):
            read.add(dgi)
            yield _record(dgi, values[dgi])
    tries = values["9010"][:1] if financial.quirks.pin_data_form == "raw2" else values["9010"][3:4]
    counter = Text("PIN try counter", "PIN 重试次数")
    if any(tries):
        yield Expect(commands.get_data(0x9F17), Tlv(0x9F17, tries).to_bytes(), counter)
    else:  # PTL 00: a card without off-line PIN need not have the counter
        yield NotReadBack(Text(f"{counter.en}: no off-line PIN", f"{counter.zh}：无脱机密码"))
    for dgi in records:
        if dgi not in read:
            where = _where(dgi)
            yield NotReadBack(Text(f"record {where}: on contactless paths only", f"记录 {where}：仅非接触路径可读"))
    for aid, groupings in _environments(card):
        yield from _environment(aid, groupings)


def _fci(aid: bytes, proprietary: bytes) -> bytes:
    return Tlv(0x6F, Tlv(0x84, aid).to_bytes() + proprietary).to_bytes()


def _internal(card: PreparedCard, profile: CardProfile) -> Iterator[Step]:
    """0D01 and 0E01 as far as the card gives them out, before a transaction moves anything."""
    values = {one.dgi: one.value for one in card.groupings if isinstance(one.value, bytes)}
    given = {int.from_bytes(tag, "big") for tag in profile.readable}
    for dgi in ("0D01", "0E01"):
        for one in parse(values.get(dgi, b"")):
            if one.tag in given:
                title = Text(f"internal data {one.tag:X}", f"内部数据 {one.tag:X}")
                yield Expect(commands.get_data(one.tag), one.to_bytes(), title)


def _options(path: PathEntry, values: Mapping[str, bytes], financial: FinancialApplication) -> Expect:
    """GPO that leads to that path: e-cash is asked for by 9F7A, the SM side by DF69."""
    a5 = find(parse(values["9102"]), 0xA5) or find(parse(values["9102"]), 0x6F, 0xA5)
    pdol = find(a5.children, 0x9F38) if a5 else None
    asked = {
        0x9F7A: b"\x01" if path.gpo in ("9203", "9204") else b"\x00",
        0xDF69: b"\x01" if path.algorithm == "SM2" else b"\x00",
        0x5F2A: _currency(financial),
        0x9F1A: _currency(financial),
    }
    options = commands.get_processing_options(_dol_values(pdol.value, asked) if pdol else b"")
    aip, afl = (item.value for item in parse(values[path.gpo]))
    title = Text("GPO: AIP and AFL", "GPO：AIP 与 AFL")
    if financial.paths:
        title = Text(f"{title.en}, path {path.name}", f"{title.zh}，路径 {path.name}")
    return Expect(options, Tlv(0x80, aip + afl).to_bytes(), title)


def _currency(financial: FinancialApplication) -> bytes:
    entries = (*financial.internal, *financial.updatable)
    return next((one.value for one in entries if one.tag == b"\x9f\x51" and one.value), bytes(2))


def _record(dgi: str, value: bytes) -> Expect:
    where = _where(dgi)
    command = commands.read_record(int(dgi[2:], 16), int(dgi[:2], 16), secret=True)
    return Expect(command, value, Text(f"debit record {where}", f"借记记录 {where}"))


def _where(dgi: str) -> str:
    return f"SFI {int(dgi[:2], 16)} / {int(dgi[2:], 16)}"


def _environment(aid: bytes, groupings: Sequence[DataGrouping]) -> Iterator[Step]:
    name = environment_name(aid)
    values = {one.dgi: one.value for one in groupings if isinstance(one.value, bytes)}
    proprietary = values.pop("9102", b"")
    title = Text(f"FCI of the {name.en}", f"{name.zh}文件控制信息")
    yield Expect(commands.select(aid), _fci(aid, proprietary), title)
    for dgi, value in values.items():
        command = commands.read_record(int(dgi[2:], 16), int(dgi[:2], 16))
        yield Expect(command, value, Text(f"directory of the {name.en}", f"{name.zh} 目录"))


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


def _dol_values(dol: bytes, values: Mapping[int, bytes]) -> bytes:
    """What a data object list asks for (EMV book 3, 5.4); zeros for what has no value here."""
    found, at = b"", 0
    while at < len(dol):
        end = at + (2 if dol[at] & 0x1F == 0x1F else 1)
        found += values.get(int.from_bytes(dol[at:end], "big"), b"").rjust(dol[end], b"\x00")
        at = end + 1
    return found
