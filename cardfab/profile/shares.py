"""How a medical bill is divided in one region: deductible, shares of the pooled fund by band, cap, off-site treatment.

Shares are thousandths, amounts whole fen. Each region sets its own; no specification of the card says any of this.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cardfab.profile.base import Strict

Fen = Annotated[int, Field(ge=0, le=0xFFFFFFFF)]
Thousandths = Annotated[int, Field(ge=0, le=1000)]
Category = Annotated[str, Field(pattern=r"^[0-9]{2}$")]


class Band(Strict):
    """A range of the year's covered expenses, from the end of the band before (first: the deductible) to ``to``."""

    to: Fen | None = None
    """Fen; None: without end."""
    pooled: Thousandths
    """What the pooled fund pays of it."""


class Shares(Strict):
    """The rules for some categories of insured persons (item 8C)."""

    categories: tuple[Category, ...]
    deductible: Fen
    """Of the year's covered expenses, from the first fen on: the pooled fund pays nothing of it."""
    bands: Annotated[tuple[Band, ...], Field(min_length=1)]
    cap: Fen
    """The most that the pooled fund pays in a year."""

    @model_validator(mode="after")
    def _bands_rise(self) -> Self:
        ends = [band.to for band in self.bands]
        rising = [self.deductible, *(end for end in ends[:-1] if end is not None)]
        if None in ends[:-1] or sorted(set(rising)) != rising:
            raise ValueError("each band must end above the one before; only the last may be without end")
        if ends[-1] is not None and ends[-1] <= rising[-1]:
            raise ValueError("the last band must end above the one before")
        return self


class ElsewhereRule(Strict):
    """What becomes of the pooled part where treatment is not at a designated institution of the insured region."""

    pooled: Thousandths = 1000
    """The pooled part is multiplied by this."""


class ShareRules(Strict):
    """One region's rules."""

    title_en: str
    title_zh: str
    region: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    rounding: Literal["pooled-down"] = "pooled-down"
    """The pooled part of each band is rounded down to whole fen; the holder bears the rest."""
    account_pays: bool = True
    """Whether the holder's part comes from the account first, as far as its balance goes."""
    undesignated: ElsewhereRule
    """At an institution of the insured region that is not one of the holder's."""
    approved: ElsewhereRule
    """Off-site, with the approval sign (item 81, fourth character)."""
    unapproved: ElsewhereRule
    """Off-site, without it."""
    shares: Annotated[tuple[Shares, ...], Field(min_length=1)]
    training: bool

    @model_validator(mode="after")
    def _a_category_has_one_rule(self) -> Self:
        named = [category for share in self.shares for category in share.categories]
        if len(set(named)) != len(named):
            raise ValueError("a category of insured persons is named twice")
        return self

    def of(self, category: str) -> Shares | None:
        """The rule of a category of insured persons; None where it has none."""
        return next((share for share in self.shares if category in share.categories), None)
