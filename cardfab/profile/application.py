"""A file-system application: its dedicated files, elementary files, items, keys and access conditions, from TOML.

Layout after 人社信息函[2012]37号 (LD/T 32.6-2015), tables 3 to 9. A record of a linear file is T(1) L(1) V; its number
is its place in the listing, so the order of ``items`` is part of the layout.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, WithJsonSchema, model_validator

from cardfab.profile.access import PIN, Access, alternatives, rights
from cardfab.profile.base import Hex, Strict
from cardfab.profile.items import (
    CyclicField,
    ElementaryFile,
    FileId,
    InnerItem,
    Item,
    Octet,
    Part,
    Rewritten,
    Rule,
    Valued,
    octets,
)
from cardfab.profile.keyed import Keyed

Aid = Annotated[Hex, octets(5, 16), WithJsonSchema({"type": "string", "pattern": "^([0-9A-Fa-f]{2}){5,16}$"})]
"""ISO 7816-4 8.2.1.2 gives 5 to 16 bytes; the DF names of this card keep to them."""

KeyUse = Literal["internal", "external", "line", "load", "purchase", "tac", "start-day"]


class CardKey(Strict):
    """A key of a DF: its id on the card, and the label of its root in the key store."""

    id: Octet
    label: str
    use: KeyUse = "external"
    """The chip proves it (internal), the station proves it (external), it protects the line, or the purse uses it."""
    versions: Literal[1, 3] = 1
    """Groups of the key on the card (LB 002 part 9): version 1, or 1 to 3."""
    level: Literal["ministry", "province", "city"] = "ministry"
    """Whose root it comes from."""
    unverified: bool = False
    """The id is in no document that was found; it is this profile's choice."""


class Purse(Strict):
    """The medical account of a DF (LB 002 part 7, 11 to 15). The amount file is inside the COS and no EF."""

    log: FileId
    """The cyclic file that the COS writes its transactions to."""
    load: str
    purchase: str
    tac: str
    start_day: str
    """Names of keys of the directory."""
    sfi: Octet | None = None
    """Of the internal amount file, where a COS wants one."""
    log_limit: Annotated[int, Field(ge=1)] = 60
    """The station's rule, not the card's: so many transactions, then the statement is printed and the count cleared."""


class DedicatedFile(Strict):
    """SSSE or an application of it (ADF)."""

    name: str
    name_zh: str
    """Of an ADF also its application label, tag 50 of the DIR entry."""
    name_en: str
    aid: Aid
    fid: FileId | None = None
    inside: str | None = None
    """The directory above; without one it lies in the master file."""
    master: CardKey | None = None
    """The master key under which files and keys are made. Only pre-personalisation asks for it, and for ``fid``."""
    keys: dict[str, CardKey]
    files: Annotated[tuple[ElementaryFile, ...], Keyed("fid")]
    purse: Purse | None = None
    dir_sfi: Octet | None = None
    """Of the DIR file that lists the applications inside; it stands in the FCI (88)."""
    unverified: bool = False
    """The name of the application is in no document that was found."""
    on_card: bool = True

    @model_validator(mode="after")
    def _conditions_name_known_keys(self) -> Self:
        for file in self.files:
            unknown = (rights(file.read) | rights(file.write)) - {PIN} - set(self.keys)
            if unknown:
                raise ValueError(f"file {file.name} of {self.name} asks for unknown {', '.join(sorted(unknown))}")
        if len({file.fid for file in self.files}) != len(self.files):
            raise ValueError(f"{self.name} lists a file twice")
        if len({key.id for key in self.keys.values()}) != len(self.keys):
            raise ValueError(f"{self.name} gives two keys one id")
        return self

    @model_validator(mode="after")
    def _purse_has_its_keys_and_log(self) -> Self:
        purse = self.purse
        if purse is None:
            return self
        uses = {"load": purse.load, "purchase": purse.purchase, "tac": purse.tac, "start-day": purse.start_day}
        for use, name in uses.items():
            if name not in self.keys or self.keys[name].use != use:
                raise ValueError(f'the purse of {self.name} needs a key {name} with use = "{use}"')
        log = next((file for file in self.files if file.fid == purse.log), None)
        if log is None or log.structure != "cyclic":
            raise ValueError(f"the purse of {self.name} needs the cyclic file {purse.log.hex().upper()} for its log")
        return self

    def file(self, fid: bytes | str) -> ElementaryFile:
        """The file ``EF05``, by name or identifier. Raises KeyError when there is none."""
        for file in self.files:
            if fid in (file.fid, file.name):
                return file
        raise KeyError(f"{self.name}/{fid if isinstance(fid, str) else fid.hex().upper()}")


PinWay = Literal["reader", "pad"]
"""Where a holder may enter a PIN: at the reader's own keys (PC/SC part 10), or at a pad whose block is translated."""


class PinEntry(Strict):
    """How the holder's PIN gets to cards of this application, the first way that the station has.

    The reader cannot: what goes enciphered under a key of the card (``reset``), and what has to be the PIN of a second
    application too (``change`` of a third-generation card), since only the chip gets to know the digits.
    """

    verify: tuple[PinWay, ...] = ("reader", "pad")
    change: tuple[PinWay, ...] = ("pad",)
    reset: tuple[Literal["pad"], ...] = ("pad",)
    least: Annotated[int, Field(ge=4, le=12)] = 4
    most: Annotated[int, Field(ge=4, le=12)] = 12
    """Digits of a PIN that a card may have; a pad's block holds no more than 12."""
    digits: Annotated[int, Field(ge=4, le=12)] = 6
    """Of a new PIN."""
    pad_key: str = "bank/ZPK"
    """The transport key of the pin pad."""


class FileApplication(Strict):
    """The file system of one card generation."""

    kind: Literal["file-system"]
    name: str
    version: Annotated[str, Field(pattern=r"^[0-9]\.[0-9]{1,2}$")]
    """Of the specification it follows; item 03 of the card."""
    pin_entry: PinEntry = PinEntry()
    directories: Annotated[tuple[DedicatedFile, ...], Keyed("name")]

    @model_validator(mode="after")
    def _directories_lie_in_those_before(self) -> Self:
        known: set[str | None] = {None}
        for directory in self.directories:
            if directory.inside not in known:
                raise ValueError(f"{directory.name} lies inside {directory.inside}, which is not listed before it")
            known.add(directory.name)
        if len(known) != len(self.directories) + 1:
            raise ValueError("a directory is listed twice")
        return self

    def directory(self, name: str) -> DedicatedFile:
        """The DF called ``name`` (``SSSE``, ``DF01``). Raises KeyError when there is none."""
        for directory in self.directories:
            if directory.name == name:
                return directory
        raise KeyError(name)

    def file(self, directory: str, fid: bytes | str) -> ElementaryFile:
        """One file by where it lies. Raises KeyError when there is none."""
        return self.directory(directory).file(fid)

    def item(self, directory: str, fid: bytes, tag: bytes) -> Item:
        """One item by where it lies. Raises KeyError when there is none."""
        for item in self.file(directory, fid).items:
            if item.tag == tag:
                return item
        raise KeyError(f"{directory}/{fid.hex()} {tag.hex()}")


__all__ = [
    "Access",
    "Aid",
    "CardKey",
    "CyclicField",
    "DedicatedFile",
    "ElementaryFile",
    "FileApplication",
    "FileId",
    "InnerItem",
    "Item",
    "KeyUse",
    "Octet",
    "Part",
    "PinEntry",
    "PinWay",
    "Purse",
    "Rewritten",
    "Rule",
    "Valued",
    "alternatives",
]
