"""Agreement of what stands in two places: account number, track 2, dates, names, codes (L05 to L09)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cardfab.keys.certificates import CertificateFault, last_day
from cardfab.prepare.financial.numbers import NAME_OFF_CHIP, luhn
from cardfab.prepare.lint.assembly import Assembly, name
from cardfab.prepare.lint.fault import Fault
from cardfab.prepare.lint.signed import icc_of, issuer_of


def account_number(a: Assembly) -> Iterator[Fault]:
    """L05: 5A passes Luhn, has 16, 18 or 19 digits, starts with the IIN of 90."""
    for pan, where in _numbers(a):
        if not pan.isdigit() or len(pan) not in (16, 18, 19) or luhn(pan[:-1]) != pan[-1]:
            yield Fault("5A", where, "its length or check digit is wrong", "位数或校验位错误")
        if not pan.startswith(a.application.iin):
            yield Fault("5A", where, f"is not of IIN {a.application.iin}", "不属于本发卡行标识")
    for path in a.paths:
        issuer = issuer_of(a, path)
        pan = (a.value(path, 0x5A) or b"").hex().upper()
        if issuer is not None and not pan.startswith(issuer.subject.hex().upper().rstrip("F")):
            yield Fault("5A", path.name, "is not of the issuer that 90 names", "与发卡行证书的标识不符")


def track2(a: Assembly) -> Iterator[Fault]:
    """L06: 57 = 5A D 5F24 [YYMM] 5F30 ...; F only as the last nibble; at most 19 bytes."""
    pans = {pan for pan, _ in _numbers(a)}
    for one in [one for one in a.every if one.tag == 0x57]:
        text = one.value.hex().upper()
        body = text.removesuffix("F")
        pan, mark, rest = body.partition("D")
        if "F" in body or not mark or len(one.value) > 19 or not (pan + rest).isdigit():
            yield Fault("57", one.dgi, "is not PAN, D, digits, and F at the end only", "格式错误")
            continue
        if pans and pan not in pans:
            yield Fault("57", one.dgi, "its account number is not that of 5A", "账号与 5A 不一致")
        for tag, found, wanted in (
            (0x5F24, rest[:4], {value.hex()[:4] for value in _values(a, 0x5F24)}),
            (0x5F30, rest[4:7], {value.hex()[1:] for value in _values(a, 0x5F30)}),
        ):
            if wanted and found not in wanted:
                yield Fault("57", one.dgi, f"disagrees with {name(tag)}", f"与 {name(tag)} 不一致")


def dates(a: Assembly) -> Iterator[Fault]:
    """L07: 5F25 <= 5F24 <= expiry of 9F46 <= expiry of 90; 5F24 not in the last qPBOC record."""
    for path in a.paths:
        expiry, effective = _day(a.value(path, 0x5F24)), _day(a.value(path, 0x5F25))
        if expiry is None:
            yield Fault("5F24", path.name, "is missing or no date", "缺失或不是有效日期")
            continue
        if effective is not None and effective > expiry:
            yield Fault("5F25", path.name, "is later than 5F24", "晚于 5F24")
        issuer, icc = issuer_of(a, path), icc_of(a, path)
        try:
            if icc is not None and expiry > last_day(icc.expiry):
                yield Fault("5F24", path.name, "is later than the ICC certificate's expiry", "晚于 IC 卡证书有效期")
            if issuer is not None and expiry > last_day(issuer.expiry):
                yield Fault("5F24", path.name, "is later than the issuer certificate's expiry", "晚于发卡行证书有效期")
            if issuer is not None and icc is not None and last_day(icc.expiry) > last_day(issuer.expiry):
                yield Fault("9F46", path.name, "expires after the issuer certificate", "有效期晚于发卡行证书")
        except CertificateFault:
            yield Fault("9F46", path.name, "a certificate's expiry is no month and year", "证书有效期无效")
        records = a.records(path)
        if path.contactless and records and any(one.tag == 0x5F24 for one in a.objects(records[-1][0])):
            yield Fault("5F24", records[-1][0], "stands in the last record of the path", "位于路径的最后一条记录")


def names(a: Assembly) -> Iterator[Fault]:
    """L08: exactly one of 5F20 (2 to 26 bytes) and 9F0B (27 to 45); 202F where names stay off the chip."""
    for path in a.paths:
        if path.contactless or a.value(path, 0x57) is None:
            continue
        short, long = a.value(path, 0x5F20), a.value(path, 0x9F0B)
        if (short is None) == (long is None):
            yield Fault("5F20", path.name, "exactly one of 5F20 and 9F0B holds the name", "5F20 与 9F0B 须且仅须有一个")
        if a.application.holder_name == "off chip" and (long is not None or short not in (None, NAME_OFF_CHIP)):
            yield Fault("5F20", path.name, "names stay off this chip: 202F", "本产品姓名不上芯片，应为 202F")


def codes(a: Assembly) -> Iterator[Fault]:
    """L09: 5F28 = 9F57; 9F42 = 9F51; 5F34 the same everywhere, and as the card keys were derived."""
    for one in a.every:
        for tag, internal in ((0x5F28, 0x9F57), (0x9F42, 0x9F51)):
            wanted = a.internal(internal)
            if one.tag == tag and wanted is not None and one.value != wanted:
                yield Fault(name(tag), one.dgi, f"differs from {name(internal)}", f"与 {name(internal)} 不一致")
        if one.tag == 0x5F34 and one.value.hex() != a.application.psn:
            yield Fault(
                "5F34", one.dgi, f"is not {a.application.psn}, with which keys are derived", "与密钥分散用序号不一致"
            )


def _numbers(a: Assembly) -> list[tuple[str, str]]:
    return [(one.value.hex().upper().rstrip("F"), one.dgi) for one in a.every if one.tag == 0x5A]


def _values(a: Assembly, tag: int) -> list[bytes]:
    return [one.value for one in a.every if one.tag == tag]


def _day(value: bytes | None) -> date | None:
    try:
        text = (value or b"").hex()
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:6]))
    except ValueError:
        return None
