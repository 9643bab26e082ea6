"""The auditor's side of the counter: keys of their own, checkpoints in their hand, an export and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cardfab.audit import open_checkpoint, parse_export
from cardfab.audit.note import VerifierKey
from tests.integration.conftest import PLAIN, Said, World, cardfab

pytestmark = pytest.mark.proof


@pytest.fixture
def word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the auditor types."""
    monkeypatch.setattr("cardfab.cli.auditor.prompt", lambda what: "the auditor's own word")


@pytest.fixture
def trust(station: World, tmp_path: Path) -> Path:
    """The station's verifier key, as the auditor keeps it."""
    with station.desk() as desk:
        key = str(desk.audit_key())
    file = tmp_path / "trusted.txt"
    file.write_text(key + "\n", encoding="utf-8")
    return file


def checkpoint(station: World, file: Path) -> Path:
    said = station.cli("audit", "checkpoint")
    assert said.exit == 0
    file.write_text(said.out, encoding="utf-8")
    return file


def more(station: World) -> None:
    assert station.cli("stock", "receive", "training-ssc2", "1").exit == 0


def refused(said: Said, code: str) -> None:
    assert said.exit == 3, said.text
    assert code in said.err


def test_the_auditor_countersigns_what_continues_what_they_saw(
    station: World, trust: Path, tmp_path: Path, word: None
) -> None:
    key = tmp_path / "auditor.key"
    made = cardfab("audit", "auditor-key", key, "--name", "auditor.example/one")
    assert made.exit == 0
    auditor = VerifierKey.parse(made.out.strip())
    assert auditor.name == "auditor.example/one"
    assert cardfab("audit", "auditor-key", key).exit == 2, "a key is never written over"
    first = checkpoint(station, tmp_path / "first")
    assert cardfab("audit", "countersign", first, "--key", key).exit == 2, "no station's key is known yet"
    assert cardfab("audit", "countersign", first, "--key", key, "--trust", trust).exit == 0
    both = tmp_path / "first.countersigned"
    station_key = VerifierKey.parse(trust.read_text("utf-8").strip())
    assert open_checkpoint(both.read_bytes(), [station_key, auditor])[1] == (station_key, auditor)

    more(station)
    later = checkpoint(station, tmp_path / "later")
    refused(cardfab("audit", "countersign", later, "--key", key), "CF-3517")
    growth = tmp_path / "growth"
    assert station.cli("audit", "prove", "--from", both, "--out", growth).exit == 0
    assert cardfab("audit", "countersign", growth, "--key", key, "--out", tmp_path / "two").exit == 0
    refused(cardfab("audit", "countersign", both, "--key", key), "CF-3517")
    seen = json.loads((tmp_path / "auditor.key.seen").read_text("utf-8"))
    assert list(seen) == [station_key.name]

    more(station)
    export = tmp_path / "out.audit"
    assert station.cli("audit", "export", export).exit == 0
    said = cardfab("--json", "audit", "countersign", export, "--key", key, "--out", tmp_path / "three")
    assert said.exit == 0
    assert said.json()["size"] == len(parse_export(export.read_bytes()).leaves)
    outside = [word for file in ("first", "first.countersigned", "two") for word in ("--witnessed", tmp_path / file)]
    held = cardfab("--json", "audit", "verify", export, "--trust", trust, *outside).json()
    assert (held["witnessed"], held["on_faith"]) == (3, [])


def test_the_station_takes_a_countersigned_checkpoint_back(
    station: World, trust: Path, tmp_path: Path, word: None
) -> None:
    key = tmp_path / "auditor.key"
    auditor = cardfab("audit", "auditor-key", key).out.strip()
    first = checkpoint(station, tmp_path / "first")
    assert cardfab("audit", "countersign", first, "--key", key, "--trust", trust).exit == 0
    with station.config.open("a", encoding="utf-8") as settings:
        settings.write(f'\n[audit]\nauditors = ["{auditor}"]\n')
    assert station.cli("audit", "accept", tmp_path / "first.countersigned").exit == 0
    export = tmp_path / "out.audit"
    assert station.cli("audit", "export", export).exit == 0
    assert auditor in [str(one) for one in parse_export(export.read_bytes()).keys]
    trust.write_text(trust.read_text("utf-8") + auditor + "\n", encoding="utf-8")
    assert cardfab("--json", "audit", "verify", export, "--trust", trust).json()["on_faith"] == []
    refused(station.cli("audit", "accept", trust), "CF-3503")


def test_a_rewritten_and_a_cut_record_are_refused(station: World, trust: Path, tmp_path: Path) -> None:
    """By another key, and by a shorter log against an older checkpoint outside."""
    more(station)
    export, later = tmp_path / "out.audit", tmp_path / "later.audit"
    assert station.cli("audit", "export", export).exit == 0
    stranger = tmp_path / "stranger.txt"
    stranger.write_text("cardfab/integration-01+fbf0c8fd+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n")
    assert cardfab("audit", "verify", export, "--trust", stranger).exit == 3
    more(station)
    outside = checkpoint(station, tmp_path / "outside")
    assert cardfab("audit", "verify", export, "--trust", trust).exit == 0, "alone, a shorter log is a log"
    refused(cardfab("audit", "verify", export, "--trust", trust, "--witnessed", outside), "CF-3513")
    assert station.cli("audit", "export", later).exit == 0
    assert cardfab("audit", "verify", later, "--trust", trust, "--witnessed", outside).exit == 0
    changed = later.read_bytes().replace(b'"action":"stock.move"', b'"action":"stock.lost"', 1)
    (tmp_path / "changed").write_bytes(changed)
    said = cardfab("audit", "verify", tmp_path / "changed", "--trust", trust)
    refused(said, "CF-3514")
    assert "was changed" in said.err


def test_an_event_is_proved_to_somebody_else(station: World, trust: Path, tmp_path: Path) -> None:
    [job] = station.jobs(PLAIN)
    out = tmp_path / "event.tlog-proof"
    assert station.cli("audit", "prove", "--event", "2", "--out", out).exit == 0
    said = cardfab("--json", "audit", "verify-proof", out, "--trust", trust)
    assert said.json()["event"] == 2
    several = station.cli("--json", "audit", "prove", "--subject", job.token, "--out", out).json()["files"]
    assert len(several) > 1
    for file in several:
        assert (
            json.loads(cardfab("--json", "audit", "verify-proof", file, "--trust", trust).json()["leaf"])["subject"]
            == job.token
        )
    assert cardfab("audit", "verify-proof", out).exit == 2
    spoiled = tmp_path / "spoiled"
    spoiled.write_bytes(out.read_bytes().replace(b"index 2", b"index 3"))
    refused(cardfab("audit", "verify-proof", spoiled, "--trust", trust), "CF-3516")
    refused(station.cli("audit", "prove", "--event", "999999", "--out", out), "CF-3520")
    assert station.cli("audit", "prove").exit == 2

    first = checkpoint(station, tmp_path / "first")
    more(station)
    growth = tmp_path / "growth"
    assert station.cli("audit", "prove", "--from", first, "--out", growth).exit == 0
    assert cardfab("audit", "verify-proof", growth, "--trust", trust, "--from", first).exit == 0
    assert cardfab("audit", "verify-proof", growth, "--trust", trust).exit == 2
    other = checkpoint(station, tmp_path / "other")
    refused(cardfab("audit", "verify-proof", growth, "--trust", trust, "--from", other), "CF-3516")


def test_show_finds_by_key_card_job_person_action_and_time(station: World) -> None:
    [job] = station.jobs(PLAIN)

    def shown(*wanted: str) -> list[dict[str, object]]:
        said = station.cli("--json", "audit", "show", "--last", "1000", *wanted)
        assert said.exit == 0, said.err
        return said.json()["items"] if said.out else []  # type: ignore[no-any-return]

    assert {event["subject"] for event in shown("--card", job.token)} == {job.token}
    about = shown("--job", str(job.id))
    assert {"request.approve", "card.prepare"} <= {str(event["action"]) for event in about}
    uses = shown("--key", "station/seal")
    assert uses
    assert {event["action"] for event in uses} == {"key.count"}
    assert {event["action"] for event in shown("--action", "config")} == {"config.change"}
    assert shown("--action", "conf") == []
    assert {event["actor"] for event in shown("--person", "trainee")} == {"trainee"}
    assert shown("--person", "nobody") == []
    everything = shown()
    first = str(everything[0]["time"])
    assert shown("--until", "2000-01-01") == []
    assert len(shown("--since", "2000-01-01T00:00")) >= len(everything)
    assert len(shown("--since", first[:10], "--until", "2999-12-31")) >= len(everything)
    assert [event["event"] for event in everything] == list(range(len(everything)))
    assert station.cli("audit", "show", "--since", "yesterday").exit == 2
    assert "时间" in station.cli("--lang", "zh", "audit", "show").out
    assert "There is no such event." in station.cli("audit", "show", "--person", "nobody").out
