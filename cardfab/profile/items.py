"""Data items and fields, what they may hold, and the files they stand in (人社信息函[2012]37号, sections 5, 7, 8)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from cardfab.profile.access import Access
from cardfab.profile.base import Hex, Strict
from cardfab.profile.keyed import Keyed


def octets(least: int, most: int) -> AfterValidator:
    """Refuses bytes that are fewer or more."""

    def check(value: bytes) -> bytes:
        if not least <= len(value) <= most:
            raise ValueError(f"{len(value)} bytes, expected {least}" + (f" to {most}" if most != least else ""))
        return value

    return AfterValidator(check)


Octet = Annotated[Hex, octets(1, 1), WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{2}$"})]
FileId = Annotated[Hex, octets(2, 2), WithJsonSchema({"type": "string", "pattern": "^[0-9A-Fa-f]{4}$"})]

Rule = Literal[
    "text",
    "digits",
    "number",
    "amount",
    "date",
    "date-time",
    "year-month",
    "year",
    "month-day",
    "region",
    "organisation",
    "citizen-number",
    "card-number",
    "name",
    "phone",
    "version",
]
"""What a value means, beyond its type: ``digits`` fill the item, ``number`` and ``amount`` (fen) may be shorter."""


class Named(Strict):
    name_zh: str
    name_en: str


class Part(Named):
    """Some characters of a value, counted from 1, that have a meaning of their own (section 8)."""

    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]
    codes: str | None = None
    """The code list that it is read with."""
    rule: Rule | None = None
    constant: str | None = None
    only_for: str | None = None
    """Coded only when the first part of the value is this code; zeros otherwise."""


class Valued(Named):
    """A value on the card: its type, its length in bytes, and what it may be."""

    length: Annotated[int, Field(ge=1, le=255)]
    """Bytes of V on the card, decimal."""
    rule: Rule = "text"
    codes: str | None = None
    """The code list that a value must be in."""
    pattern: str | None = None
    """A regular expression for the whole value, where the specification gives a form and no list."""
    parts: tuple[Part, ...] = ()
    note: str | None = None
    """What is doubtful in the specification, and what is done about it."""

    @model_validator(mode="before")
    @classmethod
    def _empty_takes_away(cls, value: Any) -> Any:
        """TOML has no null: a profile that extends another takes a list or form away with an empty text."""
        if not isinstance(value, dict):
            return value
        return {key: None if key in ("codes", "pattern", "source") and one == "" else one for key, one in value.items()}

    @model_validator(mode="after")
    def _parts_lie_inside(self) -> Self:
        for part in self.parts:
            if not part.first <= part.last <= 2 * self.length:
                raise ValueError(f"part {part.first} to {part.last} does not lie in the value")
        return self


class CyclicField(Valued):
    """One field of a cyclic record, which has no tags; ``key`` names it in addresses."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z-]*$")]
    type: Literal["cn", "an", "b"]
    on_card: bool = True


class InnerItem(Valued):
    """One item inside a B-TLV."""

    tag: Octet
    type: Literal["cn", "an", "b"]
    on_card: bool = True

    @property
    def key(self) -> str:
        """The tag as an address says it."""
        return self.tag.hex().upper()


class Rewritten(Valued):
    """What an item of a first-generation card holds once it was written again after 2.0 (appendix C): EE follows."""

    type: Literal["cn", "an"]

    @property
    def key(self) -> str:
        """Stands in addresses where an inner tag would."""
        return "EE"


class Item(Valued):
    """One data item, one record of its file. A tag that is listed again is written ``40:2``, as LD/T 33 says it."""

    tag: Octet
    occurrence: Annotated[int, Field(ge=1, le=255)] = 1
    type: Literal["cn", "an", "b", "btlv"]
    source: str | None = None
    """Which value of the prepared card goes in; without one the value comes by address, or is padding."""
    blank: Literal["refuse", "pad"] = "refuse"
    """What an empty value means: an error, or a record of padding only. Without a source ``pad`` unless said."""
    written_by: Literal["pre-personalisation", "personalisation"] = "personalisation"
    like: str | None = None
    """The key of another item of the file that this one repeats, but for what it says itself."""
    on_card: bool = True
    """False takes an item of the profile that is extended off the card."""
    items: Annotated[tuple[InnerItem, ...], Keyed("tag")] = ()
    """Of a B-TLV; its declared length counts the inner T and L."""
    rewritten: Rewritten | None = None

    @model_validator(mode="before")
    @classmethod
    def _key_and_default(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if isinstance(value.get("tag"), str):
            tag, colon, number = value["tag"].partition(":")
            value["tag"] = tag
            if colon:
                value["occurrence"] = int(number) if number.isdecimal() else number
        if not value.get("source"):
            value.setdefault("blank", "pad")
        return value

    @model_validator(mode="after")
    def _inner_items_fill_it(self) -> Self:
        inner = sum(2 + one.length for one in self.items)
        if (self.type == "btlv") != bool(self.items):
            raise ValueError(f"item {self.key} must be of type btlv and list its inner items, or neither")
        if self.items and inner != self.length:
            raise ValueError(f"the inner items of {self.key} take {inner} bytes, its length says {self.length}")
        if self.rewritten is not None and (self.items or self.rewritten.length >= self.length):
            raise ValueError(f"item {self.key} has no room for EE after what it holds when rewritten")
        if len({one.tag for one in self.items}) != len(self.items):
            raise ValueError(f"item {self.key} lists an inner tag twice")
        return self

    @property
    def key(self) -> str:
        """The tag as an address says it: ``40``, then ``40:2``."""
        return self.tag.hex().upper() + (f":{self.occurrence}" if self.occurrence > 1 else "")


def _like(items: dict[str, Any], key: str, entry: Any) -> Any:
    if not isinstance(entry, dict) or "like" not in entry:
        return entry
    other = items.get(entry["like"])
    if not isinstance(other, dict) or "like" in other:
        raise ValueError(f"item {key} is like {entry['like']}, which the file does not describe")
    return {**other, **entry}


Structure = Literal["variable", "fixed", "cyclic", "transparent"]
Category = Literal["enabled", "predefined", "reserved"]


class ElementaryFile(Named):
    """A file: linear with T L V records (``items``), cyclic with untagged ones (``fields``), transparent (``size``)."""

    fid: FileId
    sfi: Octet
    structure: Structure
    category: Category = "enabled"
    """启用, 预设 (on the card, not used yet), 预留 (room that is kept; not made unless asked for)."""
    read: Access
    write: Access
    items: Annotated[tuple[Item, ...], Keyed("tag")] = ()
    fields: Annotated[tuple[CyclicField, ...], Keyed("key")] = ()
    records: Annotated[int, Field(ge=1, le=254)] | None = None
    """Of a cyclic file: how many it keeps."""
    at_least: Annotated[int, Field(ge=1, le=254)] | None = None
    """Of a cyclic file: how many the specification asks for."""
    size: Annotated[int, Field(ge=1, le=0x7FFF)] | None = None
    """Of a transparent file: its bytes, decimal."""
    source: str | None = None
    """Of a transparent file: which value of the prepared card goes in (``photo``)."""
    on_card: bool = True
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _repeated_items(cls, value: Any) -> Any:
        items = value.get("items") if isinstance(value, dict) else None
        if not isinstance(items, dict):
            return value
        whole = {key: _like(items, key, entry) for key, entry in items.items()}
        return {**value, "items": whole}

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        has = (bool(self.items), bool(self.fields), self.records is not None, self.size is not None)
        wants = {
            "variable": (True, False, False, False),
            "fixed": (True, False, False, False),
            "cyclic": (False, True, True, False),
            "transparent": (False, False, False, True),
        }[self.structure]
        if has != wants:
            needs = {"cyclic": "fields and records", "transparent": "a size"}.get(self.structure, "items")
            raise ValueError(f"file {self.fid.hex().upper()} is {self.structure}: it takes {needs}, nothing else")
        return self

    @model_validator(mode="after")
    def _tags_differ(self) -> Self:
        seen: dict[bytes, int] = {}
        for item in self.items:
            if item.occurrence != seen.get(item.tag, 0) + 1:
                raise ValueError(f"file {self.fid.hex().upper()} lists a tag twice, or {item.key} out of turn")
            seen[item.tag] = item.occurrence
        return self

    @property
    def record_length(self) -> int:
        """Bytes of the longest record: T L V of a linear file, the fields of a cyclic one; 0 of a transparent file."""
        if self.structure == "cyclic":
            return sum(field.length for field in self.fields)
        return max((2 + item.length for item in self.items), default=0)

    @property
    def name(self) -> str:
        """``EF05``."""
        return self.fid.hex().upper()
