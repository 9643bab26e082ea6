"""``cardfab demo`` as a newcomer meets it: an empty folder, one command, and what lies there afterwards."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cardfab.audit import verify_export
from cardfab.errors import CardfabError
from tests.integration.conftest import Said, cardfab

PX = 300 / 25.4
LEFT, TOP = (1016 - 85.60 * PX) / 2, (648 - 53.98 * PX) / 2  # ID-1 in the middle of the printed raster
COLUMNS_MM = ((10.25, 12.25), (17.87, 19.87))  # ISO 7816-2, from the left edge
ROWS_MM = ((19.23, 20.93), (21.77, 23.47), (24.31, 26.01), (26.85, 28.55))  # from the top edge
PHOTO_MM = (61.6, 3.0, 81.6, 28.0)


def pixels(left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    """Rows and columns of the raster that a rectangle in millimetres touches."""
    rows = slice(int(TOP + top * PX), int(np.ceil(TOP + bottom * PX)))
    return rows, slice(int(LEFT + left * PX), int(np.ceil(LEFT + right * PX)))


def colours(picture: NDArray[np.uint8]) -> int:
    """How many different colours there are."""
    return len(np.unique(picture.reshape(-1, 3) @ np.array([1 << 16, 1 << 8, 1])))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """One demo of three cards, in this process."""
    empty = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(empty)
        patch.setenv("LANG", "C.UTF-8")
        patch.setenv("COLUMNS", "250")
        said = cardfab("demo", "--out", "demo-out")
    return empty / "demo-out", said


def cards(out: Path) -> list[Path]:
    return sorted(path for path in out.iterdir() if path.name.startswith("card-"))


@pytest.mark.shows("demo exits 0 and its folder holds, for each card, face, plan and read-back comparison (test)")
def test_demo_leaves_everything_for_each_card(made: tuple[Path, Said]) -> None:
    out, said = made
    assert said.exit == 0, said.err
    assert [folder.name for folder in cards(out)] == [
        "card-1-R2026112100003",
        "card-2-R2026112100007",
        "card-3-R2026112100015",
    ]
    for folder in cards(out):
        names = {path.name for path in folder.iterdir()}
        assert {f"face-{side}{raw}.png" for side in ("front", "back") for raw in ("", "-raw")} <= names
        plan = (folder / "plan.txt").read_text(encoding="utf-8")
        for word in ("ENCODE (", "VERIFY (", "BEFORE PRINTING (", "proof of ss/UKSSSE", "under S-DEK"):
            assert word in plan
        lines = (folder / "read-back.txt").read_text(encoding="utf-8").splitlines()
        assert len(lines) > 43  # every record, and the internal data of the bank application
        assert all(line.startswith("equal ") for line in lines)
        assert any("name:" in line for line in lines)
    assert not (out / ".faces").exists()


@pytest.mark.shows("a temporary-card PDF for the requests marked urgent, for no other (test)")
def test_demo_makes_temporary_cards_for_urgent_requests_only(made: tuple[Path, Said]) -> None:
    out, _ = made
    papers = {folder.name[7:]: folder / "temporary-card.pdf" for folder in cards(out)}
    assert [name for name, file in papers.items() if file.exists()] == ["R2026112100015"]
    assert papers["R2026112100015"].read_bytes().startswith(b"%PDF-")


@pytest.mark.shows("nothing is printed on the chip contacts; photo in place (test)")
def test_faces_are_printed_and_the_contacts_are_bare(made: tuple[Path, Said]) -> None:
    out, _ = made
    for folder in cards(out):
        with Image.open(folder / "face-front-raw.png") as opened:
            raw = np.asarray(opened.convert("RGB"))
        assert raw.shape == (648, 1016, 3)
        assert colours(raw) > 1000
        for column in COLUMNS_MM:
            for row in ROWS_MM:
                contact = raw[pixels(column[0], row[0], column[1], row[1])]
                assert contact.size > 0
                assert (contact == 255).all(), f"{folder.name}: ink on the contact at {column}, {row}"
        inside = raw[pixels(8.0, 17.5, 21.5, 31.0)]  # the keep-out around them too
        assert (inside == 255).all()
        assert (raw[pixels(30.0, 5.0, 40.0, 15.0)] != 255).any()  # the ground beside them is printed
        photo = raw[pixels(*PHOTO_MM)]
        assert colours(photo) > 500
        middle = photo[photo.shape[0] // 3 : 2 * photo.shape[0] // 3, photo.shape[1] // 3 : 2 * photo.shape[1] // 3]
        assert middle.astype(int).std() > 20, "the middle of the photo is flat"
        with Image.open(folder / "face-front.png") as shown:
            assert shown.width >= 1011
            assert shown.height >= 638
            assert shown.mode == "RGBA"
        with Image.open(folder / "face-back-raw.png") as back:
            assert back.size == (1016, 648)
            assert colours(np.asarray(back.convert("RGB"))) > 100


def test_each_face_is_its_holders(made: tuple[Path, Said]) -> None:
    out, _ = made
    fronts = [np.asarray(Image.open(folder / "face-front-raw.png").convert("RGB")) for folder in cards(out)]
    name, photo = pixels(25.0, 17.6, 60.3, 31.0), pixels(*PHOTO_MM)
    for one, two in ((0, 1), (1, 2), (0, 2)):
        assert (fronts[one][name] != fronts[two][name]).any()
    assert (fronts[0][photo] != fronts[1][photo]).any()  # the example requests 2 and 3 bring the same portrait


@pytest.mark.shows("the demo ends with a closing table (test)")
def test_demo_ends_with_a_table(made: tuple[Path, Said]) -> None:
    _, said = made
    for word in ("request", "state", "read back", "temporary card", "folder"):
        assert word in said.out.splitlines()[0]
    assert said.out.count("DONE") == 3
    assert len(re.findall(r"\b(\d\d)/\1\b", said.out)) == 3
    assert "Blanks: 5 loaded, 3 issued, 2 left." in said.out
    assert "cardfab audit verify demo-out/audit-export.txt --trust demo-out/audit-key.txt" in said.out
    assert said.out.splitlines()[-1].endswith("cardfab station serve --training")


@pytest.mark.shows("audit verify on the export exits 0, with and without the trusted key (test)")
def test_the_export_verifies(made: tuple[Path, Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = made
    monkeypatch.chdir(tmp_path)  # no station is near
    on_faith = cardfab("audit", "verify", out / "audit-export.txt")
    assert on_faith.exit == 0
    assert "Taken on faith" in on_faith.out
    trusted = cardfab("audit", "verify", out / "audit-export.txt", "--trust", out / "audit-key.txt")
    assert trusted.exit == 0
    assert "Taken on faith" not in trusted.out
    assert "training-ssc2: 5 = 3 + 0 + 0 + 2" in trusted.out
    value = cardfab("audit", "verify", out / "audit-export.txt", "--trust", out / "audit-key.txt", "--json").json()
    assert value["on_faith"] == []
    assert value["findings"] == []
    assert value["in_doubt"] == 0


@pytest.mark.shows("audit verify exits non-zero after one byte of the export is changed (test)")
def test_one_changed_byte_is_found(made: tuple[Path, Said], tmp_path: Path) -> None:
    out, _ = made
    data = (out / "audit-export.txt").read_bytes()
    keys = (out / "audit-key.txt").read_text(encoding="utf-8").split()
    verify_export(data, keys)
    rng = random.Random(2)
    places = [*range(400), *(rng.randrange(len(data)) for _ in range(60)), len(data) - 1]
    for place in places:
        other = bytes([data[place] ^ rng.choice([0x01, 0x02, 0x20, 0x80])])
        changed = data[:place] + other + data[place + 1 :]
        with pytest.raises(CardfabError):
            verify_export(changed, keys)
        # On faith a changed key of the file itself is only found because its signatures no longer hold.
        with pytest.raises(CardfabError):
            verify_export(changed, None)
    for place in (0, 30, 200, len(data) // 2, len(data) - 2):
        broken = tmp_path / "broken.txt"
        broken.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        for more in ((), ("--trust", out / "audit-key.txt")):
            said = cardfab("audit", "verify", broken, *more)
            assert said.exit not in (0, 1), said.err
    for cut in (data[:-1], data[: len(data) // 2], data + b"\n", b""):
        (tmp_path / "broken.txt").write_bytes(cut)
        assert cardfab("audit", "verify", tmp_path / "broken.txt").exit not in (0, 1)


@pytest.mark.proof
def test_a_key_that_is_not_the_stations_is_not_trusted(made: tuple[Path, Said], tmp_path: Path) -> None:
    out, _ = made
    other = cardfab("init", tmp_path / "other", "--name", "demo")
    assert other.exit == 0
    exported = cardfab("--config", tmp_path / "other" / "cardfab.toml", "audit", "export", tmp_path / "e.txt", "--json")
    (tmp_path / "wrong.txt").write_text(exported.json()["key"] + "\n", encoding="utf-8")
    said = cardfab("audit", "verify", out / "audit-export.txt", "--trust", tmp_path / "wrong.txt")
    assert said.exit not in (0, 1), said.text
    empty = tmp_path / "none.txt"
    empty.write_text("", encoding="utf-8")
    assert cardfab("audit", "verify", out / "audit-export.txt", "--trust", empty).exit not in (0, 1)


@pytest.mark.proof
def test_a_second_demo_replaces_the_first(
    made: tuple[Path, Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made[0], tmp_path / "d")
    said = cardfab("demo", "--out", "d", "--count", "1", "--json")
    assert said.exit == 0, said.err
    value = said.json()
    assert [card["state"] for card in value["cards"]] == ["DONE"]
    assert value["stock"] == {"opening": 3, "issued": 1, "spoiled": 0, "in_doubt": 0, "remaining": 2}
    assert len(cards(tmp_path / "d")) == 1


@pytest.mark.parametrize("foreign", ["letter.txt", "station/cardfab.toml", ".hidden"])
def test_a_folder_with_foreign_files_is_left_alone(
    foreign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "d" / foreign
    file.parent.mkdir(parents=True)
    file.write_text("mine", encoding="utf-8")
    said = cardfab("demo", "--out", "d")
    assert said.exit == 2, said.text
    assert "other files" in said.err
    assert [path for path in (tmp_path / "d").rglob("*") if path.is_file()] == [file]
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.proof
def test_what_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cardfab("demo", "--out", "d", "--count", "99").exit in (2, 3)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert cardfab("demo", "--out", "file").exit == 2, "a file stands where the folder should be"
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.proof
def test_the_empty_current_folder_may_be_the_demos_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    said = cardfab("demo", "--out", ".", "--count", "1")
    assert said.exit == 0, said.err
    assert len(cards(here)) == 1


@pytest.mark.proof
@pytest.mark.shows("the installed program makes a card in an empty folder without configuration (proof)")
def test_the_installed_program(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("cardfab")
    assert program.is_file()
    clean = {name: value for name, value in os.environ.items() if name not in ("CARDFAB_CONFIG", "PYTHONPATH")}
    done = subprocess.run(
        [program, "demo", "--out", "d", "--count", "1", "--lang", "zh"],
        cwd=tmp_path, env=clean, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert "DONE" in done.stdout.decode()
    assert b"\x1b" not in done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
    lines = (cards(tmp_path / "d")[0] / "read-back.txt").read_text(encoding="utf-8").splitlines()
    assert lines
    assert all(line.startswith("一致") for line in lines)
    changed = tmp_path / "d" / "audit-export.txt"
    verify: list[str | Path] = [program, "audit", "verify", changed, "--trust", tmp_path / "d" / "audit-key.txt"]
    assert subprocess.run(verify, env=clean, capture_output=True, timeout=60).returncode == 0
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    assert subprocess.run(verify, env=clean, capture_output=True, timeout=60).returncode not in (0, 1)
