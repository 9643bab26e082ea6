"""Writing a record file, by whoever holds its key (LD/T 32 part 7, 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cardfab.apdu import commands
from cardfab.apdu.link import CardAnswered, Exchange, expect
from cardfab.apdu.status import StatusWord
from cardfab.errors import Text
from cardfab.prepare.items import Place
from cardfab.prepare.records import encode_btlv, tlv
from cardfab.profile.application import DedicatedFile, ElementaryFile, Item
from cardfab.terminal.card import PresentedCard, records_of
from cardfab.terminal.reason import RightMissing, TerminalRefused

_RECORD_NOT_FOUND = 0x6A83
Values = Sequence[tuple[Place, str]]


def update_items(card: PresentedCard, values: Mapping[str, str]) -> Exchange[tuple[str, ...]]:
    """Write items by address (``DF04/EF05/83``), inner ones of a B-TLV all together; gives the files written.

    Before the card is asked: a value that its item may not hold is refused with the item's name (CF-3321), an address
    that is none (CF-3320), a file without its key (:class:`RightMissing`). Empty values write padding.
    """
    files: dict[str, list[tuple[Place, str]]] = {}
    for address, value in values.items():
        card.book.check(address, value)
        place = card.book.place(address)
        if place.file.structure == "cyclic":
            raise TerminalRefused(
                Text(
                    f"{address} is in a cyclic file; entries are added to it.",
                    f"{address} 属于循环文件，只能追加记录。",
                ),
                do=Text("Leave this item out.", "请去掉该数据项。"),
                code="CF-3816",
            )
        files.setdefault(f"{place.directory.name}/{place.file.name}", []).append((place, value))
    for name, given in files.items():
        _refuse_without_key(card, given[0][0], name)
    return _update(card, files)


def add_entry(card: PresentedCard, file: str, values: Mapping[str, str]) -> Exchange[None]:
    """Add a record to a cyclic file (``DF02/EF07``), fields by key; it becomes the card's record 1.

    Refused as by :func:`update_items`; a file that only the card writes is refused too.
    """
    places = {key: card.book.place(f"{file}/{key}") for key in values}
    if not places:
        raise TerminalRefused(Text(f"{file}: no field was given.", f"{file}：未给出任何字段。"), code="CF-3816")
    place = next(iter(places.values()))
    record = b"".join(card.book.encode(f"{file}/{one.key}", values.get(one.key, "")) for one in place.file.fields)
    _refuse_without_key(card, place, file)
    return _add(card, place, record)


def _refuse_without_key(card: PresentedCard, place: Place, name: str) -> None:
    denied = card.obstacle(place.directory, place.file.write)
    if denied is not None:
        raise RightMissing(_not_written(name), denied)


def _not_written(name: str) -> Text:
    return Text(f"{name} was not written", f"未写入 {name}")


def _enter(card: PresentedCard, directory: DedicatedFile, file: ElementaryFile) -> Exchange[None]:
    yield from card.must_enter(directory.name)
    denied = yield from card.satisfy(file.write)
    if denied is not None:
        raise RightMissing(_not_written(f"{directory.name}/{file.name}"), denied)


def _add(card: PresentedCard, place: Place, record: bytes) -> Exchange[None]:
    yield from _enter(card, place.directory, place.file)
    command = commands.add_record(place.file.sfi[0], record, secret=True)
    expect((yield command), command)


def _update(card: PresentedCard, files: Mapping[str, Values]) -> Exchange[tuple[str, ...]]:
    for given in files.values():
        place, value = given[0]
        yield from _enter(card, place.directory, place.file)
        if place.file.structure == "transparent":
            data = card.book.encode(place.address, value)
            yield from commands.write_whole_binary(data, sfi=place.file.sfi[0], secret=True)
        else:
            yield from _write_records(card, place.directory, place.file, given)
    return tuple(files)


def _write_records(
    card: PresentedCard, directory: DedicatedFile, file: ElementaryFile, given: Values
) -> Exchange[None]:
    """Each record at its place. Where the card has fewer records, those before it are made first, as padding."""
    wanted = {place.number for place, _ in given}
    for number in sorted(wanted):
        item = file.items[number - 1]
        inner = {place.inner.key: value for place, value in given if place.number == number and place.inner}
        plain = next((value for place, value in given if place.number == number), "")
        data = _record(card, directory, file, item, inner, plain)
        if (yield from _written(file, number, data)):
            continue
        yield from _fill(card, directory, file, number, wanted)
        if not (yield from _written(file, number, data)):
            raise CardAnswered(f"UPDATE RECORD {number} of {file.name}", StatusWord(_RECORD_NOT_FOUND))


def _record(
    card: PresentedCard, directory: DedicatedFile, file: ElementaryFile, item: Item, inner: dict[str, str], plain: str
) -> bytes:
    if item.items:
        return tlv(item.tag, encode_btlv(item.items, inner))
    return tlv(item.tag, card.book.encode(f"{directory.name}/{file.name}/{item.key}", plain))


def _written(file: ElementaryFile, number: int, data: bytes) -> Exchange[bool]:
    command = commands.update_record(number, file.sfi[0], data, secret=True)
    return expect((yield command), command, _RECORD_NOT_FOUND).sw.ok


def _fill(
    card: PresentedCard, directory: DedicatedFile, file: ElementaryFile, number: int, wanted: set[int]
) -> Exchange[None]:
    """Make the records before ``number`` that are not there, as padding. What is there is told by reading only."""
    denied = yield from card.satisfy(file.read)
    if denied is not None:
        raise RightMissing(_not_written(f"{directory.name}/{file.name}"), denied)
    there = yield from records_of(file)
    for before in sorted(set(range(1, number)) - set(there) - wanted):
        yield from _written(file, before, _record(card, directory, file, file.items[before - 1], {}, ""))
