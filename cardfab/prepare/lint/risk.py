"""Risk data: verification methods, lists, issuer data, limits, logs, counters (L10-12, L19, L22-24, L30, L32, L34)."""

from __future__ import annotations

from collections.abc import Iterator

from cardfab.prepare.lint.assembly import Assembly, dol, name, parsed
from cardfab.prepare.lint.fault import Fault
from cardfab.prepare.lint.tags import CVN01_INPUT

OFFLINE_PIN = (0x01, 0x03, 0x04, 0x05)
_ECASH = {0x9F7A: 1, 0x9F02: 6, 0x5F2A: 2}


def verification_methods(a: Assembly) -> Iterator[Fault]:
    """L10: 8E even, at least 10 bytes; off-line PIN codes need 8010 and 9010; amounts X and Y need 9F42."""
    for path in a.paths:
        methods = a.value(path, 0x8E)
        if methods is None:
            continue
        if len(methods) < 10 or len(methods) % 2:
            yield Fault("8E", path.name, f"{len(methods)} bytes are no amounts and rules of two bytes", "长度错误")
            continue
        codes = {code & 0x3F for code in methods[8::2]}
        limit = a.clear("9010")[-1:]
        if codes & set(OFFLINE_PIN) and ("8010" not in a.by_dgi or limit in (b"", b"\x00")):
            yield Fault(
                "8E", path.name, "asks for an off-line PIN, 8010 and 9010 do not load one", "要求脱机 PIN 但未写入"
            )
        if any(methods[:8]) and a.value(path, 0x9F42) is None:
            yield Fault("9F42", path.name, "amounts in 8E need a currency", "8E 含金额时须有货币代码")


def risk_lists(a: Assembly) -> Iterator[Fault]:
    """L11: 8C holds the input of CVN 01; 8D is 8A 02 and the list; both on each contact path; not over the limit."""
    for path in a.paths:
        if path.contactless:
            continue
        for tag in (0x8C, 0x8D):
            value = a.value(path, tag)
            asked = dol(value)
            if value is None or asked is None:
                yield Fault(name(tag), path.name, "is missing or does not parse", "缺失或无法解析")
                continue
            for one, length in CVN01_INPUT.items():
                if asked.get(one) != length:
                    yield Fault(
                        name(tag), path.name, f"does not ask for {name(one)} ({length} bytes)", f"未请求 {name(one)}"
                    )
            if sum(asked.values()) > a.application.cdol_limit:
                limit = a.application.cdol_limit
                yield Fault(
                    name(tag),
                    path.name,
                    f"asks {sum(asked.values())} bytes, the card takes {limit}",
                    f"超过卡片上限 {limit}",
                )
        if not (a.value(path, 0x8D) or b"\x8a\x02").startswith(b"\x8a\x02"):
            yield Fault("8D", path.name, "does not begin with the authorisation code, 8A 02", "未以 8A02 开头")


def processing_lists(a: Assembly) -> Iterator[Fault]:
    """L12: PDOLs hold what their paths need: CVN 01 and 9F66; 9F7A, 9F02, 5F2A for e-cash; DF69 with two algorithms."""
    gpos = {path.gpo for path in a.paths}
    contact, contactless = (dol(a.first(0x9F38, dgi)) or {} for dgi in ("9102", "9103"))
    if gpos & {"9207", "9208"}:
        for tag, length in {0x9F66: 4, **CVN01_INPUT}.items():
            if contactless.get(tag) != length:
                yield Fault("9F38", "9103", f"does not ask for {name(tag)} ({length} bytes)", f"未请求 {name(tag)}")
    if gpos & {"9203", "9204"}:
        for tag, length in _ECASH.items():
            if contact.get(tag) != length:
                yield Fault(
                    "9F38", "9102", f"does not ask for {name(tag)}, which e-cash needs", f"电子现金须请求 {name(tag)}"
                )
    if len({path.algorithm for path in a.paths}) > 1:
        for dgi, asked in (("9102", contact), ("9103", contactless)):
            if dgi in a.by_dgi and asked.get(0xDF69) != 1:
                yield Fault("9F38", dgi, "a card of two algorithms asks for DF69 (1 byte)", "双算法卡须请求 DF69")


def issuer_data(a: Assembly) -> Iterator[Fault]:
    """L19: 9F10: fixed part 07 .. 03; CVN 01 or 17; algorithm 01 in 9200/9207, 04 in 9201/9208; prefixes the same."""
    sides = (("9200", "9207", 1), ("9201", "9208", 4))
    for contact, contactless, algorithm in sides:
        values = [(dgi, a.first(0x9F10, dgi)) for dgi in (contact, contactless) if dgi in a.by_dgi]
        for dgi, value in values:
            if value is None or len(value) < 8 or value[0] != 7 or value[3] != 3:
                yield Fault("9F10", dgi, "its fixed part is not 07 DKI CVN 03 CVR algorithm", "固定部分错误")
                continue
            if value[7] != algorithm:
                yield Fault("9F10", dgi, f"the algorithm byte is {value[7]:02X}, not {algorithm:02X}", "算法标识错误")
            if value[2] not in (0x01, 0x17):
                yield Fault("9F10", dgi, f"cryptogram version {value[2]:02X} is not 01 or 17", "密文版本须为 01 或 17")
            if len(value) > 9 and (value[8] not in (0x0A, 0x0F) or not 1 <= value[9] <= 6):
                yield Fault("9F10", dgi, "the discretionary data has no id from 01 to 06", "发卡行自定义数据标识错误")
            if len(value) > 9 and value[9] in (1, 3) and a.internal(0x9F79) is None:
                yield Fault("9F10", dgi, "gives the balance, and there is no 9F79", "包含余额但没有 9F79")
        if len({value for _, value in values}) > 1:
            yield Fault("9F10", contactless, f"differs from {contact}", f"与 {contact} 不一致")


def limits(a: Assembly) -> Iterator[Fault]:
    """L22: 9F77 >= 9F78, 9F79, 9F6D; 9F79 is 0 at issue; 9F5C >= 9F54; 9F59 >= 9F58; 9F23 >= 9F14."""
    pairs = [(0x9F77, low) for low in (0x9F78, 0x9F79, 0x9F6D)] + [(0x9F5C, 0x9F54), (0x9F59, 0x9F58)]
    for high, low in pairs:
        upper, lower = a.internal(high), a.internal(low)
        if upper is not None and lower is not None and upper < lower:
            yield Fault(name(low), "0D01", f"is above {name(high)}", f"大于 {name(high)}")
    balance = a.internal(0x9F79)
    if balance is not None and any(balance):
        yield Fault("9F79", "0D01", "the balance is not 0 at issue", "发卡时余额须为 0")
    for path in a.paths:
        upper, lower = a.value(path, 0x9F23), a.value(path, 0x9F14)
        if upper is not None and lower is not None and upper < lower:
            yield Fault("9F14", path.name, "is above 9F23", "大于 9F23")


def logs(a: Assembly) -> Iterator[Fault]:
    """L23: 9F4D needs 9F4F, DF4D needs DF4F; SFI 11 to 30, different ones."""
    for dgi in ("9102", "9103"):
        inner = {one.tag: one.value for one in parsed(a.first(0xBF0C, dgi) or b"")}
        used = [value[0] for tag, value in inner.items() if tag in (0x9F4D, 0xDF4D) and len(value) == 2]
        for entry, form in ((0x9F4D, 0x9F4F), (0xDF4D, 0xDF4F)):
            if entry in inner and a.internal(form) is None:
                yield Fault(name(entry), dgi, f"there is no format {name(form)}", f"缺少日志格式 {name(form)}")
            if entry in inner and (len(inner[entry]) != 2 or not 11 <= inner[entry][0] <= 30 or not inner[entry][1]):
                yield Fault(name(entry), dgi, "the log is not in SFI 11 to 30", "日志文件 SFI 须为 11 至 30")
        if len(set(used)) != len(used):
            yield Fault("DF4D", dgi, "both logs are in one file", "两个日志使用同一文件")


def counters(a: Assembly) -> Iterator[Fault]:
    """L24: 9F36 and 9F13 are 0000."""
    for tag in (0x9F36, 0x9F13):
        if a.internal(tag) not in (None, b"\x00\x00"):
            yield Fault(name(tag), "0E01", "a new card begins at 0000", "新卡须从 0000 开始")


def usage_control(a: Assembly) -> Iterator[Fault]:
    """L30: 9F07 treats goods and services alike, at home and abroad."""
    for path in a.paths:
        control = (a.value(path, 0x9F07) or b"\x00")[0]
        if (control >> 5 & 1) != (control >> 3 & 1) or (control >> 4 & 1) != (control >> 2 & 1):
            yield Fault("9F07", path.name, "goods and services differ", "商品与服务的控制位不一致")


def usual_values(a: Assembly) -> Iterator[Fault]:
    """L32: 9F08 is 0030, 9F49 is 9F3704, exponents are 03 or 010001."""
    usual: dict[int, tuple[bytes, ...]] = {
        0x9F08: (b"\x00\x30",),
        0x9F49: (b"\x9f\x37\x04",),
        0x9F32: (b"\x03", b"\x01\x00\x01"),
        0x9F47: (b"\x03", b"\x01\x00\x01"),
    }
    for one in a.every:
        if one.tag in usual and one.value not in usual[one.tag]:
            yield Fault(
                name(one.tag), one.dgi, f"{one.value.hex().upper()} is unusual", f"{one.value.hex().upper()} 不常用"
            )


def unset_limits(a: Assembly) -> Iterator[Fault]:
    """L34: FF in 9F53, 9F58, 9F59 or 9F72 means that the limit was not personalised."""
    for tag in (0x9F53, 0x9F58, 0x9F59, 0x9F72):
        if a.internal(tag) == b"\xff":
            yield Fault(name(tag), "0D01", "FF means: not personalised", "FF 表示未个人化")
