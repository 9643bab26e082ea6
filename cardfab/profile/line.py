"""The description of a line: its slots and how it works. A file of its own (TOML), named when a batch is run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from cardfab.errors import Text
from cardfab.profile.base import Strict
from cardfab.profile.loader import ProfileRefused, parse, read_toml

_RATE = re.compile(r"1 in ([1-9][0-9]{0,6})")
_READER = re.compile(r"pcsc:.+|tcp://[^/\s]+:[0-9]{1,5}|simulated")
_NAME = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")


class SlotProfile(Strict):
    """One slot: a reader, and the machine that moves its cards where there is one."""

    name: Annotated[str, _NAME]
    reader: str
    """``pcsc:NAME``, ``tcp://HOST:PORT``, or ``simulated`` at a training station."""
    printer: str = "none"
    """``none``: cards are put in by hand; else the address of a printer or inserter."""
    printer_profile: str = "evolis-ymcko"
    prints: bool = True
    """False: the machine only moves the cards."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not _READER.fullmatch(self.reader):
            raise ValueError("a reader is pcsc:NAME, tcp://HOST:PORT or simulated")
        if self.reader == "simulated" and self.printer not in ("none", "simulated"):
            raise ValueError("a simulated reader is in a simulated machine")
        return self


class SampleRules(Strict):
    """Which cards are samples for quality control; a sample is read back twice and booked as one."""

    rate: str = ""
    """"1 in 100": one of every hundred places, nobody knows which; empty: none by rate."""
    first_of_box: bool = False
    after_fault: bool = False
    products: tuple[str, ...] = ()

    @field_validator("rate")
    @classmethod
    def _rate(cls, value: str) -> str:
        if value and not _RATE.fullmatch(value):
            raise ValueError("a rate is written '1 in 100'")
        return value

    @property
    def every(self) -> int:
        """One card in so many; 0: none."""
        found = _RATE.fullmatch(self.rate)
        return int(found[1]) if found else 0


class LineProfile(Strict):
    """A line. There is no limit of speed: a slot makes cards as fast as its chips and its machine let it."""

    name: Annotated[str, _NAME]
    box_order: Literal["first", "last"] = "first"
    """Which of the boxes that wait goes first."""
    faults_in_a_row: Annotated[int, Field(ge=1, le=100)] = 3
    """So many faults one after another, and a slot is taken out."""
    read_back: Literal["all", "samples"] = "all"
    """Which finished chips are read back in full before their job is done."""
    samples: SampleRules = SampleRules()
    slots: Annotated[tuple[SlotProfile, ...], Field(min_length=1, max_length=256)]

    @field_validator("slots")
    @classmethod
    def _once(cls, slots: Sequence[SlotProfile]) -> Sequence[SlotProfile]:
        for what, values in (
            ("name", [one.name for one in slots]),
            ("reader", [one.reader for one in slots if one.reader != "simulated"]),
            ("printer", [one.printer for one in slots if one.printer not in ("none", "simulated")]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"two slots have the same {what}")
        return slots


def read_line(text: str, file: str) -> LineProfile:
    """A line from the text of its file; raises ProfileRefused, every fault with its line."""
    try:
        return parse(read_toml(text, file), LineProfile, file, text)
    except ProfileRefused as wrong:  # 'profile lint' looks at profiles alone
        raise ProfileRefused(
            wrong.findings,
            do=Text(
                "Correct it and run the line again; docs/bureau.md, 'The description of a line', has every key.",
                "请修改后重新运行；各项说明见 docs/bureau.md 的“The description of a line”一节。",
            ),
        ) from None


__all__ = ["LineProfile", "SampleRules", "SlotProfile", "read_line"]
