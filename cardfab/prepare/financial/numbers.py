"""Numbers and names of one bank card: PAN, track 2, track 1, holder's name, dates, as profile entries name them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from cardfab.errors import InputRefused, Text
from cardfab.profile.financial import FinancialApplication

NAME_OFF_CHIP = b" /"
"""What 5F20 holds where the name stays off the chip (lint rule L08)."""
SHORT_NAME, LONG_NAME = 26, 45


@dataclass(frozen=True, slots=True)
class FinancialData:
    """What the bank side of one card needs besides the profile.

    ``name`` as on the chip (encoded), empty where the profile keeps it off; ``serial`` of the first ICC certificate,
    counted up for each certificate of the card; ``sm_serial`` the same on the SM2 side (``serial`` where None).
    """

    pan: str = field(repr=False)
    effective: date
    expiry: date
    name: bytes = field(default=b"", repr=False)
    cvn: str = field(default="", repr=False)
    pvv: str = field(default="", repr=False)
    serial: int = 1
    sm_serial: int | None = None

    @property
    def expiry_mmyy(self) -> bytes:
        """As in certificates."""
        return packed(f"{self.expiry:%m%y}")


_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> str:
    """The check digit of ISO/IEC 7812-1, annex B, for the digits before it."""
    total = sum(map(int, digits[-2::-2])) + sum([_DOUBLED[int(digit)] for digit in digits[::-2]])
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
    """The values that profile entries name as ``source``. What is empty leaves its tag out of the record."""
    discretionary = application.discretionary.replace("{cvn}", data.cvn).replace("{pvv}", data.pvv)
    track2 = f"{data.pan}D{data.expiry:%y%m}{application.service_code}{discretionary}"
    if len(track2) > 37:
        raise _refused("57", "L06", f"track 2 has {len(track2)} characters, at most 37", "磁道 2 超过 37 个字符")
    short, long = holder_name(application, data.name)
    return {
        "pan": packed(data.pan),
        "track2": packed(track2),
        "track1": discretionary.encode(),
        "expiry": packed(f"{data.expiry:%y%m%d}"),
        "effective": packed(f"{data.effective:%y%m%d}"),
        "psn": packed(application.psn),
        "service_code": packed(f"0{application.service_code}"),
        "name": short,
        "long_name": long,
    }


def holder_name(application: FinancialApplication, name: bytes) -> tuple[bytes, bytes]:
    """The values of 5F20 and 9F0B: one of them holds the name, the other is empty (rule L08)."""
    if application.holder_name == "off chip":
        return NAME_OFF_CHIP, b""
    if not 2 <= len(name) <= LONG_NAME:
        raise _refused(
            "5F20", "L08", f"the holder's name has {len(name)} bytes, 2 to 45", "持卡人姓名须为 2 至 45 字节"
        )
    if len(name) <= SHORT_NAME:
        return name, b""
    if not any(entry.source == "long_name" for record in application.records for entry in record.tags):
        raise _refused(
            "9F0B",
            "L08",
            f"the holder's name has {len(name)} bytes, over 26, and the profile has no tag 9F0B",
            f"持卡人姓名为 {len(name)} 字节，超过 26 字节，而应用配置没有标签 9F0B",
        )
    return b"", name


def check_numbers(application: FinancialApplication, data: FinancialData) -> None:
    """Raises InputRefused for a PAN or dates that no card may have (rules L05 and L07)."""
    pan = data.pan
    if not (pan.isascii() and pan.isdigit()) or len(pan) not in (16, 18, 19) or luhn(pan[:-1]) != pan[-1]:
        raise _refused("5A", "L05", "the account number fails its check digit or length", "账号位数或校验位错误")
    if not pan.startswith(application.iin):
        raise _refused("5A", "L05", f"the account number is not of IIN {application.iin}", "账号不属于该发卡行标识")
    if data.effective > data.expiry:
        raise _refused("5F25", "L07", "the card expires before it becomes valid", "失效日期早于生效日期")


def _refused(tag: str, rule: str, en: str, zh: str) -> InputRefused:
    return InputRefused(
        Text(f"Tag {tag}, rule {rule}: {en}.", f"标签 {tag}，规则 {rule}：{zh}。"),
        do=Text("Correct the request or the application profile.", "请修改申请或应用配置。"),
        code="CF-3134",
    )


def packed(digits: str) -> bytes:
    """Digits (and D) two a byte, an odd count padded with F."""
    return bytes.fromhex(digits + "F" * (len(digits) % 2))
