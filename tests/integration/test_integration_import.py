"""Request files: a bad one is refused whole with every bad row named, a good one is taken in once."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.integration.conftest import EXAMPLES, World, cardfab


def rows_of(name: str) -> list[dict[str, str]]:
    """An example file, read without the code under test."""
    return list(csv.DictReader(io.StringIO((EXAMPLES / name).read_text(encoding="utf-8-sig"))))


# Row (the header is 1) and field of each fault that the file was made with.
BAD = {
    2: "social_security_number",  # check digit
    3: "name",  # empty
    4: "birth_date",  # no day of the calendar
    5: "sex",  # not that of the number
    6: "photo",  # no such file
    7: "photo",  # blue background
    8: "photo",  # size
    9: "category",  # unknown
    10: "name",  # too long
    11: "request_id",  # twice
    12: "birth_date",  # not that of the number
    13: "region",  # unknown
}


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """A station with no request."""
    assert cardfab("init", tmp_path / "fresh").exit == 0
    return World(tmp_path / "fresh")


def ids(world: World) -> list[str]:
    found = world.cli("request", "list", "--json").json()
    rows = found if isinstance(found, list) else next(iter(found.values()))
    return [row["id"] for row in rows]


@pytest.mark.shows("a bad file is refused whole, every bad row with row, field and reason, exit 3 (test)")
def test_the_bad_file_is_refused_whole(fresh: World) -> None:
    said = fresh.cli("request", "import", EXAMPLES / "requests-bad.csv")
    assert said.exit == 3, said.text
    assert "[CF-3301]" in said.err
    assert "refused whole" in said.err
    table = [line.split(None, 2) for line in said.out.splitlines()[1:]]
    rows = {int(line[0]): line[1] for line in table if line and line[0].isdigit()}
    assert set(rows) == set(BAD)
    named = {(int(line[0]), line[1]) for line in table if line and line[0].isdigit()}
    assert set(BAD.items()) <= named
    assert all(len(line) == 3 and len(line[2]) > 10 for line in table if line and line[0].isdigit()), "a reason each"
    assert ids(fresh) == []
    assert fresh.cli("job", "list", "--json").json() in ([], {"jobs": []}, {"items": []})


def test_the_bad_rows_as_json(fresh: World) -> None:
    said = fresh.cli("request", "import", EXAMPLES / "requests-bad.csv", "--json")
    assert said.exit == 3
    value = said.json()
    assert value["exit"] == 3
    assert value["error"] == "CF-3301"
    assert {row["row"] for row in value["rows"]} == set(BAD)
    for row in value["rows"]:
        assert set(row) == {"row", "field", "reason"}
        assert row["reason"]["en"]
        assert any("\u4e00" <= each <= "\u9fff" for each in row["reason"]["zh"])


def test_the_bad_rows_in_chinese_quote_no_number(fresh: World) -> None:
    for language in ("zh", "en"):
        said = fresh.cli("request", "import", EXAMPLES / "requests-bad.csv", "--lang", language)
        assert said.exit == 3
        assert not [row for row in rows_of("requests-bad.csv") if row["social_security_number"] in said.text]
        if language == "zh":
            assert "校验码错误" in said.out
            assert "整份拒收" in said.err


@pytest.mark.proof
def test_a_good_file_is_taken_in_once(fresh: World) -> None:
    said = fresh.cli("request", "import", EXAMPLES / "requests.csv")
    assert said.exit == 0, said.text
    assert "Imported 12 requests from requests.csv." in said.out
    assert len(ids(fresh)) == 12
    again = fresh.cli("request", "import", EXAMPLES / "requests.csv")
    assert again.exit == 3
    assert again.out.count("was imported before") == 12
    assert len(ids(fresh)) == 12
    lines = fresh.cli("request", "import", EXAMPLES / "requests.jsonl", "--json")
    assert lines.exit == 3  # the same twelve
    assert len(lines.json()["rows"]) == 12


def test_json_lines_hold_the_same_requests(fresh: World) -> None:
    said = fresh.cli("request", "import", EXAMPLES / "requests.jsonl", "--json")
    assert said.exit == 0, said.text
    assert len(said.json()["imported"]) == 12


@pytest.mark.parametrize("file", ["absent.csv", "."])
def test_a_file_that_is_not_there(file: str, fresh: World, tmp_path: Path) -> None:
    said = fresh.cli("request", "import", tmp_path / file)
    assert said.exit == 3
    assert "There is no file" in said.err


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"a,b\n1,2\n", "社会,保障\n".encode("gb18030"), b"\x00" * 50]
)
def test_a_file_that_is_none(content: bytes, fresh: World, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    said = fresh.cli("request", "import", tmp_path / "x.csv")
    assert said.exit == 3, said.text
    assert ids(fresh) == []


def test_a_file_name_is_shown_as_it_is(fresh: World, tmp_path: Path) -> None:
    """Brackets in a name are no markup of the terminal."""
    file = tmp_path / "day [bold].csv"
    file.write_bytes((EXAMPLES / "requests.csv").read_bytes())
    (tmp_path / "photos").symlink_to(EXAMPLES / "photos")
    said = fresh.cli("request", "import", file)
    assert said.exit == 0, said.err
    assert "day [bold].csv" in said.out


@pytest.mark.proof
def test_photos_outside_the_folder_are_not_read(fresh: World, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "photo.jpg").write_bytes((EXAMPLES / "photos" / "p03.jpg").read_bytes())
    text = (EXAMPLES / "requests.csv").read_text(encoding="utf-8-sig").splitlines()[:2]
    for name in ("../photo.jpg", str(tmp_path / "photo.jpg")):
        (tmp_path / "in" / "one.csv").write_text(
            "\n".join(text).replace("photos/p03.jpg", name) + "\n", encoding="utf-8"
        )
        said = fresh.cli("request", "import", tmp_path / "in" / "one.csv")
        assert said.exit == 3, said.text
        assert "photo" in said.out


@pytest.mark.proof
@pytest.mark.shows("a re-issue after loss takes the photo on file (proof)")
def test_a_reissue_after_loss_takes_the_photo_on_file(station: World, tmp_path: Path) -> None:
    lost = next(row for row in rows_of("requests.csv") if row["category"] == "loss-reissue")
    reissue = {**lost, "request_id": "R-LOST-AGAIN", "photo": ""}

    def write(row: dict[str, str]) -> Path:
        file = tmp_path / "again.csv"
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(row))
            writer.writeheader()
            writer.writerow(row)
        return file

    said = station.cli("request", "import", write(reissue))
    assert said.exit == 0, said.text
    assert station.cli("request", "show", "R-LOST-AGAIN", "--json").json()["photo"] is True
    assert station.cli("request", "approve", "R-LOST-AGAIN").exit == 0
    request, card = station.prepared("R-LOST-AGAIN")
    assert request.photo == card.photo == (EXAMPLES / lost["photo"]).read_bytes()

    other = {**reissue, "request_id": "R-OTHER", "category": "new-enrolment", "replaces_card": ""}
    said = station.cli("request", "import", write(other))
    assert said.exit == 3, "only a re-issue may come without a photo"

    # A re-issue of a holder whose photo was never here.
    assert cardfab("init", tmp_path / "empty").exit == 0
    stranger = World(tmp_path / "empty")
    said = stranger.cli("request", "import", write(reissue))
    assert said.exit == 3
    assert "none of this holder is on file" in said.out
