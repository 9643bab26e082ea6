"""The figures of ``cardfab bench keys``: that they are there and of the right order, which no clock decides."""

from __future__ import annotations

import json

import pytest

from cardfab.cli import benchkeys
from cardfab.cli.benchkeys import KeyFigure, LookUp, look_up, software
from cardfab.cli.main import run
from cardfab.errors import Text
from cardfab.keys import StoreLocked


@pytest.mark.proof
@pytest.mark.shows("cardfab bench keys: many() at least 8 times pyemv in the same run (proof)")
def test_many_is_at_least_eight_times_pyemv() -> None:
    """Both in one run by turns, so that a busy machine is as busy for each; some 25 times as a rule."""
    found = {(one.scheme, one.algorithm): one for one in software(2000, rounds=6)}
    ours = found["emv-a", "3DES"]
    assert ours.pyemv
    assert ours.beside_pyemv is not None
    assert ours.beside_pyemv >= 8, ours
    assert ours.many is not None
    assert ours.many > 4 * ours.one, "one pass, not a loop"
    assert {name for name, _ in found} == {"emv-a", "emv-b", "ss", "emv", "visa2", "kdf3", "an10922", "scp03"}
    assert all(one.pyemv is None for (name, _), one in found.items() if not name.startswith("emv-"))


@pytest.mark.proof
def test_a_sealed_person_is_found_by_index() -> None:
    found = look_up(50, rounds=2)
    assert isinstance(found, LookUp)
    assert found.people == 50
    assert found.sealed > 0
    assert found.plain > 0


@pytest.mark.proof
def test_the_command_gives_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "bench", "keys", "--count", "10", "--rounds", "1", "--people", "10"]) == 0
    value = json.loads(capsys.readouterr().out)
    names = {"scheme", "algorithm", "where", "one", "many", "bare", "pyemv", "beside_bare", "beside_pyemv"}
    assert all(set(one) == names for one in value["figures"])
    assert {one["where"] for one in value["figures"]} <= {"software", "token"}
    assert set(value["look_up"]) == {"people", "sealed", "plain", "ratio"}


def test_without_a_token_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(rounds: int) -> list[KeyFigure]:
        raise ImportError("pkcs11")

    def locked(rounds: int) -> list[KeyFigure]:
        raise StoreLocked(Text("SoftHSM2 is not installed here.", "未安装 SoftHSM2。"))

    for token, said in ((missing, "python-pkcs11 is not installed."), (locked, "SoftHSM2 is not installed here.")):
        monkeypatch.setattr(benchkeys, "token", token)
        why = benchkeys.token_or_why(1)
        assert isinstance(why, Text)
        assert why.en == said


@pytest.mark.proof
def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--lang", "en", "bench", "keys", "--count", "10", "--rounds", "1", "--people", "10"]) == 0
    said = capsys.readouterr()
    assert "One of 10 people:" in said.out
    assert "token" in said.out or "No token here" in said.err
