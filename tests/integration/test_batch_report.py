"""The report of an imported batch, from what was done to its requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import APPROVED, PLAIN, World


@pytest.mark.proof
def test_what_became_of_every_request_of_a_file(world: World, tmp_path: Path) -> None:
    assert world.rig is not None
    (batch,) = world.cli("request", "report", "--json").json()["items"]
    assert (batch["id"], batch["source"], batch["rows"]) == (1, "requests.csv", 12)
    world.rig.reader.cut_power_after(20)
    assert world.cli("issue", PLAIN).exit == 9
    at_stake = world.cli("request", "report", "1", "--json").json()
    assert (at_stake["in_doubt"], at_stake["blanks_used"], at_stake["balanced"]) == (1, 1, True)
    assert world.cli("job", "resolve", PLAIN, "--spoil").exit == 0
    assert world.cli("issue", PLAIN).exit == 0  # made again
    said = world.cli("request", "report", "1", "--pdf", tmp_path / "batch.pdf", "--json")
    assert said.exit == 0, said.text
    found = said.json()
    assert found.pop("source") == "requests.csv"
    assert found == {
        "batch": 1, "requests": 12, "approved": len(APPROVED), "made": 1, "in_doubt": 0, "spoiled": 0, "waiting": 11,
        "cancelled": 0, "remakes": 1, "blanks_used": 2, "blanks_spoiled": 1, "handed_over": 0, "balanced": True,
    }  # fmt: skip
    assert (tmp_path / "batch.pdf").read_bytes().startswith(b"%PDF-")
    missing = world.cli("request", "report", "7")
    assert missing.exit == 3
    assert "[CF-3111]" in missing.err


@pytest.mark.proof
def test_books_changed_by_hand_are_seen(world: World) -> None:
    import sqlite3

    assert world.cli("issue", PLAIN).exit == 0
    with sqlite3.connect(world.folder / "station.db") as books:
        books.execute("UPDATE stock_movement SET target = 'spoiled' WHERE target = 'issued'")
    said = world.cli("request", "report", "1")
    assert said.exit == 7, said.text
    assert "[CF-7200]" in said.err
