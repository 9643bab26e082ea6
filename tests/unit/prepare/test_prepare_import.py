"""Import of request files: the shared ones, and each rule on its own."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cardfab.errors import Text
from cardfab.face.photo import judge_photo
from cardfab.prepare.importer import RequestFileRefused, RowFinding
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.codes import CodeTables
from cardfab.profile.face import PhotoRules

Import = Callable[..., tuple[IssuanceRequest, ...]]
Findings = Callable[..., list[tuple[int, str, str]]]
Rows = list[dict[str, str]]
Write = Callable[[Sequence[dict[str, Any]]], bytes]
BOM = b"\xef\xbb\xbf"

BAD = [
    (2, "social_security_number", "check digit of 510199********7851"),
    (3, "name", "empty"),
    (4, "birth_date", "not a day of the calendar"),
    (5, "sex", "'3' is not a code"),
    (6, "photo", "no photo 'photos/missing.jpg'"),
    (7, "photo", "background is not plain white"),
    (8, "photo", "200 x 200 px and must be 358 x 441 px"),
    (9, "category", "'friend-of-the-manager' is not a code"),
    (10, "name", "80 bytes in GB 18030; the card holds 50"),
    (11, "request_id", "'R2026112100029' stands in row 10 already"),
    (12, "birth_date", "does not agree with the number 510199********8800"),
    (13, "region", "'000000' is not a code"),
]


def _photos(examples: Path) -> Callable[[str], bytes | None]:
    def read(name: str) -> bytes | None:
        file = examples / name
        return file.read_bytes() if file.is_file() else None

    return read


def _judge(photo: bytes) -> Sequence[Text]:
    return judge_photo(photo, PhotoRules()).findings


def test_the_200_good_rows_import(vectors: Path, import_file: Import, good_rows: Rows) -> None:
    requests = import_file((vectors / "requests.csv").read_bytes())
    assert len(requests) == 200
    assert [request.request_id for request in requests] == [row["request_id"] for row in good_rows]
    first = requests[0]
    assert (first.name, first.birth_date, first.replaces_card) == ("欧阳㛃", date(1951, 9, 2), "B60662735")
    assert (first.urgent, first.photo_name) == (False, "photos/p01.jpg")
    assert sum(request.urgent for request in requests) == 50
    assert requests[2].replaces_card is None


def test_every_bad_row_is_found_with_the_real_photo_check(vectors: Path, examples: Path, findings: Findings) -> None:
    data = (vectors / "requests-bad.csv").read_bytes()
    found = findings(data, photos=_photos(examples), judge_photo=_judge)
    for row, field, fragment in BAD:
        assert any(each[:2] == (row, field) and fragment in each[2] for each in found), (row, field)
    assert {(row, field) for row, field, _ in found} == {(row, field) for row, field, _ in BAD}


def test_no_finding_tells_a_number_or_the_import_a_row(vectors: Path, import_file: Import, good_rows: Rows) -> None:
    with pytest.raises(RequestFileRefused) as refused:
        import_file((vectors / "requests-bad.csv").read_bytes())
    assert (refused.value.exit_status, refused.value.code) == (3, "CF-3301")
    assert "nothing was imported" in refused.value.sentence("en")
    told = "".join(f"{finding}{finding.reason.zh}" for finding in refused.value.rows) + str(refused.value)
    with (vectors / "requests-bad.csv").open(encoding="utf-8") as file:
        numbers = [row["social_security_number"] for row in csv.DictReader(file)]
    assert not [
        number for number in [*numbers, *(row["social_security_number"] for row in good_rows)] if number in told
    ]


def test_the_examples_import_with_their_photos(examples: Path, import_file: Import) -> None:
    given = {"photos": _photos(examples), "judge_photo": _judge}
    requests = import_file((examples / "requests.csv").read_bytes(), **given)
    assert import_file((examples / "requests.jsonl").read_bytes(), "jsonl", **given) == requests
    assert {"王䶮", "张𠅤", "龘龖", "古丽巴哈尔·阿卜力米提艾合麦提江"} <= {request.name for request in requests}
    assert any(request.urgent for request in requests[:3])


def test_the_bad_example_is_the_shared_one(examples: Path, vectors: Path) -> None:
    assert (examples / "requests-bad.csv").read_bytes() == (vectors / "requests-bad.csv").read_bytes()


def test_bom_line_ends_and_column_order_do_not_matter(vectors: Path, import_file: Import, as_csv: Write) -> None:
    data = (vectors / "requests.csv").read_bytes()
    requests = import_file(data)
    assert import_file(BOM + data) == requests
    assert import_file(data.replace(b"\r\n", b"\n")) == requests
    assert import_file(data + b"\r\n\r\n") == requests
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert import_file(as_csv([dict(reversed(row.items())) for row in rows])) == requests


def test_json_lines_give_the_same_requests(
    vectors: Path, import_file: Import, good_rows: Rows, as_jsonl: Write
) -> None:
    requests = import_file((vectors / "requests.csv").read_bytes())
    assert import_file(as_jsonl(good_rows), "jsonl") == requests
    assert import_file(BOM + as_jsonl(good_rows), "jsonl") == requests


@pytest.mark.parametrize(
    ("field", "value", "wrong", "fragment"),
    [
        ("request_id", "", "request_id", "empty"),
        ("request_id", "../R1", "request_id", "form"),
        ("request_id", "R" * 41, "request_id", "form"),
        ("social_security_number", "44019919510902808", "social_security_number", "17 digits"),
        ("social_security_number", "65019919740822691x", "social_security_number", "capital X"),
        ("social_security_number", "４４０１９９195109028085", "social_security_number", "17 digits"),
        ("name", "\u3000", "name", "spaces"),
        ("name", "王\u200b", "name", "invisible"),
        ("name", "王\x07", "name", "control character"),
        ("name", "王\ue000", "name", "private-use"),
        ("name", "王\u2028", "name", "line break"),
        ("name", " 王", "name", "spaces"),
        ("name", "王" * 14 + "𠅤" * 5 + "王", "name", "without cutting a character"),
        ("sex", "0", "sex", "not a code"),
        ("sex", "1", "sex", "agree"),
        ("ethnicity", "57", "ethnicity", "not a code"),
        ("ethnicity", "1", "ethnicity", "not a code"),
        ("birth_date", "19510903", "birth_date", "agree"),
        ("birth_date", "20261122", "birth_date", "future"),
        ("birth_date", "1951-09-02", "birth_date", "calendar"),
        ("birth_date", "19510229", "birth_date", "calendar"),
        ("birth_date", "09510902", "birth_date", "calendar"),
        ("birthplace", "000000", "birthplace", "region code"),
        ("birthplace", "44019", "birthplace", "region code"),
        ("region", "440100", "region", "not a code"),
        ("category", "", "category", "empty"),
        ("card_class", "5", "card_class", "not a code"),
        ("household_type", "60", "household_type", "not a code"),
        ("household_address", "", "household_address", "empty"),
        ("household_address", "路" * 41, "household_address", "82 bytes in GB 18030; the card holds 80"),
        ("household_address", "a\nb", "household_address", "control character"),
        ("phone", "1" * 16, "phone", "16 bytes"),
        ("phone", "call me", "phone", "digits"),
        ("employer", "厂" * 36, "employer", "72 bytes"),
        ("marital_status", "5", "marital_status", "not a code"),
        ("employment_status", "9", "employment_status", "not a code"),
        ("identity_category", "99", "identity_category", "not a code"),
        ("bank_product", "credit", "bank_product", "not a code"),
        ("photo", "../p01.jpg", "photo", "below the folder"),
        ("photo", "/etc/passwd", "photo", "below the folder"),
        ("photo", "photos/../../p01.jpg", "photo", "below the folder"),
        ("photo", "photos\\p01.jpg", "photo", "below the folder"),
        ("replaces_card", "", "replaces_card", "Give the number"),
        ("replaces_card", "B60662736", "replaces_card", "check character"),
        ("urgent", "YES", "urgent", "yes or no"),
        ("urgent", "", "urgent", "empty"),
    ],
)
def test_one_wrong_value(
    field: str, value: str, wrong: str, fragment: str, good_rows: Rows, as_csv: Write, findings: Findings
) -> None:
    found = findings(as_csv([{**good_rows[0], field: value}]))
    assert [each[:2] for each in found] == [(2, wrong)]
    assert fragment in found[0][2]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sex", "9"),
        ("employer", ""),
        ("marital_status", ""),
        ("phone", "020-83100000"),
        ("name", "John Q. Public"),
        ("name", "王" * 25),
        ("household_address", "路" * 40),
    ],
)
def test_values_that_are_as_good(field: str, value: str, good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    assert findings(as_csv([{**good_rows[0], field: value}])) == []


def test_the_photo_on_file_is_taken_for_a_replacement(good_rows: Rows, as_csv: Write, import_file: Import) -> None:
    kept = {good_rows[0]["social_security_number"]: b"kept"}
    (request,) = import_file(as_csv([{**good_rows[0], "photo": ""}]), photo_on_file=kept.get)
    assert (request.photo, request.photo_name) == (b"kept", "")


def test_a_replacement_without_any_photo_is_refused(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    ((row, field, why),) = findings(as_csv([{**good_rows[0], "photo": ""}]))
    assert (row, field) == (2, "photo")
    assert "none of this holder is on file" in why


def test_only_a_replacing_category_goes_without_photo_or_names_a_card(
    good_rows: Rows, as_csv: Write, findings: Findings
) -> None:
    row = {**good_rows[0], "category": "new-enrolment", "photo": ""}
    assert [(field, why.split(".")[0]) for _, field, why in findings(as_csv([row]))] == [
        ("photo", "It is empty"),
        ("replaces_card", "The category new-enrolment replaces no card"),
    ]


def test_all_findings_of_a_row_in_the_order_of_the_columns(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    row = {**good_rows[0], "sex": "1", "birth_date": "19510903", "region": "000000", "urgent": "maybe", "name": ""}
    found = findings(as_csv([good_rows[1], row]))
    assert [each[:2] for each in found] == [
        (3, "name"),
        (3, "sex"),
        (3, "birth_date"),
        (3, "region"),
        (3, "urgent"),
    ]


def test_what_the_photo_check_says_is_passed_on(good_rows: Rows, as_csv: Write, import_file: Import) -> None:
    said = (Text("too dark", "太暗"), Text("too small", "太小"))
    with pytest.raises(RequestFileRefused) as refused:
        import_file(as_csv(good_rows[:1]), judge_photo=lambda photo: said)
    assert refused.value.rows == tuple(RowFinding(2, "photo", why) for why in said)


def test_a_name_that_leaves_the_folder_is_not_asked_for(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    asked: list[str] = []
    findings(as_csv([{**good_rows[0], "photo": "../p01.jpg"}]), photos=asked.append)
    assert asked == []


def test_ids_taken_before_are_refused(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    found = findings(as_csv(good_rows[:2]), known_ids={good_rows[1]["request_id"]})
    assert [each[:2] for each in found] == [(3, "request_id")]
    assert "imported before" in found[0][2]


def test_a_number_in_a_wrong_column_is_not_repeated(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    number = good_rows[0]["social_security_number"]
    found = findings(
        as_csv([{**good_rows[0], "category": number, "request_id": f"{number}/1", "phone": f"no {number}"}])
    )
    assert {field for _, field, _ in found} == {"request_id", "category", "phone"}
    assert number not in str(found)


def test_regions_and_categories_are_the_profile_s(
    good_rows: Rows, as_csv: Write, findings: Findings, codes: CodeTables
) -> None:
    fewer = {code: words for code, words in codes.region.items() if code != "440199"}
    tables = codes.model_copy(update={"region": fewer, "may_be_blank": frozenset()})
    found = findings(as_csv([{**good_rows[0], "marital_status": ""}]), codes=tables)
    assert [each[:2] for each in found] == [(2, "region"), (2, "employer"), (2, "marital_status")]
