"""A financial application by EMV CPS data groupings: which tags stand where, in which order, from which value."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from cardfab.profile.base import Hex, Strict


class TagEntry(Strict):
    """One data object: a constant value, or the name of a value of the prepared card."""

    tag: Hex
    name: str
    value: Hex | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> TagEntry:
        if (self.value is None) == (self.source is None):
            raise ValueError(f"tag {self.tag.hex().upper()} needs either 'value' or 'source'")
        return self


class RecordEntry(Strict):
    """A record of the application: DGI SSrr, value in template 70."""

    sfi: int = Field(ge=1, le=30)
    record: int = Field(ge=1, le=255)
    tags: tuple[TagEntry, ...]


class FinancialKeys(Strict):
    """Issuer master keys of the three UDKs."""

    ac: str
    smi: str
    smc: str


class PinPolicy(Strict):
    """The first offline PIN: how many digits, how many tries, who makes it."""

    first: Literal["random"]
    digits: int = Field(ge=4, le=12)
    tries: int = Field(ge=1, le=15)


class FinancialApplication(Strict):
    """A debit application as a set of data groupings (facts: pboc-debit-data.json)."""

    name: str
    title_en: str
    title_zh: str
    aid: Hex
    iin: str = Field(pattern=r"^\d{6}$")
    pan_digits: int = Field(ge=16, le=19)
    psn: str = Field(pattern=r"^\d{2}$")
    service_code: str = Field(pattern=r"^\d{3}$")
    aip: Hex
    fci: tuple[TagEntry, ...]
    iad: Hex
    records: tuple[RecordEntry, ...]
    updatable: tuple[TagEntry, ...]
    internal: tuple[TagEntry, ...]
    keys: FinancialKeys
    pin: PinPolicy
    order: tuple[str, ...]
    training: bool
