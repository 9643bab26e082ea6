"""Bank data handed over: who may, what stands in the files, and that it is on record."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.integration.conftest import PLAIN, World


def _supervisor(station: World) -> None:
    assert station.cli("user", "login", "supervisor").exit == 0


def test_groupings_go_out_as_text_and_come_in_again(station: World, tmp_path: Path) -> None:
    _supervisor(station)
    file = tmp_path / "groupings.txt"
    assert station.cli("plan", "export", PLAIN, "--out", file, "--sealed").exit == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="utf-8")
    assert "DGI0101=70" in text
    assert "DGI8000=SEALED 48 " in text
    same = station.cli("--json", "plan", "import", file, "--compare", PLAIN)
    assert (same.exit, same.json()["differs"]) == (0, [])
    file.write_text(text.replace("DGI9010=", "DGI9010=05", 1), encoding="utf-8")
    other = station.cli("--json", "plan", "import", file, "--compare", PLAIN)
    assert (other.exit, other.json()["error"]) == (3, "CF-3170")
    assert [one["dgi"] for one in other.json()["differs"]] == ["9010"]
    with station.desk() as desk, desk.database.reading() as tx:
        actions = [event for event in map(str, tx.audit.leaves()) if "groupings.export" in event]
    assert len(actions) == 1


def test_an_operator_hands_nothing_over(station: World, tmp_path: Path) -> None:
    assert station.cli("user", "login", "operator").exit == 0
    for words in (("export", PLAIN), ("host-file",), ("host-file", "--whole")):
        said = station.cli("--json", "plan", *words, "--out", tmp_path / "file")
        assert (said.exit, said.json()["error"]) == (7, "CF-7400")
    assert not (tmp_path / "file").exists()


@pytest.mark.proof
def test_the_issuers_file_after_a_card_was_made(world: World, tmp_path: Path) -> None:
    made = world.cli("issue", PLAIN, *world.devices())
    assert made.exit == 0, made.text
    _, card = world.prepared(PLAIN)
    _supervisor(world)
    for words, whole in (((), False), (("--whole",), True)):
        file = tmp_path / f"cards-{whole}.jsonl"
        assert world.cli("plan", "host-file", "--out", file, *words).exit == 0
        head, row = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
        assert head["accounts"] == ("whole" if whole else "masked")
        assert (row["pan"] == card.pan) is whole
        assert row["expires"] == card.expiry_date
        assert row["kcvs"]["3DES"]["AC"]
    assert card.pan not in (tmp_path / "cards-False.jsonl").read_text(encoding="utf-8")
