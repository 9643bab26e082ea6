"""Identity and insurance records: what each item of the card's files holds for one holder.

Record format and padding: 人社信息函[2012]37号 section 7. cn: two digits a byte, left aligned, F nibbles after; an:
text, left aligned, 00 after; b: bytes, written as hex digits, of exactly the length of the item.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cardfab.errors import InputRefused, Text
from cardfab.prepare.gb18030 import encode, split_name
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.application import FileApplication, Item


@dataclass(frozen=True, slots=True)
class IssueData:
    """What the issuing of a card adds to its request."""

    card_number: str
    issue_date: date
    expiry_date: date
    initialiser: str
    """初始化机构编号, 24 digits."""
    version: str
    """规范版本, as ``2.0``."""


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """One record to be written: V in ``value``, the whole record in ``tlv``. ``repr`` does not show the value."""

    df: str
    fid: bytes
    record_number: int
    tag: bytes
    value: bytes = field(repr=False)
    name_en: str
    name_zh: str
    source: str | None

    @property
    def tlv(self) -> bytes:
        """T(1) L(1) V."""
        return self.tag + bytes([len(self.value)]) + self.value


def initialiser_number(issuing_region: str, own_region: str, sequence: int) -> str:
    """Item 04 (8.1.1.4): 9156000002, region that issues, region of the initialising institution, two digits.

    Raises ValueError when a region is not six digits or the sequence not 0 to 99.
    """
    if not all(re.fullmatch(r"[0-9]{6}", region) for region in (issuing_region, own_region)) or not 0 <= sequence <= 99:
        raise ValueError("an initialising institution number takes two regions of six digits and a sequence to 99")
    return f"9156000002{issuing_region}{own_region}{sequence:02d}"


def expiry_date(issue_date: date, years: int) -> date:
    """The same day ``years`` later; 29 February becomes the 28th where the year has none."""
    year = issue_date.year + years
    try:
        return issue_date.replace(year=year)
    except ValueError:
        return issue_date.replace(year=year, day=28)


def holder_values(request: IssuanceRequest, issue: IssueData) -> dict[str, str]:
    """The values of the card by the source names that an application profile uses; empty when there is none."""
    name, extension = split_name(request.name)
    return {
        "social_security_number": request.social_security_number,
        "name": name,
        "name_extension": extension,
        "sex": request.sex,
        "ethnicity": request.ethnicity,
        "birthplace": request.birthplace,
        "birth_date": f"{request.birth_date:%Y%m%d}",
        "region": request.region,
        "household_type": request.household_type,
        "household_address": request.household_address,
        "phone": request.phone,
        "employer": request.employer,
        "marital_status": request.marital_status,
        "employment_status": request.employment_status,
        "identity_category": request.identity_category,
        "card_class": request.card_class,
        "card_number": issue.card_number,
        "issue_date": f"{issue.issue_date:%Y%m%d}",
        "expiry_date": f"{issue.expiry_date:%Y%m%d}",
        "initialiser": issue.initialiser,
        "version": issue.version,
    }


def encode_item(item: Item, value: str) -> bytes:
    """V of the item, ``item.length`` bytes. An empty value gives padding only, for b items 00.

    Raises InputRefused (CF-3311) when the value does not fit or could not be read back as it is.
    """
    if item.type == "cn":
        # Item 01 holds hex digits (D156000005), so A to F are digits too; a closing F would read as padding.
        if not re.fullmatch(r"([0-9A-F]*[0-9A-E])?", value):
            raise _unfit(item, "it must be digits", "须为数字")
        if len(value) > 2 * item.length:
            raise _unfit(item, f"it has {len(value)} digits, the item {2 * item.length}", f"超过 {2 * item.length} 位")
        return bytes.fromhex(value.ljust(2 * item.length, "F"))
    if item.type == "b":
        if not re.fullmatch(r"([0-9A-F]{2})*", value) or len(value) not in (0, 2 * item.length):
            raise _unfit(item, f"it must be {item.length} bytes in hex", f"须为 {item.length} 字节的十六进制数")
        return bytes.fromhex(value).ljust(item.length, b"\0")
    if "\0" in value:
        raise _unfit(item, "it holds a NUL character", "含有空字符")
    try:
        raw = encode(value)
    except UnicodeEncodeError:
        raise _unfit(item, "it cannot be written in GB 18030", "无法用 GB 18030 编码") from None
    if len(raw) > item.length:
        raise _unfit(item, f"it takes {len(raw)} bytes, the item holds {item.length}", f"超过 {item.length} 字节")
    return raw.ljust(item.length, b"\0")


def decode_item(item: Item, raw: bytes) -> str:
    """The value that V holds: the inverse of :func:`encode_item`.

    Raises InputRefused (CF-3312) when the bytes are no value of the item.
    """
    try:
        if len(raw) != item.length:
            raise ValueError
        if item.type == "cn":
            return raw.hex().upper().rstrip("F")
        if item.type == "b":
            return raw.hex().upper() if any(raw) else ""
        value = raw.rstrip(b"\0").decode("gb18030", "strict")
        if encode(value).ljust(item.length, b"\0") != raw or "\0" in value:
            raise ValueError
    except ValueError:
        raise InputRefused(
            Text(
                f"What the card holds in item {_title(item).en} cannot be read as {item.type} of {item.length} bytes.",
                f"卡内数据项{_title(item).zh}的内容不符合 {item.type}、{item.length} 字节的格式。",
            ),
            do=Text("Read the card again; if it stays so, the card is faulty.", "请重新读卡；若仍如此，则卡片有误。"),
            code="CF-3312",
        ) from None
    return value


def build_records(application: FileApplication, values: Mapping[str, str]) -> tuple[PreparedRecord, ...]:
    """Every record the station writes, in the order of the profile. Records the blank already holds are left out.

    Raises InputRefused: CF-3310 when an item has no value and may not be blank, CF-3311 when a value does not fit.
    """
    return tuple(
        PreparedRecord(
            df=directory.name,
            fid=file.fid,
            record_number=number,
            tag=item.tag,
            value=encode_item(item, _value(item, values)),
            name_en=item.name_en,
            name_zh=item.name_zh,
            source=item.source,
        )
        for directory in application.directories
        for file in directory.files
        for number, item in enumerate(file.items, start=1)
        if item.written_by == "personalisation"
    )


def _value(item: Item, values: Mapping[str, str]) -> str:
    if item.source is not None and item.source not in values:
        raise InputRefused(
            Text(
                f"Item {_title(item).en} asks for {item.source!r}, which no prepared card has.",
                f"数据项{_title(item).zh}要求的值 {item.source!r} 不存在。",
            ),
            do=Text("Correct the source in the application profile.", "请更正应用配置中的 source。"),
            code="CF-3310",
        )
    value = values[item.source] if item.source is not None else ""
    if not value and item.blank == "refuse":
        raise InputRefused(
            Text(f"Item {_title(item).en} has no value.", f"数据项{_title(item).zh}没有值。"),
            do=Text("Complete the request.", "请补全申请。"),
            code="CF-3310",
        )
    return value


def _title(item: Item) -> Text:
    tag = item.tag.hex().upper()
    return Text(f"{tag} ({item.name_en})", f" {tag}（{item.name_zh}）")


def _unfit(item: Item, en: str, zh: str) -> InputRefused:
    return InputRefused(
        Text(
            f"The value of item {_title(item).en} does not fit the card: {en}.",
            f"数据项{_title(item).zh}的值不能写入卡片：{zh}。",
        ),
        do=Text("Correct the request.", "请更正申请。"),
        code="CF-3311",
    )
