"""The form of a request file: encoding, header, rows, quotes, JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

Findings = Callable[..., list[tuple[int, str, str]]]
Rows = list[dict[str, str]]
Write = Callable[[Sequence[dict[str, Any]]], bytes]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n \r\n"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_empty_file(data: bytes, form: str, findings: Findings) -> None:
    assert findings(data, form) == [(1, "file", "The file is empty.")]


def test_a_header_alone(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    header = as_csv(good_rows[:1]).split(b"\r\n")[0] + b"\r\n"
    assert findings(header) == [(1, "file", "The file holds no request.")]


def test_bytes_that_are_not_utf8_name_their_line(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    lines = as_csv(good_rows[:4]).split(b"\r\n")
    lines[3] = lines[3].decode().encode("gb18030")
    ((row, field, why),) = findings(b"\r\n".join(lines))
    assert (row, field) == (4, "file")
    assert "not UTF-8" in why


def test_utf16_is_not_utf8(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    ((row, field, why),) = findings(as_csv(good_rows[:4]).decode().encode("utf-16"))
    assert (row, field) == (1, "file")
    assert "CSV UTF-8" in why


def test_nul_characters_name_their_line(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    data = as_csv(good_rows[:4]).replace(good_rows[2]["name"].encode(), b"A\0B")
    ((row, field, why),) = findings(data)
    assert (row, field) == (4, "file")
    assert "NUL" in why


def test_columns_missing_unknown_and_twice(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    lines = as_csv(good_rows[:2]).split(b"\r\n")
    lines[0] = lines[0].replace(b"phone", b"sex").replace(b"urgent", b"Urgent")
    assert [each[:2] for each in findings(b"\r\n".join(lines))] == [
        (1, "phone"),
        (1, "urgent"),
        (1, "sex"),
        (1, "'Urgent'"),
    ]


def test_a_file_without_header_does_not_tell_its_first_row(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    found = findings(as_csv(good_rows[:3]).split(b"\r\n", 1)[1])
    assert {row for row, _, _ in found} == {1}
    assert good_rows[0]["social_security_number"] not in str(found)


def test_rows_with_a_cell_too_many_or_too_few(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    lines = as_csv(good_rows[:4]).split(b"\r\n")
    lines[2] += b",more"
    lines[3] = lines[3].rsplit(b",", 1)[0]
    found = findings(b"\r\n".join(lines))
    assert [each[:2] for each in found] == [(3, "row"), (4, "row")]
    assert "22 cells, the header 21" in found[0][2]
    assert "20 cells, the header 21" in found[1][2]


def test_a_quotation_mark_never_closed_names_the_row_it_opens_in(
    good_rows: Rows, as_csv: Write, findings: Findings
) -> None:
    rows = [good_rows[0], {**good_rows[1], "sex": "7"}, {**good_rows[2], "name": "OPEN"}, *good_rows[3:6]]
    found = findings(as_csv(rows).replace(b"OPEN", b'"OPEN'))
    assert [each[:2] for each in found] == [(3, "sex"), (4, "row")]
    assert "quotation mark" in found[1][2]


def test_text_after_a_closed_quotation_mark(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    data = as_csv(good_rows[:2]).replace(good_rows[1]["name"].encode(), b'"A"B')
    assert [each[:2] for each in findings(data)] == [(3, "row")]


def test_a_row_counts_as_a_spreadsheet_counts_it(good_rows: Rows, as_csv: Write, findings: Findings) -> None:
    broken = {**good_rows[0], "household_address": "a\r\nb"}  # one row of two lines
    found = findings(as_csv([broken, good_rows[1], {**good_rows[2], "sex": "7"}]).replace(b"R2026112100002", b"\r\nR2"))
    assert [each[:2] for each in found] == [(2, "household_address"), (5, "sex")]


@pytest.mark.parametrize(
    "line", [b"[]", b'"text"', b"{", b"[" * 100_000, b"not json", b'{"a": 1e}', b"1" * 5000], ids=lambda line: line[:8]
)
def test_a_line_that_is_not_an_object(line: bytes, good_rows: Rows, as_jsonl: Write, findings: Findings) -> None:
    data = as_jsonl(good_rows[:1]) + b"\n" + line + b"\n"
    assert findings(data, "jsonl") == [(3, "row", "This line is not one JSON object. Write one object a line.")]


def test_keys_missing_unknown_twice_and_not_text(good_rows: Rows, as_jsonl: Write, findings: Findings) -> None:
    first: dict[str, Any] = {**good_rows[0], "urgent": True, "sex": None, "colour": "red"}
    del first["phone"]
    twice = as_jsonl(good_rows[1:2]).replace(b"{", b'{"name": "other", ')
    found = findings(as_jsonl([first]) + twice, "jsonl")
    assert [each[:2] for each in found] == [(1, "phone"), (1, "sex"), (1, "urgent"), (1, "'colour'"), (2, "name")]
    assert "2 times" in found[-1][2]


def test_half_a_character_in_json(good_rows: Rows, as_jsonl: Write, findings: Findings) -> None:
    data = as_jsonl([{**good_rows[0], "name": "HALF"}]).replace(b"HALF", b"\\ud842")
    assert findings(data, "jsonl") == [(1, "name", "It holds half a character. Type the value again.")]


def test_a_line_separator_inside_json_does_not_end_the_line(
    good_rows: Rows, as_jsonl: Write, findings: Findings
) -> None:
    found = findings(as_jsonl([{**good_rows[0], "employer": "a\u2028b"}, {**good_rows[1], "sex": "7"}]), "jsonl")
    assert [each[:2] for each in found] == [(1, "employer"), (2, "sex")]
