"""Structure: records and their locator, tags once, lengths, selection data (L01 to L04, L25)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cardfab.apdu.tlv import Tlv
from cardfab.prepare.lint.assembly import Assembly, dol, name, parsed
from cardfab.prepare.lint.fault import Fault
from cardfab.prepare.lint.tags import FCI_TAGS, LENGTHS, TERMINAL

LARGEST_RECORD = 254
_DOLS = (0x8C, 0x8D, 0x9F38, 0x9F49, 0x9F4F, 0xDF4F)
_MAY_REPEAT = (0x5F34, 0x9F10)


def records_exist(a: Assembly) -> Iterator[Fault]:
    """L01: each SSrr of an AFL exists, begins with 70, has at most 254 bytes, parses exactly to its end."""
    for dgi in dict.fromkeys(dgi for path in a.paths for dgi, _ in a.records(path)):
        value = a.clear(dgi)
        if not value:
            yield Fault("94", dgi, "the AFL names this record, it does not exist", "AFL 引用的记录不存在")
            continue
        if len(value) > LARGEST_RECORD:
            yield Fault("70", dgi, f"the record has {len(value)} bytes, at most 254", "记录超过 254 字节")
        objects = parsed(value)
        if len(objects) != 1 or (int(dgi[:2], 16) <= 10 and objects[0].tag != 0x70) or not parsed(objects[0].value):
            yield Fault("70", dgi, "the record is not one template 70 of data objects", "记录不是单个完整的 70 模板")


def locators(a: Assembly) -> Iterator[Fault]:
    """L02: AFL in whole entries, SFI 1 to 30, first <= last, signed within the range, no record twice."""
    for path in a.paths:
        afl = a.afl(path)
        if not afl or len(afl) % 4:
            yield Fault("94", path.gpo, f"{len(afl)} bytes are no whole entries", "长度不是 4 的倍数")
        for sfi, first, last, signed in a.entries(path):
            if not 1 <= sfi <= 30 or not 1 <= first <= last or signed > last - first + 1:
                yield Fault("94", path.gpo, f"the entry of SFI {sfi} is out of range", f"SFI {sfi} 的条目超出范围")
        for dgi, count in Counter(dgi for dgi, _ in a.records(path)).items():
            if count > 1:
                yield Fault("94", path.gpo, f"record {dgi} is read twice", f"记录 {dgi} 被读取两次")


def no_tag_twice(a: Assembly) -> Iterator[Fault]:
    """L03: no tag twice on one path (GPO and records), none twice in 0D01 and 0E01."""
    places: list[tuple[str, list[int]]] = [(path.gpo, [one.tag for one in a.on(path)]) for path in a.paths]
    places.append(("0D01/0E01", [one.tag for dgi in ("0D01", "0E01") for one in a.objects(dgi)]))
    for where, tags in places:
        for tag, count in Counter(tags).items():
            if count > 1:
                yield Fault(name(tag), where, f"it is there {count} times", f"出现 {count} 次")


def lengths(a: Assembly) -> Iterator[Fault]:
    """L04: no empty tag, lengths within the table, lists ask with the terminal's length."""
    for one in a.every:
        least, most = LENGTHS.get(one.tag, (1, 255))
        if not least <= len(one.value) <= most:
            yield Fault(
                name(one.tag),
                one.dgi,
                f"{len(one.value)} bytes, {least} to {most} are allowed",
                f"应为 {least} 至 {most} 字节",
            )
        if one.tag in _DOLS:
            asked = dol(one.value)
            if asked is None:
                yield Fault(name(one.tag), one.dgi, "the list does not parse", "数据对象列表无法解析")
            for tag, length in (asked or {}).items():
                if TERMINAL.get(tag, length) != length:
                    wanted = TERMINAL[tag]
                    yield Fault(
                        name(one.tag),
                        one.dgi,
                        f"asks {length} bytes of {name(tag)}, not {wanted}",
                        f"{name(tag)} 应为 {wanted} 字节",
                    )


def selection(a: Assembly) -> Iterator[Fault]:
    """L25: FCI tags from the allowed set; 84, AID and 4F the same; 50 fits the AID; 87 and 9F11 as in the PSE."""
    own = {one.tag: one.value for one in a.objects("9102")}
    for dgi in ("9102", "9103"):
        for one in a.objects(dgi):
            if one.tag not in FCI_TAGS:
                yield Fault(name(one.tag), dgi, "this tag does not belong into the FCI", "FCI 不允许该标签")
            if one.tag in (0x50, 0x87, 0x9F11) and one.value != own.get(one.tag):
                yield Fault(name(one.tag), dgi, "differs between 9102 and 9103", "9102 与 9103 不一致")
        for outer in parsed(a.clear(dgi)):
            for inner in outer.children if outer.tag == 0x6F else ():
                if inner.tag == 0x84 and inner.value != a.application.aid:
                    yield Fault("84", dgi, "is not the AID of the instance", "与实例 AID 不一致")
    label = own.get(0x50, b"")
    if not label or not all(0x20 <= byte < 0x7F for byte in label):
        yield Fault("50", "9102", "the label is missing or not printable", "应用标签缺失或不可打印")
    elif a.application.aid.endswith(b"\x01\x01\x01") and b"DEBIT" not in label.upper():
        yield Fault("50", "9102", "the AID is that of a debit application, the label is not", "标签与借记 AID 不符")
    for aid, groupings in a.environments.items():
        for grouping in groupings:
            yield from _environment(a, own, aid.decode("ascii", "replace"), grouping.value)


def _environment(a: Assembly, own: dict[int, bytes], where: str, value: object) -> Iterator[Fault]:
    for one in _all(parsed(value if isinstance(value, bytes) else b"")):
        if one.tag == 0x4F and one.value != a.application.aid:
            yield Fault("4F", where, "is not the AID of the application", "与应用 AID 不一致")
        if one.tag in (0x50, 0x87, 0x9F11, 0x9F12) and one.value != own.get(one.tag):
            yield Fault(name(one.tag), where, "differs from the application's FCI", "与应用 FCI 不一致")


def _all(objects: tuple[Tlv, ...]) -> Iterator[Tlv]:
    for one in objects:
        yield one
        yield from _all(one.children)
