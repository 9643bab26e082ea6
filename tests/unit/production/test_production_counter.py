"""Documents of holders and terms of the counter."""

from __future__ import annotations

from datetime import date

import pytest

from cardfab.errors import InputRefused
from cardfab.prepare.gb11643 import check_character
from cardfab.production import Document, NotTheHolder, due_after, identity, months_after, require_holder
from cardfab.production.identity import age

TODAY = date(2026, 11, 22)


def number(born: str) -> str:
    first = f"440199{born}001"
    return first + check_character(first)


ADULT, CHILD = number("19800101"), number("20150101")


@pytest.mark.parametrize(
    ("document", "given", "kept"),
    [
        (Document.ID_CARD, ADULT.lower(), ADULT),
        (Document.ID_CARD, "　".join((ADULT[:6], ADULT[6:14], ADULT[14:])), ADULT),
        (Document.PASSPORT, "e 1234567", "E1234567"),
        (Document.PASSPORT, "Ｅ１２３４５６７", "E1234567"),
    ],
)
def test_a_number_is_evened_out(document: Document, given: str, kept: str) -> None:
    assert identity(document, given).number == kept


@pytest.mark.parametrize(
    ("document", "given"),
    [
        (Document.ID_CARD, ADULT[:17] + ("1" if ADULT[17] != "1" else "2")),
        (Document.ID_CARD, ADULT[:15]),
        (Document.HOUSEHOLD, "E1234567"),
        (Document.PASSPORT, ""),
        (Document.PASSPORT, "1" * 19),
        (Document.PASSPORT, "E12-4567"),
    ],
)
def test_a_number_that_cannot_be(document: Document, given: str) -> None:
    with pytest.raises(InputRefused) as refused:
        identity(document, given)
    assert (refused.value.code, refused.value.exit_status) == ("CF-3570", 3)
    assert given == "" or given not in str(refused.value)


def test_a_check_does_not_show_the_number() -> None:
    shown = identity(Document.ID_CARD, ADULT)
    assert ADULT not in repr(shown)
    assert shown.last_digits == ADULT[-4:]


def test_who_may_stand_at_the_counter() -> None:
    holder = identity(Document.ID_CARD, ADULT)
    require_holder(holder, ADULT, TODAY, second=False)
    for shown, of in ((holder, CHILD), (identity(Document.PASSPORT, "E1234567"), ADULT), (holder, "")):
        with pytest.raises(NotTheHolder) as refused:
            require_holder(shown, of, TODAY, second=True)
        assert refused.value.code == "CF-7600"


def test_a_guardian_and_an_agent() -> None:
    mother = identity(Document.ID_CARD, ADULT, " mother ")
    assert mother.relation == "mother"
    require_holder(mother, CHILD, TODAY, second=False)
    with pytest.raises(NotTheHolder) as refused:
        require_holder(mother, number("19900101"), TODAY, second=False)
    assert refused.value.code == "CF-7601"
    require_holder(mother, number("19900101"), TODAY, second=True)


def test_the_age_by_the_number() -> None:
    assert age(number("20101122"), TODAY) == 16
    assert age(number("20101123"), TODAY) == 15
    assert age("E1234567", TODAY) == 16


@pytest.mark.parametrize("document", Document)
def test_every_document_is_named_in_both_languages(document: Document) -> None:
    assert document.text.en
    assert document.text.zh


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 11, 21), 6, date(2027, 5, 21)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
    ],
)
def test_months(day: date, months: int, then: date) -> None:
    assert months_after(day, months) == then


def test_seven_days() -> None:
    friday = date(2026, 11, 20)
    assert due_after(friday, 7) == date(2026, 11, 27)
    assert due_after(friday, 7, working=True) == date(2026, 12, 1)
    assert due_after(friday, 7, working=True, closed=[date(2026, 11, 23)]) == date(2026, 12, 2)
