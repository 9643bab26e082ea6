"""Spreadsheets: columns by name, cells as texts, sizes; what openpyxl and others write, and what nobody should."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from cardfab.bureau.files import FileRefused
from cardfab.bureau.files.sheet import FILE_BYTES, UNPACKED_BYTES
from cardfab.prepare.table import COLUMNS
from cardfab.profile.layout import Layout
from tests.issuer_files import layout, refused, source, taken

EXAMPLE = layout("example-spreadsheet")
OF_PERSON = {
    "批次": "B20261122",
    "序号": "7",
    "卡类别": "成年",
    "社会保障号码": "110199198503067851",
    "姓名": "张𠅤",
    "联系电话": "19900007194",
    "单位名称": "示例纺织有限公司",
    "所属城市": "示例市甲区",
}
NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def small(**more: Any) -> Layout:
    blank = tuple(name for name in COLUMNS if name not in ("request_id", "birth_date"))
    columns = {"request_id": "编号", "birth_date": {"fields": "出生日期", "date": "%Y-%m-%d"}}
    given = {"title_en": "x", "title_zh": "x", "form": "xlsx", "columns": columns, "blank": blank, "ignored": ["备注"]}
    return Layout.model_validate(given | more)


def workbook(*rows: Sequence[object], change: Callable[[Workbook], None] = lambda _book: None) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    change(book)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def code_of(folder: Path, content: bytes, form: Layout) -> str:
    with pytest.raises(FileRefused) as why:
        source(folder, content, form).check()
    return why.value.code


def repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The same workbook with parts changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, change(part.filename, old.read(part)))
    return made.getvalue()


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    other = dict.fromkeys(EXAMPLE.ignored, "不读")
    for names in ([*OF_PERSON, *other], [*other, *reversed(OF_PERSON)]):
        values = OF_PERSON | other
        content = workbook(names, [values[name] for name in names])
        ((row, made),), wrong = taken(source(tmp_path, content, EXAMPLE))
        assert (row, wrong) == (2, [])
        assert set(made) == set(COLUMNS)
        assert {name: made[name] for name in ("request_id", "name", "sex", "birth_date", "birthplace", "region")} == {
            "request_id": "B20261122-7",
            "name": "张𠅤",
            "sex": "1",
            "birth_date": "19850306",
            "birthplace": "110199",
            "region": "110199",
        }


def test_unknown_columns_refuse_the_file(tmp_path: Path) -> None:
    found = refused(source(tmp_path, workbook([*OF_PERSON, "附加"], ["x"] * 9), EXAMPLE))
    assert [each[:2] for each in found] == [(1, "'附加'")]


def test_numbers_formulas_and_dates_are_no_texts(tmp_path: Path) -> None:
    day = datetime(1985, 3, 6)
    content = workbook(
        ["编号", "出生日期", "备注"],
        [17, "1985-03-06", "=1+1"],
        ["A2", 31112, None],
        ["A3", day, 3.5],
        ["=A2", "1985-03-06", None],
        [day, True, None],
        [None, None, None],
        ["A8", "1985-03-06", None, "behind"],
    )
    rows, wrong = taken(source(tmp_path, content, small()))
    assert [(row, made["request_id"], made["birth_date"]) for row, made in rows] == [(4, "A3", "19850306")]
    assert [(each.row, each.field, each.reason.en.split("; ")[0]) for each in wrong] == [
        (2, "编号", "The cell holds a number"),
        (3, "出生日期", "The cell holds a number"),
        (5, "编号", "The cell holds a formula"),
        (6, "编号", "The cell holds a date"),
        (6, "出生日期", "The cell holds a truth value"),
        (8, "row", "There is a cell beyond the header."),
    ]


def test_merged_cells_refuse_the_file(tmp_path: Path) -> None:
    content = workbook(["编号", "出生日期"], ["A1", "1985-03-06"], change=lambda book: book.active.merge_cells("A2:A3"))
    ((_, field, why),) = refused(source(tmp_path, content, small()))
    assert field == "file"
    assert "A2:A3" in why


def test_the_sheet_is_named_where_there_are_more(tmp_path: Path) -> None:
    def second(book: Workbook) -> None:
        book.create_sheet("说明").merge_cells("A1:B2")

    content = workbook(["编号", "出生日期"], ["A1", "1985-03-06"], change=second)
    ((_, _, why),) = refused(source(tmp_path, content, small()))
    assert "说明" in why
    rows, _ = taken(source(tmp_path, content, small(xlsx={"sheet": "Sheet"})))
    assert len(rows) == 1
    assert refused(source(tmp_path, content, small(xlsx={"sheet": "名单"})))


def test_a_wrong_dimension_loses_no_row(tmp_path: Path) -> None:
    content = workbook(["编号", "出生日期"], *([f"A{one}", "1985-03-06"] for one in range(9)))
    lied = repacked(content, lambda _, data: data.replace(b'ref="A1:B10"', b'ref="A1:A2"'))
    assert lied != content
    assert len(taken(source(tmp_path, lied, small()))[0]) == 9


def test_rows_out_of_order_are_not_lost_but_refused(tmp_path: Path) -> None:
    content = workbook(["编号", "出生日期"], ["A1", "1985-03-06"], ["A2", "1985-03-06"])
    turned = repacked(content, lambda _, data: data.replace(b'<row r="3"', b'<row r="2"'))
    assert [each[:2] for each in refused(source(tmp_path, turned, small()))] == [(2, "file")]


def test_what_is_no_workbook(tmp_path: Path) -> None:
    good = workbook(["编号", "出生日期"], ["A1", "1985-03-06"])
    for content in (b"", b"x", b"PK\3\4", good[: len(good) // 2], good[:-30], b"PK" + bytes(5000)):
        assert code_of(tmp_path, content, small()) == "CF-3473"


def test_too_large_a_file(tmp_path: Path) -> None:
    file = tmp_path / "batch"
    source(tmp_path, b"PK", small())
    with file.open("r+b") as opened:
        opened.truncate(FILE_BYTES + 1)
    assert code_of(tmp_path, file.read_bytes(), small()) == "CF-3471"


@pytest.mark.parametrize("lie", [False, True])
def test_a_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: bool) -> None:
    """Also one whose directory says that its part is small."""
    limit = 1 << 22
    assert limit < UNPACKED_BYTES
    monkeypatch.setattr("cardfab.bureau.files.sheet.UNPACKED_BYTES", limit)
    content = repacked(
        workbook(["编号", "出生日期"], ["A1", "1985-03-06"]),
        lambda name, data: data + b" " * (limit + 1) if name.endswith("sheet1.xml") else data,
    )
    assert len(content) < 1 << 16
    if lie:
        at = content.rindex(b"xl/worksheets/sheet1.xml") - 46  # its entry of the directory; the size is at 24
        assert int.from_bytes(content[at + 24 : at + 28], "little") > limit
        content = content[: at + 24] + (1000).to_bytes(4, "little") + content[at + 28 :]
    assert code_of(tmp_path, content, small()) == ("CF-3473" if lie else "CF-3472")


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"])
def test_entities_in_a_part(tmp_path: Path, part: str) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'

    def change(name: str, data: bytes) -> bytes:
        head, mark, rest = data.partition(b"?>") if data.startswith(b"<?xml") else (b"", b"", data)
        return head + mark + bomb + rest if name == part else data

    content = repacked(workbook(["编号", "出生日期"], ["A1", "1985-03-06"]), change)
    with pytest.raises(FileRefused, match="entities"):
        source(tmp_path, content, small()).check()


def test_a_workbook_made_by_hand(tmp_path: Path) -> None:
    """Strings in the cells, no styles, no dimension, prefixed names: what other programs write."""
    cells = "".join(
        f'<x:row r="{row}"><x:c r="A{row}" t="inlineStr"><x:is><x:t>{first}</x:t></x:is></x:c>'
        f'<x:c r="B{row}" t="inlineStr"><x:is><x:r><x:t>{second[:4]}</x:t></x:r>'
        f"<x:r><x:t>{second[4:]}</x:t></x:r></x:is></x:c></x:row>"
        for row, (first, second) in {1: ("编号", "出生日期"), 3: ("A1", "1985-03-06")}.items()
    )
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType='
        f'"application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/s.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{NS}" xmlns:r="{rel}"><sheets><sheet name="名单" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{rel}/worksheet" Target="s.xml"/></Relationships>',
        "xl/s.xml": f'<x:worksheet xmlns:x="{NS}"><x:sheetData>{cells}</x:sheetData></x:worksheet>',
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    rows, wrong = taken(source(tmp_path, made.getvalue(), small()))
    assert [(row, one["request_id"], one["birth_date"]) for row, one in rows] == [(3, "A1", "19850306")]
    assert not wrong
