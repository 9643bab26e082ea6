"""GET PROCESSING OPTIONS, and the records that its answer names (EMV book 3, 10.1 and 10.2)."""

from __future__ import annotations

from cardfab.apdu import commands, tlv
from cardfab.apdu.link import Exchange, expect
from cardfab.terminal.emv.dol import filled
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.words import Item, hexed, tag_text

_REFUSED = 0x6985
_SIGNED_WHOLE = 11
"""From this SFI on a signed record is signed as it stands, with its template (book 3, 10.3)."""
MANDATORY = (0x5A, 0x5F24, 0x8C, 0x8D)
MANDATORY_CONTACTLESS = (0x5A, 0x5F24)


def start(session: Session) -> Exchange[None]:
    """GPO with the values of the PDOL; both forms of the answer. Raises Ended."""
    found = session.findings
    with found.within(Item.OPTIONS):
        session.pdol_values = filled(session.objects.get(0x9F38, b""), session.values())
        command = commands.get_processing_options(session.pdol_values)
        response = expect((yield command), command, _REFUSED)
        if not response.sw.ok:
            raise found.end(
                Item.OPTIONS, "the card refuses this kind of transaction (6985)", "卡片不接受此类交易（6985）", "9F38"
            )
        told = tlv.parse(response.data)
        if len(told) != 1 or told[0].tag not in (0x77, 0x80):
            raise found.end(Item.OPTIONS, "the answer has neither template 77 nor 80", "应答既非 77 也非 80 模板", "77")
        if told[0].tag == 0x80:  # AIP | AFL (book 3, 6.5.8.4)
            content = told[0].value
            objects = [tlv.Tlv(0x82, content[:2]), tlv.Tlv(0x94, content[2:])]
        else:
            objects = list(told[0].children)
        _keep(session, objects, "GPO", Item.OPTIONS)
        if len(session.objects.get(0x82, b"")) != 2:
            raise found.end(Item.OPTIONS, "there is no AIP of two bytes", "缺少两字节的 AIP", "82")
    afl = session.objects.get(0x94, b"").hex().upper()
    aip = session.aip.hex().upper()
    found.passed(
        Item.OPTIONS,
        f"AIP {aip}" + (f", AFL {afl}" if afl else ""),
        f"AIP {aip}" + (f"，AFL {afl}" if afl else ""),
        "82",
    )


def read_records(session: Session) -> Exchange[None]:
    """READ RECORD by the AFL, in its order; keeps objects and signed contents. Raises Ended."""
    found = session.findings
    with found.within(Item.RECORDS):
        count = 0
        for sfi, first, last, signed in locate(session):
            for number in range(first, last + 1):
                command = commands.read_record(number, sfi, secret=True)
                response = expect((yield command), command)
                _record(session, sfi, number, response.data, number - first < signed)
                count += 1
    found.passed(
        Item.RECORDS,
        f"{count} records, {len(session.signed)} signed",
        f"共 {count} 条记录，签名 {len(session.signed)} 条",
        "94",
    )


def locate(session: Session) -> list[tuple[int, int, int, int]]:
    """The AFL as SFI, first and last record, how many are signed; raises Ended where it cannot be right."""
    afl = session.objects.get(0x94, b"")
    groups = [afl[at : at + 4] for at in range(0, len(afl), 4)]
    found: list[tuple[int, int, int, int]] = []
    for group in groups:
        good = len(group) == 4 and not group[0] & 0x07 and 1 <= group[0] >> 3 <= 30
        good = good and 1 <= group[1] <= group[2] and group[3] <= group[2] - group[1] + 1
        if not good:
            raise session.findings.end(
                Item.RECORDS,
                f"the entry {group.hex().upper()} cannot be followed",
                f"表项 {group.hex().upper()} 无效",
                "94",
            )
        found.append((group[0] >> 3, group[1], group[2], group[3]))
    if not found:
        raise session.findings.end(Item.RECORDS, "it names no record", "未列出任何记录", "94")
    return found


def check_mandatory(session: Session, wanted: tuple[int, ...] = MANDATORY) -> None:
    """The objects without which no transaction goes on (book 3, 7.2); raises Ended."""
    missing = [tag for tag in wanted if tag not in session.objects]
    if missing:
        tag = hexed(missing[0])
        names = tuple(tag_text(hexed(one)) for one in missing)
        session.findings.raised(1, 6)
        en, zh = ", ".join(n.en for n in names), "、".join(n.zh for n in names)
        raise session.findings.end(Item.DATA, f"missing: {en}", f"缺少：{zh}", tag)
    session.findings.passed(Item.DATA, "all there", "齐全", "70")


def _record(session: Session, sfi: int, number: int, data: bytes, signed: bool) -> None:
    place = f"{sfi}/{number}"
    outer = tlv.parse(data)
    if sfi <= 10 and (len(outer) != 1 or outer[0].tag != 0x70):
        raise session.findings.end(
            Item.RECORDS, f"record {place} has no template 70", f"记录 {place} 没有模板 70", "70"
        )
    if signed:
        session.signed.append(outer[0].value if sfi < _SIGNED_WHOLE else data)
    session.last_record = data
    _keep(session, list(outer[0].children if outer[0].tag == 0x70 else outer), place, Item.RECORDS)


def _keep(session: Session, objects: list[tlv.Tlv], place: str, item: Item) -> None:
    """Primitive objects; one that came before is a fault of the card (book 3, 10.2), the first counts."""
    for one in objects:
        if one.tag in session.place:
            before = session.place[one.tag]
            if place != "GPO" and before != "GPO":
                session.findings.failed(
                    item,
                    f"it stands in {before} and again in {place}",
                    f"在 {before} 与 {place} 中重复",
                    hexed(one.tag),
                )
            continue
        session.place[one.tag] = place
        session.objects[one.tag] = one.value
