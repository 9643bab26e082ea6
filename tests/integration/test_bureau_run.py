"""``cardfab bureau run`` at a training station: simulated slots of a line's file, orders, what it says to programs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardfab.bureau.line import BureauLine, RunEnd
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
    assert f"slots: 2, places: {BLANKS}" in said.err
    assert station.books().issued == BLANKS
    with station.desk() as desk, desk.database.reading() as tx:
        assert {one.state for one in tx.boxes.places(batch, 1, BLANKS)} == {JobState.DONE}
        assert len(tx.boxes.samples(batch)) == 2
    again = station.cli("bureau", "run", str(batch), "--line", station.folder / "line.toml", "--slots", "1")
    assert again.exit == 0
    assert "02" not in again.out


def test_a_batch_that_was_prepared_says_so_when_it_is_to_be_prepared_again(station: World) -> None:
    batch = with_line(station, 1)
    with station.desk() as desk, desk.database.transaction("prepared") as tx:
        tx.batches.change(batch, digest="0" * 64)
        for one in tx.shards.of(batch):
            tx.shards.keep_draws(batch, one.shard, b"")
            tx.shards.done(batch, one.shard, "0" * 64, worker="test", at=desk.at(), cost=0.0)
    said = station.cli("bureau", "prepare", "B-1")
    assert (said.exit, f"Batch {batch} was prepared already:" in said.out) == (0, True), said


def test_orders_are_for_a_batch_that_is_run(station: World) -> None:
    batch = with_line(station, 1)
    for order in (("pause",), ("resume",), ("stop",), ("stop", "--after-box")):
        assert station.cli("bureau", order[0], str(batch), *order[1:]).exit == 3
    assert station.cli("bureau", "run", str(batch), "--line", station.folder / "line.toml").exit == 0
    assert station.cli("bureau", "pause", "no-such-batch").exit == 3


def test_an_order_that_no_line_hears_is_said_to_be_one(station: World) -> None:
    batch = with_line(station, 1)
    with station.desk() as desk, desk.database.transaction("as if a line had been killed") as tx:
        tx.batches.change(batch, state="RUNNING")
    said = station.cli("bureau", "pause", str(batch))
    assert (said.exit, "No line works on it now" in said.out) == (0, True)
    assert station.cli("--json", "bureau", "stop", str(batch)).json()["heard"] is False


def test_where_places_are_left_it_is_said_what_names_them(station: World, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = with_line(station, 1)
    monkeypatch.setattr(BureauLine, "run", lambda line, of: RunEnd("open", 2, replace(line.now(), batch_id=of)))
    said = station.cli("bureau", "run", "B-1", "--line", station.folder / "line.toml")
    assert (said.exit, "CF-8300" in said.err) == (8, True)
    assert f"'cardfab bureau reconcile {batch}'" in said.err
    assert f"'cardfab bureau remake ask {batch}'" in said.err


def test_a_line_that_is_stopped_for_good_says_what_is_left(station: World) -> None:
    with_line(station, 1)
    text = LINE.replace('reader = "simulated"', 'reader = "tcp://127.0.0.1:9"')
    text = text.replace("[samples]", "faults_in_a_row = 1\n[samples]").partition('[[slots]]\nname = "02"')[0]
    (station.folder / "line.toml").write_text(text, encoding="utf-8")
    said = station.cli("--json", "bureau", "run", "B-1", "--line", station.folder / "line.toml")
    assert (said.exit, said.json()["error"], said.json()["how"]) == (8, "CF-8301", "no slot left")
    assert said.json()["slots"][0]["code"] == "CF-5740"
    assert station.books().remaining == BLANKS
