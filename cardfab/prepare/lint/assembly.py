"""A prepared card as the lint rules look at it: groupings parsed, paths followed, nothing trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cardfab.apdu import commands
from cardfab.apdu.tlv import Dgi, Tlv, TlvError, parse
from cardfab.errors import Text
from cardfab.keys import Sealed
from cardfab.keys.certificates import PublicKey
from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.profile.financial import FinancialApplication, PathEntry

Severity = Literal["error", "warning"]
SECRET_DGIS = (
    "8000",
    "8400",
    "8201",
    "8202",
    "8203",
    "8204",
    "8205",
    "8501",
    "8402",
    "8502",
    "8010",
    "8011",
    "8020",
    "8420",
)
_RAW = ("80", "82", "84", "85", "90", "94")
"""First bytes of groupings that hold no data objects: keys, check values, PIN."""


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One broken rule: which, how bad, on which tag and where."""

    rule: str
    severity: Severity
    tag: str
    where: str
    what: Text

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        return f"{self.rule} {self.severity}: tag {self.tag}{place}: {self.what.en}"

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        place = f"（{self.where}）" if self.where else ""
        return f"{self.rule}：标签 {self.tag}{place}：{self.what.zh}"


@dataclass(frozen=True, slots=True)
class Located:
    """A data object and the grouping that it stands in."""

    tag: int
    value: bytes
    dgi: str


@dataclass(frozen=True, slots=True)
class Assembly:
    """One card, assembled. ``authorities`` are the schemes' public keys by index (1 byte), ``chip`` the card's own by
    algorithm; ``blocks`` are (P1, P2) of each STORE DATA, as they will be sent."""

    application: FinancialApplication
    groupings: tuple[DataGrouping, ...]
    environments: Mapping[bytes, tuple[DataGrouping, ...]] = field(default_factory=dict)
    authorities: Mapping[bytes, PublicKey] = field(default_factory=dict)
    chip: Mapping[str, PublicKey] = field(default_factory=dict)
    training_keys: bool = True
    blocks: tuple[tuple[int, int], ...] | None = None
    read: dict[tuple[str, bytes], tuple[Located, ...]] = field(default_factory=dict, repr=False, compare=False)
    """What was parsed already: 35 rules look at the same few values."""

    # -- groupings ---------------------------------------------------------------------------------------------------

    @property
    def by_dgi(self) -> dict[str, bytes | Sealed]:
        """Values by DGI, the last of a repeated one."""
        return {one.dgi: one.value for one in self.groupings}

    def clear(self, dgi: str) -> bytes:
        """A grouping's value where it is clear, else nothing."""
        value = self.by_dgi.get(dgi, b"")
        return value if isinstance(value, bytes) else b""

    def length(self, dgi: str) -> int | None:
        """The length of a grouping's value; None where there is none."""
        value = self.by_dgi.get(dgi)
        return None if value is None else value.length if isinstance(value, Sealed) else len(value)

    def kcvs(self, dgi: str) -> bytes:
        """The check values of the keys in a sealed grouping."""
        value = self.by_dgi.get(dgi)
        return b"".join(value.kcvs) if isinstance(value, Sealed) else b""

    def objects(self, dgi: str) -> tuple[Located, ...]:
        """The objects in a grouping, without template 70 or A5; nothing where it does not parse."""
        value = self.clear(dgi)
        if (dgi, value) not in self.read:
            self.read[dgi, value] = self._objects(dgi, value)
        return self.read[dgi, value]

    @staticmethod
    def _objects(dgi: str, value: bytes) -> tuple[Located, ...]:
        found = parsed(value)
        while len(found) == 1 and found[0].tag in (0x6F, 0x70, 0xA5):
            inner = parsed(found[0].value)
            outer = tuple(one for one in inner if one.tag == 0xA5) if found[0].tag == 0x6F else ()
            found = outer or inner
        return tuple(Located(one.tag, one.value, dgi) for one in found)

    def first(self, tag: int, *dgis: str) -> bytes | None:
        """The value of a tag in the first of these groupings that has it."""
        return next((one.value for dgi in dgis for one in self.objects(dgi) if one.tag == tag), None)

    def internal(self, tag: int) -> bytes | None:
        """A value of 0D01 or 0E01."""
        return self.first(tag, "0D01", "0E01")

    @property
    def every(self) -> Iterator[Located]:
        """Every object outside templates, of every clear grouping that holds objects."""
        for one in self.groupings:
            if isinstance(one.value, bytes) and one.dgi[:2] not in _RAW:
                yield from self.objects(one.dgi)

    # -- paths ---------------------------------------------------------------------------------------------------------

    @property
    def paths(self) -> tuple[PathEntry, ...]:
        """The paths whose GPO grouping is there."""
        return tuple(path for path in self.application.ways if path.gpo in self.by_dgi)

    def aip(self, path: PathEntry) -> bytes:
        """Tag 82 of the path."""
        return self.first(0x82, path.gpo) or b""

    def afl(self, path: PathEntry) -> bytes:
        """Tag 94 of the path."""
        return self.first(0x94, path.gpo) or b""

    def entries(self, path: PathEntry) -> list[tuple[int, int, int, int]]:
        """SFI, first, last record, number signed, of each AFL entry."""
        afl = self.afl(path)
        cut = [afl[at : at + 4] for at in range(0, len(afl) - 3, 4)]
        return [(one[0] >> 3, one[1], one[2], one[3]) for one in cut]

    def records(self, path: PathEntry) -> list[tuple[str, bool]]:
        """SSrr of the path in the order of its AFL, and whether signed."""
        return [
            (f"{sfi:02X}{number:02X}", number - first < signed)
            for sfi, first, last, signed in self.entries(path)
            for number in range(first, last + 1)
        ]

    def on(self, path: PathEntry) -> list[Located]:
        """Every object that a terminal sees on the path: GPO and records."""
        found = list(self.objects(path.gpo))
        for dgi, _ in self.records(path):
            found += self.objects(dgi)
        return found

    def value(self, path: PathEntry, tag: int) -> bytes | None:
        """The value of a tag on the path."""
        return next((one.value for one in self.on(path) if one.tag == tag), None)

    def static_data(self, path: PathEntry) -> bytes:
        """What is signed: records without template in SFI 1 to 10, whole above, the AIP where 9F4A is 82."""
        static = b""
        for dgi, signed in self.records(path):
            if signed:
                whole = self.clear(dgi)
                inner = parsed(whole)
                static += inner[0].value if inner and int(dgi[:2], 16) <= 10 else whole
        return static + (self.aip(path) if self.value(path, 0x9F4A) == b"\x82" else b"")

    # -- transport -----------------------------------------------------------------------------------------------------

    @property
    def sent(self) -> tuple[tuple[int, int], ...]:
        """P1 and P2 of each STORE DATA."""
        if self.blocks is not None:
            return self.blocks
        parts = [
            (Dgi(int(one.dgi, 16), bytes(one.length) if one.secret else self.clear(one.dgi)).to_bytes(), one.secret)
            for one in self.groupings
        ]
        made = commands.store_data_blocks(parts, self.application.quirks.chunk)
        return tuple((command.p1, command.p2) for command in made)


def parsed(data: bytes) -> tuple[Tlv, ...]:
    """The objects; nothing where the data does not parse to its end."""
    try:
        return parse(data)
    except TlvError:
        return ()


def dol(data: bytes | None) -> dict[int, int] | None:
    """Tags and lengths of a data object list; None where it does not parse."""
    found: dict[int, int] = {}
    at, given = 0, data or b""
    while at < len(given):
        end = at + 1
        if given[at] & 0x1F == 0x1F:
            while end < len(given) and given[end] & 0x80:
                end += 1
            end += 1
        if end >= len(given):
            return None
        found[int.from_bytes(given[at:end], "big")] = given[end]
        at = end + 1
    return found


def name(tag: int) -> str:
    """A tag in hex."""
    return f"{tag:02X}" if tag < 0x100 else f"{tag:04X}"
