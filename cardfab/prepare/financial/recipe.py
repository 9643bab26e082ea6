"""A profile read once for many cards: constants are encoded ahead, the card's own values are slots between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cardfab.apdu.tlv import Tlv, encode
from cardfab.errors import InputRefused, Text
from cardfab.prepare.financial.environment import environment_groupings
from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.profile.financial import FinancialApplication, PathEntry, RecordEntry, TagEntry

LARGEST_RECORD = 254
RSA_DGIS = ("8201", "8202", "8203", "8204", "8205")
_TITLES = {
    "9102": "FCI",
    "9103": "FCI, contactless",
    "9104": "GPO: AIP and AFL",
    "9105": "GPO: AIP and AFL, SM",
    "9203": "GPO: AIP and AFL, e-cash",
    "9204": "GPO: AIP and AFL, e-cash, SM",
    "9207": "GPO data, qPBOC",
    "9208": "GPO data, qPBOC, SM",
    "9200": "issuer application data",
    "9201": "issuer application data, SM",
    "0D01": "internal data, updatable",
    "0E01": "internal data",
    "8000": "card keys",
    "9000": "key check values",
    "8400": "card keys, SM4",
    "9400": "key check values, SM4",
    "9003": "key check values, SM4",
    "8501": "chip's SM2 private key",
    "8402": "chip's SM2 private key",
    "8502": "chip's SM2 public key",
    "8010": "PIN block",
    "8011": "PIN block, SM",
    "9010": "PIN try counter and limit",
    **dict.fromkeys(RSA_DGIS, "chip's RSA private key"),
}
MAY_BE_EMPTY = ("name", "long_name", "track1", "issuer_remainder", "icc_remainder")
"""Values whose tag is left out where they are empty: rules L08 and L15."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One tag whose value is the card's."""

    tag: bytes
    source: str

    def filled(self, values: Mapping[str, bytes]) -> bytes:
        """The object, or nothing where the value is empty and may be."""
        value = values.get(self.source)
        if value is None:
            rule = " (rule L13)" if "@" in self.source else ""
            raise InputRefused(
                Text(
                    f"Tag {self.tag.hex().upper()} asks for '{self.source}', which is not prepared{rule}.",
                    f"标签 {self.tag.hex().upper()} 需要“{self.source}”，但未准备该值{rule}。",
                ),
                do=Text("Correct the application profile.", "请修改应用配置。"),
                code="CF-3132",
            )
        if not value and self.source.partition("@")[0] in MAY_BE_EMPTY:
            return b""
        return self.tag + length_of(value) + value


@dataclass(frozen=True, slots=True)
class Mixture:
    """Objects one after the other, constants joined."""

    parts: tuple[bytes | Slot, ...]

    @classmethod
    def of(cls, entries: Iterable[TagEntry]) -> Mixture:
        """From the profile's entries."""
        parts: list[bytes | Slot] = []
        for entry in entries:
            if entry.value is None:
                parts.append(Slot(entry.tag, entry.source or ""))
            elif parts and isinstance(last := parts[-1], bytes):
                parts[-1] = last + Tlv(entry.tag, entry.value).to_bytes()
            else:
                parts.append(Tlv(entry.tag, entry.value).to_bytes())
        return cls(tuple(parts))

    def filled(self, values: Mapping[str, bytes]) -> bytes:
        """With the card's values; raises InputRefused for one that is missing."""
        return b"".join([part if isinstance(part, bytes) else part.filled(values) for part in self.parts])

    @property
    def sources(self) -> frozenset[str]:
        """The values that it wants."""
        return frozenset(part.source for part in self.parts if isinstance(part, Slot))


@dataclass(frozen=True, slots=True)
class PathRecipe:
    """What of a path does not depend on the card."""

    entry: PathEntry
    afl: bytes
    aip_signed: bool
    """Whether 9F4A is there, so that the AIP is part of the static data."""
    wants_static: bool
    wants_icc: bool


@dataclass(frozen=True, slots=True)
class Recipe:
    """A profile, ready for its cards."""

    application: FinancialApplication
    records: Mapping[str, Mixture]
    varied: Mapping[str, tuple[Mixture, Callable[[bytes], bytes]]]
    """Groupings beside the records that hold a value of the card, and what is put around them."""
    paths: tuple[PathRecipe, ...]
    early: tuple[str, ...]
    """Records without certificates: the signed ones must be among them."""
    fixed: Mapping[str, bytes]
    """Groupings that are the same on every card: GPO, issuer application data."""
    order: tuple[str, ...]
    """The groupings with ``records`` written out."""
    titled: tuple[tuple[str, str], ...]
    """The same with what each is called."""
    environments: Mapping[bytes, tuple[DataGrouping, ...]]
    """PSE and PPSE by AID: nothing in them is the card's own."""

    @classmethod
    def of(cls, application: FinancialApplication) -> Recipe:
        """Read a profile; raises InputRefused where a path names a record that is not there (rule L01)."""
        records = {entry.dgi: Mixture.of(entry.tags) for entry in application.records}
        early = tuple(dgi for dgi, mixture in records.items() if not any("@" in one for one in mixture.sources))
        named = {(path.name, dgi) for path in application.ways for dgi in path.records}
        for path, dgi in sorted(named):
            if dgi not in records:
                raise _refused("94", "L01", f"path '{path}' names record {dgi}, which the profile does not have", dgi)
        wanted = frozenset().union(*(mixture.sources for mixture in records.values()))
        order: list[str] = []
        for name in application.order:
            order += records if name == "records" else [name]
        others = _others(application)
        paths = tuple(_path(application, path, wanted, early) for path in application.ways)
        return cls(
            application=application,
            records=records,
            varied={dgi: pair for dgi, pair in others.items() if pair[0].sources},
            paths=paths,
            early=early,
            environments={one.aid: environment_groupings(application, one) for one in application.environments},
            fixed={
                **_fixed(application, paths),
                **{dgi: frame(mixture.filled({})) for dgi, (mixture, frame) in others.items() if not mixture.sources},
            },
            order=tuple(order),
            titled=tuple((dgi, _title(dgi)) for dgi in order),
        )


_KEPT: dict[int, Recipe] = {}
_MOST_KEPT = 32


def recipe_of(application: FinancialApplication) -> Recipe:
    """The recipe of a profile, read once as long as the profile is the same object."""
    kept = _KEPT.get(id(application))
    if kept is None or kept.application is not application:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        kept = _KEPT[id(application)] = Recipe.of(application)
    return kept


def _others(application: FinancialApplication) -> dict[str, tuple[Mixture, Callable[[bytes], bytes]]]:
    def fci(content: bytes) -> bytes:
        inner = template(0xA5, content)
        if application.quirks.fci_form == "a5":
            return inner
        return template(0x6F, objects((0x84, application.aid)) + inner)

    made: dict[str, tuple[Mixture, Callable[[bytes], bytes]]] = {
        "9102": (Mixture.of(application.fci), fci),
        "0D01": (Mixture.of(application.updatable), bytes),
        "0E01": (Mixture.of(application.internal), bytes),
    }
    if application.fci_contactless:
        made["9103"] = (Mixture.of(application.fci_contactless), fci)
    return made


def _title(dgi: str) -> str:
    if dgi in _TITLES or not re.fullmatch("[0-9A-F]{4}", dgi):
        return _TITLES.get(dgi, dgi)
    return f"record SFI {int(dgi[:2], 16)} number {int(dgi[2:], 16)}"


def _fixed(application: FinancialApplication, paths: Sequence[PathRecipe]) -> dict[str, bytes]:
    made = {"9200": objects((0x9F10, application.iad))}
    if application.iad_sm is not None:
        made["9201"] = objects((0x9F10, application.iad_sm))
    for path in paths:
        iad = application.iad_sm if path.entry.algorithm == "SM2" else application.iad
        parts = [(0x82, path.entry.aip), (0x94, path.afl)]
        if path.entry.contactless:
            parts.insert(1 if application.quirks.gpo_q_order == "82,9F10,94" else 2, (0x9F10, iad or b""))
        made[path.entry.gpo] = objects(*parts)
    return made


def _path(
    application: FinancialApplication, path: PathEntry, wanted: frozenset[str], early: Sequence[str]
) -> PathRecipe:
    entries = {entry.dgi: entry for entry in application.records}
    for dgi in path.signed:
        if dgi not in early:
            raise _refused("94", "L14", f"record {dgi} is signed and holds a certificate at once", dgi)
    aip_signed = any(tag.tag == b"\x9f\x4a" for dgi in path.records for tag in entries[dgi].tags)
    return PathRecipe(
        entry=path,
        afl=path_locator([entries[dgi] for dgi in path.records], path.signed),
        aip_signed=aip_signed,
        wants_static=f"static_signature@{path.name}" in wanted,
        wants_icc=f"icc_certificate@{path.name}" in wanted,
    )


def application_file_locator(records: Sequence[RecordEntry]) -> bytes:
    """AFL (EMV book 3, 10.2) of records of which none is signed, in the profile's order."""
    return path_locator(records, ())


def path_locator(records: Sequence[RecordEntry], signed: Sequence[str]) -> bytes:
    """AFL: SFI << 3, first, last record, how many from the first one are signed; runs of one SFI in path order."""
    runs: list[list[int]] = []
    for entry in records:
        covered = entry.dgi in signed
        follows = runs and runs[-1][0] == entry.sfi and runs[-1][2] + 1 == entry.record
        counted = runs[-1][3] if runs else 0
        if follows and (not covered or counted == runs[-1][2] - runs[-1][1] + 1):
            runs[-1][2] = entry.record
            runs[-1][3] += covered
        else:
            runs.append([entry.sfi, entry.record, entry.record, int(covered)])
    return b"".join(bytes((sfi << 3, first, last, count)) for sfi, first, last, count in runs)


def template(tag: int, content: bytes) -> bytes:
    """The content in a template of that tag."""
    return bytes([tag]) + length_of(content) + content


def objects(*pairs: tuple[int, bytes]) -> bytes:
    """Tags and values, encoded."""
    return encode(Tlv(tag, value) for tag, value in pairs)


def length_of(value: bytes) -> bytes:
    """The shortest BER length."""
    n = len(value)
    return bytes([n]) if n < 0x80 else bytes([0x81, n]) if n < 0x100 else b"\x82" + n.to_bytes(2, "big")


def _refused(tag: str, rule: str, en: str, dgi: str) -> InputRefused:
    return InputRefused(
        Text(f"Tag {tag}, rule {rule}: {en}.", f"标签 {tag}，规则 {rule}：记录 {dgi} 不存在或不能签名。"),
        do=Text("Correct the application profile.", "请修改应用配置。"),
        code="CF-3135",
    )
