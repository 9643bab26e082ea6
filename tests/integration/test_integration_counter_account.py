"""Records of the card and the medical account."""

from __future__ import annotations

import pytest

from cardfab.documents.counter import Statement
from cardfab.errors import InDoubt, InputRefused
from cardfab.simulator.host import Mood
from cardfab.station.counter import medical
from cardfab.station.counter.medical import Bill
from cardfab.station.counter.offsite import approve, withdraw
from cardfab.station.counter.pending import Unsettled
from cardfab.station.counter.reading import read
from cardfab.station.counter.statement import print_statement
from cardfab.station.counter.updating import IdentityItem, update
from cardfab.station.hostdesk import HostRefused
from cardfab.terminal.reason import TerminalRefused
from tests.counter_place import CLINIC, HOSPITAL, INSTITUTION, KIND, PIN, Place


def test_items_are_checked_by_their_rules_and_written(place: Place) -> None:
    with place.card() as here:
        for items, match in (
            ({"DF03/EF05/60": "20260231"}, "DF03/EF05/60"),
            ({"DF03/EF05/EE": "1"}, "EF05/EE"),
            ({}, "No item"),
        ):
            with pytest.raises(InputRefused, match=match):
                update(here, place.holder(), items)
        with pytest.raises(IdentityItem):
            update(here, place.holder(), {"SSSE/EF05/07": "T00000012"})
        assert place.services() == []
        update(here, place.holder(), {"DF03/EF05/60": "20261101"})
        done = update(here, place.holder(), {"DF03/EF05/60": "20261122"})
    assert done.values["items"] == {"DF03/EF05/60": {"old": "20261101", "new": "20261122"}}
    assert [change.new is not None for change in done.receipt.changes] == [True]
    with place.card() as here:
        assert read(here).reading.values["DF03/EF05/60"] == "20261122"


@pytest.mark.proof
@pytest.mark.shows("off-site treatment: fourth character of item 81, institutions, written and withdrawn (proof)")
def test_the_approval_of_treatment_elsewhere(place: Place) -> None:
    with place.card() as here:
        update(here, place.holder(), {KIND: "31001000", "DF04/EF05/84": "440199"})
        approve(here, place.holder(), [CLINIC])
        approve(here, place.holder(), [CLINIC])  # is there already
        values = read(here).reading.values
        assert (values[KIND], values[INSTITUTION]) == ("31011000", CLINIC)
        with pytest.raises(InputRefused, match="does not name"):
            withdraw(here, place.holder(), ["440199000"])
        withdraw(here, place.holder(), [CLINIC])
        values = read(here).reading.values
        assert (values[KIND], values.get(INSTITUTION, "")) == ("31001000", "")
    assert place.host is not None
    place.host.books.person(place.number, "x")["offsite"] = False
    with place.card() as here, pytest.raises(HostRefused):
        approve(here, place.holder(), [])
    assert place.services()[-1] == ("offsite", "refused", "CF-7700")


def test_load_purchase_balance_and_statement(place: Place) -> None:
    place.activated()
    with place.card() as here:
        medical.load(here, place.holder(), PIN, 5_000)
        said = medical.purchase(here, place.holder(), PIN, Bill(345, 100, 900, HOSPITAL, "S1")).values
        assert (said["balance"], said["reported"]) == (17_000, True)
        printed: list[Statement] = []
        print_statement(here, place.holder(), PIN, printed.append)
        [paper] = printed
        assert (paper.balance, paper.own, paper.pooled, paper.count) == (17_000, 100, 900, 3)
        assert [one.kind for one in paper.transactions] == ["load", "load", "purchase"]
        assert medical.account(here, PIN).counted == 0
        medical.load(here, place.holder(), PIN, 1)
        assert medical.account(here, PIN).counted == 1


def test_what_is_no_settlement_is_not_paid(place: Place) -> None:
    place.activated()
    with place.card() as here:
        for bill in (Bill(1, 0, 0, "", "S1"), Bill(1, 0, 0, HOSPITAL, "")):
            with pytest.raises(TerminalRefused):
                medical.purchase(here, place.holder(), PIN, bill)
        with pytest.raises(TerminalRefused) as poor:
            medical.purchase(here, place.holder(), PIN, Bill(99_999, 0, 0, HOSPITAL, "S1"))
    assert poor.value.code == "CF-3815"
    assert place.balance() == 12_345


@pytest.mark.proof
@pytest.mark.shows("log_limit: purchases stop until the statement was printed and the count cleared (proof)")
def test_the_limit_stops_purchases_until_the_statement_is_printed(place: Place) -> None:
    place.activated()
    with place.card() as here:
        limit = medical.account(here, PIN).limit
        for _ in range(limit - 1):
            medical.purchase(here, place.holder(), PIN, Bill(1, 0, 0, HOSPITAL, "S1"))
        with pytest.raises(TerminalRefused) as full:
            medical.purchase(here, place.holder(), PIN, Bill(1, 0, 0, HOSPITAL, "S1"))
        assert full.value.code == "CF-3812"

        def jammed(_paper: Statement) -> None:
            raise OSError

        with pytest.raises(OSError):  # noqa: PT011
            print_statement(here, place.holder(), PIN, jammed)
        assert medical.account(here, PIN).counted == limit
        print_statement(here, place.holder(), PIN, lambda _paper: None)
        medical.purchase(here, place.holder(), PIN, Bill(1, 0, 0, HOSPITAL, "S1"))


@pytest.mark.proof
@pytest.mark.parametrize(("cut", "paid"), [({"cut_before": 0x2C}, False), ({"cut_after": 0x2C}, True)])
def test_a_torn_purchase_is_settled_by_the_card(place: Place, cut: dict[str, int], paid: bool) -> None:
    place.activated()
    with pytest.raises(InDoubt):
        place.pay(345, **cut)
    assert place.services()[-1] == ("purchase", "doubt", "CF-5101")
    with pytest.raises(Unsettled):
        place.pay(1)
    with place.card() as here:
        said = medical.recover(here, place.holder(), PIN).values
    assert [one["happened"] for one in said["transactions"]] == ["done" if paid else "not done"]  # type: ignore[attr-defined]
    assert place.balance() == 12_345 - (345 if paid else 0)
    assert place.pay(1)["balance"] == 12_344 - (345 if paid else 0)


def test_a_silent_host_keeps_nobody_waiting_and_is_told_later(place: Place) -> None:
    place.activated()
    assert place.host is not None
    place.host.mood = Mood({"*": "silent-before"})
    assert place.pay(45)["reported"] is False
    place.host.mood = Mood()
    assert place.pay(100)["reported"] is True
    assert next(iter(place.host.books.cards.values()))["balance"] == place.balance() == 12_200
