"""A request file as rows of text: CSV or JSON lines, nothing judged but the form.

Beside the named columns a row may give items of the card by address: a CSV column ``DF03/EF05/60``, or in a JSON line
the object ``items``.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cardfab.errors import Text
from cardfab.prepare.finding import WHOLE_FILE, WHOLE_ROW, RequestFileRefused, RowFinding, WrongRow, shown

Form = Literal["csv", "jsonl"]
Row = tuple[int, dict[str, str]]

COLUMNS = (
    "request_id",
    "social_security_number",
    "name",
    "sex",
    "ethnicity",
    "birth_date",
    "birthplace",
    "region",
    "category",
    "card_class",
    "household_type",
    "household_address",
    "phone",
    "employer",
    "marital_status",
    "employment_status",
    "identity_category",
    "bank_product",
    "photo",
    "replaces_card",
    "urgent",
)
"""The columns of a CSV file, in any order, and the keys of each JSON line."""

ITEMS = "items"
_ADDRESS = re.compile(r"[A-Z0-9]{4}/EF[0-9A-F]{2}[0-9A-Za-z:/-]*")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that a row must have, those it may have and nobody reads, and whether it may give items by address."""

    named: Sequence[str] = COLUMNS
    ignored: frozenset[str] = frozenset()
    items: bool = True

    def knows(self, name: str) -> bool:
        """Whether a row may have a field of this name."""
        return name in self.named or name in self.ignored or (self.items and is_address(name))


REQUEST = Fields()
"""Those of a request file."""


def is_address(column: str) -> bool:
    """Whether a column is the address of an item; whether the card has such an item is judged with its application."""
    return _ADDRESS.fullmatch(column) is not None


def read_rows(data: bytes, form: Form) -> tuple[list[Row], list[RowFinding]]:
    """The rows that could be read, each with its number, and what is wrong with the form of the others.

    Raises RequestFileRefused where the file cannot be read as a table at all.
    """
    text = _text(data)
    rows: list[Row] = []
    findings: list[RowFinding] = []
    # Only a line feed ends a line of JSON: U+2028 and its like may stand inside a JSON text.
    found = csv_rows(io.StringIO(text, newline="")) if form == "csv" else json_rows(text.split("\n"))
    try:
        for one in found:
            if isinstance(one, WrongRow):
                findings += one.findings
            else:
                rows.append(one)
    except RequestFileRefused as refused:
        findings += refused.rows
    if not rows and not findings:
        raise _whole(1, "The file holds no request.", "文件中没有任何申请。")
    return rows, findings


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _whole(
            line,
            f"Line {line} is not UTF-8. Save the file as UTF-8 (in a spreadsheet: CSV UTF-8).",
            f"第 {line} 行不是 UTF-8 编码。请将文件另存为 UTF-8（电子表格中选“CSV UTF-8”）。",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _whole(
            line,
            f"Line {line} holds a NUL character. Export the file again; this one is damaged.",
            f"第 {line} 行含有空字符（NUL）。文件已损坏，请重新导出。",
        )
    if not text.strip():
        raise _whole(1, "The file is empty.", "文件为空。")
    return text


def csv_rows(
    lines: Iterable[str], fields: Fields = REQUEST, *, delimiter: str = ",", start: int = 1
) -> Iterator[Row | WrongRow]:
    """The rows under a header, which is row ``start``, or what is wrong with the form of one.

    Raises RequestFileRefused for the header, and for a row after which no other can be read.
    """
    reader = csv.reader(iter(lines), strict=True, delimiter=delimiter)
    header: list[str] = []
    row = start - 1
    try:
        for row, cells in enumerate(reader, start=start):
            if row == start:
                header = cells
                check_header(header, fields, start)
            elif not cells:
                continue  # a line with nothing on it, as editors leave at the end
            elif len(cells) != len(header):
                yield WrongRow((_ragged(row, len(cells), len(header)),))
            else:
                yield row, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        unread = _finding(
            row + 1,
            WHOLE_ROW,
            f"This row cannot be read, nor can those after it ({error}). Close every quotation mark.",
            f"本行及其后各行无法读取（{error}）。请检查引号是否成对。",
        )
        raise RequestFileRefused((unread,)) from None


def check_header(header: Sequence[str], fields: Fields = REQUEST, row: int = 1) -> None:
    """Raises RequestFileRefused unless the names are those of the fields, each once."""
    findings = [
        _finding(row, column, f"The column {column} is missing. Add it.", f"缺少列 {column}，请补上。")
        for column in fields.named
        if column not in header
    ]
    for column, times in Counter(header).items():
        if not fields.knows(column):
            en = f"The column {shown(column)} is not known. Remove it or correct its name."
            findings.append(_finding(row, shown(column), en, f"未知的列 {shown(column)}，请删除或更正列名。"))
        elif times > 1:
            en = f"The column {column} stands there {times} times. Keep one."
            findings.append(_finding(row, column, en, f"列 {column} 出现了 {times} 次，请只保留一列。"))
    if findings:
        raise RequestFileRefused(tuple(findings))


def json_rows(
    lines: Iterable[str], fields: Fields = REQUEST, *, start: int = 1, show: Callable[[str], str] = shown
) -> Iterator[Row | WrongRow]:
    """The objects of the lines, the first of which is row ``start``, or what is wrong with the form of one.

    ``show`` is how a reason quotes a key that is not known.
    """
    for row, line in enumerate(lines, start=start):
        if not line.strip():
            continue
        try:
            pairs = json.loads(line, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            pairs = None
        if not isinstance(pairs, _Pairs):
            en = "This line is not one JSON object. Write one object a line."
            yield WrongRow((_finding(row, WHOLE_ROW, en, "本行不是一个 JSON 对象。请每行写一个对象。"),))
            continue
        named, items = _parted(pairs) if fields.items else (pairs, _Pairs())
        wrong = (*check_keys(row, named, fields, show), *_check_items(row, items, show))
        if wrong:
            yield WrongRow(tuple(dict.fromkeys(wrong)))  # keys that are not shown read alike
        else:
            yield row, {**dict(named), **dict(items or ())}


class _Pairs(list[tuple[str, str]]):
    """An object as it was written, repeated keys and all."""


def _parted(pairs: _Pairs) -> tuple[_Pairs, _Pairs | None]:
    """The named values, and the object ``items``; None when it is something else than one object."""
    given: list[object] = [value for key, value in pairs if key == ITEMS]
    named = _Pairs((key, value) for key, value in pairs if key != ITEMS)
    if not given:
        return named, _Pairs()
    return named, given[0] if len(given) == 1 and isinstance(given[0], _Pairs) else None


def _check_items(row: int, items: _Pairs | None, show: Callable[[str], str]) -> Iterator[RowFinding]:
    if items is None:
        en = "It is not one object of addresses and texts. Write it once, as an object."
        yield _finding(row, ITEMS, en, "不是一个由地址和文本组成的对象。请只写一次，并写成对象。")
        return
    for address, count in Counter(key for key, _ in items).items():
        if not is_address(address):
            en = f"{show(address)} is no address of an item. Write it as DF03/EF05/60."
            yield _finding(row, ITEMS, en, f"{show(address)} 不是数据项地址。请按 DF03/EF05/60 的格式填写。")
        elif count > 1:
            en = f"The address stands there {count} times. Keep one."
            yield _finding(row, address, en, f"该地址出现了 {count} 次，请只保留一个。")
    for address, value in items:
        if not isinstance(value, str):
            en = "The value is not a text. Write it in quotation marks."
            yield _finding(row, address if is_address(address) else show(address), en, "该值不是文本，请加引号。")


def check_keys(
    row: int, pairs: Sequence[tuple[str, str]], fields: Fields = REQUEST, show: Callable[[str], str] = shown
) -> Iterator[RowFinding]:
    """What is wrong with the names of one row that names its fields itself, and with values that are no text."""
    times = Counter(key for key, _ in pairs)
    for column in fields.named:
        if column not in times:
            yield _finding(row, column, f"The key {column} is missing. Add it.", f"缺少键 {column}，请补上。")
    for key, value in pairs:
        if key in fields.ignored:
            continue
        if key not in fields.named:
            en = f"The key {show(key)} is not known. Remove it or correct its name."
            yield _finding(row, show(key), en, f"未知的键 {show(key)}，请删除或更正。")
        elif not isinstance(value, str):
            en = "The value is not a text. Write it in quotation marks."
            yield _finding(row, key, en, "该值不是文本，请加引号。")
    for key, count in times.items():
        if count > 1 and key in fields.named:
            en = f"The key {key} stands there {count} times. Keep one."
            yield _finding(row, key, en, f"键 {key} 出现了 {count} 次，请只保留一个。")


def _ragged(row: int, cells: int, columns: int) -> RowFinding:
    return _finding(
        row,
        WHOLE_ROW,
        f"The row has {cells} cells, the header {columns}. Look for a comma too many or too few.",
        f"本行有 {cells} 个单元格，表头有 {columns} 个。请检查是否多了或少了逗号。",
    )


def _finding(row: int, field: str, en: str, zh: str) -> RowFinding:
    return RowFinding(row, field, Text(en, zh))


def _whole(row: int, en: str, zh: str) -> RequestFileRefused:
    return RequestFileRefused((_finding(row, WHOLE_FILE, en, zh),))
