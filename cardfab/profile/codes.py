"""The code tables a request is judged by: the card's own standard tables, and what one issuer accepts.

A table file is TOML under ``profiles/codes`` and may extend another, code by code. The tables of the card are those of
人社信息函[2012]37号, section 8; regions, categories, products and blank fields are the issuer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from cardfab.errors import Text
from cardfab.profile.base import Strict


class Code(Strict):
    """One code in words."""

    zh: str
    en: str

    @property
    def text(self) -> Text:
        return Text(self.en, self.zh)


class Category(Code):
    """Why a card is made at once."""

    replaces_card: bool = False
    """The request names the card it replaces; a category without it must not."""
    photo_on_file: bool = False
    """The photo field may be empty: the photo of the replaced card is on file."""


CodeKey = Annotated[str, Field(pattern=r"^[0-9a-z][0-9a-z-]*$")]


BlankField = Literal[
    "household_address", "phone", "employer", "marital_status", "employment_status", "identity_category"
]


class CodeTables(Strict):
    """Every table is keyed by the code as it stands in a request. An empty table accepts nothing."""

    sex: dict[CodeKey, Code] = Field(default_factory=dict)
    ethnicity: dict[CodeKey, Code] = Field(default_factory=dict)
    card_class: dict[CodeKey, Code] = Field(default_factory=dict)
    household_type: dict[CodeKey, Code] = Field(default_factory=dict)
    marital_status: dict[CodeKey, Code] = Field(default_factory=dict)
    employment_status: dict[CodeKey, Code] = Field(default_factory=dict)
    identity_category: dict[CodeKey, Code] = Field(default_factory=dict)
    region: dict[CodeKey, Code] = Field(default_factory=dict)
    category: dict[CodeKey, Category] = Field(default_factory=dict)
    bank_product: dict[CodeKey, Code] = Field(default_factory=dict)
    lists: dict[str, dict[str, Code]] = Field(default_factory=dict)
    """The lists of items that no column of a request names, by the name an item gives for its ``codes``."""
    may_be_blank: frozenset[BlankField] = frozenset()
    """Fields that may be empty for everyone; the card writes padding for them."""

    def table(self, field: str) -> Mapping[str, Code]:
        """The table of one coded request field.

        Raises KeyError for a field that has no table.
        """
        if field not in CODED_FIELDS:
            raise KeyError(field)
        table: Mapping[str, Code] = getattr(self, field)
        return table

    def list_of(self, name: str) -> Mapping[str, Code]:
        """A code list by the name that an item gives it: one of ``lists``, or a table of a request field.

        Raises KeyError when there is none.
        """
        return self.lists[name] if name in self.lists else self.table(name)


CODED_FIELDS = (
    "sex",
    "ethnicity",
    "region",
    "category",
    "card_class",
    "household_type",
    "marital_status",
    "employment_status",
    "identity_category",
    "bank_product",
)
