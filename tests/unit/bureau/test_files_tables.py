"""An issuer's file as text: CSV, JSON lines, fixed width; its encoding, its limits, its own count of rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cardfab.bureau.files import FileRefused
from cardfab.bureau.files.columns import LayoutRefused
from cardfab.bureau.files.lines import ROW_BYTES
from cardfab.prepare.finding import WrongRow
from cardfab.prepare.table import COLUMNS
from cardfab.profile.layout import Layout
from tests.issuer_files import as_csv, holders, layout, refused, source, taken

CSV = layout("generic-csv")
FIXED = layout("example-fixed")
OTHER = tuple(name for name in COLUMNS if name not in ("request_id", "name", "sex", "birth_date"))


def small(**more: Any) -> Layout:
    """A layout of four columns in the issuer's words."""
    columns = {
        "request_id": "编号",
        "name": "姓名",
        "sex": {"fields": "性别", "values": {"男": "1", "女": "2"}},
        "birth_date": {"fields": "出生日期", "date": "%Y/%m/%d"},
    }
    given = {"title_en": "x", "title_zh": "x", "form": "csv", "columns": columns, "blank": OTHER} | more
    return Layout.model_validate(given)


def fixed_line(values: dict[str, str], length: int = 320) -> bytes:
    form = FIXED.fixed
    assert form is not None
    line = bytearray(b" " * length)
    for name, value in values.items():
        raw, field = value.encode("gb18030"), form.fields[name]
        line[field.at - 1 : field.at - 1 + len(raw)] = raw
    return bytes(line) + b"\r\n"


ROW = {"ID": "R1", "SSN": "110199198503067851", "NAME": "张示例", "SEX": "M", "NATION": "01", "BORN": "06.03.1985"}


def test_a_request_file_gives_its_rows_and_what_it_counted(tmp_path: Path) -> None:
    rows = list(holders(500))
    one = source(tmp_path, as_csv(rows), CSV)
    assert taken(one) == ([(number, row) for number, row in enumerate(rows, start=2)], [])
    counted = one.counted
    assert (counted.rows, counted.wrong, counted.size) == (500, 0, len(as_csv(rows)))
    assert counted.file_digest == counted.digest == one.digest
    assert one.signer is None
    assert taken(one)[0][-1] == (501, rows[-1])


def test_nothing_is_known_before_a_pass_has_ended(tmp_path: Path) -> None:
    one = source(tmp_path, as_csv(list(holders(3))), CSV)
    next(one.rows())
    with pytest.raises(RuntimeError):
        one.digest  # noqa: B018


def test_json_lines(tmp_path: Path) -> None:
    rows = list(holders(3))
    lines = [json.dumps(row | {"items": {"DF03/EF05/60": "1"}}, ensure_ascii=False) for row in rows]
    lines.insert(1, "[1]")
    lines.insert(2, json.dumps({"request_id": "x"}))
    found, wrong = taken(source(tmp_path, "\n".join(lines).encode(), layout("generic-jsonl")))
    assert [row for row, _ in found] == [1, 4, 5]
    assert found[0][1]["DF03/EF05/60"] == "1"
    assert {each.row for each in wrong} == {2, 3}


def test_the_issuers_words_become_ours(tmp_path: Path) -> None:
    text = "姓名,编号,备注,性别,出生日期\n张示例,A1,x,男,1985/03/06\n李示例,A2,y,女,1985/3/6\n王,A3,,,\n"
    one = source(tmp_path, text.encode("gb18030"), small(encoding="gb18030", ignored=["备注"]))
    rows, wrong = taken(one)
    assert not wrong
    assert [(row["request_id"], row["sex"], row["birth_date"]) for _, row in rows] == [
        ("A1", "1", "19850306"),
        ("A2", "2", "19850306"),
        ("A3", "", ""),
    ]
    assert all(set(row) == set(COLUMNS) for _, row in rows)


def test_words_and_days_that_are_none_are_named(tmp_path: Path) -> None:
    text = "编号,姓名,性别,出生日期\nA1,张,男性,1985-03-06\nA2,李,女,1985/02/30\nA3,王,男,1985/02/03\n"
    one = source(tmp_path, text.encode(), small())
    rows, wrong = taken(one)
    assert [row for row, _ in rows] == [4]
    assert [(each.row, each.field) for each in wrong] == [(2, "sex"), (2, "birth_date"), (3, "birth_date")]
    assert "男, 女" in wrong[0].reason.en
    assert "YYYY/MM/DD" in wrong[1].reason.zh
    assert (one.counted.rows, one.counted.wrong) == (3, 2)


def test_a_row_with_many_faults_is_one_row(tmp_path: Path) -> None:
    """In a table and in JSON: what the cover note counts is rows."""
    text = "编号,姓名,性别,出生日期\nA1,张,男性,1985-03-06\nA2,王,男,1985/02/03\n"
    lines = [json.dumps(row, ensure_ascii=False) for row in holders(3)]
    lines[1] = json.dumps({"request_id": "x", "items": {"a": 1, "b": 2}, "c": 3})
    for content, form, rows in (
        (text, small(), [2, 3]),
        ("\n".join(lines), layout("generic-jsonl"), [1, 2, 3]),
    ):
        one = source(tmp_path, content.encode(), form)
        given = list(one.rows())
        assert [each.row if isinstance(each, WrongRow) else each[0] for each in given] == rows
        [wrong] = [each for each in given if isinstance(each, WrongRow)]
        assert len(wrong.findings) > 1
        assert {each.row for each in wrong.findings} == {wrong.row}
        assert (one.counted.rows, one.counted.wrong) == (len(rows), 1)


def test_no_finding_has_a_value_of_a_holder(tmp_path: Path) -> None:
    """A comma too few puts a name where a word is expected, and JSON may have it for a key."""
    someone = "欧阳测试13900001234"
    text = f"编号,姓名,性别,出生日期\nA1,张,{someone},{someone}\n"
    row = next(holders(1)) | {someone: "x", "items": {someone: 1, f"{someone}-": "x"}, "name": 1}
    for content, form, fields in (
        (text, small(), ["sex", "birth_date"]),
        (json.dumps(row, ensure_ascii=False), layout("generic-jsonl"), ["'***'", "items", "name"]),
    ):
        _, wrong = taken(source(tmp_path, content.encode(), form))
        assert {each.field for each in wrong} >= set(fields)
        assert someone not in repr(wrong)


def test_columns_unknown_missing_and_twice_refuse_the_file(tmp_path: Path) -> None:
    found = refused(source(tmp_path, "编号,姓名,性别,性别,备注\n".encode(), small()))
    assert [each[:2] for each in found] == [(1, "出生日期"), (1, "性别"), (1, "'备注'")]


def test_ragged_rows_are_named_and_the_others_read(tmp_path: Path) -> None:
    lines = as_csv(list(holders(3))).split(b"\r\n")
    lines[2] += b",one more"
    rows, wrong = taken(source(tmp_path, b"\r\n".join(lines), CSV))
    assert [row for row, _ in rows] == [2, 4]
    assert [(each.row, each.field) for each in wrong] == [(3, "row")]


@pytest.mark.shows("mixed encodings: each a clear refusal, nothing kept (test)")
@pytest.mark.parametrize(("first", "other"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_mixed_encodings_name_the_line(tmp_path: Path, first: str, other: str) -> None:
    lines = as_csv(list(holders(6)), first).split(b"\r\n")
    lines[4] = lines[4].decode(first).encode(other)
    form = CSV.model_copy(update={"encoding": first})
    ((row, field, why),) = refused(source(tmp_path, b"\r\n".join(lines), form))
    assert (row, field) == (5, "file")
    assert "One file has one encoding" in why


def test_rare_characters_of_gb18030_are_no_utf8(tmp_path: Path) -> None:
    """Names outside GB 2312, four-byte ones among them."""
    rows = [row | {"name": name} for row, name in zip(holders(4), ("张𠅤", "王喆", "镕基", "㐂㬎"), strict=True)]
    form = CSV.model_copy(update={"encoding": "gb18030"})
    found, wrong = taken(source(tmp_path, as_csv(rows, "gb18030"), form))
    assert [row["name"] for _, row in found] == ["张𠅤", "王喆", "镕基", "㐂㬎"]
    assert not wrong


@pytest.mark.parametrize("form", [CSV, layout("generic-jsonl"), FIXED, layout("example-xml")], ids=lambda one: one.form)
def test_nul_names_its_line(tmp_path: Path, form: Layout) -> None:
    ((row, field, why),) = refused(source(tmp_path, b"\0", form))
    assert (row, field) == (1, "file")
    assert "NUL" in why


def test_nul_far_within_names_its_line(tmp_path: Path) -> None:
    content = as_csv(list(holders(400))).replace(b"R0000300", b"R00003\x000")
    assert [each[:2] for each in refused(source(tmp_path, content, CSV))] == [(301, "file")]


@pytest.mark.shows("a row of 1 MB: each a clear refusal, nothing kept (test)")
@pytest.mark.parametrize("form", ["csv", "jsonl", "quoted", "fixed", "xml"])
def test_a_row_of_a_megabyte(tmp_path: Path, form: str) -> None:
    rows = list(holders(3))
    rows[1]["employer"] = "甲" * (1 << 18) if form != "quoted" else "甲乙丙丁\n" * (1 << 16)
    if form == "jsonl":
        content, how = b"\n".join(json.dumps(row, ensure_ascii=False).encode() for row in rows), layout("generic-jsonl")
    elif form == "fixed":
        content, how = b"HDR" + b"A" * (1 << 20), FIXED
    elif form == "xml":
        content, how = b"<batch><holders><holder id='" + b"x" * (1 << 20) + b"'/>", layout("example-xml")
    else:
        content, how = as_csv(rows), CSV
    ((row, field, why),) = refused(source(tmp_path, content, how))
    assert field == "file"
    assert row <= 70_000
    assert f"longer than {ROW_BYTES} bytes" in why


def test_an_open_quotation_mark_refuses_the_file(tmp_path: Path) -> None:
    found = refused(source(tmp_path, as_csv(list(holders(3))) + b'R9,"x', CSV))
    assert [each[:2] for each in found] == [(5, "row")]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf\r\n", as_csv([])])
def test_a_file_without_rows(tmp_path: Path, content: bytes) -> None:
    assert refused(source(tmp_path, content, CSV))


def test_fixed_width_in_bytes_with_its_count(tmp_path: Path) -> None:
    head, tail = b"HDR" + b"BATCH-000001" + b"20261122" + b"%08d\r\n", b"TRL%08d\r\n"
    body = b"".join(fixed_line(ROW | {"ID": f"R{one}"}) for one in range(3))
    one = source(tmp_path, head % 3 + body + tail % 3 + b"\r\n", FIXED)
    rows, wrong = taken(one)
    assert not wrong
    assert [(row, made["name"], made["birth_date"], made["sex"], made["birthplace"]) for row, made in rows] == [
        (number, "张示例", "19850306", "1", "110199") for number in (2, 3, 4)
    ]
    assert one.counted.opening == {"batch": "BATCH-000001", "day": "20261122", "rows": "00000003"}
    assert one.counted.closing == {"rows": "00000003"}


@pytest.mark.shows("wrong totals: each a clear refusal, nothing kept (test)")
@pytest.mark.parametrize(("opening", "closing", "at"), [(4, 3, 1), (3, 2, 5), (3, None, 4)])
def test_wrong_totals(tmp_path: Path, opening: int, closing: int | None, at: int) -> None:
    body = b"".join(fixed_line(ROW) for _ in range(3))
    tail = b"" if closing is None else b"TRL%08d\r\n" % closing
    content = b"HDRBATCH-00000120261122%08d\r\n" % opening + body + tail
    ((row, field, _),) = refused(source(tmp_path, content, FIXED))
    assert (row, field) == (at, "file")


def test_fixed_lines_that_do_not_fit(tmp_path: Path) -> None:
    head, tail = b"HDRBATCH-0000012026112200000004\n", b"TRL00000004\n"
    cut = fixed_line(ROW)[:300] + b"\r\n"
    behind = fixed_line(ROW, 319)[:-2] + b"x\r\n"
    split = bytearray(fixed_line(ROW))
    split[291:293] = "甲".encode("gb18030")
    lines = [cut, behind, bytes(split), fixed_line(ROW)]
    rows, wrong = taken(source(tmp_path, head + b"".join(lines) + tail, FIXED))
    assert [row for row, _ in rows] == [5]
    assert [(each.row, each.field) for each in wrong] == [(2, "row"), (3, "row"), (4, "ADDRESS")]


def test_ten_thousand_wrong_rows_are_another_layout(tmp_path: Path) -> None:
    body = as_csv(list(holders(1))) + b"x\r\n" * 10_002
    ((row, field, why),) = refused(source(tmp_path, body, CSV))
    assert (row, field) == (10_003, "file")
    assert "Is it the layout" in why


def test_a_file_that_changes_between_two_passes(tmp_path: Path) -> None:
    one = source(tmp_path, as_csv(list(holders(3))), CSV)
    one.check()
    one.path.write_bytes(as_csv(list(holders(4))))
    with pytest.raises(FileRefused) as why:
        one.check()
    assert why.value.code == "CF-3475"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    one = source(tmp_path, b"", CSV)
    one.path.unlink()
    with pytest.raises(FileRefused) as why:
        one.check()
    assert why.value.code == "CF-3470"


def test_a_layout_that_leaves_a_column_without_origin(tmp_path: Path) -> None:
    with pytest.raises(LayoutRefused, match="nothing says what becomes of") as why:
        source(tmp_path, b"x", small(blank=[])).check()
    assert why.value.code == "CF-3476"


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "fixed"},
        {"form": "xml"},
        {"xml": {"row": ["a", "b"]}},
        {"form": "xlsx", "closing": {"pattern": "(?P<rows>x)"}},
        {"opening": {"pattern": "("}},
        {"opening": {"pattern": "rows"}},
        {"constants": {"name": "x"}},
        {"blank": ["name"]},
        {"columns": {"name": {"fields": "x", "date": "%Y"}}},
        {"columns": {"name": {"fields": "x", "date": "%Y%m%d", "values": {"a": "b"}}}},
        {"columns": {"name": {"fields": "x", "part": [3, 2]}}},
        {"form": "fixed", "columns": {}, "fixed": {"length": 9, "fields": {"a": {"at": 1, "length": 10}}}},
        {
            "form": "fixed",
            "columns": {},
            "fixed": {"length": 9, "fields": {"a": {"at": 1, "length": 2}, "b": {"at": 2, "length": 2}}},
        },
        {"form": "fixed", "fixed": {"length": 9, "fields": {"a": {"at": 1, "length": 2}}}},
    ],
)
def test_layouts_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
        small(**wrong)
