"""What a hospital's terminal sees, and how a region's rules divide a bill, to the fen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cardfab.profile.loader import load
from cardfab.profile.shares import Band, ShareRules, Shares
from cardfab.terminal.account import Balance
from cardfab.terminal.reason import TerminalRefused
from cardfab.terminal.settlement import Bill, Place, divide, place_of, settlement_view
from tests.unit.terminal.seats import PROFILES

TODAY = date(2026, 11, 22)
VALUES = {
    "DF04/EF05/81": "31000000",
    "DF04/EF05/84": "440199",
    "DF04/EF05/8C": "11",
    "DF04/EF05/83": "440199001",
    "DF04/EF05/89": "440199003",
    "DF04/EF05/8F": "2",
}
BALANCE = Balance(account=50000, own=0, pooled=0, year="2026")
VIEW = settlement_view(VALUES, BALANCE)
BILL = Bill(covered=200000, uncovered=10000, institution="440199001", region="440199", day=TODAY)


@pytest.fixture(scope="module")
def rules() -> ShareRules:
    return load(PROFILES, "shares", "training", ShareRules)


def test_the_view() -> None:
    assert (VIEW.insurance, VIEW.category, VIEW.insured_region, VIEW.off_site) == ("310", "11", "440199", False)
    assert VIEW.institutions == ("440199001", "440199003")
    assert settlement_view({**VALUES, "DF04/EF05/81": "31010000"}).off_site is True
    assert settlement_view({"DF04/EF05/84": "440199"}).off_site is None
    with pytest.raises(TerminalRefused) as refused:
        settlement_view({"DF03/EF05/60": "20260101"})
    assert refused.value.code == "CF-3830"


@pytest.mark.parametrize(
    ("flags", "region", "institution", "place"),
    [
        ("31000000", "440199", "440199001", Place.DESIGNATED),
        ("31000000", "440199", "440199002", Place.UNDESIGNATED),
        ("31000000", "650199", "650199001", Place.UNAPPROVED),
        ("31010000", "650199", "650199001", Place.APPROVED),
        ("31010000", "440199", "440199002", Place.UNDESIGNATED),
        ("", "650199", "650199001", Place.UNAPPROVED),
    ],
)
def test_where_the_treatment_is(flags: str, region: str, institution: str, place: Place) -> None:
    view = settlement_view({**VALUES, "DF04/EF05/81": flags}, BALANCE)
    assert place_of(view, replace(BILL, region=region, institution=institution)) is place


def test_deductible_then_bands(rules: ShareRules) -> None:
    """800 yuan deductible, of the next 1,200 yuan 80 %; the holder's 1,040 + 100 from the account as far as it goes."""
    parts = divide(rules, VIEW, BILL)
    assert [(line.amount, line.share, line.pooled) for line in parts.lines] == [(80000, 0, 0), (120000, 800, 96000)]
    assert (parts.pooled, parts.own, parts.account, parts.cash) == (96000, 104000, 50000, 64000)


def test_the_years_totals_count(rules: ShareRules) -> None:
    """9,000 yuan this year already: 1,000 of the bill in the first band, 1,000 in the second."""
    view = replace(VIEW, balance=replace(BALANCE, own=300000, pooled=600000))
    parts = divide(rules, view, BILL)
    assert [(line.amount, line.share) for line in parts.lines] == [(100000, 800), (100000, 850)]
    assert parts.pooled == 80000 + 85000


def test_a_year_that_has_ended_counts_no_more(rules: ShareRules) -> None:
    ended = replace(VIEW, balance=replace(BALANCE, own=300000, pooled=600000, year="2025"))
    assert divide(rules, ended, BILL) == divide(rules, VIEW, BILL)
    fiscal = replace(ended, start_day="1201")  # the year 2025 ends on 30 November 2026
    assert fiscal.totals(TODAY) == (300000, 600000)
    assert fiscal.totals(date(2026, 12, 1)) == (0, 0)


def test_the_cap(rules: ShareRules) -> None:
    view = replace(VIEW, balance=replace(BALANCE, own=5_000_000, pooled=29_990_000))
    parts = divide(rules, view, BILL)
    assert (parts.pooled, parts.capped) == (10000, True)
    assert parts.own == 190000


def test_off_site_approval_is_honoured(rules: ShareRules) -> None:
    away = replace(BILL, region="650199", institution="650199001")
    approved = settlement_view({**VALUES, "DF04/EF05/81": "31010000"}, BALANCE)
    assert divide(rules, VIEW, BILL).pooled == 96000
    assert divide(rules, approved, away).pooled == 86400
    assert divide(rules, VIEW, away).pooled == 48000
    assert divide(rules, VIEW, replace(BILL, institution="440199002")).pooled == 0


def test_rounding_is_down_for_the_fund(rules: ShareRules) -> None:
    view = replace(VIEW, balance=replace(BALANCE, own=80000))
    parts = divide(rules, view, replace(BILL, covered=999, uncovered=0))
    assert (parts.pooled, parts.own) == (799, 200)


def test_rules_that_do_not_fit(rules: ShareRules) -> None:
    with pytest.raises(TerminalRefused) as refused:
        divide(rules, replace(VIEW, insured_region="650199"), BILL)
    assert refused.value.code == "CF-3831"
    with pytest.raises(TerminalRefused) as refused:
        divide(rules, replace(VIEW, category="99"), BILL)
    assert refused.value.code == "CF-3832"
    with pytest.raises(TerminalRefused):
        replace(BILL, covered=-1)


@given(
    covered=st.integers(0, 10**8),
    uncovered=st.integers(0, 10**7),
    own=st.integers(0, 10**8),
    pooled=st.integers(0, 4 * 10**7),
    account=st.integers(0, 10**7),
)
def test_every_fen_is_paid_once(covered: int, uncovered: int, own: int, pooled: int, account: int) -> None:
    rules = load(PROFILES, "shares", "training", ShareRules)
    view = replace(VIEW, balance=Balance(account, own, pooled, "2026"))
    parts = divide(rules, view, replace(BILL, covered=covered, uncovered=uncovered))
    assert parts.pooled + parts.account + parts.cash == covered + uncovered
    assert sum(line.amount for line in parts.lines) == covered
    assert min(parts.pooled, parts.account, parts.cash, parts.own) >= 0
    assert parts.pooled + pooled <= 30000000 or parts.pooled == 0
    assert parts.account <= account
    assert parts.pooled + parts.own == covered


@pytest.mark.parametrize(
    "bands",
    [
        (Band(to=100, pooled=500),),
        (Band(to=2000, pooled=500), Band(to=1500, pooled=500)),
        (Band(pooled=500), Band(pooled=600)),
        (Band(to=2000, pooled=500), Band(to=2000, pooled=600)),
    ],
)
def test_bands_must_rise(bands: tuple[Band, ...]) -> None:
    with pytest.raises(ValidationError):
        Shares(categories=("11",), deductible=1000, bands=bands, cap=10)


def test_a_category_stands_once(rules: ShareRules) -> None:
    again = rules.model_dump()
    again["shares"] += ({"categories": ("11",), "deductible": 0, "bands": ({"pooled": 0},), "cap": 0},)
    with pytest.raises(ValidationError):
        ShareRules.model_validate(again)
