"""The cutting of a batch into boxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cardfab.store.batches import boxed


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 7))
def test_boxes_are_full_and_in_order_whatever_is_left_out(made: list[bool], size: int) -> None:
    good = [place for place, is_made in enumerate(made, 1) if is_made]
    gone = [place for place, is_made in enumerate(made, 1) if not is_made]
    found = list(boxed(len(made), gone, size))
    inside = [[place for place in good if first <= place <= last] for first, last in found]
    assert inside == [good[at : at + size] for at in range(0, len(good), size)]
