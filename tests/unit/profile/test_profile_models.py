"""What the models of card, product and financial application refuse."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from cardfab.profile.base import Strict
from cardfab.profile.card import CardProfile
from cardfab.profile.financial import FinancialApplication, RecordEntry, TagEntry
from cardfab.profile.product import Product
from cardfab.resources import ProfileFolders

PLACES: dict[type[Strict], tuple[str, str]] = {
    CardProfile: ("cards", "training-ssc2"),
    Product: ("products", "debit"),
    FinancialApplication: ("applications", "pboc-debit-contact"),
}


@pytest.fixture
def values_of(packaged: ProfileFolders) -> Callable[[type[Strict]], dict[str, Any]]:
    """The values of the packaged profile of a model, to be changed."""
    return lambda model: tomllib.loads(packaged.text(*PLACES[model]) or "")


def _changed(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *tables, last = path.split(".")
    inner = values
    for table in tables:
        inner = inner[table]
    inner[last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("algorithm", "SSF33"),
        ("algorithm", "DES"),
        ("channel.kvn", 256),
        ("channel.kvn", -1),
        ("channel.level", 2),
        ("channel.level", "1"),
        ("channel.chunk", 15),
        ("channel.chunk", 256),
        ("blanks", "any"),
        ("training", "maybe"),
        ("colour", "red"),
        ("channel.colour", "red"),
    ],
)
def test_a_card(values_of: Callable[[type[Strict]], dict[str, Any]], path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        CardProfile.model_validate(_changed(values_of(CardProfile), path, value))


def test_blanks_are_of_the_same_region_unless_said(values_of: Callable[[type[Strict]], dict[str, Any]]) -> None:
    values = values_of(CardProfile)
    del values["blanks"]
    assert CardProfile.model_validate(values).blanks == "same region"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("validity_years", 0),
        ("validity_years", 51),
        ("initialiser_place", "44010"),
        ("initialiser_place", "4401000"),
        ("initialiser_place", "44010A"),
        ("approval", "none"),
        ("inspection", "never"),
        ("numbers.letter", "t"),
        ("numbers.letter", "TT"),
        ("numbers.letter", "1"),
        ("numbers.first", -1),
        ("numbers.first", 10_000_000),
        ("temporary.days", 0),
        ("temporary.days", 184),
        ("price", 5),
    ],
)
def test_a_product(values_of: Callable[[type[Strict]], dict[str, Any]], path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Product.model_validate(_changed(values_of(Product), path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("iin", "62999"),
        ("iin", "62999A"),
        ("pan_digits", 15),
        ("pan_digits", 20),
        ("psn", "1"),
        ("service_code", "2200"),
        ("aid", "A0000"),
        ("pin.first", "birthday"),
        ("pin.digits", 3),
        ("pin.digits", 13),
        ("pin.tries", 0),
        ("pin.tries", 16),
    ],
)
def test_a_financial_application(values_of: Callable[[type[Strict]], dict[str, Any]], path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        FinancialApplication.model_validate(_changed(values_of(FinancialApplication), path, value))


def test_an_order_of_ones_own(values_of: Callable[[type[Strict]], dict[str, Any]]) -> None:
    order = ["8000", "9000", "8010", "9010", "9102", "9104", "9200", "records", "0D01", "0E01"]
    made = FinancialApplication.model_validate(_changed(values_of(FinancialApplication), "order", order))
    assert made.order == tuple(order)


def test_a_tag_has_a_value_or_a_source() -> None:
    assert TagEntry(tag=b"\x5a", name="PAN", source="pan").value is None
    for wrong in ({}, {"value": b"\1", "source": "pan"}):
        with pytest.raises(ValidationError, match="5A needs either"):
            TagEntry.model_validate({"tag": "5A", "name": "PAN", **wrong})


@pytest.mark.parametrize(("sfi", "record"), [(0, 1), (31, 1), (1, 0), (1, 256)])
def test_a_record_has_a_place(sfi: int, record: int) -> None:
    with pytest.raises(ValidationError):
        RecordEntry(sfi=sfi, record=record, tags=())


def test_a_profile_is_frozen(values_of: Callable[[type[Strict]], dict[str, Any]]) -> None:
    card = CardProfile.model_validate(values_of(CardProfile))
    with pytest.raises(ValidationError, match="frozen"):
        card.name = "another"
