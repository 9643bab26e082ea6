"""The texts of the SOAP family: elements with Chinese names and no root, a CSV row after them; answers likewise.

They are no XML: names hold ``*`` and parentheses, so that they are read by a strict scanner of their own, which changes
no value. Rows are CSV (RFC 4180) with quotes where a value needs them.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Sequence

from cardfab.station.hosts.values import Unreadable

MOST_ELEMENTS = 400
MOST_ROWS = 5000
_NAME = re.compile(r"[^<>/&\s\"'=]{1,64}")
_BARE = re.compile(r"&(?!(?:lt|gt|amp|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")


def write_elements(values: Sequence[tuple[str, str]]) -> str:
    """Elements one after the other."""
    return "".join(f"<{name}>{html.escape(value, quote=False)}</{name}>" for name, value in values)


def write_row(row: Sequence[tuple[str, str]], *, header: bool, line_end: str = "\r\n") -> str:
    """One CSV row, after a line with the names of its columns where one is wanted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end)
    if header:
        writer.writerow([name.removesuffix("*") for name, _ in row])
    writer.writerow([value for _, value in row])
    return out.getvalue()


def read_elements(text: str) -> tuple[dict[str, str], str]:
    """Elements by name, and what follows them; raises Unreadable. The ``*`` of a name is left out."""
    found: dict[str, str] = {}
    at = _skip(text, 0)
    while text.startswith("<", at):
        end = text.find(">", at)
        if end < 0:
            raise Unreadable("element")
        name = text[at + 1 : end]
        empty = name.endswith("/")
        name = name.removesuffix("/").rstrip()
        if not _NAME.fullmatch(name) or len(found) >= MOST_ELEMENTS:
            raise Unreadable("name")
        value, at = ("", end + 1) if empty else _value(text, end + 1, name)
        key = name.removesuffix("*")
        if key in found:
            raise Unreadable("twice")
        found[key] = value
        at = _skip(text, at)
    return found, text[at:]


def _value(text: str, start: int, name: str) -> tuple[str, int]:
    close = f"</{name}>"
    end = text.find(close, start)
    if end < 0:
        raise Unreadable("not closed")
    raw = text[start:end]
    if "<" in raw or _BARE.search(raw):
        raise Unreadable("nested")
    return html.unescape(raw) if "&" in raw else raw, end + len(close)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def read_table(text: str, status: Sequence[str]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """A status line, a line of names and rows: the status by the names given, rows by those in the table.

    A status line alone is a table without rows. Raises Unreadable, also for a row of another length.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(text.strip("\r\n"), newline=""), strict=True) if line]
    except csv.Error:
        raise Unreadable("csv") from None
    if not lines or len(lines) > MOST_ROWS:
        raise Unreadable("no table")
    head = dict(zip(status, (one.strip() for one in lines[0]), strict=False))
    if len(lines) == 1:
        return head, []
    names = [name.strip().removesuffix("*") for name in lines[1]]
    if len(set(names)) != len(names):
        raise Unreadable("columns")
    rows = []
    for line in lines[2:]:
        if len(line) != len(names):
            raise Unreadable("row")
        rows.append(dict(zip(names, line, strict=True)))
    return head, rows
