"""Rows of an XML file as its elements end: nothing of the document is kept but the row that is being read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from cardfab.bureau.files.lines import Encoding, Pieces
from cardfab.bureau.files.refusal import FileRefused, at_line
from cardfab.errors import Text
from cardfab.prepare.finding import WrongRow, shown
from cardfab.prepare.table import Fields, Row, check_keys
from cardfab.profile.layout import XmlForm

__all__ = ["xml_rows"]

_BATCH: Final = 1 << 14
"""Characters that are given to the parser at once."""
_DEEPEST: Final = 32
"""Levels of elements that are ignored."""

_Pairs = list[tuple[str, str]]


def xml_rows(
    content: Iterator[bytes], encoding: Encoding, form: XmlForm, fields: Fields, totals: dict[str, str]
) -> Iterator[Row | WrongRow]:
    """Rows by their number among the rows; what ``form.total`` holds goes to ``totals`` as ``rows``.

    The text is decoded by the layout's encoding, whatever its first line says.
    Raises FileRefused (CF-3474) for a document type, an entity, or what is no XML, RequestFileRefused for elements that
    the layout does not know.
    """
    pieces = Pieces(content, encoding, b">")
    target = _Rows(form, fields.ignored)
    parser = DefusedXMLParser(target=target, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    row = 0
    try:
        for text in _batches(pieces):
            parser.feed(text)
            if target.between_rows():
                pieces.row_ends()
                for pairs in target.taken():
                    row += 1
                    wrong = tuple(check_keys(row, pairs, fields))
                    if wrong:
                        yield WrongRow(wrong)
                    else:
                        yield row, dict(pairs)
        parser.close()
    except DefusedXmlException:
        raise FileRefused(
            Text("The XML file has a document type or an entity.", "XML 文件含有文档类型声明或实体。"),
            do=Text("Nothing was taken in. Ask for it without.", "未接收任何内容。请发行方去除后重新提供。"),
            code="CF-3474",
        ) from None
    except ParseError as error:
        line, column = error.position
        raise FileRefused(
            Text(
                f"The XML file is cut off or not well formed: line {line}, column {column + 1}.",
                f"XML 文件不完整或格式不正确：第 {line} 行第 {column + 1} 列。",
            ),
            code="CF-3474",
        ) from None
    if form.total:
        if target.total is None:
            raise at_line(row, "The element with the number of rows is missing.", "缺少记录行数的元素。")
        totals["rows"] = target.total.strip()


def _batches(pieces: Pieces) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _BATCH:
            yield "".join(held)
            held.clear()
            size = 0
    yield "".join(held)


class _Rows:
    """What the parser tells of: rows by path, their children and attributes."""

    def __init__(self, form: XmlForm, ignored: frozenset[str]) -> None:
        self._row, self._total, self._ignored = form.row, form.total, ignored
        self._path: list[str] = []
        self._pairs: _Pairs = []
        self._text: list[str] = []
        self._deep = 0
        """Levels within an element that is ignored."""
        self._rows: list[_Pairs] = []
        self._count = 0
        self._moved = False
        self.total: str | None = None

    def between_rows(self) -> bool:
        """Whether a row has ended since the last call, or elements that are of none."""
        moved, self._moved = self._moved, False
        return bool(self._rows) or (moved and len(self._path) < len(self._row))

    def taken(self) -> list[_Pairs]:
        """The rows that have ended since."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._moved = True
        if self._deep:
            self._deep += 1
            if self._deep > _DEEPEST:
                raise self._refused(f"Elements stand within {_DEEPEST} others.", f"元素嵌套超过 {_DEEPEST} 层。")
            return
        path = (*self._path, tag)
        inside = path[:-1] == self._row
        if path == self._row:
            self._count += 1
            self._pairs = [(f"@{name}", value) for name, value in attributes.items()]
        elif tag in self._ignored and (inside or not self._leads(path)):
            self._deep = 1
            return
        elif not inside and not self._leads(path):
            raise self._unknown(tag)
        elif inside and attributes:
            raise self._unknown(f"{tag}/@{next(iter(attributes))}")
        self._path.append(tag)
        self._text = []

    def data(self, text: str) -> None:
        if self._deep:
            return
        path = tuple(self._path)
        if path[:-1] == self._row or path == self._total:
            self._text.append(text)
        elif text.strip():
            raise self._refused("There is text between the elements.", "元素之间有不属于任何字段的文本。")

    def end(self, tag: str) -> None:
        self._moved = True
        if self._deep:
            self._deep -= 1
            return
        path, text = tuple(self._path), "".join(self._text)
        self._path.pop()
        self._text = []
        if path == self._row:
            self._rows.append(self._pairs)
            self._pairs = []
        elif path[:-1] == self._row:
            self._pairs.append((tag, text))
        elif path == self._total:
            self.total = text if self.total is None else f"{self.total} {text}"

    def close(self) -> None:
        return None

    def _leads(self, path: tuple[str, ...]) -> bool:
        """Whether an element is on the way to the rows or to their number."""
        return path == self._row[: len(path)] or path == self._total[: len(path)]

    def _unknown(self, tag: str) -> Exception:
        return self._refused(
            f"The element {shown(tag)} is not known to the layout. Remove it or have it ignored.",
            f"版式中没有元素 {shown(tag)}。请删除，或在版式中设为忽略。",
        )

    def _refused(self, en: str, zh: str) -> Exception:
        return at_line(max(1, self._count), en, zh)
