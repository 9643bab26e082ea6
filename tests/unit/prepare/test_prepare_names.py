"""Names over the two items of the card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.prepare.gb18030 import encode, split_name

TWO, FOUR = "王", "𠅤"


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("王䶮", [2, 2]),
        ("张𠅤", [2, 4]),
        ("龘龖", [2, 2]),
        ("欧阳㛃", [2, 2, 4]),
        ("赵㼆", [2, 4]),
        ("·", [2]),
        ("A", [1]),
    ],
)
def test_bytes_of_a_character(name: str, sizes: list[int]) -> None:
    assert [len(encode(character)) for character in name] == sizes


@pytest.mark.parametrize(
    ("name", "first", "rest"),
    [
        ("张𠅤", "张𠅤", ""),
        (TWO * 15, TWO * 15, ""),
        (TWO * 16, TWO * 15, TWO),
        (TWO * 25, TWO * 15, TWO * 10),
        (TWO * 13 + FOUR, TWO * 13 + FOUR, ""),
        (TWO * 14 + FOUR, TWO * 14, FOUR),
        (TWO * 14 + FOUR * 5, TWO * 14, FOUR * 5),
        ("A" + TWO * 15, "A" + TWO * 14, TWO),
        ("古丽巴哈尔·阿卜力米提艾合麦提江", "古丽巴哈尔·阿卜力米提艾合麦提", "江"),
    ],
)
def test_no_character_is_cut_at_byte_30(name: str, first: str, rest: str) -> None:
    assert split_name(name) == (first, rest)


@pytest.mark.parametrize("name", [TWO * 26, TWO * 14 + FOUR * 5 + TWO, FOUR * 7 + FOUR * 5 + "AA", "A" + TWO * 25])
def test_what_is_left_must_fit_item_4e(name: str) -> None:
    with pytest.raises(ValueError, match="4E"):
        split_name(name)


def test_fifty_bytes_that_cannot_be_parted() -> None:
    assert len(encode(TWO * 14 + FOUR * 5 + TWO)) == 50


@given(st.text(st.sampled_from("A王䶮·𠅤㼆"), max_size=16))
def test_the_parts_are_the_name(name: str) -> None:
    try:
        first, rest = split_name(name)
    except ValueError:
        assert len(encode(name)) > 46  # at most 3 bytes of item 09 are lost to a character that is not cut
        return
    assert first + rest == name
    assert len(encode(first)) <= 30
    assert len(encode(rest)) <= 20
    assert not rest or len(encode(first + rest[0])) > 30
