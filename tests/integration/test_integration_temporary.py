"""Temporary cards through the program: for whom, their register, and that what is not ours is not accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli import wiring
from cardfab.documents.claim import HEAD, TAIL, base45, from_base45, read_claim
from cardfab.station.counter.activation import activate
from cardfab.station.counter.clock import CHINA
from cardfab.station.temporary import applied, issue_temporary
from tests.counter_place import PIN, Place
from tests.integration.conftest import PLAIN, UNAPPROVED_URGENT, URGENT, Said, World, cardfab


def issued(world: World, folder: Path, *words: str | Path) -> Path:
    said = world.typed(world.holder(URGENT), "temporary", "issue", URGENT, "--out", folder, "--json", *words)
    assert said.exit == 0, said.text
    return Path(said.json()["file"])


def register(world: World) -> dict[str, str]:
    return {one["number"]: one["state"] for one in world.cli("temporary", "list", "--all", "--json").json()["items"]}


def events(world: World, action: str) -> list[dict[str, Any]]:
    shown = world.cli("audit", "show", "--json").json()["items"]
    return [one for one in shown if one["action"] == action]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Moves the program's clock by so many days."""
    opened = wiring.open_desk

    def move(days: int) -> None:
        when = datetime.now(UTC) + timedelta(days=days)
        monkeypatch.setattr(
            "cardfab.cli.output.open_desk", lambda *given, **said: opened(*given, **{**said, "now": lambda: when})
        )

    return move


def refused(said: Said, exit: int, code: str) -> None:
    assert said.exit == exit, said.text
    assert f"[{code}]" in said.err


@pytest.mark.proof
@pytest.mark.shows("a temporary card is a PDF that this station verifies; a changed claim is refused (proof)")
@pytest.mark.parametrize("size", ["a4", "receipt"])
def test_issue_and_verify(station: World, tmp_path: Path, size: str) -> None:
    file = issued(station, tmp_path / "papers", "--size", size)
    assert re.fullmatch(r"LS\d{12}\.pdf", file.name)
    assert file.read_bytes().startswith(b"%PDF-")
    said = station.cli("temporary", "verify", file, "--number", station.holder(URGENT).strip()[-4:])
    assert said.exit == 0, said.text
    assert "genuine" in said.out
    assert "SPECIMEN" in said.out
    assert "cannot" in said.err or "does not see a copy" in said.err.replace("\n", " ")
    value = station.cli("temporary", "verify", file, "--json").json()
    assert value["specimen"] is True
    assert value["number"] == file.stem
    assert value["revocation"] == "checked"  # by the register of the station itself
    (event,) = events(station, "temporary.issue")
    assert event["details"]["document"] == "id-card"
    refused(station.cli("temporary", "issue", URGENT), 7, "CF-7501")


@pytest.mark.proof
def test_another_person_gets_none(station: World, tmp_path: Path) -> None:
    words = ("temporary", "issue", URGENT, "--out", tmp_path)
    refused(station.typed(station.holder(PLAIN), *words), 7, "CF-7600")
    refused(station.typed("44019919510902808\n", *words), 3, "CF-3570")
    refused(station.typed(station.holder(URGENT), *words, "--second", "operator"), 7, "CF-7400")
    assert not list(tmp_path.glob("*.pdf"))
    assert not register(station)


@pytest.mark.proof
def test_a_changed_claim_is_refused(station: World, tmp_path: Path) -> None:
    file = issued(station, tmp_path)
    claim, signature = read_claim(file.read_bytes())
    text = f"{HEAD}{base45(claim.signed_bytes() + signature)}{TAIL}"
    scan = tmp_path / "scan.txt"
    scan.write_text(f"{text}\r\n")  # what a scanner reads off the paper
    assert station.cli("temporary", "verify", scan).exit == 0
    refused(station.cli("temporary", "verify", scan, "--number", "0000"), 3, "CF-3564")
    packed = from_base45(text[len(HEAD) : -len(TAIL)])
    for place in (1, 9, 10, len(packed) - 90, len(packed) - 1):
        wrong = packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]
        scan.write_text(f"{HEAD}{base45(wrong)}{TAIL}")
        assert station.cli("temporary", "verify", scan).exit in (3, 6)
    data = file.read_bytes()
    place = data.index(b"stream") + 60
    file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    refused(station.cli("temporary", "verify", file), 6, "CF-6504")


@pytest.mark.proof
def test_other_papers_are_refused(station: World, tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.4\nnothing of ours\n")
    assert station.cli("temporary", "verify", tmp_path / "letter.pdf").exit == 3
    assert station.cli("temporary", "verify", tmp_path / "absent.pdf").exit == 3
    file = issued(station, tmp_path)
    assert cardfab("init", tmp_path / "other", "--name", "integration-01").exit == 0
    other = World(tmp_path / "other")
    refused(other.cli("temporary", "verify", file), 6, "CF-6503")
    # By the key of the first, and its list, the second station and anybody else can check it.
    (tmp_path / "key.txt").write_text(station.cli("temporary", "key").out)
    assert station.cli("temporary", "revocations", "--out", tmp_path / "list.txt").exit == 0
    words = ("temporary", "verify", file, "--trust", tmp_path / "key.txt", "--json")
    assert json.loads(cardfab(*words).out)["revocation"] == "not checked"
    assert json.loads(cardfab(*words, "--list", tmp_path / "list.txt").out)["revocation"] == "checked"
    assert other.cli("temporary", "page", "--out", tmp_path / "p.html", "--trust", tmp_path / "key.txt").exit == 0
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert all(one.cli("temporary", "key", "--json").json()["key_id"] in page for one in (station, other))


def test_a_paper_ends(station: World, tmp_path: Path, later: Callable[[int], None]) -> None:
    file = issued(station, tmp_path)
    later(59)
    assert station.cli("temporary", "verify", file).exit == 0
    later(60)
    refused(station.cli("temporary", "verify", file), 3, "CF-3560")


@pytest.mark.proof
def test_extensions_are_new_papers_and_end_after_180_days(
    station: World, tmp_path: Path, later: Callable[[int], None]
) -> None:
    number = station.holder(URGENT)
    papers = [issued(station, tmp_path)]
    refused(station.typed(number, "temporary", "extend", papers[0].stem, "--out", tmp_path), 7, "CF-7502")
    first = datetime.now(UTC).astimezone(CHINA).date()
    for days, last in ((50, 109), (100, 159), (150, 179)):
        later(days)
        said = station.typed(number, "temporary", "extend", papers[-1].stem, "--out", tmp_path, "--json")
        assert said.exit == 0, said.text
        assert said.json()["valid_until"] == (first + timedelta(days=last)).isoformat()
        assert said.json()["extends"] == papers[-1].stem
        refused(station.cli("temporary", "verify", papers[-1]), 3, "CF-3563")
        papers.append(Path(said.json()["file"]))
        assert read_claim(papers[-1].read_bytes())[0].extension
    later(170)
    refused(station.cli("temporary", "extend", papers[-1].stem), 7, "CF-7502")
    refused(station.cli("temporary", "extend", papers[0].stem), 7, "CF-7504")
    later(180)
    refused(station.cli("temporary", "issue", URGENT), 7, "CF-7502")
    assert list(register(station).values()) == ["EXTENDED", "EXTENDED", "EXTENDED", "ISSUED"]
    assert len(events(station, "temporary.extend")) == 3


@pytest.mark.proof
def test_a_paper_is_revoked_by_two_and_a_new_one_issued(station: World, tmp_path: Path) -> None:
    file = issued(station, tmp_path)
    words = ("temporary", "revoke", file.stem, "--reason", "lost on the way")
    refused(station.cli(*words), 7, "CF-7610")
    assert station.cli(*words, "--second", "operator").exit == 7
    assert station.cli(*words[:-1], " ", "--second", "supervisor").exit == 3
    assert station.cli(*words, "--second", "supervisor").exit == 0
    refused(station.cli("temporary", "verify", file), 3, "CF-3563")
    (event,) = events(station, "temporary.revoke")
    assert event["details"] == {"number": file.stem, "approved_by": "supervisor", "reason": "lost on the way"}
    second = issued(station, tmp_path)
    assert second.stem != file.stem, "a number is given once"
    assert station.cli("temporary", "return", second.stem).exit == 0
    assert station.cli("temporary", "return", second.stem).exit != 0
    assert station.cli("temporary", "return", "LS000000000000").exit == 3
    assert register(station) == {file.stem: "REVOKED", second.stem: "RETURNED"}
    assert station.cli("temporary", "revocations", "--out", tmp_path / "list.txt").exit == 0
    text = (tmp_path / "list.txt").read_text()
    assert f"{file.stem} revoked " in text
    assert f"{second.stem} returned " in text
    (tmp_path / "key.txt").write_text(station.cli("temporary", "key").out)
    by_list = ("--trust", tmp_path / "key.txt", "--list", tmp_path / "list.txt")
    refused(cardfab("temporary", "verify", file, *by_list), 3, "CF-3563")


@pytest.mark.proof
def test_the_paper_ends_when_the_card_is_handed_over(place: Place) -> None:
    with place.counter() as counter:
        desk = counter.desk
        with desk.database.transaction("urgent") as tx:
            tx.requests._connection.exec_driver_sql("UPDATE request SET urgent = 1")
        made = issue_temporary(desk, applied(desk, PLAIN), place.holder())
    assert _state(place, made.number) == "ISSUED"
    with place.card() as here:
        activate(here, place.holder(), PIN)
    assert _state(place, made.number) == "ENDED"
    (event,) = place.events("temporary.end")
    assert event.details == {"number": made.number}


def _state(place: Place, number: str) -> str:
    with place.counter() as counter, counter.desk.database.reading() as tx:
        return str(tx.temporary_cards.get(number).state)


def test_only_for_urgent_and_approved_requests(station: World, tmp_path: Path) -> None:
    for request in (PLAIN, UNAPPROVED_URGENT):
        refused(station.cli("temporary", "issue", request, "--out", tmp_path), 7, "CF-7500")
    assert station.cli("temporary", "issue", "R-NOBODY", "--out", tmp_path).exit == 3
    assert not list(tmp_path.glob("*.pdf"))
    assert station.cli("user", "login", "auditor").exit == 0
    assert station.cli("temporary", "issue", URGENT, "--out", tmp_path).exit == 7


def test_a_station_that_is_older_than_the_key_says_what_to_do(station: World, tmp_path: Path) -> None:
    with station.desk() as desk:
        store: Any = desk.keys.inner  # type: ignore[attr-defined]
        kept = store._held.pop("station/documents")
    try:
        said = station.typed(station.holder(URGENT), "temporary", "issue", URGENT, "--out", tmp_path)
        refused(said, 6, "CF-6501")
        assert "cardfab init" in said.err
        assert not register(station)
    finally:
        store._held["station/documents"] = kept


@pytest.mark.proof
def test_the_certificate_stays_and_a_strange_one_is_refused(station: World, tmp_path: Path) -> None:
    first = station.cli("temporary", "certificate", "--out", tmp_path / "c.pem", "--json").json()
    assert station.cli("temporary", "certificate", "--json").json() == first
    assert first["subject"] == first["issuer"]
    assert station.cli("temporary", "certificate", "--use", tmp_path / "c.pem").exit == 0
    assert cardfab("init", tmp_path / "other", "--name", "other-01").exit == 0
    other = World(tmp_path / "other")
    refused(other.cli("temporary", "certificate", "--use", tmp_path / "c.pem"), 6, "CF-6502")
    refused(other.cli("temporary", "certificate", "--use", other.config), 6, "CF-6502")


@pytest.mark.proof
def test_papers_of_a_key_that_was_rotated_stay_good(station: World, tmp_path: Path) -> None:
    file = issued(station, tmp_path / "papers")
    before = station.cli("temporary", "key", "--json").json()
    assert before["earlier"] == []
    assert station.cli("user", "login", "custodian").exit == 0
    said = station.cli("keys", "rotate", "station/documents")
    assert said.exit == 0, said.text
    assert station.cli("user", "login", "operator").exit == 0
    now = station.cli("temporary", "key", "--json").json()
    assert [one["key"] for one in now["earlier"]] == [before["key"]]
    assert now["key_id"] != before["key_id"]
    said = station.cli("temporary", "verify", file)
    assert said.exit == 0, said.text
    (tmp_path / "keys.txt").write_text(station.cli("temporary", "key").out)
    assert station.cli("temporary", "revocations", "--out", tmp_path / "list.txt").exit == 0
    elsewhere = ("temporary", "verify", file, "--trust", tmp_path / "keys.txt", "--list", tmp_path / "list.txt")
    assert json.loads(cardfab(*elsewhere, "--json").out)["revocation"] == "checked"
    (tmp_path / "new.txt").write_text(f"{now['key']}\n")  # who only has the new key
    refused(cardfab("temporary", "verify", file, "--trust", tmp_path / "new.txt"), 6, "CF-6503")
    assert station.cli("temporary", "page", "--out", tmp_path / "page.html").exit == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f'"{before["key_id"]}"' in page
    assert f'"{now["key_id"]}"' in page
    revoking = ("temporary", "revoke", file.stem, "--reason", "lost", "--second", "supervisor")
    assert station.cli(*revoking).exit == 0
    assert station.cli("temporary", "revocations", "--out", tmp_path / "list.txt").exit == 0
    refused(cardfab(*elsewhere), 3, "CF-3563")
