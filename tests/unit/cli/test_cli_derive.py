"""``cardfab keys derive --explain``: at a training station, in both languages, and what is not said."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from cardfab.cli import derive as module
from cardfab.cli.main import run
from cardfab.errors import UsageRefused
from cardfab.keys.label import KeyInfo, Level, Usage

PAN = "6299990000000011"
CARD = ("--explain", "ss", "--label", "ss/UKSSSE", "--region", "440199", "--historical", "0087BF10028649440199000001")
EMV = ("--explain", "emv-a", "--label", "bank/IMK-AC", "--psn", "01")


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("derive") / "s"
    assert run(["init", str(folder)]) == 0
    return str(folder / "cardfab.toml")


def test_every_step_with_its_check_value(station: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a shell with openssl gives from the published root, as docs/key-schemes.md shows."""
    assert run(["--config", station, "--json", "keys", "derive", *CARD]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["kcv"], value["algorithm"]) == ("1AB93A", "3DES")
    assert [(step["name"], step["kcv"]) for step in value["steps"]] == [
        ("province", "F1A885"), ("city", "D07012"), ("card", "C41021"),
    ]  # fmt: skip


@pytest.mark.proof
def test_it_speaks_both_languages(station: str, capsys: pytest.CaptureFixture[str]) -> None:
    for language, word in (("zh", "校验值"), ("en", "check value")):
        assert run(["--config", station, "--lang", language, "keys", "derive", *CARD]) == 0
        assert f"{word}  C41021" in capsys.readouterr().out


@pytest.mark.proof
def test_D2_a_number_is_asked_for_and_not_said(
    station: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PAN + "\n"))
    assert run(["--config", station, "--lang", "en", "keys", "derive", *EMV, "--pan", "-"]) == 0
    said = capsys.readouterr()
    assert "655B8A" in said.out
    assert "629999******0011|01" in said.out
    assert PAN not in said.out + said.err
    assert PAN[2:] not in said.out + said.err
    kept = b"".join(file.read_bytes() for file in Path(station).parent.rglob("*") if file.is_file())
    assert PAN.encode() not in kept
    assert b"0011|01" not in kept
    assert run(["--config", station, "--json", "audit", "show"]) == 0
    uses = [one["details"] for one in json.loads(capsys.readouterr().out)["items"] if one["action"] == "key.use"]
    assert {"act": "explain", "count": "1", "kcv": "DC2401", "label": "bank/IMK-AC"} in uses


def test_digits_in_the_command_are_for_training_keys_only() -> None:
    info = KeyInfo("bank/IMK-AC", "3DES", Usage.EMV_ROOT, Level.BANK, 1, False, "000000")
    with pytest.raises(UsageRefused) as refused:
        module._number(None, PAN, info)  # type: ignore[arg-type]
    assert refused.value.code == "CF-2121"
    assert PAN not in str(refused.value)


@pytest.mark.proof
def test_what_is_refused_says_why(station: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code, status in (
        (("--explain", "emv-z", "--label", "bank/IMK-AC"), "CF-3227", 3),
        (("--explain", "emv-a", "--label", "bank/IMK-AC"), "CF-3227", 3),
        (("--explain", "emv-a", "--label", "ss/UKSSSE", "--pan", PAN), "CF-6200", 6),
        (("--explain", "emv-a", "--label", "none", "--pan", PAN), "CF-6100", 6),
    ):
        assert run(["--config", station, "--json", "keys", "derive", *words]) == status
        assert json.loads(capsys.readouterr().out)["error"] == code
