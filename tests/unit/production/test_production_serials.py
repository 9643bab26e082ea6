"""Printed numbers as ranges: what is one, what is left of it, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.production.serials import (
    SerialRange,
    SerialsRefused,
    cards,
    joined,
    listed,
    lowest,
    serial_range,
    serial_ranges,
    unlisted,
)

RANGES = st.builds(
    lambda prefix, first, more: SerialRange(prefix, 4, first, min(first + more, 9999)),
    st.sampled_from(["A", "B-"]),
    st.integers(0, 9990),
    st.integers(0, 60),
)


def _numbers(ranges: tuple[SerialRange, ...]) -> set[tuple[str, int]]:
    return {(one.prefix, number) for one in ranges for number in range(one.first, one.last + 1)}


def test_a_range_as_it_is_scanned() -> None:
    one = serial_range(" gz0001 ", "GZ0200")
    assert (one.prefix, one.digits, one.first, one.last, one.count) == ("GZ", 4, 1, 200, 200)
    assert (str(one), one.begins, one.ends) == ("GZ0001..GZ0200", "GZ0001", "GZ0200")
    assert str(serial_range("20260001")) == "20260001"
    assert serial_ranges(["A1..A3", "A7", " ", "A5—A6"]) == (SerialRange("A", 1, 1, 3), SerialRange("A", 1, 5, 7))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("", ""),
        ("ABC", ""),
        ("A1", "B2"),
        ("A5", "A4"),
        ("A1", "A10"),
        ("A0000001", "A9999999"),
        ("卡1", ""),
        ("A 1", ""),
    ],
)
def test_no_range(first: str, last: str) -> None:
    with pytest.raises(SerialsRefused) as refused:
        serial_range(first, last)
    assert (refused.value.code, refused.value.exit_status) == ("CF-7101", 7)


def test_a_number_is_not_given_twice() -> None:
    with pytest.raises(SerialsRefused, match="twice"):
        serial_ranges(["A1..A5", "A5..A9"])
    with pytest.raises(SerialsRefused):
        serial_ranges(["A1 A2 A3"])


@given(whole=RANGES, cut=RANGES)
def test_what_is_left_of_a_range(whole: SerialRange, cut: SerialRange) -> None:
    left = whole.without(cut)
    assert _numbers(left) == _numbers((whole,)) - _numbers((cut,))
    part = whole.within(cut)
    assert _numbers(() if part is None else (part,)) == _numbers((whole,)) & _numbers((cut,))


@given(st.lists(RANGES, max_size=6), st.integers(0, 300))
def test_joined_listed_and_lowest_keep_the_numbers(ranges: list[SerialRange], count: int) -> None:
    apart: list[SerialRange] = []
    for one in ranges:
        if not any(one.overlaps(other) for other in apart):
            apart.append(one)
    whole = joined(apart)
    assert _numbers(whole) == _numbers(tuple(apart))
    assert unlisted(listed(apart)) == whole
    few = lowest(whole, count)
    assert cards(few) == min(count, cards(whole))
    assert _numbers(few) == set(sorted(_numbers(whole))[:count])
