"""How an issuer writes the rows of a batch: form, encoding, which field is which column of a request, what counts it.

A layout maps by name, never by position; fixed width names its positions itself. Every column of a request has one
origin: a field, a constant, or it is said to be blank.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from cardfab.profile.base import Strict

Name = Annotated[str, Field(min_length=1, max_length=100)]
_OneOrMore = str | tuple[str, ...]


def _one(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class FieldOf(Strict):
    """What a column is made of."""

    fields: Annotated[tuple[Name, ...], Field(min_length=1), BeforeValidator(_one, json_schema_input_type=_OneOrMore)]
    """The fields of the issuer's row; several are joined."""
    joined: str = ""
    """Stands between them."""
    part: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """First and last character that are taken, the first being 1; empty where the value is shorter."""
    values: dict[str, str] = Field(default_factory=dict)
    """The issuer's words for a code; with any, no other word is taken."""
    date: str | None = None
    """How the issuer writes the day, as strptime has it (``%Y-%m-%d``); it becomes YYYYMMDD."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.part is not None and self.part[0] > self.part[1]:
            raise ValueError("the part ends before it begins")
        if self.values and self.date:
            raise ValueError("a column has values or a date, not both")
        if self.date is not None and sorted(re.findall("%(.)", self.date)) != ["Y", "d", "m"]:
            raise ValueError("a date is made of %Y, %m and %d, each once")
        return self


def _named(value: Any) -> Any:
    return {"fields": value} if isinstance(value, str) else value


Column = Annotated[FieldOf, BeforeValidator(_named, json_schema_input_type=str | FieldOf)]
"""A field alone stands for a column of it."""


def _compiled(value: str) -> str:
    try:
        pattern = re.compile(value)
    except re.error as wrong:
        raise ValueError(f"no regular expression: {wrong}") from None
    if "rows" not in pattern.groupindex:
        raise ValueError("the pattern has no group (?P<rows>…) that counts the rows")
    return value


class Line(Strict):
    """A line before or after the rows. Its pattern matches the whole line and has the group ``rows``, their number;
    further groups are told beside it.
    """

    pattern: Annotated[str, BeforeValidator(_compiled)]


class CsvForm(Strict):
    """Rows of cells; the first names the fields."""

    delimiter: Literal[",", ";", "\t", "|"] = ","


class FixedField(Strict):
    """Where a field stands in the line."""

    at: Annotated[int, Field(ge=1)]
    """Of its first unit, the first of the line being 1."""
    length: Annotated[int, Field(ge=1)]


class FixedForm(Strict):
    """Lines of one length. What no field covers is blank."""

    length: Annotated[int, Field(ge=1, le=8192)]
    unit: Literal["bytes", "characters"] = "bytes"
    """Whether positions count bytes of the encoding, as mainframes write, or characters."""
    fields: dict[Name, FixedField]

    @model_validator(mode="after")
    def _beside_each_other(self) -> Self:
        end, before = 0, ""
        for name, field in sorted(self.fields.items(), key=lambda one: one[1].at):
            if field.at <= end:
                raise ValueError(f"{name} begins within {before}")
            end, before = field.at + field.length - 1, name
        if end > self.length:
            raise ValueError(f"{before} ends behind the line")
        return self


class SheetForm(Strict):
    """A sheet of a workbook; its first row names the fields."""

    sheet: str | None = None
    """Its name; None: the workbook has one sheet only."""


class XmlForm(Strict):
    """Elements by name (``{namespace}name`` where they have one), from the root down."""

    row: Annotated[tuple[Name, ...], Field(min_length=2)]
    """The path of one row. Its children and its attributes (``@name``) are the fields."""
    total: tuple[Name, ...] = ()
    """The path of the element that holds the number of rows; none where the file does not say it."""


class Layout(Strict):
    """One issuer's batch file."""

    title_en: str
    title_zh: str
    form: Literal["csv", "jsonl", "fixed", "xlsx", "xml"]
    encoding: Literal["utf-8", "gb18030"] = "utf-8"
    own_names: bool = False
    """Whether a column that is named nowhere else is the field of its own name."""
    items: bool = False
    """Whether a field may be the address of an item (``DF03/EF05/60``); in JSON lines the object ``items``."""
    columns: dict[Name, Column] = Field(default_factory=dict)
    constants: dict[Name, str] = Field(default_factory=dict)
    blank: tuple[Name, ...] = ()
    ignored: tuple[Name, ...] = ()
    """Fields that the file may have and that are not read."""
    opening: Line | None = None
    """The line before the rows, and before their header."""
    closing: Line | None = None
    csv: CsvForm = CsvForm()
    fixed: FixedForm | None = None
    xlsx: SheetForm = SheetForm()
    xml: XmlForm | None = None

    @model_validator(mode="after")
    def _fits_its_form(self) -> Self:
        for form in ("csv", "fixed", "xlsx", "xml"):
            if form in self.model_fields_set and form != self.form:
                raise ValueError(f"[{form}] is for another form than {self.form}")
        if self.form in ("fixed", "xml") and getattr(self, self.form) is None:
            raise ValueError(f"the form {self.form} needs its table [{self.form}]")
        if self.form in ("xlsx", "xml") and (self.opening or self.closing):
            raise ValueError(f"the form {self.form} has no lines before and after the rows")
        if self.form in ("fixed", "xlsx", "xml") and self.items:
            raise ValueError(f"the form {self.form} has no items by address")
        twice = [
            name
            for name in {*self.columns, *self.constants, *self.blank}
            if (name in self.columns) + (name in self.constants) + (name in self.blank) > 1
        ]
        if twice or len(set(self.blank)) != len(self.blank):
            raise ValueError(f"a column has two origins: {', '.join(sorted(twice)) or 'twice blank'}")
        if self.fixed is not None and (lost := sorted(self.sources() - self.fixed.fields.keys())):
            raise ValueError(f"the line has no field {', '.join(lost)}")
        return self

    def sources(self) -> set[str]:
        """The fields that columns are made of, but for those of ``own_names``."""
        return {name for column in self.columns.values() for name in column.fields}
