"""Stock at rest: nothing below zero, nothing changed once booked, and the equation under any movements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from cardfab.audit import AuditEvent, account
from cardfab.errors import CardfabError
from cardfab.production import Place, StockAccount, StockMovement
from cardfab.store import Database, JobRow, StockEmpty, Transaction

NOW = "2026-11-21T08:00:00.000Z"


def _move(tx: Transaction, source: Place, target: Place, count: int, stock: str = "blank") -> None:
    tx.stock.move(StockMovement(stock, source, target, count, "test"), at=NOW, by="li")


def test_blanks_through_their_life(database: Database) -> None:
    with database.transaction("life") as tx:
        _move(tx, Place.OUTSIDE, Place.STOCK, 10)
        _move(tx, Place.STOCK, Place.IN_WORK, 4)
        _move(tx, Place.IN_WORK, Place.ISSUED, 2)
        _move(tx, Place.IN_WORK, Place.SPOILED, 1)
        _move(tx, Place.STOCK, Place.OUTSIDE, 3)
    with database.reading() as tx:
        account = tx.stock.account("blank")
    assert account == StockAccount("blank", opening=7, issued=2, spoiled=1, in_doubt=1, remaining=3)
    assert account.balanced


@pytest.mark.parametrize("source", [Place.STOCK, Place.IN_WORK, Place.ISSUED, Place.SPOILED])
def test_no_place_goes_below_zero(database: Database, source: Place) -> None:
    with database.transaction("fill") as tx:
        _move(tx, Place.OUTSIDE, Place.STOCK, 2)
        if source is not Place.STOCK:
            _move(tx, Place.STOCK, source, 2)
    with database.transaction("too many") as tx:
        with pytest.raises(StockEmpty, match="has 2 blanks") as refused:
            _move(tx, source, Place.OUTSIDE, 3)
        with pytest.raises(StockEmpty, match="has 0 blanks"):
            _move(tx, source, Place.OUTSIDE, 1, stock="another kind")
        _move(tx, source, Place.OUTSIDE, 2)
        assert tx.stock.account("blank").balanced
    assert (refused.value.exit_status, refused.value.code) == (7, "CF-7100")


@pytest.mark.parametrize("count", [0, -1, -10])
def test_a_movement_moves_something(database: Database, count: int) -> None:
    with pytest.raises((IntegrityError, CardfabError)), database.transaction("nothing") as tx:
        _move(tx, Place.OUTSIDE, Place.STOCK, count)
    with database.reading() as tx:
        assert tx.stock.accounts() == ()


def test_kinds_are_counted_apart(database: Database) -> None:
    with database.transaction("two kinds") as tx:
        _move(tx, Place.OUTSIDE, Place.STOCK, 5, stock="b")
        _move(tx, Place.OUTSIDE, Place.STOCK, 7, stock="a")
        _move(tx, Place.STOCK, Place.IN_WORK, 1, stock="a")
        assert [(one.stock, one.opening, one.remaining) for one in tx.stock.accounts()] == [("a", 7, 6), ("b", 5, 5)]
        assert tx.stock.account("c") == StockAccount("c", 0, 0, 0, 0, 0)


def test_a_movement_may_name_its_job(database: Database, new_job: Callable[..., JobRow]) -> None:
    with database.transaction("claim") as tx:
        _move(tx, Place.OUTSIDE, Place.STOCK, 1)
        job = new_job(tx, "R1")
        claim = StockMovement("blank", Place.STOCK, Place.IN_WORK, 1, "claim")
        tx.stock.move(claim, at=NOW, by="li", job_id=job.id)
    back = StockMovement("blank", Place.IN_WORK, Place.STOCK, 1, "untouched")
    with pytest.raises((IntegrityError, CardfabError)), database.transaction("no such job") as tx:
        tx.stock.move(back, at=NOW, by="li", job_id=job.id + 1)


MOVEMENTS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(Place), st.sampled_from(Place), st.integers(1, 6)),
    max_size=25,
)


@given(wanted=MOVEMENTS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_equation_holds_under_any_movements(
    database: Database, wanted: list[tuple[str, Place, Place, int]]
) -> None:
    """Whatever was asked, what was booked adds up, is never below zero, and the audit record counts the same."""
    booked: list[AuditEvent] = []
    with database.reading() as tx:  # rolled back, so that each example begins with nothing
        for stock, source, target, count in wanted:
            if source is target:
                continue
            movement = StockMovement(stock, source, target, count, "test")
            try:
                tx.stock.move(movement, at=NOW, by="li")
            except StockEmpty:
                continue
            time = datetime(2026, 11, 21, tzinfo=UTC)
            booked.append(AuditEvent(time, "li", "s1", "stock.move", "-", "done", movement.details()))
            for one in tx.stock.accounts():
                assert one.balanced
        kept = tx.stock.accounts()
    recorded = account(booked)
    assert recorded.balanced
    assert [
        (one.stock, one.opening, one.issued, one.spoiled, one.in_doubt, one.remaining + one.vault, *one.parts[5:])
        for one in kept
    ] == [
        (
            *(one.stock, one.opening - one.returned, one.issued, one.spoiled, one.in_doubt, one.remaining),
            *(one.tested, one.missing, one.destroyed),
        )
        for one in recorded.stock
    ]
