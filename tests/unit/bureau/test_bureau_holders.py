"""The generator of synthetic holders: the same every time, in every form, and of nobody who could exist."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cardfab.bureau.cover import Tally, read_cover
from cardfab.bureau.files import open_source
from cardfab.prepare import gb11643
from cardfab.profile.layout import Layout
from tests.tools import tool

holders = tool("holders")
ROWS = 40


def test_the_same_seed_gives_the_same_holders_and_the_next_part_others() -> None:
    whole = [row for row, _ in holders.holders(ROWS, seed=7)]
    assert whole == [row for row, _ in holders.holders(ROWS, seed=7)]
    assert whole != [row for row, _ in holders.holders(ROWS, seed=8)]
    parts = [*holders.holders(ROWS, seed=7), *holders.holders(ROWS, seed=7, first=ROWS)]
    assert len({row["social_security_number"] for row, _ in parts}) == len({row["request_id"] for row, _ in parts})
    assert len({row["request_id"] for row, _ in parts}) == 2 * ROWS


def test_no_number_could_belong_to_a_person() -> None:
    for row, bad in holders.holders(500):
        number = row["social_security_number"]
        assert not bad
        assert number[4:6] == "99"  # districts that do not exist
        assert number[17] == gb11643.check_character(number[:17])
        assert (number[6:14], gb11643.sex_code(number)) == (row["birth_date"], row["sex"])


@pytest.mark.parametrize("form", holders.FORMS)
def test_every_form_is_read_as_it_was_made_and_agrees_with_its_note(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"holders.{form}"
    told = holders.make(path, ROWS, form=form, wrong=0.1, doubles=0.1)
    note = read_cover(path.with_name(f"{path.name}.cover.toml"))
    source = open_source(path, Layout.model_validate(tomllib.loads(holders.layout(form))))
    read = list(source.rows())
    wanted = [row for row, _ in holders.holders(ROWS, wrong=0.1, doubles=0.1)]
    tally = Tally(note)
    for one, row in zip(read, wanted, strict=True):
        assert isinstance(one, tuple)
        assert one[1] == row
        tally.add(one[1])
    assert tally.differences() == ()
    assert source.digest.hex() == note.sha256
    assert 2 < len(told.wrong) < ROWS / 2
