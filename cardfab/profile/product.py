"""A product: which card, applications, face and checks a request for it becomes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cardfab.profile.base import Strict


class CardNumbers(Strict):
    """The series of card numbers while no issuer host assigns them: a district letter and a first serial."""

    letter: str = Field(pattern=r"^[A-Z]$")
    first: int = Field(ge=0, le=9_999_999)


class TemporaryRules(Strict):
    """What a temporary card of this product is good for, and for how long."""

    days: int = Field(ge=1, le=183)
    uses_en: str
    uses_zh: str


class Product(Strict):
    """One card product of one bank."""

    name: str
    title_en: str
    title_zh: str
    card: str
    files: str
    financial: str
    face: str
    stock: str
    bank_name: str
    validity_years: int = Field(ge=1, le=50)
    initialiser_place: str = Field(pattern=r"^\d{6}$")
    print: bool
    approval: Literal["required", "second person"]
    inspection: Literal["operator", "assumed"]
    numbers: CardNumbers
    temporary: TemporaryRules
    training: bool
