"""The list that goes with boxes of a batch: which places are in each, how many cards, for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.face.fonts import FontBook

from .blocks import Block, Column, gap, kept
from .counter import Line, Made, Words
from .head import a4_document, big_figures, signatures
from .paper import A4, QUIET
from .table import Heading, table, total
from .wording import NOTHING

TITLE = Text("Shipping list", "发货清单")
_BOXES = (
    (Text("Box", "盒号"), 0.14, False),
    (Text("First place", "起始位置"), 0.18, True),
    (Text("Last place", "末位置"), 0.18, True),
    (Text("Cards", "卡片张数"), 0.16, True),
    (Text("Without card", "空位"), 0.16, True),
    (Text("Counted", "清点数"), 0.18, True),
)
_SAID = Text(
    "Cards lie in the order of the issuer's file. A place without a card is in the return file with its reason.",
    "卡片按发卡机构文件顺序装盒；空位及原因见回盘文件。",
)
_SIGN = (Text("Handed over by", "交付人"), Text("Received by", "接收人"))
_BLANK = "________"


@dataclass(frozen=True, slots=True)
class BoxLine:
    """One box."""

    box: int
    first: int
    last: int
    cards: int
    empty: int


@dataclass(frozen=True, slots=True)
class ShippingList:
    """What the list says."""

    made: Made
    receiver: str
    reference: str
    product: str
    boxes: Sequence[BoxLine]


def shipping_list_pdf(one: ShippingList, fonts: FontBook) -> bytes:
    """The list as PDF, A4; the same list gives the same bytes."""
    column = Column(fonts, one.made.language, A4.margin, A4.inside, label=40.0)
    cards, empty = sum(box.cards for box in one.boxes), sum(box.empty for box in one.boxes)
    headings = [Heading(*each) for each in _BOXES]
    rows: list[tuple[Words, ...]] = [
        (str(box.box), f"{box.first:,}", f"{box.last:,}", f"{box.cards:,}", str(box.empty or NOTHING), _BLANK)
        for box in one.boxes
    ]  # fmt: skip
    last: list[tuple[Words, ...]] = [(Text("In all", "合计"), "", "", f"{cards:,}", f"{empty:,}", _BLANK)]
    blocks: list[Block] = [
        big_figures(column, [
            (Text("Boxes", "盒数"), f"{len(one.boxes):,}", ""),
            (Text("Cards", "卡片张数"), f"{cards:,}", ""),
            (Text("Without card", "空位"), f"{empty:,}", ""),
        ]),
        gap(2.0),
        *column.pairs([
            Line(Text("Receiver", "接收单位"), one.receiver, strong=True),
            Line(Text("Batch", "批次"), one.reference),
            Line(Text("Product", "产品"), one.product),
        ], after=0.6),
        column.heading(Text("Boxes", "装盒明细")),
        *table(column, headings, rows),
    ]  # fmt: skip
    end = [*total(column, headings, last), column.words(_SAID, size=8.0, colour=QUIET), signatures(column, _SIGN)]
    return a4_document(fonts, one.made, TITLE, [[*blocks[:-1], *kept([blocks[-1], *end])]])


__all__ = ["TITLE", "BoxLine", "ShippingList", "shipping_list_pdf"]
