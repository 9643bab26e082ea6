"""Requests with items of the card by address, and products that serve some regions only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cardfab.prepare.importer import ProductRules
from cardfab.prepare.items import ItemBook
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables

Import = Callable[..., tuple[IssuanceRequest, ...]]
Findings = Callable[..., list[tuple[int, str, str]]]
Rows = list[dict[str, str]]
Write = Callable[[Sequence[dict[str, Any]]], bytes]
Rules = Callable[[str], ProductRules | None]

GOOD = {"DF03/EF05/60": "20260228", "DF01/EF15/40:2/57": "012", "DF02/EF07/employer": "示例纺织有限公司"}


@pytest.fixture
def rules(application: FileApplication, codes: CodeTables) -> Rules:
    book = ItemBook(application, codes)
    return {"debit": ProductRules(book), "north": ProductRules(book, ("11", "65"))}.get


def test_columns_named_by_address(good_rows: Rows, as_csv: Write, import_file: Import, rules: Rules) -> None:
    rows = [{**good_rows[0], **GOOD}, {**good_rows[1], **dict.fromkeys(GOOD, "")}]
    first, second = import_file(as_csv(rows), rules=rules)
    assert first.items == GOOD
    assert second.items == {}
    assert IssuanceRequest.from_json_bytes(first.to_json_bytes()) == first
    assert "20260228" not in repr(first)


def test_items_of_a_json_line(good_rows: Rows, as_jsonl: Write, import_file: Import, rules: Rules) -> None:
    (request,) = import_file(as_jsonl([{**good_rows[0], "items": GOOD}]), "jsonl", rules=rules)
    assert request.items == GOOD
    (bare,) = import_file(as_jsonl([{**good_rows[0], "items": {}}]), "jsonl", rules=rules)
    assert bare.items == {}


@pytest.mark.parametrize(
    ("items", "field", "why"),
    [
        ("no object", "items", "not one object"),
        ([["DF03/EF05/60", "20260228"]], "items", "not one object"),
        ({"phone": "1"}, "items", "no address of an item"),
        ({"DF03/EF05/60": 20260228}, "DF03/EF05/60", "not a text"),
        ({"DF03/EF05/60": {"a": "b"}}, "DF03/EF05/60", "not a text"),
    ],
)
def test_items_that_are_no_items(
    items: object, field: str, why: str, good_rows: Rows, as_jsonl: Write, findings: Findings, rules: Rules
) -> None:
    ((row, place, reason),) = findings(as_jsonl([{**good_rows[0], "items": items}]), "jsonl", rules=rules)
    assert (row, place) == (1, field)
    assert why in reason


def test_an_address_twice(good_rows: Rows, as_jsonl: Write, as_csv: Write, findings: Findings, rules: Rules) -> None:
    line = as_jsonl([{**good_rows[0], "items": {"X": 0}}]).replace(
        b'{"X": 0}', b'{"DF03/EF05/60": "20260228", "DF03/EF05/60": "20260228"}'
    )
    ((_, place, why),) = findings(line, "jsonl", rules=rules)
    assert (place, why) == ("DF03/EF05/60", "The address stands there 2 times. Keep one.")
    table = as_csv([{**good_rows[0], "DF03/EF05/60": "", "DF03/EF05/6F": ""}]).replace(b"EF05/6F", b"EF05/60")
    assert findings(table, rules=rules)[0][:2] == (1, "DF03/EF05/60")


@pytest.mark.shows("bad input is refused before a card is touched, with the item's name (test)")
@pytest.mark.parametrize(
    ("address", "value", "why"),
    [
        (
            "DF03/EF05/60",
            "20260230",
            "(last unemployment registration date) is refused: it must be a day of the calendar",
        ),
        ("DF01/EF06/24", "44019", "(residence region code) is refused: it must be a region code of six digits"),
        ("DF02/EF07/employer", "厂" * 36, "DF02/EF07/employer (past employer name)"),
        ("DF01/EF06/23", "街" * 41, "takes 82 bytes, the item holds 80"),
        ("DF01/EF0A/38", "14", "(political affiliation) is refused: it is none of its codes"),
        ("DF03/EF05/99", "1", "is the address of no item of ssc-v2"),
        ("SSSE/EF06/09", "王", "it is made from name"),
        ("DF04/EF08/account", "100", "it is not written by a station"),
    ],
)
def test_an_item_that_is_wrong(
    address: str, value: str, why: str, good_rows: Rows, as_csv: Write, findings: Findings, rules: Rules
) -> None:
    ((row, place, reason),) = findings(as_csv([good_rows[0] | {address: value}]), rules=rules)
    assert (row, place) == (2, address)
    assert why in reason


def test_items_and_no_product(good_rows: Rows, as_csv: Write, findings: Findings, rules: Rules) -> None:
    row = {**good_rows[0], "bank_product": "nosuch", "DF03/EF05/60": "20260228"}
    found = findings(as_csv([row]), rules=rules)
    assert [place for _, place, _ in found] == ["bank_product", "DF03/EF05/60"]


@pytest.mark.shows("a region the profile does not serve is refused before a card is touched (test)")
def test_a_region_that_the_product_does_not_serve(
    good_rows: Rows, as_csv: Write, findings: Findings, codes: CodeTables, rules: Rules
) -> None:
    tables = codes.model_copy(update={"bank_product": {**codes.bank_product, "north": codes.bank_product["debit"]}})
    rows = [{**row, "bank_product": "north"} for row in good_rows[:40]]
    found = findings(as_csv(rows), rules=rules, codes=tables)
    elsewhere = [at for at, row in enumerate(rows, 2) if row["region"][:2] not in ("11", "65")]
    assert elsewhere
    assert [(row, place) for row, place, _ in found] == [(row, "region") for row in elsewhere]
    assert "is not a region that the product north serves" in found[0][2]


@pytest.mark.shows("a name of 51 bytes is refused before a card is touched (test)")
def test_a_name_of_51_bytes(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    row = {**good_rows[0], "name": "王" * 25 + "a"}
    ((_, place, reason),) = findings(as_csv([row]))
    assert place == "name"
    assert "The name takes 51 bytes in GB 18030; the card holds 50" in reason


def test_a_request_without_items_is_stored_as_before(good_rows: Rows, as_csv: Write, import_file: Import) -> None:
    (request,) = import_file(as_csv(good_rows[:1]))
    assert b"items" not in request.to_json_bytes()
    assert IssuanceRequest.from_json_bytes(request.to_json_bytes()).items == {}
