"""Requests, people and temporary cards at rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from cardfab.errors import CardfabError, StockFault
from cardfab.production import Person, Role
from cardfab.store import Database, RequestRow, RequestUnknown
from cardfab.store.people import PersonUnknown
from cardfab.store.temporary import TemporaryRow

NewRequest = Callable[..., RequestRow]
REFUSED = (IntegrityError, CardfabError)


def test_requests_come_back_as_they_went_in(database: Database, new_request: NewRequest) -> None:
    rows = [new_request("R2", b"li"), replace(new_request("R1", b"wang"), urgent=True), new_request("R3", b"li")]
    with database.transaction("import") as tx:
        tx.requests.add(rows)
    with database.reading() as tx:
        assert tx.requests.all() == (rows[1], rows[0], rows[2])
        assert tx.requests.get("R1") == rows[1]
        assert tx.requests.ids() == {"R1", "R2", "R3"}
        assert set(tx.requests.of_holder(b"li")) == {rows[0], rows[2]}
        assert tx.requests.of_holder(b"nobody") == ()


def test_an_erased_batch_keeps_its_rows_and_loses_its_salt(database: Database, new_request: NewRequest) -> None:
    with database.transaction("import") as tx:
        second = tx.requests.add_batch("more.csv", 1, b"another salt", at="now", by="li")
        tx.requests.add([new_request("R1"), replace(new_request("R2", batch=second), salt=b"another salt")])
    with database.transaction("erase") as tx:
        tx.requests.erase_batch(second)
    with database.reading() as tx:
        assert {row.id: row.salt for row in tx.requests.all()} == {"R1": b"salt of the batch", "R2": None}
        assert tx.requests.get("R2").sealed == b"sealed R2"


def test_a_request_that_is_not_there(database: Database) -> None:
    with database.reading() as tx, pytest.raises(RequestUnknown, match="R9") as refused:
        tx.requests.get("R9")
    assert refused.value.code == "CF-3110"


def test_ids_and_tokens_are_used_once_and_a_batch_exists(database: Database, new_request: NewRequest) -> None:
    with database.transaction("import") as tx:
        tx.requests.add([new_request("R1")])
    wrong = [
        new_request("R1"),
        replace(new_request("R2"), token="token-R1"),
        new_request("R2", batch=9),
    ]
    for row in wrong:
        with pytest.raises(REFUSED), database.transaction("again") as tx:
            tx.requests.add([row])


def test_people(database: Database) -> None:
    chen = Person("chen", "陈", frozenset(Role))
    with database.transaction("people") as tx:
        tx.people.add(chen)
        tx.people.add(Person("guest", "客", frozenset()))
        assert tx.people.get("chen") == chen
        assert [one.login for one in tx.people.all()] == ["chen", "guest", "li", "wang"]
        assert tx.people.get("guest").roles == frozenset()
        with pytest.raises(StockFault, match="already"):
            tx.people.add(chen)
        with pytest.raises(PersonUnknown, match="zhao") as refused:
            tx.people.get("zhao")
    assert refused.value.code == "CF-7410"


def test_temporary_cards(database: Database, new_request: NewRequest) -> None:
    with database.transaction("temporary") as tx:
        tx.requests.add([new_request("R1")])
        tx.temporary_cards.add("L2", "R1", "2026-11-21", "2027-01-20", "li")
        tx.temporary_cards.add("L1", "R1", "2026-11-20", "2027-01-19", "li")
    with database.reading() as tx:
        assert tx.temporary_cards.all() == (
            TemporaryRow("L1", "R1", "2026-11-20", "2027-01-19", "li"),
            TemporaryRow("L2", "R1", "2026-11-21", "2027-01-20", "li"),
        )
    for number, request in (("L1", "R1"), ("L3", "R9")):
        with pytest.raises(REFUSED), database.transaction("again") as tx:
            tx.temporary_cards.add(number, request, "2026-11-21", "2027-01-20", "li")
