"""What people are handed at the counter: every word comes out as it went in, nothing leaves the paper."""

from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from cardfab.documents import (
    Area,
    Change,
    Group,
    Holder,
    HolderSheet,
    Line,
    Receipt,
    figures,
    hidden,
    holder_sheet_pdf,
    receipt_pdf,
    statement_pdf,
    statement_rows,
    statement_sums,
)
from cardfab.documents.counter import Language
from cardfab.documents.receipt import Form, outcome_words
from cardfab.documents.wording import titled
from cardfab.errors import Text
from cardfab.face import FontBook
from cardfab.prepare.spoken import yuan
from tests.unit.documents.counter_samples import HOLDER, in_language, names, receipts, sheet, statement

LANGUAGES: tuple[Language, ...] = ("zh", "en")
FORMS: tuple[Form, ...] = ("roll", "a5", "a4")
A4_EDGE, HALF_EDGE, ROLL_EDGE = 20.0, 14.0, 5.0
FOOT = 7.2
"""How far the fine print at the foot of a page stands into its margin, millimetres."""
MM = 72 / 25.4


_FONTS = FontBook([Path("/usr/share/fonts")])


@pytest.fixture(scope="module")
def fonts() -> FontBook:
    return _FONTS


@functools.cache
def _receipts(language: Language, form: Form) -> dict[str, bytes]:
    return {name: receipt_pdf(receipt, _FONTS, form=form) for name, receipt in receipts(language).items()}


@functools.cache
def _statement(language: Language) -> bytes:
    return statement_pdf(statement(language, 64), _FONTS)


@functools.cache
def _sheet(language: Language) -> bytes:
    return holder_sheet_pdf(sheet(language), _FONTS)


def _text(pdf: bytes, *options: str) -> str:
    command = ["pdftotext", "-enc", "UTF-8", *options, "-", "-"]
    return subprocess.run(command, input=pdf, stdout=subprocess.PIPE, check=True).stdout.decode()


def _lines(pdf: bytes) -> list[str]:
    return [line.strip() for line in _text(pdf).splitlines() if line.strip()]


def _solid(text: str) -> str:
    """Without white space: where a line was broken does not matter."""
    return re.sub(r"\s+", "", text)


def _pages(pdf: bytes) -> int:
    return _text(pdf).count("\f")


def _boxes(pdf: bytes) -> Iterator[tuple[str, float, float, float, float, float, float]]:
    """Each word with its box and its page's size, millimetres."""
    width = height = 0.0
    for line in _text(pdf, "-bbox").splitlines():
        if page := re.search(r'<page width="([\d.]+)" height="([\d.]+)"', line):
            width, height = (float(each) / MM for each in page.groups())
        if word := re.search(r'xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*)</word>', line):
            left, top, right, bottom = (float(each) / MM for each in word.groups()[:4])
            yield word[5], left, top, right, bottom, width, height


def _inside(pdf: bytes, edge: float, foot: float = FOOT, half: bool = False) -> None:
    """No word outside the margins but the fine print, which stands within ``foot`` beneath the body."""
    seen = 0
    for word, left, top, right, bottom, width, height in _boxes(pdf):
        if half and height > 200:
            height /= 2
            top, bottom = (top - height, bottom - height) if top > height else (top, bottom)
        seen += 1
        assert left >= edge - 0.3, word
        assert right <= width - edge + 0.3, word
        # A box is as high as the font says, which is more than its letters are.
        assert top >= edge - 2.0, word
        assert bottom <= height - edge + foot + 1.0, word
    assert seen > 20


@pytest.mark.proof
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", FORMS)
def test_every_service_has_a_receipt_that_says_all_of_it(language: Language, form: Form) -> None:
    for name, receipt in receipts(language).items():
        pdf = _receipts(language, form)[name]
        text = _solid(_text(pdf))
        said = [
            receipt.service.en, receipt.service.zh, titled(outcome_words(receipt), language),
            receipt.holder.name, "李玥", "4038",
            "示例市培训网点 01", "HZ20261121-000042", "2026-11-21 10:42:07", "650199 ******** 4038", "D*****517",
            *(each.of(language) for each in receipt.next_steps), receipt.approved_by, "样卡", "SPECIMEN",
        ]  # fmt: skip
        for line in receipt.lines:
            said += [str(each.of(language) if isinstance(each, Text) else each) for each in (line.value,)]
        for change in receipt.changes:
            said += [
                str(each.of(language) if isinstance(each, Text) else each or "") for each in (change.old, change.new)
            ]
        for words in said:
            assert _solid(words) in text, words
        # The whole number is nowhere, not even in what a program reads.
        assert HOLDER.social_security_number not in text
        assert "19500924" not in text
        assert HOLDER.card_number not in text
        assert HOLDER.social_security_number.encode() not in pdf


@pytest.mark.proof
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_stands_outside_the_margins(language: Language) -> None:
    for form, edge, foot in (("roll", ROLL_EDGE, 0.0), ("a5", HALF_EDGE, FOOT), ("a4", HALF_EDGE, FOOT)):
        for pdf in _receipts(language, form).values():  # type: ignore[arg-type]
            _inside(pdf, edge, foot, half=form == "a4")
    _inside(_statement(language), A4_EDGE)
    _inside(_sheet(language), A4_EDGE)


@pytest.mark.proof
def test_words_do_not_run_into_one_another() -> None:
    for language in LANGUAGES:
        receipt_pdfs = (*_receipts(language, "a5").values(), *_receipts(language, "roll").values())
        for pdf in (_statement(language), _sheet(language), *receipt_pdfs):
            by_line: dict[tuple[int, int], list[tuple[float, float, str]]] = {}
            page, last = 0, 0.0
            for word, left, top, right, bottom, *_ in _boxes(pdf):
                page, last = page + (top < last - 200), top
                by_line.setdefault((page, round(bottom * 2)), []).append((left, right, word))
            for words in by_line.values():
                words.sort()
                for (_, right, word), (left, _, following) in itertools.pairwise(words):
                    assert left >= right - 0.1, (word, following)


@pytest.mark.proof
@pytest.mark.parametrize("form", FORMS)
def test_rare_and_long_names_come_out_exactly(fonts: FontBook, form: Form) -> None:
    receipt = receipts("zh")["pin-change"]
    everyone = dict.fromkeys(names())
    assert len(everyone) > 50
    assert "王䶮" in everyone
    hardest = sorted(everyone, key=len)[-6:] + [each for each in everyone if max(each) > "\u9fff"][:4] + ["王䶮"]
    for name in hardest:
        pdf = receipt_pdf(dataclasses.replace(receipt, holder=Holder(name, "650199195009244038")), fonts, form=form)
        lines = _lines(pdf)
        assert name in lines or name in "".join(lines), name


def test_the_names_of_all_samples_come_out_of_one_sheet(fonts: FontBook) -> None:
    """Rare characters, long names, five hundred glyphs in a font: the same words come out again, in their order."""
    everyone = names()
    lines = tuple(Line(Text(f"Name {number}", f"姓名 {number}"), name) for number, name in enumerate(everyone, 1))
    groups = (Group(Text("Names", "姓名"), lines),)
    whole = HolderSheet(in_language("zh"), HOLDER, (Area(Text("Samples", "样例"), groups),))
    pdf = holder_sheet_pdf(whole, fonts)
    text = _solid(_text(pdf, "-layout"))
    for number, name in enumerate(everyone, 1):
        assert f"姓名{number}{_solid(name)}" in text
    read = _solid("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))
    for name in everyone:
        assert _solid(name) in read
    assert _pages(pdf) >= 5
    _inside(pdf, A4_EDGE)


def test_what_no_font_draws_is_named_and_refuses_nothing(fonts: FontBook) -> None:
    text = _text(_sheet("zh"))
    assert "王 [U+F0001]" in text
    odd = dataclasses.replace(HOLDER, name="王\U0010fffd")
    assert "王[U+10FFFD]" in _text(receipt_pdf(dataclasses.replace(receipts("zh")["block"], holder=odd), fonts))


def test_a_roll_is_as_long_as_what_stands_on_it(fonts: FontBook) -> None:
    def size(receipt: Receipt) -> tuple[float, float]:
        *_, width, height = next(_boxes(receipt_pdf(receipt, fonts)))
        return width, height

    short, long = (size(receipts("zh")[each]) for each in ("pin-change", "update"))
    assert short[0] == long[0] == pytest.approx(80, abs=0.1)
    assert 120 < short[1] < long[1] < 260


def test_a_long_receipt_takes_more_half_pages_and_both_copies_have_them(fonts: FontBook) -> None:
    base = receipts("zh")["update"]
    changes = tuple(Change(Text(f"Item {n}", f"项目甲{n}"), f"旧值{n}", f"新值{n}") for n in range(40))
    long = dataclasses.replace(base, changes=changes)
    five, four = receipt_pdf(long, fonts, form="a5"), receipt_pdf(long, fonts, form="a4")
    assert _pages(five) == _pages(four) >= 3
    assert f"第 1 页，共 {_pages(five)} 页" in _text(five)
    assert _text(five).count("变更前") == _pages(five)
    assert _solid(_text(four)).count("新值39") == 2
    assert _text(four).count("持卡人签名") == 2
    _inside(five, HALF_EDGE)
    _inside(four, HALF_EDGE, half=True)


def test_the_two_copies_of_a_receipt_are_on_one_page(fonts: FontBook) -> None:
    pdf = receipt_pdf(receipts("zh")["loss"], fonts, form="a4")
    assert _pages(pdf) == 1
    where = {word: top for word, _, top, *_ in _boxes(pdf) if word in ("持卡人联", "网点留存联")}
    assert where["持卡人联"] < 148.5 < where["网点留存联"]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (25, 1), (30, 2), (64, 2), (120, 4)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_statement_repeats_its_head_and_counts_its_pages(
    fonts: FontBook, language: Language, count: int, pages: int
) -> None:
    whole = statement(language, count)
    pdf = statement_pdf(whole, fonts)
    text = _text(pdf, "-layout")
    assert _pages(pdf) == pages
    for number, page in enumerate(text.split("\f")[:-1], 1):
        assert f"第 {number} 页，共 {pages} 页" in page
        assert f"page {number} of {pages}" in page
        assert "DZ20261121-000007" in page
        if count:
            assert ("终端机编号" if language == "zh" else "Terminal") in page
    for row in statement_rows(whole):
        cells = [each.of(language) if isinstance(each, Text) else each for each in row]
        assert re.search(r"\s+".join(map(re.escape, cells)), text), cells
    assert "12,345.67" in text


def test_the_balance_after_each_transaction_is_reckoned_back() -> None:
    whole = statement("zh", 12)
    rows = statement_rows(whole)
    assert rows[-1][-1] == "12,345.67"
    assert rows[-2][-1] == yuan(1_234_567 + whole.transactions[-1].account)
    assert [row[4] for row in rows][-2] == "+500.00"
    # A log that leads below zero has a gap: then no balance is better than a wrong one.
    broken = dataclasses.replace(whole, balance=10_000)
    assert {row[-1] for row in statement_rows(broken)} == {"—"}


def test_the_sums_of_a_statement() -> None:
    whole = statement("en", 30)
    (loads, paid) = statement_sums(whole)
    assert loads[1] == Text("3 in all", "共 3 笔")
    assert loads[4] == "+1,500.00"
    assert paid[4] == "-" + yuan(sum(each.account for each in whole.transactions if each.kind == "purchase"))
    assert paid[5:7] == (yuan(whole.own), yuan(whole.pooled))


def test_a_statement_says_what_becomes_of_the_count(fonts: FontBook) -> None:
    cleared = _text(statement_pdf(statement("zh", 60), fonts))
    assert "自上次打印对账单以来计 60 笔交易（上限 60 笔）。打印后计数清零。" in cleared
    kept = _text(statement_pdf(statement("en", 20, cleared=False), fonts))
    assert "20 transactions were counted since the last statement (limit 60, 40 left)." in kept
    assert "does not clear the count" in " ".join(kept.split())


def test_the_largest_amounts_of_a_card_do_not_collide(fonts: FontBook) -> None:
    """Four bytes of fen: 42 949 672.95 yuan."""
    base = statement("en", 3)
    most = 0xFFFFFFFF
    rows = tuple(
        dataclasses.replace(each, account=most, own=most, pooled=most, sequence=0xFFFF) for each in base.transactions
    )
    pdf = statement_pdf(dataclasses.replace(base, transactions=rows, balance=most, own=most, pooled=most), fonts)
    assert _text(pdf).count("42,949,672.95") >= 9
    _inside(pdf, A4_EDGE)
    figure = [box for box in _boxes(pdf) if box[0].endswith("42,949,672.95")]
    for a in figure:
        for b in figure:
            assert a is b or a[3] <= b[1] + 0.1 or b[3] <= a[1] + 0.1 or a[4] <= b[2] + 1 or b[4] <= a[2] + 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sheet_says_everything_of_every_area(language: Language) -> None:
    whole = sheet(language)
    text = _solid(_text(_sheet(language), "-layout"))
    for area in whole.areas:
        assert _solid(area.title.of(language)) in text
        for group in area.groups:
            for line in group.lines:
                value = line.value.of(language) if isinstance(line.value, Text) else line.value
                if "\x00" not in value:
                    assert _solid(line.label.of(language) + value) in text
        for records in area.records:
            for row in records.rows:
                for cell in row:
                    assert _solid(cell.of(language) if isinstance(cell, Text) else cell) in text
        for unread in area.unread:
            assert _solid(unread.what.of(language)) in text
    assert ("该区没有记录" if language == "zh" else "Nothingisrecorded") in text
    assert whole.settlement is not None
    assert whole.settlement.share is not None
    for step in whole.settlement.share.steps:
        assert _solid(step.label.of(language) + str(step.how) + yuan(step.amount)) in text


@pytest.mark.proof
def test_what_is_for_settlement_begins_a_page(fonts: FontBook) -> None:
    with_it, without = (_text(holder_sheet_pdf(sheet("zh", settlement=each), fonts)) for each in (True, False))
    assert with_it.count("\f") == without.count("\f") + 1
    assert "个人负担计算" in with_it.split("\f")[-2]
    assert "个人负担计算" not in without


@pytest.mark.proof
def test_no_heading_is_left_alone_at_the_foot(fonts: FontBook) -> None:
    """Sheets of every length: the last words of a page are never a title."""
    lines = [Line(Text(f"Line {n}", f"行 {n}"), f"值{n}") for n in range(60)]
    for count in range(34, 44):
        first = Area(Text("First", "甲区"), (Group(Text("Long", "长组"), tuple(lines[:count])),))
        second = Area(Text("Second", "乙区"), (Group(Text("Short", "短组"), (lines[0],)),))
        pages = _text(holder_sheet_pdf(HolderSheet(in_language("zh"), HOLDER, (first, second)), fonts)).split("\f")
        for page in pages[:-1]:
            assert ("乙区" in page) == ("短组" in page)


@pytest.mark.proof
@pytest.mark.parametrize("form", FORMS)
def test_the_same_receipt_is_the_same_file(fonts: FontBook, form: Form) -> None:
    receipt = receipts("zh")["activation"]
    pdf = receipt_pdf(receipt, fonts, form=form)
    assert receipt_pdf(receipt, FontBook([Path("/usr/share/fonts")]), form=form) == pdf
    later = dataclasses.replace(receipt, made=dataclasses.replace(receipt.made, at=datetime(2026, 11, 22)))
    assert receipt_pdf(later, fonts, form=form) != pdf


@pytest.mark.proof
def test_the_same_statement_and_sheet_are_the_same_file(fonts: FontBook) -> None:
    again = FontBook([Path("/usr/share/fonts")])
    assert statement_pdf(statement("zh", 40), fonts) == statement_pdf(statement("zh", 40), again)
    assert holder_sheet_pdf(sheet("en"), fonts) == holder_sheet_pdf(sheet("en"), again)


@pytest.mark.proof
def test_specimen_is_on_every_page_unless_production_says_otherwise(fonts: FontBook) -> None:
    def production(value: object) -> object:
        return dataclasses.replace(value, made=in_language("zh", specimen=False))  # type: ignore[type-var]

    for make, whole in (
        (receipt_pdf, receipts("zh")["loss"]), (statement_pdf, statement("zh", 64)), (holder_sheet_pdf, sheet("zh")),
    ):  # fmt: skip
        for page in _text(make(whole, fonts)).split("\f")[:-1]:  # type: ignore[operator]
            assert "SPECIMEN" in page
        assert "SPECIMEN" not in _text(make(production(whole), fonts))  # type: ignore[operator]


@pytest.mark.proof
def test_every_letter_is_embedded(fonts: FontBook) -> None:
    for pdf in (receipt_pdf(receipts("zh")["loss"], fonts), statement_pdf(statement("zh", 3), fonts)):
        listed = subprocess.run(["pdffonts", "-"], input=pdf, stdout=subprocess.PIPE, check=True).stdout.decode()
        drawn = [line for line in listed.splitlines()[2:] if "Helvetica" not in line]
        assert drawn
        assert all(re.search(r"yes\s+yes\s+yes", line) for line in drawn)


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("650199195009244038", "650199********4038"), ("D13044517", "D*****517"), ("AB12", "****"), ("", ""),
        ("6213000000001234567", "621300*********4567"),
    ],
)  # fmt: skip
def test_numbers_are_masked(number: str, masked: str) -> None:
    assert hidden(number) == masked


def test_figures_are_grouped_and_amounts_have_two_places() -> None:
    assert figures("650199********4038") == "650199 ******** 4038"
    assert figures("6213000000001234567") == "6213 0000 0000 1234 567"
    assert figures("D13044517") == "D13044517"
    assert [yuan(each) for each in (0, 5, 123_450, -7)] == ["0.00", "0.05", "1,234.50", "-0.07"]
