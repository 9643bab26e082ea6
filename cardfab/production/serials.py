"""Numbers printed on cards, cartons and boxes: a prefix and digits, from one to another, as one value.

A number is known by its prefix, how many digits follow it, and their value: ``A0099`` and ``A099`` are two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from cardfab.errors import StockFault, Text

MOST = 1_000_000
"""Cards in one range at most; a slip of a digit is refused before it is in the books."""
_NUMBER = re.compile(r"([0-9A-Z./-]{0,24}?)([0-9]{1,15})")
_BETWEEN = re.compile(r"\s*(?:\.\.+|[~～—–]|至)\s*|\s+")


class SerialsRefused(StockFault):
    """These are no numbers of cards, or not in that order."""

    default_code = "CF-7101"


@dataclass(frozen=True, slots=True, order=True)
class SerialRange:
    """The numbers from ``first`` to ``last``, both included, each ``prefix`` and ``digits`` digits."""

    prefix: str
    digits: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1

    @property
    def begins(self) -> str:
        """The first number as printed."""
        return f"{self.prefix}{self.first:0{self.digits}d}"

    @property
    def ends(self) -> str:
        """The last number as printed."""
        return f"{self.prefix}{self.last:0{self.digits}d}"

    def __str__(self) -> str:
        return self.begins if self.first == self.last else f"{self.begins}..{self.ends}"

    def same_series(self, other: SerialRange) -> bool:
        """Whether the numbers are of one kind and may follow one another."""
        return (self.prefix, self.digits) == (other.prefix, other.digits)

    def overlaps(self, other: SerialRange) -> bool:
        """Whether they have a number in common."""
        return self.same_series(other) and self.first <= other.last and other.first <= self.last

    def without(self, cut: SerialRange) -> tuple[SerialRange, ...]:
        """What is left of this when ``cut`` is taken out: none, one or two ranges."""
        if not self.overlaps(cut):
            return (self,)
        below, above = replace(self, last=cut.first - 1), replace(self, first=cut.last + 1)
        return tuple(one for one in (below, above) if one.count > 0)

    def within(self, other: SerialRange) -> SerialRange | None:
        """The part of this that lies in ``other``."""
        if not self.overlaps(other):
            return None
        return replace(self, first=max(self.first, other.first), last=min(self.last, other.last))


def serial_range(first: str, last: str = "") -> SerialRange:
    """From two numbers as printed or scanned; without ``last`` one number. Raises :class:`SerialsRefused`."""
    prefix, begins = _parts(first)
    other, ends = _parts(last) if last.strip() else (prefix, begins)
    if (prefix, len(begins)) != (other, len(ends)) or int(ends) < int(begins):
        raise _refused(f"{first} .. {last}", Text("the second number does not follow the first", "止号不接续起号"))
    found = SerialRange(prefix, len(begins), int(begins), int(ends))
    if found.count > MOST:
        raise _refused(str(found), Text(f"more than {MOST} cards", f"超过 {MOST} 张"))
    return found


def serial_ranges(words: Iterable[str]) -> tuple[SerialRange, ...]:
    """From texts such as ``A0001..A0200`` or ``A0001``; no number twice. Raises :class:`SerialsRefused`."""
    found: list[SerialRange] = []
    for word in words:
        parts = [part for part in _BETWEEN.split(word.strip()) if part]
        if not parts:
            continue
        if len(parts) > 2:
            raise _refused(word, Text("give the first and the last number", "请给出起号和止号"))
        one = serial_range(*parts)
        if any(one.overlaps(other) for other in found):
            raise _refused(word, Text("a number is given twice", "号码重复"))
        found.append(one)
    return joined(found)


def joined(ranges: Iterable[SerialRange]) -> tuple[SerialRange, ...]:
    """The same numbers in as few ranges as can be, lowest first."""
    whole: list[SerialRange] = []
    for one in sorted(ranges):
        if whole and whole[-1].same_series(one) and whole[-1].last + 1 == one.first:
            whole[-1] = replace(whole[-1], last=one.last)
        else:
            whole.append(one)
    return tuple(whole)


def lowest(ranges: Iterable[SerialRange], count: int) -> tuple[SerialRange, ...]:
    """The ``count`` lowest numbers of some ranges; fewer where there are not so many."""
    taken: list[SerialRange] = []
    for one in sorted(ranges):
        if count <= 0:
            break
        taken.append(replace(one, last=min(one.last, one.first + count - 1)))
        count -= taken[-1].count
    return tuple(taken)


def cards(ranges: Iterable[SerialRange]) -> int:
    """How many cards have these numbers."""
    return sum(one.count for one in ranges)


def listed(ranges: Iterable[SerialRange]) -> str:
    """For the record and for people: ``A0001..A0200, B7``; what :func:`unlisted` reads."""
    return ", ".join(map(str, joined(ranges)))


def unlisted(text: str) -> tuple[SerialRange, ...]:
    """The ranges of a record's text."""
    return serial_ranges(text.split(","))


def _parts(word: str) -> tuple[str, str]:
    found = _NUMBER.fullmatch(word.strip().upper())
    if found is None:
        raise _refused(
            word, Text("letters, digits, '.', '-' and '/', ending in digits", "应为字母、数字及 . - /，以数字结尾")
        )
    return found[1], found[2]


def _refused(what: str, why: Text) -> SerialsRefused:
    shown = what.strip()[:60]
    return SerialsRefused(
        Text(f"'{shown}' is no range of card numbers: {why.en}.", f"“{shown}”不是卡片号段：{why.zh}。"),
        do=Text("Scan or type the first and the last number.", "请扫描或输入起号与止号。"),
    )


__all__ = [
    "MOST",
    "SerialRange",
    "SerialsRefused",
    "cards",
    "joined",
    "listed",
    "lowest",
    "serial_range",
    "serial_ranges",
    "unlisted",
]
