"""``cardfab profile lint`` over bank profiles, and the way of an issuer key to its certificate at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cardfab.cli.main import run
from cardfab.keys import sealedfile
from cardfab.keys.openings import Cost
from cardfab.resources import data_folder

Cardfab = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cardfab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cardfab:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CARDFAB_CONFIG", raising=False)
    monkeypatch.setattr(sealedfile, "COST", Cost(1, 8, 1))

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(["--lang", "en", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


BROKEN = [
    ("pboc-debit-contact-rsa", '{ tag = "9F14"', '{ tag = "9F99"', "L22", "9F14"),
    ("pboc-debit-contact-rsa", 'records = ["0101"', 'records = ["0102", "0101"', "L01", "94"),
    (
        "pboc-debit-contact-rsa",
        "9F02069F03069F1A0295055F2A029A039C019F3704",
        "9F02069F03069F1A0295055F2A029A039C01",
        "L11",
        "8C",
    ),
    ("pboc-debit-contact-rsa", 'iin = "629999"', 'iin = "629999"\ncdol_limit = 40', "L11", "8C"),
    ("pboc-debit-contact-rsa", '  { tag = "9F46"', '  # { tag = "9F46"', "L13", "9F47"),
    ("pboc-debit-contact-rsa", 'holder_name = "off chip"', 'holder_name = "on chip"', "L33", "5F20"),
    ("pboc-debit-contact-rsa", 'holder_name = "off chip"', 'holder_name = "on chip"', "L08", "9F0B"),
    ("pboc-debit-dual", "9F66049F0206", "9F0206", "L12", "9F38"),
]


@pytest.mark.shows("wrong data is found before a card: profile lint names tag and rule (test)")
@pytest.mark.parametrize(("name", "old", "new", "rule", "tag"), BROKEN, ids=[one[3] for one in BROKEN])
def test_lint_names_tag_rule_and_line(
    cardfab: Cardfab, tmp_path: Path, name: str, old: str, new: str, rule: str, tag: str
) -> None:
    text = (Path(str(data_folder("profiles"))) / "applications" / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    if tag == "9F14":
        old, new = (
            'name = "lower consecutive off-line limit", value = "00" },\n  { tag = "9F23"',
            ('name = "lower consecutive off-line limit", value = "05" },\n  { tag = "9F23"'),
        )
    file = tmp_path / "applications" / f"{name}.toml"
    file.parent.mkdir()
    file.write_text(text.replace(old, new), encoding="utf-8")
    status, out, err = cardfab("profile", "lint", str(file))
    assert rule in out
    assert tag in out
    assert f"{file}:" in out
    warning = (rule, tag) in (("L33", "5F20"), ("L08", "9F0B"))
    assert status == (0 if warning else 3), err


def test_the_packaged_bank_profiles_have_no_fault(cardfab: Cardfab) -> None:
    folder = Path(str(data_folder("profiles"))) / "applications"
    files = [str(file) for file in sorted(folder.glob("pboc-*.toml"))]
    status, out, err = cardfab("profile", "lint", *files)
    assert status == 0, err
    assert f"{len(files)} profiles, no fault" in out


@pytest.mark.proof
def test_an_issuer_key_gets_its_certificate(cardfab: Cardfab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cardfab("init", "station")[0] == 0
    monkeypatch.chdir(tmp_path / "station")
    before = json.loads(cardfab("keys", "issuer", "list", "--json")[1])["items"]
    assert {one["label"]: one["until"] for one in before} == {
        "bank/ISSUER-RSA": "2049-12-31",
        "bank/ISSUER-RSA-1152": "2049-12-31",
        "bank/ISSUER-SM2": "2049-12-31",
    }
    for label, size in (("bank/A", ["--bits", "1024"]), ("bank/B", [])):
        assert cardfab("keys", "issuer", "make", label, *size)[0] == 0
        asked = cardfab("keys", "issuer", "request", label, "--iin", "622848", "--expiry", "1230", "--out", "r.json")
        assert asked[0] == 0, asked[2]
        assert cardfab("keys", "issuer", "import", label, "r.json")[0] == 6
        assert cardfab("simulate", "authority", "r.json", "--out", "a.json")[0] == 0
        assert cardfab("keys", "issuer", "import", label, "a.json")[0] == 0
        assert cardfab("keys", "issuer", "import", "bank/ISSUER-RSA", "a.json")[0] == 6
    after = {one["label"]: one for one in json.loads(cardfab("keys", "issuer", "list", "--json")[1])["items"]}
    assert after["bank/B"] == {"label": "bank/B", "iin": "622848", "index": "F3", "until": "2030-12-31"}
    told = [(one["action"], one["outcome"]) for one in json.loads(cardfab("audit", "show", "--json")[1])["items"]]
    assert told.count(("key.make", "intent")) == told.count(("key.make", "done")) == 2
    assert told.count(("key.certificate", "done")) == 2
    (tmp_path / "station" / "r.json").write_text("{}", encoding="utf-8")
    assert cardfab("simulate", "authority", "r.json", "--out", "a.json")[0] == 6
    assert cardfab("keys", "issuer", "request", "bank/A", "--iin", "x", "--expiry", "1230", "--out", "r.json")[0] == 3


@pytest.mark.proof
def test_a_pool_is_filled(cardfab: Cardfab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cardfab("init", "station")[0] == 0
    monkeypatch.chdir(tmp_path / "station")
    assert json.loads(cardfab("keys", "pool", "--fill", "2", "--json")[1])["made"] == 2
    assert json.loads(cardfab("keys", "pool", "--json")[1]) == {"bits": 1024, "exponent": 65537, "keys": 2, "made": 0}
    kinds = [path.parent.name for path in (tmp_path / "station" / "pool").rglob("*.key")]
    assert sorted(kinds) == ["rsa-1024-3"] * 4 + ["rsa-1024-65537"] * 2, "four were made with the station"
