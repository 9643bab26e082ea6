"""The stock book of one kind of card on paper: every movement with what the vault and the machine held after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, gap, kept
from .counter import Line, Made, Words
from .head import a4_document, big_figures, signatures
from .paper import A4, QUIET
from .table import Heading, table
from .wording import NOTHING

TITLE = Text("Stock book", "库存台账")
_ROWS = (
    (Text("Time", "时间"), 0.14, False),
    (Text("Movement", "变动"), 0.21, False),
    (Text("Cards", "张数"), 0.08, True),
    (Text("Vault", "库房"), 0.08, True),
    (Text("Machine", "机内"), 0.10, True),
    (Text("Numbers", "号码"), 0.20, False),
    (Text("Reason, note", "事由、单号"), 0.17, False),
    (Text("By", "经办"), 0.12, False),
)
_NUMBERS = Text(
    "Numbers with * went by the order of the hopper; nobody read them from the card.",
    "带 * 的号码按发卡顺序推定，未经目视核对。",
)
_SIGN = (Text("Kept by", "记账人"), Text("Checked by", "复核人"))


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One movement; ``vault`` and ``machine`` after it."""

    time: str
    what: Text
    count: int
    vault: int
    machine: int
    numbers: str
    reason: Words
    by: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the paper says. ``numbers`` by place, as they lie now."""

    made: Made
    stock: str
    vault: int
    machine: int
    spoiled: int
    numbers: Sequence[tuple[Text, str]]
    lines: Sequence[LedgerLine]


def ledger_pdf(ledger: Ledger, fonts: FontBook) -> bytes:
    """The book as PDF, A4; the same values give the same bytes."""
    column = Column(fonts, ledger.made.language, A4.margin, A4.inside, label=40.0)
    rows: list[tuple[Words, ...]] = [
        (
            one.time,
            one.what,
            str(one.count),
            str(one.vault),
            str(one.machine),
            one.numbers or NOTHING,
            one.reason,
            one.by,
        )
        for one in ledger.lines
    ]
    blocks: list[Block] = [
        big_figures(
            column,
            [
                (Text("Vault", "库房"), str(ledger.vault), ""),
                (Text("At the machine", "机内"), str(ledger.machine), ""),
                (Text("Spoiled and test cards", "废卡与测试卡"), str(ledger.spoiled), ""),
            ],
        ),
        gap(2.0),
        column.pair(Line(Text("Stock", "库存"), ledger.stock, strong=True)),
        *column.pairs([Line(place, numbers) for place, numbers in ledger.numbers]),
        column.heading(Text("Movements", "变动")),
        *(table(column, [Heading(*each) for each in _ROWS], rows, size=8.0) if rows else [column.words(NOTHING)]),
        gap(1.0),
        *kept([column.words(_NUMBERS, size=8.0, colour=QUIET), signatures(column, _SIGN)]),
    ]
    return a4_document(fonts, ledger.made, TITLE, [blocks])
