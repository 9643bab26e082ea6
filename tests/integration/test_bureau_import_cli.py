"""``cardfab bureau import``, ``approve``, ``refuse`` and ``list``, as people and programs call them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import ssl
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


def test_a_rejection_file_never_takes_the_place_of_another(place: Path) -> None:
    """The cover note may lie beside it; a name that is taken is refused before anything is taken in."""
    arguments = made(wrong=0.2)
    Path("note.json").write_text("the cover note")
    for name in ("note.csv", "note.json", "note"):
        said = cardfab("--json", "bureau", "import", *arguments, "--rejected", name)
        assert (said.exit, said.json()["error"]) == (3, "CF-3498")
        assert "note.json" in said.json()["what"]["en"]
    assert cardfab("--json", "bureau", "list").json()["items"] == []
    assert [Path("note.json").read_text(), Path("note.csv").exists()] == ["the cover note", False]

    said = cardfab("--json", "bureau", "import", *arguments, "--rejected", "other.json")
    assert (said.exit, said.json()["rejected"]) == (8, ["other.csv", "other.json"])
    assert Path("other.csv").read_text(encoding="utf-8-sig").startswith("row,request_id")
    assert json.loads(Path("other.json").read_text())["wrong"] > 0
    said = cardfab("--json", "bureau", "refuse", "1", "--why", "x", "--rejected", "other")
    assert (said.exit, said.json()["error"]) == (3, "CF-3498")
    assert cardfab("--json", "bureau", "list").json()["items"][0]["state"] == "WAITING"


def test_the_rejection_file_finds_a_name_of_its_own(place: Path) -> None:
    """The issuer sends a file of the same name again."""
    for number, name in enumerate(("h.csv.rejected", "h.csv.rejected-2")):
        arguments = made(wrong=0.2)
        note = Path("h.csv.cover.toml")
        note.write_text(re.sub("(?m)^(reference = .*).$", rf'\1-{number}"', note.read_text("utf-8")), "utf-8")
        said = cardfab("--json", "bureau", "import", *arguments)
        assert (said.exit, said.json()["rejected"]) == (8, [f"{name}.csv", f"{name}.json"])
        assert cardfab("bureau", "refuse", str(said.json()["batch"]), "--why", "x").exit == 0


def test_a_rejection_file_that_cannot_be_written_is_written_again(place: Path) -> None:
    """The batch waits all the same, and the program says so; another place is found for the file at any time."""
    arguments = made(wrong=0.2)
    said = cardfab("--json", "bureau", "import", *arguments, "--rejected", "no/such/folder")
    value = said.json()
    assert (said.exit, value["error"], value["state"], value["batch"]) == (8, "CF-8481", "WAITING", 1)
    assert "rejected" not in value
    assert "bureau rejected 1 --out" in value["do"]["en"]

    said = cardfab("--json", "bureau", "rejected", "1", "--out", "wrong")
    assert (said.exit, said.json()["rejected"]) == (0, ["wrong.csv", "wrong.json"])
    assert len(json.loads(Path("wrong.json").read_text())["findings"]) >= value["wrong"]
    assert "more.csv" in cardfab("bureau", "rejected", "1", "--out", "more").out
    said = cardfab("--json", "bureau", "rejected", "1", "--out", "wrong.csv")
    assert (said.exit, said.json()["error"]) == (3, "CF-3498")

    said = cardfab("--json", "bureau", "refuse", "1", "--why", "x", "--rejected", "no/such/folder")
    assert (said.exit, said.json()["error"], said.json()["state"]) == (8, "CF-8481", "REFUSED")
    assert cardfab("bureau", "rejected", "1", "--out", "late").exit == 0
    assert Path("late.csv").read_bytes() == Path("wrong.csv").read_bytes()


def test_a_batch_without_wrong_rows_has_no_rejection_file(place: Path) -> None:
    assert cardfab("bureau", "import", *made()).exit == 0
    said = cardfab("bureau", "rejected", "1", "--out", "none")
    assert (said.exit, "no row is wrong" in said.out, Path("none.csv").exists()) == (0, True, False)


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


def test_a_file_of_another_encoding_or_layout_is_refused_with_its_row(place: Path) -> None:
    arguments = made()
    text = Path("h.csv").read_text("utf-8")
    Path("h.csv").write_bytes(text.encode("gb18030"))
    said = cardfab("bureau", "import", *arguments)
    assert (said.exit, "CF-3301" in said.err) == (3, True)
    [row] = [line for line in said.out.splitlines() if "It is not UTF-8" in line]
    assert f"Row {row.split()[0]}: It is not UTF-8, as the layout says." in said.err
    Path("h.csv").write_text(text.replace("category", "kategory", 1), encoding="utf-8")
    value = cardfab("--json", "bureau", "import", *arguments).json()
    assert (value["exit"], {one["row"] for one in value["rows"]}) == (3, {1})


def test_the_same_file_again_is_the_batch_that_it_is(place: Path) -> None:
    arguments = made()
    assert cardfab("bureau", "import", *arguments).exit == 0
    said = cardfab("bureau", "import", *arguments)
    assert (said.exit, "is batch 1 already; it is waiting for a decision. " in said.err) == (3, True)
    assert "'cardfab bureau status 1'" in said.err
    said = cardfab("--lang", "zh", "bureau", "import", *arguments)
    assert "即本地批次 1，状态为“待审核”" in said.err


def test_who_has_wrong_rows_is_told_commands_that_work(place: Path) -> None:
    said = cardfab("bureau", "import", *made(wrong=0.2))
    assert "'cardfab bureau refuse 1 --why REASON'" in said.err
    said = cardfab("bureau", "pause", "1")
    assert (said.exit, "Batch 1 is waiting for a decision: no line works on it." in said.err) == (3, True)


def test_what_was_decided_is_decided_and_status_7(place: Path) -> None:
    assert cardfab("bureau", "import", *made()).exit == 0
    assert cardfab("bureau", "approve", "1").exit == 0
    said = cardfab("bureau", "approve", "1")
    assert (said.exit, "Batch 1 is approved already, since " in said.err, "CF-7357" in said.err) == (7, True, True)


def test_who_prepares_a_batch_that_waits_is_sent_to_its_approval(place: Path) -> None:
    assert cardfab("bureau", "import", *made()).exit == 0
    for how in ((), ("--draw",), ("--workers",)):
        said = cardfab("bureau", "prepare", "1", *how)
        assert (said.exit, "CF-3491" in said.err, "cardfab bureau approve 1" in said.err) == (3, True, True), how


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
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(issuer.certificate.decode())).hexdigest()
    by = f"Common Name: issuer, SHA-256 {fingerprint}"
    assert batch["signer"] == by
    for words in (("status", "1"), ("approve", "1")):
        assert "".join(by.split()) in "".join(cardfab("bureau", *words).out.split())
    with Path("cardfab.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'[bureau.issuers]\n"another issuer" = ["{fingerprint}"]\n')
    said = cardfab("--json", "bureau", "import", *made(first=30))
    assert (said.exit, said.json()["error"]) == (3, "CF-3496")
