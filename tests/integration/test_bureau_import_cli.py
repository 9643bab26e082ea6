"""``cardfab bureau import``, ``approve``, ``refuse`` and ``list``, as people and programs call them."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from cardfab.store import Database
from tests.bureau_place import content, holders, station
from tests.integration.conftest import cardfab
from tests.issuer_files import WORD, party, sealed
from tests.people import typed_lines


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "station"
    station(folder)
    monkeypatch.chdir(folder)
    return folder


def made(rows: int = 30, **more: float) -> tuple[str, str, str]:
    """The arguments of an import of a file that is made now."""
    holders.make(Path("h.csv"), rows, **more)
    return "h.csv", "--cover", "h.csv.cover.toml"


@pytest.mark.proof
def test_a_batch_with_wrong_rows_waits_for_a_person(place: Path) -> None:
    said = cardfab("--json", "bureau", "import", *made(wrong=0.2), "--box", "5", "--shard", "10")
    value = said.json()
    assert (said.exit, value["error"], value["state"], value["batch"]) == (8, "CF-8480", "WAITING", 1)
    assert value["wrong"] > 0
    assert all(Path(name).is_file() for name in value["rejected"])
    assert len(json.loads(Path("h.csv.rejected.json").read_text())["findings"]) >= value["wrong"]

    said = cardfab("bureau", "approve", "1")
    assert (said.exit, "CF-7352" in said.err) == (7, True)
    said = cardfab("--json", "bureau", "approve", value["reference"], "--without-wrong-rows", "--second", "supervisor")
    assert (said.exit, said.json()["state"], said.json()["second"]) == (0, "APPROVED", "supervisor")
    assert "approved" in cardfab("bureau", "list").out

    said = cardfab("bureau", "refuse", "1", "--why", "not wanted", "--rejected", "again.csv")
    assert said.exit == 0
    assert Path("again.csv").read_bytes() == Path("h.csv.rejected.csv").read_bytes()
    assert [one["state"] for one in cardfab("--json", "bureau", "list").json()["items"]] == ["REFUSED"]


def test_a_clean_file_is_taken_in_and_a_wrong_one_is_not(place: Path) -> None:
    before = content(Database(place / "station.db"))
    arguments = made()
    data = Path("h.csv").read_bytes()
    Path("h.csv").write_bytes(data[:-9])
    said = cardfab("bureau", "import", *arguments)
    assert (said.exit, said.out) == (3, "")
    Path("h.csv").write_bytes(data)
    Path("h.csv.cover.toml").write_text("rows = ", encoding="utf-8")
    assert cardfab("bureau", "import", *arguments).exit == 3
    after = content(Database(place / "station.db"))
    assert {name for name, rows in after.items() if rows != before[name] and name.startswith(("b", "r"))} == set()
    said = cardfab("bureau", "import", *made())
    assert (said.exit, said.err) == (0, "")
    assert "30 rows taken in" in said.out


def test_one_file_at_a_time(place: Path) -> None:
    with (place / "bureau.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = cardfab("--json", "bureau", "import", *made())
    assert (said.exit, said.json()["error"]) == (5, "CF-5400")


def test_a_sealed_file_needs_settings_and_a_word(place: Path) -> None:
    said = cardfab("--json", "bureau", "import", *made(), "--cms")
    assert (said.exit, said.json()["error"]) == (2, "CF-2480")


def test_a_sealed_file_is_opened_with_the_word_and_its_signer_is_kept(place: Path) -> None:
    arguments = made()
    issuer, us, stranger = party("issuer"), party("bureau"), party("stranger")
    clear = Path("h.csv").read_bytes()
    for name, data in (("us.key", us.protected()), ("us.crt", us.certificate), ("trust.pem", issuer.certificate)):
        Path(name).write_bytes(data)
    with Path("cardfab.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[bureau]\nkey = "us.key"\ncertificate = "us.crt"\ntrust = "trust.pem"\n')
    for signer, exit_status in ((stranger, 3), (issuer, 0)):
        Path("h.csv.p7m").write_bytes(sealed(place, clear, signer, us))
        with typed_lines(WORD.decode()) as fd:
            said = cardfab("--password-fd", fd, "bureau", "import", "h.csv.p7m", *arguments[1:], "--cms")
        assert said.exit == exit_status, said.err
    [batch] = json.loads(cardfab("--json", "bureau", "list").out)["items"]
    assert (batch["rows"], batch["state"]) == (30, "WAITING")
    [kept] = content(Database(place / "station.db"))["bureau_batch"]
    assert any('"subject": "Common Name: issuer"' in str(value) for value in kept)
