"""The record of a destruction: which spoiled or test cards, how, by whom, before which witness."""

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

TITLE = Text("Destruction of cards", "卡片销毁记录")
_SAID = Text(
    "Both were present from the counting to the last card, counted each by themselves, and saw that no chip, no stripe "
    "and no number can be read any more. Keep this paper as long as the rules of the issuer say.",
    "两人自清点至最后一张卡销毁全程在场，各自清点，并确认芯片、磁条及号码均不可再读。本记录按发卡机构规定期限保存。",
)
_CARDS = (
    (Text("Place", "位置"), 0.12, True),
    (Text("Job", "作业"), 0.14, False),
    (Text("Chip", "芯片号"), 0.26, False),
    (Text("Reason", "作废原因"), 0.48, False),
)
_SIGN = (Text("Destroyed by", "销毁人"), Text("Witness", "监销人"))


@dataclass(frozen=True, slots=True)
class DestroyedCard:
    """One card by name: its place in the batch, its job, its chip (empty: none was read), why it was spoiled."""

    place: int
    job: int
    chip: str
    why: str


@dataclass(frozen=True, slots=True)
class Destruction:
    """One destruction. ``what``: spoiled or test cards; ``numbers`` empty where the cards have none.

    ``batch`` and ``cards`` of the cards of one batch of the bureau, named one by one.
    """

    made: Made
    stock: str
    what: Text
    count: int
    numbers: str
    how: str
    at: str
    by: str
    witness: str
    batch: str = ""
    cards: Sequence[DestroyedCard] = ()


def destruction_pdf(one: Destruction, fonts: FontBook) -> bytes:
    """The record as PDF, A4; the same values give the same bytes."""
    column = Column(fonts, one.made.language, A4.margin, A4.inside, label=46.0)
    lines = [
        Line(Text("Stock", "库存"), one.stock, strong=True),
        Line(Text("Cards", "卡片"), one.what),
        *([Line(Text("Batch", "批次"), one.batch)] if one.batch else []),
        Line(Text("Printed numbers", "印刷号码"), one.numbers or NOTHING),
        Line(Text("How", "销毁方式"), one.how),
        Line(Text("When", "时间"), one.at),
        Line(Text("Destroyed by", "销毁人"), one.by),
        Line(Text("Witness", "监销人"), one.witness),
    ]
    blocks: list[Block] = [
        big_figures(column, [(Text("Cards destroyed", "销毁张数"), str(one.count), "")]),
        gap(3.0),
        *column.pairs(lines, after=1.2),
        *_cards(column, one.cards),
        gap(3.0),
        *kept([column.words(_SAID, size=9.0, colour=QUIET), signatures(column, _SIGN)]),
    ]
    return a4_document(fonts, one.made, TITLE, [blocks])


def _cards(column: Column, cards: Sequence[DestroyedCard]) -> list[Block]:
    if not cards:
        return []
    rows: list[tuple[Words, ...]] = [
        (str(one.place), str(one.job), one.chip or NOTHING, one.why or NOTHING) for one in cards
    ]
    return [
        column.heading(Text("The cards", "卡片明细")),
        *table(column, [Heading(*each) for each in _CARDS], rows, size=8.5),
    ]
