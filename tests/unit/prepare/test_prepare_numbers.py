"""Citizen numbers and card numbers against the published examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.prepare import gb11643
from cardfab.prepare.cardnumber import check_card_number, check_character, make_card_number


def _vector(vectors: Path, name: str) -> dict[str, Any]:
    listed = json.loads((vectors / "social-security-and-pboc.json").read_text(encoding="utf-8"))["vectors"]
    return next(vector for vector in listed if vector["id"] == name)


def test_the_number_printed_in_gb11643(vectors: Path) -> None:
    vector = _vector(vectors, "gb11643_check")
    assert gb11643.check_character(vector["id17"]) == vector["check"]
    number = vector["id17"] + vector["check"]
    assert gb11643.has_form(number)
    assert gb11643.birth_digits(number) == "19491231"
    assert gb11643.sex_code(number) == "2"


@pytest.mark.parametrize("bad", ["", "1101051949123100", "1101051949123100２", "11010519491231002X"])
def test_only_17_digits_have_a_check_character(bad: str) -> None:
    with pytest.raises(ValueError, match="17 digits"):
        gb11643.check_character(bad)


@pytest.mark.proof
@given(st.from_regex(r"[0-9]{17}", fullmatch=True), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_changes_the_check(first17: str, place: int, more: int) -> None:
    wrong = first17[:place] + str((int(first17[place]) + more) % 10) + first17[place + 1 :]
    assert gb11643.check_character(wrong) != gb11643.check_character(first17)


def test_numbers_are_masked_wherever_they_stand() -> None:
    assert gb11643.masked("440199195109028085") == "440199********8085"
    assert gb11643.masked("440199195109028085王.jpg") == "440199********8085王.jpg"
    assert gb11643.masked("65019919740822691x") == "650199********691x"
    assert gb11643.masked("R2026112100001") == "R2026112100001"


def test_the_card_number_printed_in_appendix_a(vectors: Path) -> None:
    vector = _vector(vectors, "card_number_check")
    assert check_character(vector["number"]) == vector["check"]
    assert make_card_number("D", 2143569) == "D2143569X"
    assert check_card_number("D2143569X")


def test_the_replaced_cards_of_the_shared_file_check(good_rows: list[dict[str, str]]) -> None:
    numbers = [row["replaces_card"] for row in good_rows if row["replaces_card"]]
    assert len(numbers) == 37
    assert all(map(check_card_number, numbers))


@pytest.mark.parametrize("bad", ["", "D2143569", "D21435690", "d2143569X", "D2143569x", "D2143569XX", "12143569X"])
def test_not_a_card_number(bad: str) -> None:
    assert not check_card_number(bad)


@pytest.mark.parametrize(("letter", "serial"), [("D", 10_000_000), ("D", -1), ("d", 1), ("", 1), ("DD", 1)])
def test_a_number_that_cannot_be_made_is_an_error(letter: str, serial: int) -> None:
    with pytest.raises(ValueError, match=r"serial|capital letter"):
        make_card_number(letter, serial)


@given(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), st.integers(0, 9_999_999))
def test_made_numbers_have_nine_characters_and_check(letter: str, serial: int) -> None:
    number = make_card_number(letter, serial)
    assert len(number) == 9
    assert check_card_number(number)
