"""The equation of a day, whatever moved before it and in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.production import Place
from cardfab.production.day import DayLine, Difference, day_line, differences

MOVES = st.lists(
    st.tuples(st.sampled_from(Place), st.sampled_from(Place), st.integers(1, 9)).filter(
        lambda one: one[0] is not one[1]
    ),
    max_size=12,
)


@pytest.mark.shows("opening + received = issued + spoiled + tests + returned + in doubt + closing (test)")
@settings(deadline=None)
@given(before=MOVES, day=MOVES)
def test_the_equation_of_a_day_holds(
    before: list[tuple[Place, Place, int]], day: list[tuple[Place, Place, int]]
) -> None:
    line = day_line("blank", before, day)
    assert line.balanced
    after = day_line("blank", [*before, *day], [])
    assert after.opening == line.closing + line.in_doubt, "the next day opens with it"
    assert after.box_opening == line.box


def test_a_day() -> None:
    before = [(Place.OUTSIDE, Place.VAULT, 100), (Place.VAULT, Place.STOCK, 20), (Place.STOCK, Place.IN_WORK, 1)]
    day = [
        (Place.IN_WORK, Place.ISSUED, 1),
        (Place.OUTSIDE, Place.VAULT, 50),
        (Place.STOCK, Place.IN_WORK, 4),
        (Place.IN_WORK, Place.ISSUED, 2),
        (Place.IN_WORK, Place.SPOILED, 1),
        (Place.STOCK, Place.TESTED, 1),
        (Place.SPOILED, Place.DESTROYED, 1),
        (Place.VAULT, Place.OUTSIDE, 10),
        (Place.STOCK, Place.MISSING, 1),
    ]
    assert day_line("blank", before, day) == DayLine(
        "blank", opening=100, received=50, found=0, issued=3, spoiled=1, tested=1, returned=10, missing=1, in_doubt=1,
        machine=13, vault=120, box_opening=0, destroyed=1, box=1,
    )  # fmt: skip


def test_a_line_that_does_not_hold() -> None:
    line = day_line("blank", [(Place.OUTSIDE, Place.VAULT, 3)], [])
    for name in ("opening", "received", "issued", "spoiled", "returned", "in_doubt", "machine", "box"):
        values = {field: getattr(line, field) for field in DayLine.__dataclass_fields__}
        assert not DayLine(**{**values, name: values[name] + 1}).balanced


def test_differences_are_of_what_was_counted() -> None:
    expected = {("a", Place.STOCK): 5, ("a", Place.VAULT): 7}
    counted = {("a", Place.STOCK): 4, ("a", Place.VAULT): 7, ("a", Place.SPOILED): 1}
    assert differences(expected, counted) == (
        Difference("a", Place.STOCK, 5, 4),
        Difference("a", Place.SPOILED, 0, 1),
    )
    assert differences(expected, counted)[0].by == -1
