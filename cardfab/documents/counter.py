"""What the counter gives into a holder's hands, as data: receipt, statement of the medical account, holder's sheet.

Values only: nothing here reads a clock, a card or a file. Amounts are in fen (0.01 yuan). Texts are in both languages;
a paper is printed in the one its ``made.language`` names. A number is given whole and printed masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from cardfab.errors import Text

Language = Literal["zh", "en"]
Words = Text | str
"""Words of the project in both languages, or a value that is the same in each (a name, a number)."""


@dataclass(frozen=True, slots=True)
class Made:
    """Who made a paper, where and when; ``at`` is the station's clock as given and is printed to the second.

    ``specimen`` prints 样卡 SPECIMEN across it: true wherever the keys are training keys. With ``copy`` the title says
    that it is one.
    """

    number: str
    station: str
    operator: str
    at: datetime
    language: Language = "zh"
    specimen: bool = True
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose card it is. Name whole on his own paper; ``social_security_number`` and ``card_number`` printed masked."""

    name: str
    social_security_number: str
    card_number: str = ""
    region: Words = ""


@dataclass(frozen=True, slots=True)
class DocumentSeen:
    """The identity document that was checked: its kind and its last digits, at most four of them.

    ``bearer`` says who showed it where it was not the holder (a guardian, an agent and his relation).
    """

    kind: Text
    last_digits: str
    bearer: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A label and what stands beside it; ``strong`` for what is looked for, ``note`` small beneath."""

    label: Text
    value: Words
    strong: bool = False
    note: Words = ""


@dataclass(frozen=True, slots=True)
class Change:
    """An item that was rewritten. ``old`` or ``new`` is None where the rights of the counter do not show it."""

    label: Text
    old: Words | None
    new: Words | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One counter service: what was asked, what came of it, what to do next.

    ``done`` is false where the service was refused or is still open. ``lines`` are what this service alone has (due
    date of a replacement, amounts of a load), ``approved_by`` the second person where one was needed.
    """

    made: Made
    service: Text
    holder: Holder
    outcome: Text
    document: DocumentSeen | None = None
    done: bool = True
    lines: tuple[Line, ...] = ()
    changes: tuple[Change, ...] = ()
    next_steps: tuple[Text, ...] = ()
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A record of the log (DF04 EF08). ``at`` is None when its seven bytes are no time; amounts in fen."""

    sequence: int
    kind: Literal["load", "purchase"]
    at: datetime | None
    terminal: str
    account: int
    own: int = 0
    pooled: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """The medical account and its log; ``transactions`` oldest first, as many as the card still holds.

    ``balance``, ``own`` and ``pooled`` are what the card answers (GET BALANCE), the last two for ``year``, which begins
    on ``year_begins`` (month, day). ``count`` of ``limit`` transactions were counted since the last statement;
    ``cleared`` says that this statement sets the count to zero.
    """

    made: Made
    holder: Holder
    balance: int
    own: int
    pooled: int
    year: int
    transactions: tuple[Transaction, ...]
    count: int
    limit: int
    cleared: bool
    year_begins: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """What was not readable, and why, in the holder's words."""

    what: Text
    why: Text


@dataclass(frozen=True, slots=True)
class Group:
    """The items of one file, or of one record of a cyclic file."""

    title: Text
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a cyclic file as a table, newest first; every row has a value for each column."""

    title: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Words, ...], ...]


@dataclass(frozen=True, slots=True)
class Area:
    """One area of the card (identity, common, employment, social insurance, medical, personnel)."""

    title: Text
    groups: tuple[Group, ...] = ()
    records: tuple[Records, ...] = ()
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a calculation: what, how (``1,000.00 × 70 %``), the amount in fen; ``total`` draws a rule above."""

    label: Text
    how: Words
    amount: int
    total: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What the holder pays of a bill of ``bill`` fen, by the ``rules`` of a region that hold from ``valid_from``."""

    bill: int
    steps: tuple[Step, ...]
    holder_pays: int
    rules: Words
    valid_from: date | None = None
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a designated institution looks for: category, institutions, off-site approval, account and totals."""

    lines: tuple[Line, ...]
    share: Share | None = None
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class HolderSheet:
    """Everything that was read from a card, in the holder's words; ``rights`` says with which rights it was read."""

    made: Made
    holder: Holder
    areas: tuple[Area, ...]
    rights: tuple[Text, ...] = ()
    settlement: Settlement | None = None
