"""An issuer's row made a row of a request file, as a layout says: by name, with its words, dates and constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from cardfab.errors import InputRefused, Text
from cardfab.prepare.finding import RowFinding, WrongRow, hidden
from cardfab.prepare.table import COLUMNS, Fields, Row, is_address
from cardfab.profile.layout import FieldOf, Layout

Fault = tuple[tuple[str, ...], str]


class LayoutRefused(InputRefused):
    """A layout that leaves a column of a request without origin, or names one that there is not."""

    default_code = "CF-3476"


def faults_of(layout: Layout) -> Iterator[Fault]:
    """What is wrong with the columns of a layout: the keys of the place, and why."""
    for table in ("columns", "constants", "blank"):
        for name in getattr(layout, table):
            if name not in COLUMNS and not is_address(name):
                yield (table, name), f"a request has no column {name}"
    known = {*layout.columns, *layout.constants, *layout.blank}
    lost = [] if layout.own_names else [name for name in COLUMNS if name not in known]
    if lost:
        yield ("columns",), f"nothing says what becomes of {', '.join(lost)}"
    if layout.fixed is not None and layout.own_names:
        for name in COLUMNS:
            if name not in known and name not in layout.fixed.fields:
                yield ("fixed", "fields"), f"the line has no field {name}"
    if layout.fixed is not None:
        for name in sorted(layout.fixed.fields.keys() - {*Columns(layout).fields.named, *layout.ignored}):
            yield ("fixed", "fields", name), f"no column is made of {name}; say that it is ignored"


class Columns:
    """The origin of every column, worked out once for a file."""

    def __init__(self, layout: Layout) -> None:
        elsewhere = {*layout.columns, *layout.constants, *layout.blank}
        own = [name for name in COLUMNS if layout.own_names and name not in elsewhere]
        self._constant = {**dict.fromkeys(layout.blank, ""), **layout.constants}
        self._straight: list[tuple[str, str]] = [(name, name) for name in own]
        self._made: list[tuple[str, FieldOf]] = []
        for name, column in layout.columns.items():
            if len(column.fields) == 1 and not (column.part or column.values or column.date):
                self._straight.append((name, column.fields[0]))
            else:
                self._made.append((name, column))
        named = tuple(dict.fromkeys((*own, *(field for one in layout.columns.values() for field in one.fields))))
        self.fields = Fields(named, frozenset(layout.ignored), layout.items)
        """What the file must have and may have."""
        self.dates: Mapping[str, str] = {
            column.fields[0]: column.date
            for column in layout.columns.values()
            if column.date is not None and len(column.fields) == 1
        }
        """The form of the fields that are days: a spreadsheet may hold them as such."""

    def row(self, row: int, given: Mapping[str, str]) -> Row | WrongRow:
        """The row of a request file, or what is wrong with its words and dates."""
        made = dict(self._constant)
        for name, field in self._straight:
            made[name] = given[field]
        if self.fields.items:
            made.update((name, value) for name, value in given.items() if is_address(name))
        findings: list[RowFinding] = []
        for name, column in self._made:
            value = column.joined.join([given[field] for field in column.fields])
            if column.part is not None:
                value = value[column.part[0] - 1 : column.part[1]]
            try:
                made[name] = _in_our_words(column, value)
            except _Wrong as wrong:
                findings.append(RowFinding(row, name, wrong.why))
        return WrongRow(tuple(findings)) if findings else (row, made)


class _Wrong(Exception):
    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.why = Text(en, zh)


def _in_our_words(column: FieldOf, value: str) -> str:
    if not value:
        return value
    if column.values:
        if value in column.values:
            return column.values[value]
        some = list(column.values)[:10]
        more = (", …", "……") if len(column.values) > len(some) else ("", "")
        raise _Wrong(
            f"{hidden(value)} is not a word of the layout. Use one of: {', '.join(some)}{more[0]}.",
            f"{hidden(value)} 不在版式的取值范围内。可用：{'、'.join(some)}{more[1]}。",
        )
    if column.date is not None:
        try:
            return f"{datetime.strptime(value, column.date):%Y%m%d}"
        except ValueError:
            form = column.date.replace("%Y", "YYYY").replace("%m", "MM").replace("%d", "DD")
            raise _Wrong(
                f"{hidden(value)} is no day written as {form}.", f"{hidden(value)} 不是 {form} 格式的日期。"
            ) from None
    return value
