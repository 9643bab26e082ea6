"""How an issuer wants its return file: which columns by name, in which order and bytes, what a failed row says.

Columns differ between provinces though their count is the same, so they go by name and never by position.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from cardfab.profile.base import Strict

ReturnField = Literal[
    "sequence", "request", "card_number", "number", "name", "issued_on", "expires_on", "chip_id", "chip", "bank",
    "bank_number", "packing", "result", "stage", "reason", "made_at",
]  # fmt: skip
"""What may be told of a row. ``chip`` is the chip's serial (T6..TD of its reset information), ``chip_id`` the
identification code that was written, ``packing`` where it lies, ``stage`` and ``reason`` why there is no card."""
HOLDERS = frozenset({"card_number", "number", "name", "chip_id", "bank_number", "expires_on", "issued_on", "bank"})
"""What is sealed, and is opened for the file."""


class ReturnColumn(Strict):
    """One column."""

    name: str = Field(min_length=1)
    field: ReturnField | None = None
    """None: empty, or ``constant``."""
    constant: str = ""
    form: Literal["text", "date8"] = "text"
    bytes: int | None = Field(default=None, ge=1, le=1000)
    """The most it may have in the file's charset; more is refused, or cut where ``cut`` says so."""
    cut: bool = False
    """Cut at a character."""
    only: Literal["both", "success", "failure"] = "both"
    """Rows in which it is filled."""
    codes: dict[str, str] = Field(default_factory=dict)
    """The issuer's words for ours, of ``result`` and ``stage``."""
    right: bool = False
    """Of a file of fixed width: filled with spaces at the left."""


class ReturnProfile(Strict):
    """The return file of one issuer."""

    name: str
    title_en: str
    title_zh: str
    form: Literal["csv", "jsonl", "fixed"]
    charset: Literal["utf-8", "gbk", "gb18030"] = "utf-8"
    mark: bool = False
    """A byte order mark at the front of UTF-8."""
    line_end: Literal["\n", "\r\n"] = "\r\n"
    header: bool = True
    """A line with the names of the columns."""
    first_line: tuple[Literal["reference", "count", "issuer"], ...] = ()
    """A line before that, comma between the parts."""
    language: Literal["en", "zh"] = "en"
    """Of what is said to be wrong with a row; the words of people stay as they are."""
    boxes_in_case: int = Field(default=10, ge=1, le=1000)
    columns: tuple[ReturnColumn, ...] = Field(min_length=1)
    unverified: tuple[str, ...] = ()
    """What no source proves: ask the issuer."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [one.name for one in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("two columns have one name")
        if self.form == "fixed" and any(one.bytes is None for one in self.columns):
            raise ValueError("in a file of fixed width every column says its bytes")
        if self.mark and self.charset != "utf-8":
            raise ValueError("only UTF-8 has a mark")
        return self


__all__ = ["HOLDERS", "ReturnColumn", "ReturnField", "ReturnProfile"]
