"""Rows of a spreadsheet (.xlsx), which must be read by seeking: in memory, up to a stated size, by openpyxl.

Cells are texts: a number of a person that a spreadsheet keeps as a number has lost digits, and a formula shows what
another machine computed. A day may be a real one where the layout says how days are written.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from defusedxml.ElementTree import DefusedXMLParser
from openpyxl import load_workbook

from cardfab.bureau.files.columns import Columns
from cardfab.bureau.files.refusal import FileRefused, at_line
from cardfab.errors import CardfabError, Text
from cardfab.prepare.finding import WHOLE_ROW, RowFinding, WrongRow, shown
from cardfab.prepare.table import Row, check_header
from cardfab.profile.layout import SheetForm

__all__ = ["FILE_BYTES", "ROWS", "UNPACKED_BYTES", "sheet_rows"]

FILE_BYTES: Final = 8 << 20
"""The largest .xlsx file."""
UNPACKED_BYTES: Final = 96 << 20
"""The most that it may unpack to."""
ROWS: Final = 1 << 20
"""The rows that a sheet may have (ECMA-376)."""
_PARTS: Final = 1000
_CELL_CHARACTERS: Final = 4096
_PIECE: Final = 1 << 16

_KINDS: Final[Mapping[str, Text]] = {
    "n": Text("a number; format the column as text and type it again", "数值；请将该列设为文本格式后重新输入"),
    "d": Text("a date; format the column as text and type it again", "日期；请将该列设为文本格式后重新输入"),
    "f": Text("a formula; keep its value only", "公式；请只保留数值"),
    "b": Text("a truth value; format the column as text", "逻辑值；请将该列设为文本格式"),
    "e": Text("an error of the spreadsheet", "电子表格错误值"),
}


def sheet_rows(content: Iterator[bytes], form: SheetForm, columns: Columns) -> Iterator[Row | WrongRow]:
    """The rows under the header, which is row 1 of the sheet.

    Raises FileRefused (CF-3471 too large, CF-3472 unpacks to too much, CF-3473 no workbook that can be read) and
    RequestFileRefused for merged cells, a header that is not the layout's, a sheet that is not there.
    """
    packed = _whole(content)
    try:
        repacked = _repacked(packed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts that are not read: validations, extensions
            book = load_workbook(repacked, read_only=True, keep_links=False)
            sheet = _chosen(book, form)
            with zipfile.ZipFile(repacked) as archive:
                _look_over(archive.read(sheet._worksheet_path))
        sheet.reset_dimensions()  # what a writer says of them may be wrong, and rows were lost
        yield from _rows(sheet, columns)
    except CardfabError:
        raise
    except Exception as error:  # a damaged workbook makes openpyxl and what it reads with raise almost anything
        raise _unreadable(type(error).__name__, type(error).__name__) from None


def _rows(sheet: Any, columns: Columns) -> Iterator[Row | WrongRow]:
    header: list[str] = []
    fields = columns.fields
    for row, cells in enumerate(_quiet(sheet.iter_rows()), start=1):
        if row > ROWS:
            raise _unreadable(f"row {row}", f"第 {row} 行")
        if row == 1:
            header = _header(cells)
            check_header(header, fields)
            continue
        findings: list[RowFinding] = []
        given: dict[str, str] = {}
        for at, cell in enumerate(cells):
            if at >= len(header):
                if cell.value is not None:
                    why = Text("There is a cell beyond the header.", "表头之外有单元格。")
                    findings.append(RowFinding(row, WHOLE_ROW, why))
                    break
            elif header[at] not in fields.ignored:
                value = _text(cell.value, cell.data_type, columns.dates.get(header[at]))
                if isinstance(value, Text):
                    findings.append(RowFinding(row, header[at], value))
                else:
                    given[header[at]] = value
        if findings:
            yield WrongRow(tuple(findings))
        elif any(given.values()):
            yield row, {name: given.get(name, "") for name in fields.named}


def _quiet(rows: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Rows without warnings of days that are none: such a cell is an error, and is told as one."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = next(rows, None)
        if row is None:
            return
        yield row


def _header(cells: Sequence[Any]) -> list[str]:
    found = ["" if cell.value is None else str(cell.value).strip() for cell in cells]
    while found and not found[-1]:
        found.pop()
    if len(found) > 1000:
        raise at_line(1, f"The header has {len(found)} columns.", f"表头有 {len(found)} 列。")
    return found


def _text(value: object, kind: str, date: str | None) -> str | Text:
    """The text of a cell, or why it is none."""
    if value is None:
        return ""
    if kind == "d" and date is not None and isinstance(value, datetime):
        return value.strftime(date)
    if not isinstance(value, str) or kind in _KINDS:
        what = _KINDS.get(kind, _KINDS["e"])
        return Text(f"The cell holds {what.en}.", f"单元格为{what.zh}。")
    if len(value) > _CELL_CHARACTERS:
        return Text(
            f"The cell holds more than {_CELL_CHARACTERS} characters.", f"单元格超过 {_CELL_CHARACTERS} 个字符。"
        )
    return value


def _chosen(book: Any, form: SheetForm) -> Any:
    titles = [sheet.title for sheet in book.worksheets]
    if form.sheet is None and len(titles) == 1:
        return book.worksheets[0]
    if form.sheet is not None and form.sheet in titles:
        return book[form.sheet]
    names = ", ".join(shown(title) for title in titles[:10])
    raise at_line(
        1,
        f"The layout asks for {'one sheet' if form.sheet is None else f'the sheet {form.sheet}'}; there are: {names}.",
        f"版式要求{'只有一个工作表' if form.sheet is None else f'有工作表“{form.sheet}”'}；现有：{names}。",
    )


def _look_over(sheet: bytes) -> None:
    """Refuses merged cells and rows that are out of order, of which the reader would say nothing."""
    parser = DefusedXMLParser(target=_Watch(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.feed(sheet)
    parser.close()


class _Watch:
    def __init__(self) -> None:
        self._row = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if name == "mergeCell":
            where = shown(attributes.get("ref", "?"))
            raise at_line(1, f"Cells are merged: {where}. Unmerge them.", f"有合并单元格：{where}。请取消合并。")
        if name == "row":
            row = int(attributes.get("r", self._row + 1))
            if row <= self._row:
                raise at_line(row, "The row stands twice or out of order.", "该行重复或顺序错误。")
            self._row = row

    def close(self) -> None:
        return None


def _whole(content: Iterator[bytes]) -> io.BytesIO:
    whole = io.BytesIO()
    for chunk in content:
        if not whole.tell() and not chunk.startswith(b"PK"):
            raise _unreadable("it is no .xlsx file", "不是 .xlsx 文件")
        if whole.tell() + len(chunk) > FILE_BYTES:
            raise FileRefused(
                Text(
                    f"A spreadsheet of more than {FILE_BYTES >> 20} MiB is not read.",
                    f"不读取超过 {FILE_BYTES >> 20} MiB 的电子表格。",
                ),
                do=Text("Ask for CSV or JSON lines, which have no limit.", "请改用 CSV 或 JSON 行，二者不限大小。"),
                code="CF-3471",
            )
        whole.write(chunk)
    return whole


def _repacked(packed: io.BytesIO) -> io.BytesIO:
    """The XML parts, unpacked by pieces and counted: what an archive says of its sizes may be a lie."""
    made = io.BytesIO()
    size = 0
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(made, "w") as into:
        parts = archive.infolist()
        if len(parts) > _PARTS or len({part.filename for part in parts}) != len(parts):
            raise _unreadable("its parts", "其内部部件")
        for part in parts:
            if not part.filename.endswith((".xml", ".rels")):
                continue
            whole = io.BytesIO()
            with archive.open(part) as one:
                while piece := one.read(_PIECE):
                    size += len(piece)
                    if size > UNPACKED_BYTES:
                        raise FileRefused(
                            Text(
                                f"The spreadsheet unpacks to more than {UNPACKED_BYTES >> 20} MiB.",
                                f"电子表格解压后超过 {UNPACKED_BYTES >> 20} MiB。",
                            ),
                            code="CF-3472",
                        )
                    whole.write(piece)
            data = whole.getvalue()
            if b"<!DOCTYPE" in data or b"\0" in data:  # UTF-16, in which it would not be seen
                raise _unreadable("a part has a document type, entities or NUL", "其部件含有文档类型、实体或空字符")
            into.writestr(part.filename, data)
    return made


def _unreadable(en: str, zh: str) -> FileRefused:
    return FileRefused(
        Text(f"The spreadsheet cannot be read: {en}.", f"电子表格无法读取：{zh}。"),
        do=Text("Nothing was taken in. Save it as .xlsx again.", "未接收任何内容。请重新另存为 .xlsx。"),
        code="CF-3473",
    )
