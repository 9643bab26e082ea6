"""The temporary card on the 80 mm roll: the same words and the same code, black on white."""

from __future__ import annotations

from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.face.photo import crop_to, open_photo

from .blocks import Block, Column, gap
from .claim import in_metadata
from .paper import INK, QUIET, Format, Page, printed
from .receipt import HOLDER_SIGNS, ROLL_MARGIN, ROLL_WIDTH, boxed
from .temporary import TemporaryCard, foot, title, verify_words
from .wording import day, figures

_PHOTO_WIDTH, _PHOTO_HEIGHT = 24.0, 30.0
_CODE_SIDE = 44.0
"""A thermal head has eight dots a millimetre: six dots a module and more, also of a long name."""


def roll_pdf(card: TemporaryCard, photo: bytes, fonts: FontBook, code: str, *, specimen: bool) -> bytes:
    """One page, as long as what stands on it."""
    inside = ROLL_WIDTH - 2 * ROLL_MARGIN
    column = Column(fonts, "zh", ROLL_MARGIN, inside, body=9.5)
    beside_photo = column.part(_PHOTO_WIDTH + 4.0, inside - _PHOTO_WIDTH - 4.0)
    mark = [boxed(column)] if specimen else []
    holder = [
        *_labelled(beside_photo, Text("No.", "编号"), card.number, 10.0),
        *_labelled(beside_photo, Text("Region", "统筹地区"), f"{card.region_name.zh}（{card.region}）", 9.5),
        *_labelled(beside_photo, Text("Reason", "签发原因"), card.category.zh, 9.5),
    ]
    blocks = [
        *mark,
        column.words("临时社会保障卡", size=16.0, role="sans-bold", align="centre"),
        column.words("Temporary social security card", size=8.5, colour=QUIET, align="centre", after=0.8),
        *_extension(column, card),
        column.rule(colour=INK),
        _pictured(column, holder, photo),
        gap(1.5),
        *_labelled(column, Text("Name", "姓名"), card.name, 16.0),
        *_labelled(column, Text("Social security number", "社会保障号码"), figures(card.social_security_number), 15.0),
        *_labelled(column, Text("Valid until", "有效期至"), day(card.valid_until, "zh"), 15.0),
        column.words(f"{card.valid_from} – {card.valid_until}", size=8.0, colour=QUIET, after=1.0),
        *_labelled(column, Text("May be used for", "可用于"), card.use_words().zh, 11.5),
        column.words(card.use_words().en, size=8.0, colour=QUIET),
        column.heading("不可用于 Not to be used for"),
        *[block for limit in card.not_for for block in _both(column, limit, "—")],
        column.heading("身份核验 Identity checked"),
        *_both(column, card.checked.words()),
        _coded(code),
        *_both(column, verify_words()),
        column.rule(colour=INK),
        *[block for words in foot(card) for block in (column.words(words.zh, size=7.5),)],
        gap(11.0),
        column.rule(before=0.0, after=0.8, colour=INK),
        column.words(f"{HOLDER_SIGNS.zh} {HOLDER_SIGNS.en}", size=8.0),
        *([gap(1.5), *mark] if mark else []),
    ]
    format = Format(ROLL_WIDTH, sum(block.height for block in blocks) + 2 * ROLL_MARGIN, ROLL_MARGIN)

    def draw(page: Page) -> None:
        at = ROLL_MARGIN
        for block in blocks:
            block.draw(page, at)
            at += block.height

    return printed(fonts, [[draw]], format, title=title(card), keywords=in_metadata(code), specimen=specimen)


def _labelled(column: Column, label: Text, value: str, size: float) -> list[Block]:
    """A small label over a large value."""
    return [
        column.words(f"{label.zh} {label.en}", size=7.5, colour=QUIET, keep=True),
        column.words(value, size=size, role="sans-bold", after=1.2),
    ]


def _both(column: Column, words: Text, mark: str = "") -> list[Block]:
    """Chinese over English, small beneath."""
    if mark:
        indent = 0.62 * column.body
        inner = column.part(indent, column.width - indent)
        return [
            column.listed(mark, words.zh, size=9.0, after=0.0),
            inner.words(words.en, size=7.5, colour=QUIET, after=0.8),
        ]
    return [column.words(words.zh, size=9.0), column.words(words.en, size=7.5, colour=QUIET, after=0.8)]


def _extension(column: Column, card: TemporaryCard) -> list[Block]:
    if not card.extends:
        return []
    return [
        column.words(f"延期：替代 {card.extends}", size=9.0, align="centre"),
        column.words(f"Extension: in place of {card.extends}, no longer valid", size=7.5, colour=QUIET, align="centre"),
    ]


def _pictured(column: Column, words: list[Block], photo: bytes) -> Block:
    """The photo with words at its right."""
    picture = crop_to(open_photo(photo), _PHOTO_WIDTH / _PHOTO_HEIGHT).convert("L")

    def draw(page: Page, top: float) -> None:
        page.picture(column.left, top + 1.0, _PHOTO_WIDTH, _PHOTO_HEIGHT, picture)
        at = top
        for block in words:
            block.draw(page, at)
            at += block.height

    return Block(max(_PHOTO_HEIGHT + 2.0, sum(block.height for block in words)), draw)


def _coded(code: str) -> Block:
    zone = 5.0

    def draw(page: Page, top: float) -> None:
        page.code((page.format.width + _CODE_SIDE) / 2, top + zone, _CODE_SIDE, code)

    return Block(_CODE_SIDE + 2 * zone, draw)
