"""The rows of a file's content in the form of its layout: each as columns of a request, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cardfab.bureau.files.columns import Columns, LayoutRefused, faults_of
from cardfab.bureau.files.lines import Pieces
from cardfab.bureau.files.refusal import FileRefused, at_line
from cardfab.errors import Text
from cardfab.prepare.finding import WHOLE_ROW, RowFinding, WrongRow, hidden, shown
from cardfab.prepare.table import Row, csv_rows, json_rows
from cardfab.profile.layout import FixedForm, Layout

_MOST_WRONG: Final = 10_000
"""Wrong rows after which a file is no file of this layout: nobody reads further."""


@dataclass(slots=True)
class Seen:
    """What a pass counted and found beside the rows."""

    rows: int = 0
    wrong: int = 0
    opening: dict[str, str] = field(default_factory=dict)
    closing: dict[str, str] = field(default_factory=dict)


def read(content: Iterator[bytes], layout: Layout, seen: Seen) -> Iterator[Row | WrongRow]:
    """The rows, counted into ``seen``; raises RequestFileRefused, FileRefused (CF-347x), LayoutRefused (CF-3476)."""
    for place, why in faults_of(layout):
        where = ".".join(place)
        raise LayoutRefused(
            Text(f"The layout cannot be used: {where}: {why}.", f"版式无法使用：{where}：{why}。"),
            do=Text(
                "Correct it; 'cardfab profile lint' names every fault.", "请更正；cardfab profile lint 会列出全部问题。"
            ),
        )
    columns = Columns(layout)
    last = 0
    for one in _FORMS[layout.form](content, layout, columns, seen):
        made = one if isinstance(one, WrongRow) else columns.row(*one)
        seen.rows += 1
        if isinstance(made, WrongRow):
            seen.wrong += 1
            last = made.row
        else:
            last = made[0]
        yield made
        if seen.wrong > _MOST_WRONG:
            raise at_line(
                last,
                f"More than {_MOST_WRONG} rows are not of this layout. Is it the layout of this file?",
                f"超过 {_MOST_WRONG} 行与版式不符。请确认所选版式是否正确。",
            )
    if not seen.rows:
        raise at_line(1, "The file holds no request.", "文件中没有任何申请。")
    for said in (seen.opening, seen.closing):
        if said and said["rows"].strip().lstrip("0") != str(seen.rows):
            raise at_line(
                1 if said is seen.opening else last + 1,
                f"It says that there are {shown(said['rows'])} rows, and there are {seen.rows}.",
                f"其中所记行数为 {shown(said['rows'])}，实际为 {seen.rows} 行。",
            )


def _csv(content: Iterator[bytes], layout: Layout, columns: Columns, seen: Seen) -> Iterator[Row | WrongRow]:
    pieces = Pieces(content, layout.encoding)
    lines = _body(pieces, layout, seen)
    start = 1 if layout.opening is None else 2
    for one in csv_rows(lines, columns.fields, delimiter=layout.csv.delimiter, start=start):
        pieces.row_ends()
        yield one


def _jsonl(content: Iterator[bytes], layout: Layout, columns: Columns, seen: Seen) -> Iterator[Row | WrongRow]:
    pieces = Pieces(content, layout.encoding)
    start = 1 if layout.opening is None else 2
    yield from json_rows(_each(pieces, _body(pieces, layout, seen)), columns.fields, start=start, show=hidden)


def _fixed(content: Iterator[bytes], layout: Layout, columns: Columns, seen: Seen) -> Iterator[Row | WrongRow]:
    form = layout.fixed
    if form is None:
        return
    pieces = Pieces(content, layout.encoding)
    start = 1 if layout.opening is None else 2
    for row, line in enumerate(_each(pieces, _body(pieces, layout, seen)), start=start):
        text = line.rstrip("\r\n")
        if text:
            made = _parted(row, text, form, layout)
            yield WrongRow((made,)) if isinstance(made, RowFinding) else made


def _parted(row: int, text: str, form: FixedForm, layout: Layout) -> Row | RowFinding:
    """The fields of a line, without the spaces around them."""
    raw = text.encode(layout.encoding) if form.unit == "bytes" else text
    if len(raw) != form.length:
        unit = Text("bytes", "字节") if form.unit == "bytes" else Text("characters", "个字符")
        return RowFinding(
            row,
            WHOLE_ROW,
            Text(
                f"The line has {len(raw)} {unit.en}, not {form.length}.",
                f"本行有 {len(raw)} {unit.zh}，应为 {form.length}。",
            ),
        )
    given: dict[str, str] = {}
    end = 0
    for name, part in sorted(form.fields.items(), key=lambda one: one[1].at):
        value, between = raw[part.at - 1 : part.at - 1 + part.length], raw[end : part.at - 1]
        end = part.at - 1 + part.length
        try:
            given[name] = (value if isinstance(value, str) else value.decode(layout.encoding)).strip(" ")
        except UnicodeDecodeError:
            why = Text("A character is cut in two at its edge.", "边界处的字符被截断。")
            return RowFinding(row, name, why)
        if between.strip():
            return RowFinding(
                row, name, Text("There is something before it that is no field.", "该字段之前有不属于任何字段的内容。")
            )
    if raw[end:].strip():
        return RowFinding(
            row, WHOLE_ROW, Text("There is something behind its last field.", "最后一个字段之后还有内容。")
        )
    return row, given


def _each(pieces: Pieces, lines: Iterator[str]) -> Iterator[str]:
    """Lines that are rows, one each."""
    for line in lines:
        pieces.row_ends()
        yield line


def _body(pieces: Pieces, layout: Layout, seen: Seen) -> Iterator[str]:
    """The lines between the opening and the closing one, which are matched; nothing but blank lines comes after."""
    lines = iter(pieces)
    if layout.opening is not None:
        seen.opening.update(_said(next(lines, ""), layout.opening.pattern, 1))
        pieces.row_ends()
    if layout.closing is None:
        yield from lines
        return
    held: str | None = None
    at = 1 if layout.opening is None else 2
    for line in lines:
        if not line.strip():
            pieces.row_ends()
        elif held is None:
            held = line
        else:
            yield held
            held = line
            at += 1
    seen.closing.update(_said(held or "", layout.closing.pattern, at))


def _said(line: str, pattern: str, at: int) -> dict[str, str]:
    found = re.fullmatch(pattern, line.rstrip("\r\n"))
    if found is None:
        raise at_line(
            at,
            "This is not the line with the number of rows that the layout asks for. The file may be cut off.",
            "不是版式规定的行数记录行。文件可能不完整。",
        )
    return {name: value or "" for name, value in found.groupdict().items()}


def _xlsx(content: Iterator[bytes], layout: Layout, columns: Columns, seen: Seen) -> Iterator[Row | WrongRow]:
    try:
        from cardfab.bureau.files.sheet import sheet_rows
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    return sheet_rows(content, layout.xlsx, columns)


def _xml(content: Iterator[bytes], layout: Layout, columns: Columns, seen: Seen) -> Iterator[Row | WrongRow]:
    try:
        from cardfab.bureau.files.xmlrows import xml_rows
    except ModuleNotFoundError as missing:
        raise _not_installed(missing) from None
    if layout.xml is None:
        return iter(())
    return xml_rows(content, layout.encoding, layout.xml, columns.fields, seen.closing)


def _not_installed(missing: ModuleNotFoundError) -> FileRefused:
    return FileRefused(
        Text(
            f"This installation cannot read the form: {missing.name} is missing.",
            f"本机无法读取该格式：缺少 {missing.name}。",
        ),
        do=Text("Install cardfab[bureau].", "请安装 cardfab[bureau]。"),
        code="CF-3477",
    )


_FORMS: Final = {"csv": _csv, "jsonl": _jsonl, "fixed": _fixed, "xlsx": _xlsx, "xml": _xml}
