"""Identity and insurance records: what each item of the card's files holds for one holder.

Record format: 人社信息函[2012]37号 section 7. Values come by the ``source`` of an item, or by its address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from cardfab.errors import InputRefused, Text
from cardfab.prepare.encoding import decode_item, encode_item, title
from cardfab.prepare.gb18030 import split_name
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.application import DedicatedFile, ElementaryFile, FileApplication, InnerItem, Item


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
    """One record to be written: V in ``value``, the whole record in ``tlv``. ``repr`` does not show the value.

    A cyclic record has no tag and the number 0: it is added, and so becomes the card's record 1.
    """

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
        """T(1) L(1) V; of a cyclic record V alone."""
        return tlv(self.tag, self.value) if self.tag else self.value


@dataclass(frozen=True, slots=True)
class PreparedBinary:
    """The whole content of a transparent file, from offset 0; ``data`` has the size of the file."""

    df: str
    fid: bytes
    data: bytes = field(repr=False)
    name_en: str
    name_zh: str
    source: str | None


def tlv(tag: bytes, value: bytes) -> bytes:
    """T(1) L(1) V."""
    return tag + bytes([len(value)]) + value


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


def build_records(
    application: FileApplication, values: Mapping[str, str], items: Mapping[str, str] | None = None
) -> tuple[PreparedRecord, ...]:
    """Every record the station writes, in the order of the profile. Records the blank already holds are left out.

    ``values`` are by source name, ``items`` by address; of a cyclic file the records 1, 2, ... are written in this
    order. A file is written whole where an item has a source or an address a value; one that nobody fills is left.
    Raises InputRefused: CF-3310 when an item has no value and may not be blank, CF-3311 when a value does not fit.
    """
    given = items or {}
    addressed = [address.split(":")[0] for address, value in given.items() if value]
    return tuple(
        record
        for one in _layout_of(application)
        if one.sourced or any(address.startswith(one.place) for address in addressed)
        for record in _records(one, values, given)
    )


@dataclass(frozen=True, slots=True)
class _Written:
    """An item that is written, with what of its record is the same on every card.

    ``plain``: it has one value, by its address or source. ``padding`` is its whole record where it may be without one.
    """

    item: Item
    address: str
    number: int
    name_en: str
    name_zh: str
    plain: bool
    padding: PreparedRecord | None

    @classmethod
    def of(cls, directory: DedicatedFile, file: ElementaryFile, number: int, item: Item) -> _Written:
        plain = item.type != "btlv" and item.rewritten is None
        address = f"{directory.name}/{file.name}/{item.key}"
        one = cls(item, address, number, item.name_en, item.name_zh, plain, None)
        if not plain or item.blank == "refuse":
            return one
        return replace(one, padding=one.record(directory, file, encode_item(item, "")))

    def record(self, directory: DedicatedFile, file: ElementaryFile, value: bytes) -> PreparedRecord:
        """With that value."""
        return PreparedRecord(
            directory.name, file.fid, self.number, self.item.tag, value, self.name_en, self.name_zh, self.item.source
        )

    def filled(
        self, directory: DedicatedFile, file: ElementaryFile, values: Mapping[str, str], items: Mapping[str, str]
    ) -> PreparedRecord:
        """With the card's value; raises InputRefused."""
        if not self.plain:
            return self.record(directory, file, _content(self.item, self.address, values, items))
        value = items.get(self.address, "") or _value(self.item, values)
        if not value and self.padding is not None:
            return self.padding
        return self.record(directory, file, encode_item(self.item, value))


@dataclass(frozen=True, slots=True)
class _File:
    """A linear or cyclic file; ``sourced``: values of the card by source name are in it."""

    directory: DedicatedFile
    file: ElementaryFile
    place: str
    sourced: bool
    written: tuple[_Written, ...]

    @classmethod
    def of(cls, directory: DedicatedFile, file: ElementaryFile) -> _File:
        place = f"{directory.name}/{file.name}"
        written = tuple(
            _Written.of(directory, file, number, item)
            for number, item in enumerate(file.items, start=1)
            if item.written_by == "personalisation"
        )
        return cls(directory, file, place, any(item.source for item in file.items), written)


_KEPT: dict[int, tuple[FileApplication, tuple[_File, ...]]] = {}
_MOST_KEPT = 32


def _layout_of(application: FileApplication) -> tuple[_File, ...]:
    """The files of an application, read once as long as it is the same object."""
    kept = _KEPT.get(id(application))
    if kept is None or kept[0] is not application:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        files = ((one, file) for one in application.directories for file in one.files)
        found = tuple(_File.of(one, file) for one, file in files if file.structure != "transparent")
        kept = _KEPT[id(application)] = application, found
    return kept[1]


def build_file(
    directory: DedicatedFile, file: ElementaryFile, values: Mapping[str, str], items: Mapping[str, str]
) -> tuple[PreparedRecord, ...]:
    """Every record of one linear or cyclic file; raises as :func:`build_records`."""
    return _records(_File.of(directory, file), values, items)


def _records(one: _File, values: Mapping[str, str], items: Mapping[str, str]) -> tuple[PreparedRecord, ...]:
    directory, file = one.directory, one.file
    if file.structure == "cyclic":
        return tuple(_cyclic(directory, file, one.place, items))
    return tuple([written.filled(directory, file, values, items) for written in one.written])


def _content(item: Item, address: str, values: Mapping[str, str], items: Mapping[str, str]) -> bytes:
    if item.rewritten is not None and (value := items.get(f"{address}/{item.rewritten.key}", "")):
        return encode_item(item.rewritten, value).ljust(item.length, b"\xee")  # appendix C
    if item.type != "btlv":
        value = items.get(address, "")
        return encode_item(item, value or _value(item, values))
    inner = {one.key: items.get(f"{address}/{one.key}", "") for one in item.items}
    if item.blank == "refuse" and not any(inner.values()):
        raise _no_value(item)
    return encode_btlv(item.items, inner)


def encode_btlv(inner: tuple[InnerItem, ...], values: Mapping[str, str]) -> bytes:
    """The inner T L V, one after the other; one without a value is padding."""
    return b"".join(tlv(one.tag, encode_item(one, values.get(one.key, ""))) for one in inner)


def _cyclic(
    directory: DedicatedFile, file: ElementaryFile, place: str, items: Mapping[str, str]
) -> Iterator[PreparedRecord]:
    for instance in range(1, (file.records or 0) + 1):
        start = place if instance == 1 else f"{place}:{instance}"
        given = {one.key: items.get(f"{start}/{one.key}", "") for one in file.fields}
        if any(given.values()):
            yield PreparedRecord(
                df=directory.name,
                fid=file.fid,
                record_number=0,
                tag=b"",
                value=b"".join(encode_item(one, given[one.key]) for one in file.fields),
                name_en=file.name_en,
                name_zh=file.name_zh,
                source=None,
            )


def build_binaries(
    application: FileApplication, contents: Mapping[str, bytes], items: Mapping[str, str] | None = None
) -> tuple[PreparedBinary, ...]:
    """The transparent files that have content: by address in hex, or by source name in ``contents``; 00 after it.

    Raises InputRefused (CF-3311) when the content is longer than its file.
    """
    given = items or {}
    return tuple(
        _binary(directory, file, bytes.fromhex(value) if value else contents[file.source or ""])
        for directory in application.directories
        for file in directory.files
        if file.structure == "transparent"
        for value in [given.get(f"{directory.name}/{file.name}", "")]
        if value or file.source in contents
    )


def _binary(directory: DedicatedFile, file: ElementaryFile, data: bytes) -> PreparedBinary:
    size = file.size or 0
    if len(data) > size:
        raise InputRefused(
            Text(
                f"{directory.name}/{file.name} ({file.name_en}) holds {size} bytes, the content has {len(data)}.",
                f"{directory.name}/{file.name}（{file.name_zh}）容量为 {size} 字节，内容有 {len(data)} 字节。",
            ),
            do=Text("Give less, or leave the file out of the product.", "请缩小内容，或在产品配置中不写该文件。"),
            code="CF-3311",
        )
    data = data.ljust(size, b"\0")
    return PreparedBinary(directory.name, file.fid, data, file.name_en, file.name_zh, file.source)


def _value(item: Item, values: Mapping[str, str]) -> str:
    if item.source is not None and item.source not in values:
        raise InputRefused(
            Text(
                f"Item {title(item).en} asks for {item.source!r}, which no prepared card has.",
                f"数据项{title(item).zh}要求的值 {item.source!r} 不存在。",
            ),
            do=Text("Correct the source in the application profile.", "请更正应用配置中的 source。"),
            code="CF-3310",
        )
    value = values[item.source] if item.source is not None else ""
    if not value and item.blank == "refuse":
        raise _no_value(item)
    return value


def _no_value(item: Item) -> InputRefused:
    return InputRefused(
        Text(f"Item {title(item).en} has no value.", f"数据项{title(item).zh}没有值。"),
        do=Text("Complete the request.", "请补全申请。"),
        code="CF-3310",
    )


__all__ = [
    "IssueData",
    "PreparedBinary",
    "PreparedRecord",
    "build_binaries",
    "build_file",
    "build_records",
    "decode_item",
    "encode_btlv",
    "encode_item",
    "expiry_date",
    "holder_values",
    "initialiser_number",
    "tlv",
]
