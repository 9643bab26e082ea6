"""Temporary cards through the program: for whom, and that a changed paper is not accepted."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardfab.cli import wiring
from tests.integration.conftest import PLAIN, UNAPPROVED_URGENT, URGENT, World, cardfab

CLAIM = re.compile(rb"cardfab-temp-1:([A-Za-z0-9+/=]+)")


def paper(world: World, folder: Path) -> Path:
    said = world.cli("temporary", "issue", URGENT, "--out", folder, "--json")
    assert said.exit == 0, said.text
    return Path(said.json()["file"])


@pytest.mark.shows("a temporary card is a PDF that this station verifies; a changed claim is refused (test)")
def test_issue_and_verify(station: World, tmp_path: Path) -> None:
    file = paper(station, tmp_path / "papers")
    assert re.fullmatch(r"LS\d{12}\.pdf", file.name)
    assert file.read_bytes().startswith(b"%PDF-")
    said = station.cli("temporary", "verify", file)
    assert said.exit == 0, said.text
    assert "genuine" in said.out
    assert "SPECIMEN" in said.out
    value = station.cli("temporary", "verify", file, "--json").json()
    assert value["specimen"] is True
    assert value["number"] == file.stem
    second = paper(station, tmp_path / "papers")
    assert second != file, "a number is given once"


def test_a_changed_claim_is_refused(station: World, tmp_path: Path) -> None:
    file = paper(station, tmp_path)
    data = file.read_bytes()
    (claim,) = {found[1] for found in CLAIM.finditer(data)}
    text = base64.b64decode(claim).decode()
    fields = text.split("|")
    later = fields.copy()
    later[5] = (datetime.fromisoformat(fields[5]) + timedelta(days=365)).date().isoformat()
    other = fields.copy()
    other[2] = "赵甲"
    valid = fields.copy()
    valid[7] = "VALID"
    for changed in (later, other, valid):
        forged = base64.b64encode("|".join(changed).encode())
        (tmp_path / "forged.pdf").write_bytes(data.replace(claim, forged))
        said = station.cli("temporary", "verify", tmp_path / "forged.pdf")
        assert said.exit == 6, said.text
        assert "[CF-6500]" in said.err
    for place in range(0, len(claim), 29):
        letter = b"A" if claim[place : place + 1] != b"A" else b"B"
        (tmp_path / "forged.pdf").write_bytes(data.replace(claim, claim[:place] + letter + claim[place + 1 :]))
        assert station.cli("temporary", "verify", tmp_path / "forged.pdf").exit in (3, 6)
    (tmp_path / "scan.txt").write_text(text, encoding="utf-8")  # what a scanner reads off the paper
    assert station.cli("temporary", "verify", tmp_path / "scan.txt").exit == 0
    (tmp_path / "scan.txt").write_text(text.replace(fields[3], "440199195109028085"), encoding="utf-8")
    assert station.cli("temporary", "verify", tmp_path / "scan.txt").exit == 6


def test_other_papers_are_refused(station: World, tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.4\nnothing of ours\n")
    assert station.cli("temporary", "verify", tmp_path / "letter.pdf").exit == 3
    assert station.cli("temporary", "verify", tmp_path / "absent.pdf").exit == 3
    file = paper(station, tmp_path)
    assert cardfab("init", tmp_path / "other", "--name", "integration-01").exit == 0
    said = World(tmp_path / "other").cli("temporary", "verify", file)
    assert said.exit == 6, "another station's key of the same name does not check it"


def test_a_paper_ends(station: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = paper(station, tmp_path)
    late = datetime.now(UTC) + timedelta(days=61)
    opened = wiring.open_desk
    monkeypatch.setattr(
        "cardfab.cli.output.open_desk", lambda *given, **said: opened(*given, **{**said, "now": lambda: late})
    )
    said = station.cli("temporary", "verify", file)
    assert said.exit == 3, said.text
    assert "[CF-3560]" in said.err


def test_only_for_urgent_and_approved_requests(station: World, tmp_path: Path) -> None:
    for request in (PLAIN, UNAPPROVED_URGENT):
        said = station.cli("temporary", "issue", request, "--out", tmp_path / "none")
        assert said.exit == 7, said.text
        assert "[CF-7500]" in said.err
    assert station.cli("temporary", "issue", "R-NOBODY", "--out", tmp_path / "none").exit == 3
    assert not (tmp_path / "none").exists()
    assert station.cli("user", "login", "auditor").exit == 0
    assert station.cli("temporary", "issue", URGENT, "--out", tmp_path / "none").exit == 7
