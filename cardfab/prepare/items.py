"""Any value of the card by its address: checked before a card is touched, written as bytes, read back, told in words.

An address is ``DF03/EF05/60``; inside a B-TLV ``DF01/EF15/40:2/57`` (the second record of tag 40); in a cyclic record
``DF02/EF07/occupation``, of the second one ``DF02/EF07:2/occupation``; of a transparent file ``SSSE/EF08``, in hex. On
a first-generation card ``DF03/EF05/61/EE`` is what the item holds when it was written again after 2.0 (appendix C).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cardfab.errors import InputRefused, Text
from cardfab.prepare import spoken
from cardfab.prepare.encoding import decode_item, encode_item, unreadable
from cardfab.prepare.values import faults
from cardfab.profile.access import FORBIDDEN
from cardfab.profile.application import (
    CyclicField,
    DedicatedFile,
    ElementaryFile,
    FileApplication,
    InnerItem,
    Item,
    Rewritten,
)
from cardfab.profile.codes import CodeTables

_ADDRESS = re.compile(
    r"([A-Z0-9]+)/([0-9A-F]{4})(?::([0-9]+))?(?:/([0-9A-F]{2}(?::[0-9]+)?|[a-z-]+))?(?:/([0-9A-F]{2}))?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address leads. ``number`` is the record's, 0 of a cyclic or transparent file; ``instance`` counts the
    cyclic records of an input, or the records as the card numbers them."""

    directory: DedicatedFile
    file: ElementaryFile
    number: int
    item: Item | None = None
    inner: InnerItem | Rewritten | None = None
    field: CyclicField | None = None
    instance: int = 1

    @property
    def valued(self) -> Item | InnerItem | Rewritten | CyclicField | None:
        """What holds the value; None of a transparent file."""
        return self.inner or self.field or self.item

    @property
    def address(self) -> str:
        """The canonical address: without ``:1``."""
        file = f"{self.directory.name}/{self.file.name}" + (f":{self.instance}" if self.instance > 1 else "")
        parts = [file, *(one.key for one in (self.item, self.field, self.inner) if one is not None)]
        return "/".join(parts)

    @property
    def name(self) -> Text:
        """What it is called, with its tag."""
        one = self.valued
        if one is None:
            return Text(f"{self.address} ({self.file.name_en})", f"{self.address}（{self.file.name_zh}）")
        outer = self.item if isinstance(self.inner, InnerItem) else None
        en = f"{outer.name_en}, {one.name_en}" if outer else one.name_en
        zh = f"{outer.name_zh}·{one.name_zh}" if outer else one.name_zh
        return Text(f"{self.address} ({en})", f"{self.address}（{zh}）")


@dataclass(frozen=True, slots=True)
class ItemBook:
    """The items of an application with the code tables that their values are judged and told by."""

    files: FileApplication
    codes: CodeTables

    def place(self, address: str) -> Place:
        """Where an address leads. Raises InputRefused (CF-3320) when the application has no such place for a value."""
        try:
            return self._place(address)
        except (KeyError, ValueError):
            raise InputRefused(
                Text(
                    f"{address!r} is the address of no item of {self.files.name}.",
                    f"{self.files.name} 中没有地址 {address!r}。",
                ),
                do=Text("Write it as DF03/EF05/60.", "请按 DF03/EF05/60 的格式填写。"),
                code="CF-3320",
            ) from None

    def _place(self, address: str) -> Place:
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise ValueError
        df, ef, number, name, tag = found.groups()
        directory = self.files.directory(df)
        file = directory.file(ef)
        if file.structure == "cyclic":
            field = {one.key: one for one in file.fields}[name]
            instance = int(number or 1)
            if tag is not None or not 1 <= instance <= (file.records or 0):
                raise ValueError
            return Place(directory, file, 0, field=field, instance=instance)
        if number is not None:
            raise ValueError
        if file.structure == "transparent":
            if name is not None:
                raise ValueError
            return Place(directory, file, 0)
        key = (name or "").removesuffix(":1")
        at, item = {one.key: (at, one) for at, one in enumerate(file.items, 1)}[key]
        if item.rewritten is not None and tag == item.rewritten.key:
            return Place(directory, file, at, item, item.rewritten)
        if bool(item.items) != (tag is not None):
            raise ValueError
        return Place(directory, file, at, item, {one.key: one for one in item.items}[tag] if tag else None)

    def addresses(self) -> Iterator[Place]:
        """Every place that holds a value, in the order of the profile; of a cyclic file its newest record."""
        for directory in self.files.directories:
            for file in directory.files:
                if file.structure == "transparent":
                    yield Place(directory, file, 0)
                for field in file.fields:
                    yield Place(directory, file, 0, field=field)
                for number, item in enumerate(file.items, 1):
                    yield from (Place(directory, file, number, item, inner) for inner in item.items or (None,))
                    if item.rewritten is not None:
                        yield Place(directory, file, number, item, item.rewritten)

    def name(self, address: str) -> Text:
        """What an address is called."""
        return self.place(address).name

    def check(self, address: str, value: str) -> None:
        """Raises InputRefused with the name of the item when ``value`` may not be written there (CF-3321)."""
        self.encode(address, value)

    def check_input(self, address: str, value: str) -> None:
        """As :meth:`check`, for a value that a request or a product gives: it must be one that the station writes.

        Raises InputRefused (CF-3322) for an item with a source of its own, and for a file that nobody writes.
        """
        self.check(address, value)
        place = self.place(address)
        source = place.item.source if place.item else place.file.source
        if place.file.write == FORBIDDEN or (place.item and place.item.written_by != "personalisation"):
            why = Text("it is not written by a station", "不由制卡点写入")
        elif source:
            why = Text(f"it is made from {source}", f"由 {source} 生成")
        elif place.file.category == "reserved":
            why = Text("its file is reserved and not on the card", "所在文件为预留文件，卡内未建立")
        else:
            return
        raise InputRefused(
            Text(f"{place.name.en} takes no value by address: {why.en}.", f"{place.name.zh}不能按地址赋值：{why.zh}。"),
            do=Text("Remove it.", "请删除。"),
            code="CF-3322",
        )

    def encode(self, address: str, value: str) -> bytes:
        """The bytes of a value in its place; empty is padding. Raises as :meth:`check`."""
        place = self.place(address)
        one = place.valued
        if one is None:
            return _content(place, value)
        for fault in faults(one, value, self.codes) if value else ():
            raise _refused(place, fault)
        try:
            return encode_item(one, value)
        except InputRefused as wrong:
            raise InputRefused(
                Text(f"{place.name.en}: {wrong.what.en}", f"{place.name.zh}：{wrong.what.zh}"),
                do=wrong.do,
                code="CF-3321",
            ) from None

    def decode(self, address: str, raw: bytes) -> str:
        """The value that the bytes of a place hold. Raises InputRefused (CF-3312) when they are none."""
        one = self.place(address).valued
        return raw.hex().upper() if one is None else decode_item(one, raw)

    def describe(self, address: str, value: str) -> Text:
        """A value in words; one that is in no list stays as it is, since a card may hold anything."""
        one = self.place(address).valued
        return Text(value, value) if one is None else spoken.describe(one, value, self.codes)

    def decode_file(self, file: str, records: Mapping[int, bytes]) -> dict[str, str]:
        """The values of a file ``DF03/EF05`` by address, from its records as the card answers them, by their number.

        Linear records are T L V; cyclic ones have no tag, record 1 is the newest; the content of a transparent file is
        record 1. Raises InputRefused (CF-3312) when a record is not what its item says.
        """
        directory_name, _, name = file.partition("/")
        try:
            directory = self.files.directory(directory_name)
            where = directory.file(name)
        except KeyError:
            raise InputRefused(
                Text(f"{self.files.name} has no file {file!r}.", f"{self.files.name} 中没有文件 {file!r}。"),
                code="CF-3320",
            ) from None
        return {
            place.address: value
            for number, raw in sorted(records.items())
            for place, value in _record(directory, where, number, raw)
        }


def _record(directory: DedicatedFile, file: ElementaryFile, number: int, raw: bytes) -> Iterator[tuple[Place, str]]:
    if file.structure == "transparent":
        yield Place(directory, file, 0), raw.hex().upper()
        return
    if file.structure == "cyclic":
        if len(raw) != file.record_length:
            raise unreadable(file.fields[0])
        at = 0
        for field in file.fields:
            yield (
                Place(directory, file, 0, field=field, instance=number),
                decode_item(field, raw[at : at + field.length]),
            )
            at += field.length
        return
    if not 1 <= number <= len(file.items):
        return
    item = file.items[number - 1]
    content = _unwrapped(item, item, raw)
    if item.rewritten is not None and content[-1:] == b"\xee":
        new = item.rewritten
        yield Place(directory, file, number, item, new), decode_item(new, content[: new.length])
        return
    if not item.items:
        yield Place(directory, file, number, item), decode_item(item, content)
        return
    for inner in item.items:
        head, content = content[: 2 + inner.length], content[2 + inner.length :]
        yield Place(directory, file, number, item, inner), decode_item(inner, _unwrapped(inner, item, head))


def _unwrapped(one: Item | InnerItem, item: Item, raw: bytes) -> bytes:
    """V of one T L V, exactly."""
    if raw[:2] != one.tag + bytes([one.length]) or len(raw) != 2 + one.length:
        raise unreadable(item)
    return raw[2:]


def _content(place: Place, value: str) -> bytes:
    size = place.file.size or 0
    if not re.fullmatch(r"([0-9A-Fa-f]{2})*", value) or len(value) > 2 * size:
        raise _refused(
            place, Text(f"it must be hex digits of at most {size} bytes", f"须为不超过 {size} 字节的十六进制数")
        )
    return bytes.fromhex(value).ljust(size, b"\0")


def _refused(place: Place, why: Text) -> InputRefused:
    return InputRefused(
        Text(f"The value of {place.name.en} is refused: {why.en}.", f"{place.name.zh}的值被拒绝：{why.zh}。"),
        do=Text("Correct the value.", "请更正该值。"),
        code="CF-3321",
    )


__all__ = ["ItemBook", "Place"]
