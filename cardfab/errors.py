"""Errors a person can act on, and the text type every operator-facing sentence uses.

The tree (exit statuses as in ``docs/reference/cli.md``)::

    CardfabError            1  unexpected
    ├── UsageRefused        2  usage
    ├── InputRefused        3  input or profile refused, before a card is touched
    ├── CardRefused         4  the card answered with a status word that stops the job
    ├── DeviceFault         5  reader, printer or another part absent or faulty
    ├── KeyFault            6  key or authentication
    ├── StockFault          7  stock or approval
    ├── PartlyDone          8  some of a batch
    └── InDoubt             9  a card may have been written

A room raises these, or its own subclasses of them, with a code that never changes (``CF-`` and four digits).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages of the counter."""

    en: str
    zh: str

    def of(self, language: str) -> str:
        """The sentence in ``language`` (``zh`` or ``en``; anything else reads English)."""
        return self.zh if language == "zh" else self.en

    def __str__(self) -> str:
        return self.en


class CardfabError(Exception):
    """What happened, to what, and what to do now."""

    exit_status: ClassVar[int] = 1
    default_code: ClassVar[str] = "CF-1000"

    def __init__(self, what: Text, *, do: Text | None = None, code: str | None = None) -> None:
        super().__init__(what.en)
        self.what = what
        self.do = do
        self.code = code or self.default_code
        self.recorded = False
        """Whether the station's record has it already."""

    def sentence(self, language: str) -> str:
        """What happened and what to do, in one language, the code last."""
        parts = [self.what.of(language)] + ([self.do.of(language)] if self.do else [])
        return ("" if language == "zh" else " ").join(parts) + f" [{self.code}]"


class UsageRefused(CardfabError):
    exit_status = 2
    default_code = "CF-2000"


class InputRefused(CardfabError):
    exit_status = 3
    default_code = "CF-3000"


class CardRefused(CardfabError):
    exit_status = 4
    default_code = "CF-4000"


class DeviceFault(CardfabError):
    exit_status = 5
    default_code = "CF-5000"


class KeyFault(CardfabError):
    exit_status = 6
    default_code = "CF-6000"


class StockFault(CardfabError):
    exit_status = 7
    default_code = "CF-7000"


class PartlyDone(CardfabError):
    exit_status = 8
    default_code = "CF-8000"


class InDoubt(CardfabError):
    exit_status = 9
    default_code = "CF-9000"
