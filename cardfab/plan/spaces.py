"""What directories and files take on a chip, in bytes, by the figures of a dialect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardfab.apdu.dialect import CosDialect
from cardfab.prepare.gb18030 import encode
from cardfab.profile.application import CardKey, DedicatedFile, ElementaryFile, FileApplication

_LABEL = 16
"""Bytes of an application label (ISO 7816-4, 8.2.1.4)."""


def on_card(directory: DedicatedFile) -> tuple[ElementaryFile, ...]:
    """The files that are made: those kept in reserve (预留) are not."""
    return tuple(file for file in directory.files if file.category != "reserved")


def key_groups(directory: DedicatedFile) -> Iterator[tuple[str, CardKey, int]]:
    """Every key that is loaded, group by group, in the order of loading."""
    for name, key in directory.keys.items():
        for version in range(1, key.versions + 1):
            yield name, key, version


def label_of(directory: DedicatedFile) -> bytes:
    """The application label of a directory, tag 50, as many whole characters as fit."""
    label = b""
    for character in map(encode, directory.name_zh):
        if len(label) + len(character) > _LABEL:
            break
        label += character
    return label


@dataclass(frozen=True, slots=True)
class Spaces:
    """The sizes of one file application in one dialect."""

    files: FileApplication
    dialect: CosDialect

    def inside(self, directory: DedicatedFile) -> list[DedicatedFile]:
        """The directories that lie in this one."""
        return [one for one in self.files.directories if one.inside == directory.name]

    def file(self, file: ElementaryFile) -> int:
        """One file: its bytes, or its records with what each takes beside."""
        space = self.dialect.space
        if file.size is not None:
            return file.size
        if file.records is not None:
            return (file.record_length + space.per_record) * file.records
        lengths = [2 + item.length for item in file.items]  # T, L, V
        return sum(lengths) + space.per_record * len(lengths) + space.per_file

    def listing(self, directory: DedicatedFile) -> int:
        """The DIR file of a directory: 61(4F(name) 50(label)) for each one inside."""
        entries = [6 + len(one.aid) + len(label_of(one)) for one in self.inside(directory)]
        return sum(entries) + self.dialect.space.per_record * len(entries) + self.dialect.space.per_file

    def keys(self, count: int) -> int:
        """A key file."""
        return self.dialect.space.per_key * count + self.dialect.space.per_file

    def directory(self, directory: DedicatedFile) -> int:
        """A directory with everything in it, its master key and a PIN too."""
        inside = self.inside(directory)
        own = sum(map(self.file, on_card(directory))) + self.keys(2 + len(list(key_groups(directory))))
        if inside:
            own += self.listing(directory)
        return own + self.dialect.space.per_directory + sum(map(self.directory, inside))
