"""Numbers and days at rest: a number in one place, one day open, whatever is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from cardfab.errors import CardfabError
from cardfab.production import Place, StockMovement
from cardfab.production.serials import SerialRange, cards, listed, serial_ranges
from cardfab.store import Database, JobRow, StockEmpty, Transaction
from cardfab.store.serials import SerialElsewhere
from cardfab.store.stockbooktables import stock_serial
from cardfab.store.stockdays import Closing, DayClosed, DayUnknown

NOW = "2026-11-21T08:00:00.000+00:00"
LATER = "2026-11-21T15:59:00.000+00:00"
TOMORROW = "2026-11-21T16:01:00.000+00:00"  # in China


def move(
    tx: Transaction, source: Place, target: Place, count: int, serials: str = "", job: int | None = None, at: str = NOW
) -> StockMovement:
    numbers = serial_ranges(serials.split(",")) if serials else ()
    return tx.stock.move(
        StockMovement("blank", source, target, count, "test", numbers), at=at, by="li", job_id=job, station="s1"
    )


def at(tx: Transaction, place: Place) -> str:
    return listed(tx.stock.serials.at("blank", place))


def test_ranges_are_split_and_joined(database: Database) -> None:
    with database.transaction("ranges") as tx:
        move(tx, Place.OUTSIDE, Place.VAULT, 100, "A001..A100")
        assert listed(move(tx, Place.VAULT, Place.STOCK, 10).serials) == "A001..A010", "the lowest first"
        move(tx, Place.STOCK, Place.SPOILED, 1, "A005")
        assert (at(tx, Place.STOCK), at(tx, Place.SPOILED)) == ("A001..A004, A006..A010", "A005")
        move(tx, Place.STOCK, Place.VAULT, 2, "A009..A010")
        assert at(tx, Place.VAULT) == "A009..A100"
        move(tx, Place.SPOILED, Place.STOCK, 1)
        assert at(tx, Place.STOCK) == "A001..A008"
        move(tx, Place.VAULT, Place.OUTSIDE, 2, "A099..A100")
        move(tx, Place.OUTSIDE, Place.VAULT, 2, "A099..A100")  # sent back, and delivered again
        assert cards(tx.stock.serials.at("blank", Place.VAULT)) == tx.stock.held("blank")[Place.VAULT]


def test_a_number_is_in_one_place(database: Database) -> None:
    with database.transaction("twice") as tx:
        move(tx, Place.OUTSIDE, Place.VAULT, 10, "A01..A10")
        for source, serials in (
            (Place.OUTSIDE, "A10"),  # there already
            (Place.VAULT, "A11"),  # nowhere
            (Place.VAULT, "B01"),
        ):
            with pytest.raises(SerialElsewhere) as refused, tx.stock._connection.begin_nested():
                move(tx, source, Place.STOCK, 1, serials)
            assert refused.value.code == "CF-7102"
        with pytest.raises(CardfabError, match="2 numbers"):
            move(tx, Place.VAULT, Place.STOCK, 3, "A01..A02")
    with database.reading() as tx:
        values = {"stock": "blank", "place": "vault", "prefix": "A", "digits": 2, "first": 5, "last": 20}
        with pytest.raises(IntegrityError, match="one place"):
            tx.stock._connection.execute(insert(stock_serial).values(**values))


def test_the_number_of_a_job_goes_with_its_card(database: Database, new_job: Callable[..., JobRow]) -> None:
    with database.transaction("jobs") as tx:
        move(tx, Place.OUTSIDE, Place.STOCK, 5, "A1..A5")
        first, second = new_job(tx, "R1").id, new_job(tx, "R2").id
        move(tx, Place.STOCK, Place.IN_WORK, 1, job=first)
        taken = move(tx, Place.STOCK, Place.IN_WORK, 1, job=second)
        assert (listed(taken.serials), taken.seen, taken.details()["serials_by"]) == ("A2", False, "order")
        move(tx, Place.IN_WORK, Place.SPOILED, 1, job=second)
        move(tx, Place.IN_WORK, Place.STOCK, 1, job=first)
        assert (at(tx, Place.STOCK), at(tx, Place.SPOILED)) == ("A1, A3..A5", "A2")
        assert listed(tx.stock.serials.of_job(second)) == "A2"
        tx.stock.serials.exchange("blank", SerialRange("A", 1, 2, 2), SerialRange("A", 1, 4, 4))
        assert (at(tx, Place.STOCK), at(tx, Place.SPOILED)) == ("A1..A3, A5", "A4"), "seen: another number was spoiled"
        assert listed(tx.stock.serials.of_job(second)) == "A4"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(Place), st.sampled_from(Place), st.integers(1, 6),
        st.one_of(st.none(), st.tuples(st.sampled_from("AB"), st.integers(1, 30))),
    ),
    max_size=25,
)  # fmt: skip


@pytest.mark.shows("a serial range is in one place at a time under any movements (test)")
@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_movements_keep_numbers_and_counts(
    database: Database, steps: list[tuple[Place, Place, int, tuple[str, int] | None]]
) -> None:
    with database.reading() as tx:  # rolled back
        for source, target, count, number in steps:
            if source is target:
                continue
            told = () if number is None else (SerialRange(number[0], 2, number[1], number[1] + count - 1),)
            try:
                with tx.stock._connection.begin_nested():
                    tx.stock.move(StockMovement("blank", source, target, count, "any", told), at=NOW, by="li")
            except (StockEmpty, SerialElsewhere):
                continue
            held, places = tx.stock.held("blank"), tx.stock.serials.places("blank")
            everywhere = [one for ranges in places.values() for one in ranges]
            assert all(not one.overlaps(other) for one in everywhere for other in everywhere if one is not other)
            inside = {
                place: cards(ranges) for place, ranges in places.items() if place not in (Place.OUTSIDE, Place.FOUND)
            }
            assert all(number <= held[place] for place, number in inside.items())
            assert tx.stock.account("blank").balanced
            day = tx.stock.days.open()
            assert day is not None
            assert tx.stock.days.line("blank", day.id).balanced


def _close(tx: Transaction, paper: str, when: str = NOW) -> None:
    day = tx.stock.days.open()
    assert day is not None
    line = tx.stock.days.line("blank", day.id)
    tx.stock.days.close(day.id, Closing(paper, [line], {"blank": {Place.STOCK: 3}}, []), at=when, by="wang")


def test_a_day_is_closed_once_and_the_next_opens_with_it(database: Database, new_job: Callable[..., JobRow]) -> None:
    with database.transaction("first day") as tx:
        move(tx, Place.OUTSIDE, Place.STOCK, 4)
        job = new_job(tx, "R1").id
        move(tx, Place.STOCK, Place.IN_WORK, 1, job=job)
        _close(tx, "RJ1")
        assert tx.stock.days.open() is None
        with pytest.raises(DayClosed) as refused:
            move(tx, Place.STOCK, Place.SPOILED, 1, at=LATER)
        assert refused.value.code == "CF-7130"
        with pytest.raises(DayClosed):
            tx.stock.days.require_open(LATER)
    with database.transaction("settled in the evening") as tx:
        move(tx, Place.IN_WORK, Place.SPOILED, 1, job=job, at=LATER)
        day = tx.stock.days.open()
        assert day is not None
        assert day.name == "2026-11-21/2"
        line = tx.stock.days.line("blank", day.id)
        assert (line.opening, line.spoiled, line.in_doubt, line.closing) == (4, 1, 0, 3)
        _close(tx, "RJ2", LATER)
    with database.transaction("the next day") as tx:
        tx.stock.days.require_open(TOMORROW)
        move(tx, Place.STOCK, Place.SPOILED, 1, at=TOMORROW)
        day = tx.stock.days.open()
        assert day is not None
        assert (day.name, tx.stock.days.line("blank", day.id).opening) == ("2026-11-22", 3)
        assert [one.name for one in tx.stock.days.all()] == ["2026-11-22", "2026-11-21/2", "2026-11-21"]
        (kept, counted), *_ = tx.stock.days.lines(tx.stock.days.get("2026-11-21").id)
        assert (kept.opening, kept.received, kept.in_doubt, kept.closing, counted) == (0, 4, 1, 3, {Place.STOCK: 3})
        assert tx.stock.days.get("RJ2").name == "2026-11-21/2"
        for name in ("2026-11-22", "RJ9", "x"):
            with pytest.raises(DayUnknown):
                tx.stock.days.get(name)


def test_no_two_days_are_open(database: Database) -> None:
    with database.transaction("first") as tx:
        move(tx, Place.OUTSIDE, Place.STOCK, 1)
    with pytest.raises(IntegrityError), database.transaction("second") as tx:
        tx.stock.days.begin(tx.stock.days.all()[0].day, at=NOW, by="li")
