"""What an outlet may make at once: the categories of cases, the papers each one needs, who lets it be made.

A policy is TOML under ``profiles/policies``; the outlet's settings name it. The regulation behind it differs from place
to place, so everything that an outlet may differ in is a value here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cardfab.errors import Text
from cardfab.profile.base import Strict
from cardfab.profile.codes import Code, CodeKey

Bearer = Literal["holder", "guardian", "agent"]
"""Who stands at the counter."""


class Paper(Code):
    """Something to be looked at and ticked; no copy of it is kept."""

    look_zh: str = ""
    look_en: str = ""
    """What to look for on it."""
    numbered: bool = False
    """Its number is entered and compared, and kept as a keyed index."""

    @property
    def look(self) -> Text:
        return Text(self.look_en, self.look_zh)


class CategoryRules(Strict):
    """One category of cases that may be made at once."""

    papers: tuple[str, ...] = Field(min_length=1)
    """The keys of the papers that the holder brings."""
    photo: Literal["new", "on file"] = "new"
    """``on file``: the portrait that the station keeps of the holder may be used again."""
    approval: Literal["supervisor", "standing"] = "supervisor"
    """``standing``: the bureau has approved the whole category; the operator who checked the papers goes on alone."""
    fee_fen: int = Field(default=0, ge=0, le=1_000_000)
    temporary_card: bool = False
    """An urgent case of this category may have a temporary card while the card waits."""
    urgent: bool = False
    """Its requests go first."""
    verified: bool = True
    """Whether a published text lists this category; one that is not is shown with a mark."""
    closed_zh: str = ""
    closed_en: str = ""
    """Why it is offered no more; such a category can be looked at and not chosen."""
    source: str
    """Where the rule stands."""

    @property
    def closed(self) -> Text | None:
        """Why it is offered no more; None for one that is open."""
        return Text(self.closed_en, self.closed_zh) if self.closed_zh else None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.closed_zh) != bool(self.closed_en):
            raise ValueError("closed_zh and closed_en say the same thing: both or neither")
        return self


class Bearers(Strict):
    """What somebody who comes for the holder has to show besides."""

    guardian: tuple[str, ...] = Field(min_length=1)
    agent: tuple[str, ...] = ()
    """Empty: nobody may come for a grown-up holder."""
    of_age: int = Field(default=16, ge=0, le=30)
    """Below it a guardian comes."""


class RejectReason(Code):
    """Why a card that was made is not given out."""

    place: Literal["print", "chip", "card", "data"]
    """What of it is bad: what the host and the statistics are told."""


class OutletPolicy(Strict):
    """Everything above for one outlet."""

    name: str
    title_zh: str
    title_en: str
    training: bool = False
    """A policy of the examples, which no real outlet takes."""
    papers: dict[str, Paper]
    categories: dict[CodeKey, CategoryRules]
    bearers: Bearers
    reject: dict[CodeKey, RejectReason]
    valid_from: date | None = None
    names: dict[CodeKey, Code] = Field(default_factory=dict)
    """Words for closed categories, which the code tables have no more."""
    most_days: Annotated[int, Field(ge=0, le=366)] = 30
    """How long a case that was begun and not ended is kept."""

    @property
    def title(self) -> Text:
        return Text(self.title_en, self.title_zh)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for where, key in self.paper_keys():
            if key not in self.papers:
                raise ValueError(f"{where}: there is no paper {key}")
        return self

    def paper_keys(self) -> Iterator[tuple[str, str]]:
        """Every place that names a paper, with the name."""
        for name, rules in self.categories.items():
            for key in rules.papers:
                yield f"categories.{name}.papers", key
        for key in self.bearers.guardian:
            yield "bearers.guardian", key
        for key in self.bearers.agent:
            yield "bearers.agent", key

    def open_categories(self) -> tuple[str, ...]:
        """The keys of the categories that may be chosen."""
        return tuple(key for key, rules in self.categories.items() if rules.closed is None)

    def needed(self, category: str, bearer: Bearer) -> tuple[str, ...]:
        """The papers of a case, each once, those of the holder first; raises KeyError for a category it has not."""
        more = {"holder": (), "guardian": self.bearers.guardian, "agent": self.bearers.agent}[bearer]
        return tuple(dict.fromkeys((*self.categories[category].papers, *more)))


__all__ = ["Bearer", "Bearers", "CategoryRules", "OutletPolicy", "Paper", "RejectReason"]
