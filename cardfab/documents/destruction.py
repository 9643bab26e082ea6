"""The record of a destruction: which spoiled or test cards, how, by whom, before which witness."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, gap, kept
from .counter import Line, Made
from .head import a4_document, big_figures, signatures
from .paper import A4, QUIET
from .wording import NOTHING

TITLE = Text("Destruction of cards", "卡片销毁记录")
_SAID = Text(
    "Both were present from the counting to the last card, counted each by themselves, and saw that no chip, no stripe "
    "and no number can be read any more. Keep this paper as long as the rules of the issuer say.",
    "两人自清点至最后一张卡销毁全程在场，各自清点，并确认芯片、磁条及号码均不可再读。本记录按发卡机构规定期限保存。",
)
_SIGN = (Text("Destroyed by", "销毁人"), Text("Witness", "监销人"))


@dataclass(frozen=True, slots=True)
class Destruction:
    """One destruction. ``what``: spoiled or test cards; ``numbers`` empty where the cards have none."""

    made: Made
    stock: str
    what: Text
    count: int
    numbers: str
    how: str
    at: str
    by: str
    witness: str


def destruction_pdf(one: Destruction, fonts: FontBook) -> bytes:
    """The record as PDF, A4; the same values give the same bytes."""
    column = Column(fonts, one.made.language, A4.margin, A4.inside, label=46.0)
    lines = [
        Line(Text("Stock", "库存"), one.stock, strong=True),
        Line(Text("Cards", "卡片"), one.what),
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
        gap(3.0),
        *kept([column.words(_SAID, size=9.0, colour=QUIET), signatures(column, _SIGN)]),
    ]
    return a4_document(fonts, one.made, TITLE, [blocks])
