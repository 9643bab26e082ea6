"""What the rules for enlarging a card forbid a region (人社信息函[2012]37号, section 6), found before any card is made.

Identifiers and tags of the specification may be neither changed nor taken for something else. New DFs begin at DF0A,
new EFs at EF0C. Files of SSSE take no more items; cyclic files take more records but no more fields; others take more
items.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardfab.errors import CardfabError
from cardfab.profile.access import rights
from cardfab.profile.application import DedicatedFile, ElementaryFile, FileApplication, Item, Valued
from cardfab.profile.codes import CODED_FIELDS, CodeTables
from cardfab.profile.loader import Finding, ProfileSource, found_at, load

NATIONAL = {"1": "ssc-v1", "2": "ssc-v2", "3": "ssc-v3"}
"""The packaged application of each generation, by the first digit of its version."""
_APPENDIX = "ssc-v2-appendix-b"
_FIRST_DF, _FIRST_EF = 0xDF0A, 0xEF0C
_LONGEST_RECORD = 0xFF
"""Bytes of T L V that one UPDATE RECORD carries."""
_UNEMPLOYED = b"\x60"
_UNEMPLOYED_FILES = (("DF02", "EF06"), ("DF03", "EF05"))

_Keys = tuple[str, ...]
_Fault = tuple[_Keys, str]


def lint_files(source: ProfileSource, name: str, packaged: ProfileSource) -> Iterator[Finding]:
    """Everything the rules forbid in ``applications/<name>``, which loads; ``packaged`` has the national ones."""
    files = load(source, "applications", name, FileApplication)
    codes = _code_lists(source)
    for place, why in (*_own(files, codes), *_against_the_rest(files, packaged)):
        yield found_at(source, "applications", name, place, why)


def _code_lists(source: ProfileSource) -> frozenset[str]:
    """The names of every code list that some code tables have; tables that do not load have findings of their own."""
    known = set(CODED_FIELDS)
    for name in source.names("codes"):
        try:
            known.update(load(source, "codes", name, CodeTables).lists)
        except CardfabError:
            continue
    return frozenset(known)


# -- an application by itself ------------------------------------------------------------------------------------------


def _own(files: FileApplication, codes: frozenset[str]) -> Iterator[_Fault]:
    for directory in files.directories:
        at = ("directories", directory.name)
        yield from _twice(at, "sfi", [(file.name, file.sfi) for file in directory.files])
        for file in directory.files:
            yield from _file(directory, file, codes)
        yield from _purse(directory)
    yield from _twice((), "aid", [(one.name, one.aid) for one in files.directories], table="directories")
    yield from _unemployed(files)


def _twice(at: _Keys, what: str, named: Sequence[tuple[str, bytes]], *, table: str = "files") -> Iterator[_Fault]:
    seen: dict[bytes, str] = {}
    for name, value in named:
        if value in seen:
            yield (*at, table, name, what), f"{what} {value.hex().upper()} is that of {seen[value]} already"
        seen.setdefault(value, name)


def _file(directory: DedicatedFile, file: ElementaryFile, codes: frozenset[str]) -> Iterator[_Fault]:
    at = ("directories", directory.name, "files", file.name)
    if both := sorted((rights(file.read) & rights(file.write)) - {"PIN"}):
        yield at, f"{', '.join(both)} opens {file.name} for reading and for writing; the keys must differ"
    if not 1 <= file.sfi[0] <= 0x1E:
        yield (*at, "sfi"), "a short file identifier is 01 to 1E"
    if file.record_length > _LONGEST_RECORD:
        yield at, f"its records take {file.record_length} bytes; a command carries {_LONGEST_RECORD}"
    if file.records is not None and file.at_least is not None and file.records < file.at_least:
        yield (*at, "records"), f"{file.name} keeps {file.records} records, the specification asks for {file.at_least}"
    for one, place in _values(file):
        names = {name for name in (one.codes, *(part.codes for part in one.parts)) if name}
        for name in sorted(names - codes):
            yield (*at, *place, "codes"), f"there is no code list {name}"
        if one.pattern is not None and not _compiles(one.pattern):
            yield (*at, *place, "pattern"), f"{one.pattern} is no regular expression"


def _values(file: ElementaryFile) -> Iterator[tuple[Valued, _Keys]]:
    for field in file.fields:
        yield field, ("fields", field.key)
    for item in file.items:
        yield item, ("items", item.key)
        for inner in item.items:
            yield inner, ("items", item.key, "items", inner.key)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _purse(directory: DedicatedFile) -> Iterator[_Fault]:
    purse = directory.purse
    if purse is None:
        return
    log = directory.file(purse.log)
    if (log.records or 0) < purse.log_limit:
        yield (
            ("directories", directory.name, "files", log.name, "records"),
            f"{log.name} keeps {log.records} transactions; log_limit counts to {purse.log_limit}",
        )


def _unemployed(files: FileApplication) -> Iterator[_Fault]:
    """Note under table 9: tag 60 stands in exactly one of the two files."""
    places = [
        (directory.name, file.name)
        for directory in files.directories
        for file in directory.files
        if (directory.name, file.name) in _UNEMPLOYED_FILES and any(item.tag == _UNEMPLOYED for item in file.items)
    ]
    there = {directory.name for directory in files.directories}
    if len(places) != 1 and there >= {df for df, _ in _UNEMPLOYED_FILES}:
        where = "both" if places else "neither"
        df, ef = _UNEMPLOYED_FILES[-1]
        place = ("directories", df, "files", ef, "items", "60")
        yield place, f"tag 60 is in {where} of DF02/EF06 and DF03/EF05; it must be in exactly one"


# -- an application against the specification --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Specified:
    """What the specification has taken: its own files, and every identifier and tag of any of its generations."""

    files: FileApplication
    directories: frozenset[str]
    places: frozenset[tuple[str, str]]
    tags: dict[bytes, str]

    def file(self, directory: str, file: str) -> ElementaryFile | None:
        try:
            return self.files.file(directory, file)
        except KeyError:
            return None


def _specified(files: FileApplication, packaged: ProfileSource) -> _Specified:
    names = {NATIONAL.get(files.version[0], NATIONAL["2"]), NATIONAL["2"], _APPENDIX}
    loaded = {name: load(packaged, "applications", name, FileApplication) for name in sorted(names)}
    every = [(one, file) for each in loaded.values() for one in each.directories for file in one.files]
    return _Specified(
        files=loaded[NATIONAL.get(files.version[0], NATIONAL["2"])],
        directories=frozenset(directory.name for directory, _ in every),
        places=frozenset((directory.name, file.name) for directory, file in every),
        tags={tag: f"{directory.name}/{file.name}" for directory, file in every for tag in _tags(file)},
    )


def _tags(file: ElementaryFile) -> Iterator[bytes]:
    for item in file.items:
        yield item.tag
        yield from (inner.tag for inner in item.items)


def _against_the_rest(files: FileApplication, packaged: ProfileSource) -> Iterator[_Fault]:
    if files.name in (*NATIONAL.values(), _APPENDIX):
        return
    known = _specified(files, packaged)
    new_tags: Counter[bytes] = Counter()
    for directory in files.directories:
        yield from _directory(directory, known)
        for file in directory.files:
            yield from _changes(directory, file, known, new_tags)


def _directory(directory: DedicatedFile, known: _Specified) -> Iterator[_Fault]:
    at = ("directories", directory.name)
    fid = int.from_bytes(directory.fid or b"", "big")
    if directory.name in known.directories:
        for other in known.files.directories:
            if other.name == directory.name and (other.aid, other.fid) != (directory.aid, directory.fid):
                yield at, f"{directory.name} has another identifier than the specification gives it"
    elif not _FIRST_DF <= fid <= 0xDFFF or directory.name != f"{fid:04X}":
        yield at, f"{directory.name} is new: new directories are DF0A and after, named by their identifier"
    for file in directory.files:
        if (directory.name, file.name) not in known.places and int(file.name, 16) < _FIRST_EF:
            yield (*at, "files", file.name), f"{directory.name}/{file.name} is new: new files are EF0C and after"


def _changes(
    directory: DedicatedFile, file: ElementaryFile, known: _Specified, new_tags: Counter[bytes]
) -> Iterator[_Fault]:
    at = ("directories", directory.name, "files", file.name)
    base = known.file(directory.name, file.name)
    if base is not None:
        if (base.structure, base.sfi) != (file.structure, file.sfi):
            yield at, f"{directory.name}/{file.name} has another structure or SFI than the specification gives it"
            return
        yield from _cyclic(at, file, base)
    mine = {item.key: item for item in (base.items if base else ())}
    for item in file.items:
        place = (*at, "items", item.key)
        if item.key in mine:
            if _form(item) != _form(mine[item.key]):
                yield place, f"item {item.key} has another form than the specification gives it"
        elif directory.name == "SSSE" and base is not None:
            yield place, f"item {item.key} is new: files of SSSE take no more items"
        elif item.tag == _UNEMPLOYED and (directory.name, file.name) in _UNEMPLOYED_FILES:
            continue
        else:
            yield from _new_tags(place, item, known, new_tags)


def _cyclic(at: _Keys, file: ElementaryFile, base: ElementaryFile) -> Iterator[_Fault]:
    least = base.at_least or 0
    if [field.key for field in file.fields] != [field.key for field in base.fields]:
        yield (*at, "fields"), f"{file.name} is cyclic: it may keep more records, but its records take no other fields"
    elif file.record_length != base.record_length:
        yield (*at, "fields"), f"{file.name} has records of another length than the specification gives it"
    if (file.records or 0) < least and file.at_least != least:
        yield (*at, "records"), f"{file.name} keeps {file.records} records, the specification asks for {least}"


def _form(item: Item) -> object:
    return item.type, item.length, [(inner.tag, inner.type, inner.length) for inner in item.items]


def _new_tags(place: _Keys, item: Item, known: _Specified, new_tags: Counter[bytes]) -> Iterator[_Fault]:
    for tag in (item.tag, *(inner.tag for inner in item.items)) if item.occurrence == 1 else ():
        if tag in known.tags:
            yield place, f"tag {tag.hex().upper()} is that of an item in {known.tags[tag]} already"
        elif new_tags[tag]:
            yield place, f"tag {tag.hex().upper()} is used twice"
        new_tags[tag] += 1


__all__ = ["NATIONAL", "lint_files"]
