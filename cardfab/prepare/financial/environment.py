"""PSE and PPSE: the small applications that tell a terminal which payment applications a card has (EMV book 1, 12)."""

from __future__ import annotations

from cardfab.apdu.tlv import Tlv, encode
from cardfab.errors import InputRefused, Text
from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.profile.financial import EnvironmentEntry, FinancialApplication

_SFI = b"\x88"


def environment_groupings(application: FinancialApplication, environment: EnvironmentEntry) -> tuple[DataGrouping, ...]:
    """9102 and, of the PSE, the directory record in the SFI that its tag 88 names."""
    entry = Tlv(0x61, encode(Tlv(tag, _value(application, tag)) for tag in environment.directory))
    own = [Tlv(one.tag, one.value or b"") for one in environment.fci]
    if environment.kind == "PPSE":
        fci = Tlv(0xA5, encode([*own, Tlv(0xBF0C, entry.to_bytes())]))
        return (DataGrouping("9102", fci.to_bytes(), "FCI of the PPSE"),)
    sfi = next((one.value for one in environment.fci if one.tag == _SFI), None)
    if sfi is None or len(sfi) != 1:
        raise InputRefused(
            Text(
                "Tag 88, rule L25: the PSE does not say where its directory is.",
                "标签 88，规则 L25：PSE 缺少目录。",
            ),
            do=Text("Add tag 88 to its FCI.", "请在其 FCI 中加入标签 88。"),
            code="CF-3143",
        )
    return (
        DataGrouping("9102", Tlv(0xA5, encode(own)).to_bytes(), "FCI of the PSE"),
        DataGrouping(f"{sfi.hex().upper()}01", Tlv(0x70, entry.to_bytes()).to_bytes(), "directory of the PSE"),
    )


def _value(application: FinancialApplication, tag: bytes) -> bytes:
    if tag == b"\x4f":
        return application.aid
    for entry in application.fci:
        if entry.tag == tag and entry.value is not None:
            return entry.value
    raise InputRefused(
        Text(
            f"Tag {tag.hex().upper()}, rule L25: the directory names it, the FCI does not have it.",
            f"标签 {tag.hex().upper()}，规则 L25：目录引用了 FCI 中没有的标签。",
        ),
        do=Text("Correct the application profile.", "请修改应用配置。"),
        code="CF-3144",
    )
