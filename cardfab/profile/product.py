"""A product: which card, applications, face and checks a request for it becomes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cardfab.keys.custody import CUSTODIES, Custody
from cardfab.profile.base import Strict


class CardNumbers(Strict):
    """The series of card numbers while no issuer host assigns them: a district letter and a first serial."""

    letter: str = Field(pattern=r"^[A-Z]$")
    first: int = Field(ge=0, le=9_999_999)


TemporaryUse = Literal["emergency", "medicine", "settlement"]


class TemporaryRules(Strict):
    """What a temporary card of this product is good for, and for how long."""

    days: int = Field(ge=1, le=183)
    """Of one paper, its first day included."""
    most_days: int = Field(default=180, ge=1, le=183)
    """Of a request's papers together, from the first day of the first."""
    uses: tuple[TemporaryUse, ...] = Field(default=("emergency", "medicine", "settlement"), min_length=1)


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


class KeyRules(Strict):
    """Where the keys of this product's cards may be while a card is made (docs/hsm.md)."""

    custody: tuple[Custody, ...] = Field(min_length=1)
    """``token-wrap``: they leave the device only wrapped for the chip. ``service-clear``: of one card in clear, in the
    process that holds the keys."""


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
    stripe: Literal["none", "high", "low"] = "none"
    """The coercivity of the magnetic stripe; its tracks are the chip's (ISO/IEC 7813). Written only where it prints."""
    approval: Literal["required", "second person"]
    inspection: Literal["operator", "second person", "assumed"]
    """Who looks at a card before it is issued; at the outlet's page somebody always does."""
    regions: tuple[Annotated[str, Field(pattern=r"^[1-9][0-9]{1,5}$")], ...] = ()
    """Leading digits of the regions it serves; none: any region of the code tables."""
    items: dict[str, str] = Field(default_factory=dict)
    """Values that every card of the product gets, by address; those of a request come first."""
    chip_photo: ChipPhoto | None = None
    """With it the portrait is written into the photo file of the chip."""
    numbers: CardNumbers
    temporary: TemporaryRules
    counter: CounterRules = CounterRules()
    keys: KeyRules | None = None
    """Without it a training product takes either custody, any other token-wrap alone."""
    training: bool
    retention_days: int = Field(default=30, ge=1, le=180)
    """Days after a card is made, until the personal data of its request is erased (PCI CP-L 4.5: 30)."""
    retention_authority: str = ""
    """More than 30 days, 180 at most: the issuer's written authorisation, by its reference."""
    retention_authorised_on: date | None = None

    @model_validator(mode="after")
    def _authorised(self) -> Self:
        if self.retention_days > 30 and not (self.retention_authority and self.retention_authorised_on):
            raise ValueError("retention_days above 30 needs retention_authority and retention_authorised_on")
        return self

    @property
    def portrait(self) -> bool:
        """Whether its card shows or carries the holder's portrait; without it a request needs no photo."""
        return self.print or self.chip_photo is not None

    @property
    def accepted_custody(self) -> tuple[Custody, ...]:
        """What is accepted, by name or by default."""
        if self.keys is not None:
            return self.keys.custody
        return CUSTODIES if self.training else ("token-wrap",)

    def kept_days(self, today: date) -> int:
        """The days that hold today: an authorisation is good for two years (PCI CP-L 4.5), then 30 days hold."""
        given = self.retention_authorised_on
        ended = given is None or today >= given + timedelta(days=730)
        return min(self.retention_days, 30) if ended else self.retention_days
