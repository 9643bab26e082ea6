"""The financial application of one card as EMV CPS data groupings.

Layout: EMV CPS 1.1 and the PBOC groupings of the facts (9102 FCI, 9104 GPO, 9200 IAD, SSrr records, 0D01 and 0E01
internal data, 8000/9000 keys and check values, 8010/9010 PIN). What stands where is the profile's; secrets come sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from cardfab.apdu.tlv import Tlv, encode
from cardfab.errors import InputRefused, Text
from cardfab.keys import Sealed
from cardfab.profile.financial import FinancialApplication, RecordEntry, TagEntry


@dataclass(frozen=True, slots=True)
class DataGrouping:
    """One DGI: its two-byte id and its value, or the sealed secret that becomes the value inside the key store.

    ``repr`` does not show the value: a record holds PAN and track 2."""

    dgi: str
    value: bytes | Sealed = field(repr=False)
    title: str

    @property
    def secret(self) -> bool:
        """Whether the value travels under the session's data-encryption key (STORE DATA P1 60)."""
        return isinstance(self.value, Sealed)


@dataclass(frozen=True, slots=True)
class FinancialData:
    """What the bank side of one card needs besides the profile."""

    pan: str
    effective: date
    expiry: date


def luhn(digits: str) -> str:
    """The check digit of ISO/IEC 7812-1, annex B, for the digits before it."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def make_pan(application: FinancialApplication, sequence: int) -> str:
    """IIN, sequence, Luhn digit; raises InputRefused when the series is used up."""
    room = application.pan_digits - len(application.iin) - 1
    if sequence >= 10**room:
        raise InputRefused(
            Text(
                f"The number range of IIN {application.iin} is used up.", f"发卡行标识 {application.iin} 的号段已用完。"
            ),
            do=Text("Ask the bank for another range.", "请向银行申请新号段。"),
            code="CF-3130",
        )
    body = f"{application.iin}{sequence:0{room}d}"
    return body + luhn(body)


def financial_values(application: FinancialApplication, data: FinancialData) -> dict[str, bytes]:
    """The values that profile entries name as ``source``."""
    track2 = f"{data.pan}D{data.expiry:%y%m}{application.service_code}"
    return {
        "pan": _packed(data.pan),
        "track2": _packed(track2),
        "expiry": _packed(f"{data.expiry:%y%m%d}"),
        "effective": _packed(f"{data.effective:%y%m%d}"),
        "psn": _packed(application.psn),
        "service_code": _packed(f"0{application.service_code}"),
    }


def build_groupings(
    application: FinancialApplication,
    data: FinancialData,
    *,
    udks: Sealed,
    pin: Sealed,
) -> tuple[DataGrouping, ...]:
    """Every data grouping, in the profile's order."""
    values = financial_values(application, data)
    tries = bytes([application.pin.tries])
    made = {
        "9102": DataGrouping("9102", _template(0xA5, application.fci, values), "FCI"),
        "9104": DataGrouping("9104", _gpo(application), "GPO: AIP and AFL"),
        "9200": DataGrouping("9200", Tlv(0x9F10, application.iad).to_bytes(), "issuer application data"),
        "0D01": DataGrouping("0D01", _objects(application.updatable, values), "internal data, updatable"),
        "0E01": DataGrouping("0E01", _objects(application.internal, values), "internal data"),
        "8000": DataGrouping("8000", udks, "card keys"),
        "9000": DataGrouping("9000", b"".join(udks.kcvs), "key check values"),
        "8010": DataGrouping("8010", pin, "PIN block"),
        "9010": DataGrouping("9010", tries + tries, "PIN try counter and limit"),
    }
    records = [_record(entry, values) for entry in application.records]
    made_in_order: list[DataGrouping] = []
    for name in application.order:
        made_in_order += records if name == "records" else [_known(made, name)]
    return tuple(made_in_order)


def application_file_locator(records: Sequence[RecordEntry]) -> bytes:
    """AFL (EMV book 3, 10.2): SFI << 3, first, last record, records signed; runs of one SFI in the profile's order."""
    runs: list[list[int]] = []
    for entry in records:
        if runs and runs[-1][0] == entry.sfi and runs[-1][2] + 1 == entry.record:
            runs[-1][2] = entry.record
        else:
            runs.append([entry.sfi, entry.record, entry.record])
    return b"".join(bytes((sfi << 3, first, last, 0)) for sfi, first, last in runs)


def _gpo(application: FinancialApplication) -> bytes:
    return encode((Tlv(0x82, application.aip), Tlv(0x94, application_file_locator(application.records))))


def _record(entry: RecordEntry, values: Mapping[str, bytes]) -> DataGrouping:
    value = _template(0x70, entry.tags, values)
    if len(value) > 254:
        raise InputRefused(
            Text(
                f"Record {entry.sfi}/{entry.record} has {len(value)} bytes; a record holds 254.",
                f"记录 {entry.sfi}/{entry.record} 为 {len(value)} 字节，超过 254。",
            ),
            do=Text("Divide it in the application profile.", "请在应用配置中拆分。"),
            code="CF-3131",
        )
    return DataGrouping(f"{entry.sfi:02X}{entry.record:02X}", value, f"record SFI {entry.sfi} number {entry.record}")


def _template(tag: int, entries: Sequence[TagEntry], values: Mapping[str, bytes]) -> bytes:
    return Tlv(tag, _objects(entries, values)).to_bytes()


def _objects(entries: Sequence[TagEntry], values: Mapping[str, bytes]) -> bytes:
    return encode(Tlv(entry.tag, _value(entry, values)) for entry in entries)


def _value(entry: TagEntry, values: Mapping[str, bytes]) -> bytes:
    if entry.value is not None:
        return entry.value
    found = values.get(entry.source or "")
    if found is None:
        raise InputRefused(
            Text(
                f"Tag {entry.tag.hex().upper()} asks for '{entry.source}', which is not prepared.",
                f"标签 {entry.tag.hex().upper()} 需要“{entry.source}”，但未准备该值。",
            ),
            do=Text("Correct the application profile.", "请修改应用配置。"),
            code="CF-3132",
        )
    return found


def _known(made: Mapping[str, DataGrouping], name: str) -> DataGrouping:
    if name not in made:
        raise InputRefused(
            Text(
                f"The order names DGI {name}, which this version does not make.", f"顺序中的 DGI {name} 本版本不支持。"
            ),
            do=Text("Correct the application profile.", "请修改应用配置。"),
            code="CF-3133",
        )
    return made[name]


def _packed(digits: str) -> bytes:
    """Digits (and D) two a byte, an odd count padded with F."""
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
