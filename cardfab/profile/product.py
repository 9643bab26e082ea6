"""A product: which card, applications, face and checks a request for it becomes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

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


class CounterRules(Strict):
    """What the counter keeps to while it serves cards of this product."""

    activation_months: int = Field(default=6, ge=1, le=60)
    """From the day of issue; a card not activated by then is restricted."""
    release_days: int = Field(default=30, ge=1, le=366)
    """How long a restricted card may be activated after its release."""
    due_notice_days: int = Field(default=30, ge=0, le=366)
    replacement_days: int = Field(default=7, ge=1, le=366)
    replacement_count: Literal["calendar", "working"] = "calendar"
    closed_days: tuple[date, ...] = ()
    """Days that are no working days though they are neither Saturday nor Sunday."""
    second_person: Literal["supervisor", "another supervisor"] = "supervisor"
    """Who approves a block: any supervisor, or one who is not the person that serves."""


class ChipPhoto(Strict):
    """The portrait in the chip (8.1.4: RGB of 24 bits, 26 x 32 mm, 300 dpi and more, as BMP or JPEG).

    Uncompressed it would take 348 138 bytes and the file has 4096: a JPEG, as good as the file can hold.
    """

    width_mm: float = Field(default=26, gt=0, le=60)
    height_mm: float = Field(default=32, gt=0, le=60)
    dpi: int = Field(default=300, ge=72, le=600)
    least_quality: int = Field(default=5, ge=1, le=95)
    """JPEG quality below which a portrait is refused instead."""


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
    regions: tuple[Annotated[str, Field(pattern=r"^[1-9][0-9]{1,5}$")], ...] = ()
    """Leading digits of the regions it serves; none: any region of the code tables."""
    items: dict[str, str] = Field(default_factory=dict)
    """Values that every card of the product gets, by address; those of a request come first."""
    chip_photo: ChipPhoto | None = None
    """With it the portrait is written into the photo file of the chip."""
    numbers: CardNumbers
    temporary: TemporaryRules
    counter: CounterRules = CounterRules()
    training: bool
