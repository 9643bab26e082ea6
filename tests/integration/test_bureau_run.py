"""``cardfab bureau run`` at a training station: simulated slots of a line's file, orders, what it says to programs."""

from __future__ import annotations

import pytest

from cardfab.production import JobState
from tests.integration.conftest import BLANKS, World
from tests.line_place import put_batch

pytestmark = pytest.mark.proof

LINE = """\
name = "training-line"

[samples]
first_of_box = true

[[slots]]
name = "01"
reader = "simulated"

[[slots]]
name = "02"
reader = "simulated"
"""


def with_line(station: World, rows: int) -> int:
    (station.folder / "line.toml").write_text(LINE, encoding="utf-8")
    with station.desk() as desk:
        return put_batch(desk, rows, box_size=2)


def test_a_batch_is_run_and_what_came_of_it_is_said(station: World) -> None:
    batch = with_line(station, BLANKS)
    said = station.cli("--json", "bureau", "run", "B-1", "--line", station.folder / "line.toml")
    assert (said.exit, said.json()["how"], said.json()["made"]) == (0, "made", BLANKS)
    assert [slot["name"] for slot in said.json()["slots"]] == ["01", "02"]
    assert station.books().issued == BLANKS
    with station.desk() as desk, desk.database.reading() as tx:
        assert {one.state for one in tx.boxes.places(batch, 1, BLANKS)} == {JobState.DONE}
        assert len(tx.boxes.samples(batch)) == 2
    again = station.cli("bureau", "run", str(batch), "--line", station.folder / "line.toml", "--slots", "1")
    assert again.exit == 0
    assert "02" not in again.out


def test_orders_are_for_a_batch_that_is_run(station: World) -> None:
    batch = with_line(station, 1)
    for order in (("pause",), ("resume",), ("stop",), ("stop", "--after-box")):
        assert station.cli("bureau", order[0], str(batch), *order[1:]).exit == 3
    assert station.cli("bureau", "run", str(batch), "--line", station.folder / "line.toml").exit == 0
    assert station.cli("bureau", "pause", "no-such-batch").exit == 3


def test_a_line_that_is_stopped_for_good_says_what_is_left(station: World) -> None:
    with_line(station, 1)
    text = LINE.replace('reader = "simulated"', 'reader = "tcp://127.0.0.1:9"')
    text = text.replace("[samples]", "faults_in_a_row = 1\n[samples]").partition('[[slots]]\nname = "02"')[0]
    (station.folder / "line.toml").write_text(text, encoding="utf-8")
    said = station.cli("--json", "bureau", "run", "B-1", "--line", station.folder / "line.toml")
    assert (said.exit, said.json()["error"], said.json()["how"]) == (8, "CF-8301", "no slot left")
    assert said.json()["slots"][0]["code"] == "CF-5740"
    assert station.books().remaining == BLANKS
