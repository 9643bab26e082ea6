"""``cardfab keys``: the life of a key by the command line, its shares and copies; who may, and what is on record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli.founding import found_training_station
from cardfab.cli.main import run
from cardfab.keys import sealedfile
from tests.unit.keys.conftest import CHEAP

Keys = Callable[..., Any]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training station that the others are copies of."""
    folder = tmp_path_factory.mktemp("keys") / "station"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sealedfile, "COST", CHEAP)
        found_training_station(folder)
    return folder


@pytest.fixture
def station(founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training station, its trainee signed in."""
    monkeypatch.delenv("CARDFAB_CONFIG", raising=False)
    monkeypatch.setattr(sealedfile, "COST", CHEAP)
    shutil.copytree(founded, tmp_path / "station")
    monkeypatch.chdir(tmp_path / "station")
    return tmp_path / "station"


@pytest.fixture
def keys(station: Path, capsys: pytest.CaptureFixture[str]) -> Keys:
    """Runs ``cardfab keys``; its JSON, or the status of a refusal with its code."""
    capsys.readouterr()

    def call(*arguments: str, words: tuple[str, ...] = ()) -> Any:
        with descriptor(words) as fd:
            status = run(["--json", "--password-fd", str(fd), "keys", *arguments])
        said = capsys.readouterr().out
        value = json.loads(said) if said else {}
        return value if status == 0 else (status, value["error"])

    return call


@contextmanager
def descriptor(words: tuple[str, ...]) -> Iterator[int]:
    hear, say = os.pipe()
    os.write(say, "".join(f"{word}\n" for word in words).encode())
    os.close(say)
    try:
        yield hear
    finally:
        os.close(hear)


def record(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert run(["--json", "audit", "show", "--last", "100"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
    return [one for one in found if one["action"].startswith("key.") and one["action"] != "key.use"]


@pytest.mark.proof
def test_the_life_of_a_key(keys: Keys, station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kbpk = keys("generate", "bank/KBPK", "--algorithm", "AES-256", "--usage", "KEY_BLOCK", "--group", "A")
    assert (kbpk["training"], kbpk["modes"], kbpk["group"]) == (True, ["unwrap", "wrap"], "A")
    assert keys("generate", "bank/KBPK", "--algorithm", "AES-256", "--usage", "KEY_BLOCK") == (6, "CF-6261")
    keys("export", "bank/ZPK", "--under", "bank/KBPK", "--out", "zpk.tr31")
    assert (station / "zpk.tr31").read_text().startswith("D")
    assert keys("import", "zpk.tr31", "--under", "bank/KBPK") == (6, "CF-6261")  # the block's label is there
    zpk = keys("import", "zpk.tr31", "--under", "bank/KBPK", "--label", "bank/ZPK2", "--valid-until", "2099-12-31")
    assert zpk["kcv"] == keys("kcv", "bank/ZPK")["kcv"]
    assert (zpk["parent"], zpk["valid_until"], zpk["usage"]) == ("bank/KBPK", "2099-12-31", "PIN_TRANSPORT")
    seal = keys("rotate", "station/seal")
    assert (seal["version"], seal["state"]) == (2, "active")
    assert keys("retire", "bank/ZPK2")["state"] == "retired"
    assert keys("destroy", "bank/ZPK2", "--kcv", "000000") == (3, "CF-3360")
    assert keys("destroy", "bank/ZPK2", "--kcv", zpk["kcv"].lower())["state"] == "destroyed"
    there = {one["label"]: one for one in keys("list")["items"]}
    assert there["bank/ZPK2"]["state"] == "destroyed"
    assert there["station/seal@1"]["state"] == "retired"
    assert keys("kcv", "nobody's") == (6, "CF-6100")
    told = [(one["action"], one["outcome"]) for one in record(capsys)]
    for action in ("make", "export", "import", "rotate", "retire", "destroy"):
        assert (f"key.{action}", "intent") in told
        assert told.index((f"key.{action}", "intent")) < told.index((f"key.{action}", "done"))
    assert ("key.make", "refused") in told


def test_attributes_that_cannot_be(keys: Keys) -> None:
    make = ("generate", "x", "--algorithm", "3DES", "--usage")
    assert keys(*make, "CARD_ROOT", "--modes", "derive,encrypt") == (6, "CF-6250")
    assert keys(*make, "CARD_ROOT", "--modes", "shred") == (6, "CF-6252")
    assert keys(*make, "CARD_ROOT", "--valid-until", "never") == (6, "CF-6253")
    assert keys(*make, "NOTHING") == (3, "CF-3361")
    assert not [one for one in keys("list")["items"] if one["label"] == "x"]


@pytest.mark.proof
def test_only_a_custodian(keys: Keys, station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (station / "training.keys").read_bytes()
    assert run(["user", "login", "operator"]) == 0
    capsys.readouterr()
    for command in (
        ("list",),
        ("kcv", "ss/IRK"),
        ("rotate", "station/seal"),
        ("retire", "ss/IRK"),
        ("destroy", "ss/IRK", "--kcv", "DC9BE9"),
        ("export", "bank/ZPK", "--under", "bank/ZPK", "--out", "x"),
        ("generate", "x", "--algorithm", "3DES", "--usage", "CVN"),
        ("backup",),
        ("backup", "--restore"),
        ("issuer", "list"),
        ("issuer", "request", "bank/ISSUER-RSA", "--iin", "622848", "--expiry", "1230", "--out", "r.json"),
        ("shares", "make", "--threshold", "2", "--holder", "a", "--holder", "b", "--out", "s", "--keep-word"),
    ):
        assert keys(*command) == (7, "CF-7400"), command
    assert (station / "training.keys").read_bytes() == before
    assert not (station / "s").exists()
    assert not (station / "r.json").exists()


def test_shares_are_made_tried_and_refused(keys: Keys, station: Path) -> None:
    make = ("shares", "make", "--threshold", "2", "--holder", "a", "--holder", "b", "--holder", "c", "--out", "s")
    assert keys(*make, words=("wa", "wb", "wc")) == (2, "CF-2106")
    made = keys(*make, "--keep-word", words=("wa", "wb", "wc"))
    one, two, three = made["files"]
    assert [Path(file).stat().st_mode & 0o777 for file in made["files"]] == [0o600] * 3
    tried = keys("shares", "open-test", one, three, words=("wa", "wc"))
    assert tried["shares"] == ["1/3 a", "3/3 c"]
    assert tried["keys"] == len(keys("list")["items"])
    assert keys("shares", "open-test", one, words=("wa",)) == (6, "CF-6316")
    assert keys("shares", "open-test", one, one, words=("wa", "wa")) == (6, "CF-6314")
    assert keys("shares", "open-test", one, two, words=("wa", "wc")) == (6, "CF-6311")
    keys(*make, "--keep-word", words=("wa", "wb", "wc"))
    assert keys("shares", "open-test", one, two, words=("wa", "wb")) == (6, "CF-6313")


@pytest.mark.proof
def test_a_copy_and_the_generation_before(keys: Keys, station: Path) -> None:
    assert keys("backup")["before"] is False
    first = (station / "training.keys").read_bytes()
    keys("rotate", "station/seal")
    assert keys("backup", "--out", "copy.keys")["before"] is True
    assert (station / "copy.keys").read_bytes() == (station / "training.keys").read_bytes()
    (station / "training.keys").write_bytes(b"CFKS2\n" + os.urandom(200))
    assert keys("list") == (6, "CF-6300")
    assert keys("backup", "--restore")["restored"]
    assert (station / "training.keys").read_bytes() == first
    (station / "training.keys").unlink()
    assert keys("list") == (6, "CF-6300")
    keys("backup", "--restore")
    assert "station/seal@1" not in [one["label"] for one in keys("list")["items"]]


@pytest.mark.proof
def test_people_read_a_table(keys: Keys, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--lang", "en"], ["--lang", "zh"], ["--lang", "en", "-v"]):
        assert run([*arguments, "keys", "list"]) == 0
    said = capsys.readouterr().out
    assert "DC9BE9" in said
    assert "TRAINING" in said
    assert "训练" in said
