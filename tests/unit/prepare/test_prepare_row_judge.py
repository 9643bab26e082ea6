"""One row judged by itself: as in a file, and with reasons that quote nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from cardfab.errors import Text
from cardfab.prepare.finding import hidden
from cardfab.prepare.importer import ProductRules, RowJudge
from cardfab.prepare.items import ItemBook
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from tests.tools import tool

PROFILES = ProfileFolders((data_folder("profiles"),))
holders = tool("holders")
PERSONAL = ("social_security_number", "name", "birth_date", "household_address", "phone", "replaces_card", "photo")


@pytest.fixture(scope="module")
def judge() -> RowJudge:
    codes = load(PROFILES, "codes", "training", CodeTables)
    book = ItemBook(load(PROFILES, "applications", "ssc-v2", FileApplication), codes)
    return RowJudge(
        codes=codes,
        today=date(2026, 11, 21),
        rules={"bureau-sm2": ProductRules(book, (), portrait=False), "debit": ProductRules(book)}.get,
        photos=lambda name: b"jpeg",
        judge_photo=lambda jpeg: [],
    )


def row(**other: str) -> dict[str, str]:
    made, _ = next(holders.holders(1))
    return {**made, **other}


def test_a_product_without_a_portrait_needs_no_photo_and_keeps_none(judge: RowJudge) -> None:
    for photo in ("", "p.jpg"):
        request, faults = judge(row(photo=photo))
        assert faults == []
        assert request is not None
        assert request.photo is None


def test_any_other_product_does(judge: RowJudge) -> None:
    assert [field for field, _ in judge(row(bank_product="debit"))[1]] == ["photo"]
    request, _ = judge(row(bank_product="debit", photo="p.jpg"))
    assert request is not None
    assert request.photo == b"jpeg"


def test_faults_from_elsewhere_stand_among_its_own(judge: RowJudge) -> None:
    request, faults = judge(row(phone="x"), (("request_id", Text("taken", "已用")),))
    assert request is None
    assert [field for field, _ in faults] == ["request_id", "phone"]


@pytest.mark.parametrize("spoil", holders._FAULTS)
def test_a_hidden_reason_quotes_no_value(judge: RowJudge, spoil: Callable[[dict[str, str]], None]) -> None:
    bad = row()
    spoil(bad)
    for show in (hidden, judge.show):
        request, faults = replace(judge, show=show)(bad)
        assert request is None
        assert faults
        if show is hidden:
            said = "".join(why.en + why.zh for _, why in faults)
            assert not [bad[field] for field in PERSONAL if bad[field] and bad[field] in said]


@pytest.mark.parametrize(
    "digits", ["20260230", "19991231", "1999123", "21000101", "18991231", "2026１１01", "00000000"]
)
def test_days_are_those_of_the_calendar(judge: RowJudge, digits: str) -> None:
    _, faults = judge(row(birth_date=digits))
    wanted = {"19991231": "agree"}.get(digits, "not a day")
    assert any(field == "birth_date" and wanted in why.en for field, why in faults)
