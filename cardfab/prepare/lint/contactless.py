"""The contactless side (L20, L21, L29, L31)."""

from __future__ import annotations

from collections.abc import Iterator

from cardfab.prepare.financial.predicted import LARGEST_ANSWER, predicted_gpo
from cardfab.prepare.lint.assembly import Assembly, name
from cardfab.prepare.lint.fault import Fault

AUTHORISATION_CODE = b"ECC001"
SMALL_RECORD = 32
_NOT_IN_CONTACT = (0x9F12, 0x9F51, 0x9F52, 0x9F69, 0x9F79)
_PURSE = (0x9F77, 0x9F78, 0x9F79)


def last_record(a: Assembly) -> Iterator[Fault]:
    """L20: the last qPBOC record has at most 32 bytes, 9F74 = ECC001 and 9F69 only; 9F69 agrees with 9F6C, DF61."""
    for path in a.paths:
        records = a.records(path)
        if not path.contactless or not records:
            continue
        dgi = records[-1][0]
        if len(a.clear(dgi)) > SMALL_RECORD:
            yield Fault(
                "70", dgi, f"the last record has {len(a.clear(dgi))} bytes, at most 32", "最后一条记录超过 32 字节"
            )
        for one in a.objects(dgi):
            if one.tag not in (0x9F74, 0x9F69):
                yield Fault(name(one.tag), dgi, "does not belong into the last record", "不应在最后一条记录中")
        if a.first(0x9F74, dgi) != AUTHORISATION_CODE:
            yield Fault("9F74", dgi, "is not ECC001", "应为 ECC001")
    data = next((one for one in a.every if one.tag == 0x9F69), None)
    qualifiers = a.internal(0x9F6C)
    if data is not None and qualifiers is not None and len(data.value) >= 8:
        if data.value[5:7] != qualifiers:
            yield Fault("9F69", data.dgi, "bytes 6 and 7 are not those of 9F6C", "第 6、7 字节与 9F6C 不一致")
        if data.value[7:8] not in (b"\x00", a.first(0xDF61, "9103", "0E01") or b"\x00"):
            yield Fault("9F69", data.dgi, "byte 8 is neither DF61 nor 00", "第 8 字节应为 DF61 或 00")


def answers_fit(a: Assembly) -> Iterator[Fault]:
    """L21: the qPBOC answers to GPO have at most 256 bytes; a chip key over 1024 bits is flagged."""
    predicted = predicted_gpo(a.application, a.by_dgi)
    for path in a.paths:
        if not path.contactless:
            continue
        longest = max(predicted[path.name].arqc, predicted[path.name].tc)
        if longest > LARGEST_ANSWER:
            yield Fault(
                "77", path.name, f"an answer of {longest} bytes does not fit 256", f"应答 {longest} 字节超过 256"
            )
        if path.algorithm == "RSA" and a.application.issuer.icc_bits > 1024 and a.value(path, 0x9F46) is not None:
            yield Fault(
                "9F46", path.name, "with a chip key over 1024 bits 9F4B moves into a record", "密钥超过 1024 位"
            )


def internal_in_contact(a: Assembly) -> Iterator[Fault]:
    """L29: 9F12, 9F51, 9F52, 9F69 and 9F79 do not belong into contact records."""
    seen = {dgi for path in a.paths if not path.contactless for dgi, _ in a.records(path)}
    for one in a.every:
        if one.dgi in seen and one.tag in _NOT_IN_CONTACT:
            yield Fault(name(one.tag), one.dgi, "does not belong into a contact record", "不应在接触记录中")


def processes(a: Assembly) -> Iterator[Fault]:
    """L31: 9F68: qPBOC approvals are logged (byte 2 b5), not both low-value checks, a low-value check has its purse."""
    found = a.internal(0x9F68)
    if found is None or len(found) != 4:
        return
    if not found[1] & 0x10:
        yield Fault("9F68", "0D01", "byte 2 b5 is off: approvals are not logged", "第 2 字节 b5 未置位")
    if found[0] & 0x60 == 0x60:
        yield Fault("9F68", "0D01", "byte 1 b7 and b6 exclude each other", "第 1 字节 b7 与 b6 互斥")
    if found[0] & 0x80 and any(a.internal(tag) is None for tag in _PURSE):
        yield Fault("9F68", "0D01", "the low-value check has no purse data 9F77 to 9F79", "缺少 9F77 至 9F79")
