"""A file-system application: its dedicated files, elementary files, items, keys and access conditions, from TOML.

Layout after 人社信息函[2012]37号 (LD/T 32.6-2015), tables 3 to 9. A record of a linear file is T(1) L(1) V; its number
is its place in the listing, so the order of ``items`` is part of the layout.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from cardfab.profile.base import Hex, Strict


def _octets(least: int, most: int) -> AfterValidator:
    def check(value: bytes) -> bytes:
        if not least <= len(value) <= most:
            raise ValueError(f"{len(value)} bytes, expected {least}" + (f" to {most}" if most != least else ""))
        return value

    return AfterValidator(check)


Octet = Annotated[Hex, _octets(1, 1), WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{2}$"})]
FileId = Annotated[Hex, _octets(2, 2), WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{4}$"})]
Aid = Annotated[Hex, _octets(5, 16), WithJsonSchema({"type": "string", "pattern": "^([0-9A-Fa-f]{2}){5,16}$"})]
"""ISO 7816-4 8.2.1.2 gives 5 to 16 bytes; the DF names of this card keep to them."""

Access = Annotated[str, Field(pattern=r"^[A-Z0-9]+([|&][A-Z0-9]+)*$")]
"""``FREE``, or names of keys and ``PIN`` joined by ``|`` (or) and ``&`` (and), as the tables print it."""


class Item(Strict):
    """One data item, one record of its file."""

    tag: Octet
    name_zh: str
    name_en: str
    type: Literal["cn", "an", "b"]
    length: Annotated[int, Field(ge=1, le=255)]
    """Bytes of V on the card, decimal."""
    source: str | None = None
    """Which value of the prepared card goes in; without one the record is written as padding."""
    blank: Literal["refuse", "pad"] = "refuse"
    """What an empty value means: an error, or a record of padding only."""
    written_by: Literal["pre-personalisation", "personalisation"] = "personalisation"

    @model_validator(mode="after")
    def _has_a_way_to_be_filled(self) -> Self:
        if self.source is None and self.blank == "refuse" and self.written_by == "personalisation":
            raise ValueError(f'item {self.tag.hex().upper()} has neither a source nor blank = "pad"')
        return self


class ElementaryFile(Strict):
    """A linear file of T L V records."""

    fid: FileId
    sfi: Octet
    name_zh: str
    name_en: str
    structure: Literal["variable", "fixed"]
    read: Access
    write: Access
    items: tuple[Item, ...]

    @model_validator(mode="after")
    def _tags_differ(self) -> Self:
        if len({item.tag for item in self.items}) != len(self.items):
            raise ValueError(f"file {self.fid.hex().upper()} lists a tag twice")
        return self


class CardKey(Strict):
    """A key of a DF: its id on the card, and the label of its root in the key store."""

    id: Octet
    label: str
    use: Literal["internal", "external", "line"] = "external"
    """The chip proves it (internal), the station proves it (external), or it protects the line."""


class DedicatedFile(Strict):
    """SSSE or an application of it (ADF)."""

    name: str
    name_zh: str
    name_en: str
    aid: Aid
    fid: FileId | None = None
    inside: str | None = None
    """The directory above; without one it lies in the master file."""
    master: CardKey | None = None
    """The master key under which files and keys are made. Only pre-personalisation asks for it, and for ``fid``."""
    keys: dict[str, CardKey]
    files: tuple[ElementaryFile, ...]

    @model_validator(mode="after")
    def _conditions_name_known_keys(self) -> Self:
        for file in self.files:
            unknown = set(re.split(r"[|&]", f"{file.read}|{file.write}")) - {"FREE", "PIN"} - set(self.keys)
            if unknown:
                raise ValueError(f"file {file.fid.hex().upper()} of {self.name} asks for unknown {', '.join(unknown)}")
        if len({file.fid for file in self.files}) != len(self.files):
            raise ValueError(f"{self.name} lists a file twice")
        return self


class FileApplication(Strict):
    """The file system of one card generation."""

    kind: Literal["file-system"]
    name: str
    version: str
    """Of the specification it follows."""
    directories: tuple[DedicatedFile, ...]

    @model_validator(mode="after")
    def _directories_lie_in_those_before(self) -> Self:
        known: set[str | None] = {None}
        for directory in self.directories:
            if directory.inside not in known:
                raise ValueError(f"{directory.name} lies inside {directory.inside}, which is not listed before it")
            known.add(directory.name)
        return self

    def directory(self, name: str) -> DedicatedFile:
        """The DF called ``name`` (``SSSE``, ``DF01``). Raises KeyError when there is none."""
        for directory in self.directories:
            if directory.name == name:
                return directory
        raise KeyError(name)

    def item(self, directory: str, fid: bytes, tag: bytes) -> Item:
        """One item by where it lies. Raises KeyError when there is none."""
        for file in self.directory(directory).files:
            for item in file.items:
                if (file.fid, item.tag) == (fid, tag):
                    return item
        raise KeyError(f"{directory}/{fid.hex()} {tag.hex()}")
