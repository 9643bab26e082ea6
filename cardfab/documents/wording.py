"""Words and figures as every counter paper writes them."""

from __future__ import annotations

import re
import string
import unicodedata
from datetime import date, datetime

from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.face.layout import grouped
from cardfab.prepare.spoken import yuan

from .counter import Language, Words

NOTHING = "—"
_AGREED = frozenset(string.digits + string.ascii_uppercase + "*")


def said(words: Words, language: Language) -> str:
    """The words in one language."""
    return words.of(language) if isinstance(words, Text) else words


def titled(words: Words, language: Language) -> str:
    """The words as a label or heading begins: with a capital, where the language has one."""
    line = said(words, language)
    return line[:1].upper() + line[1:] if language == "en" else line


def signed_yuan(fen: int) -> str:
    """As ``yuan`` with its sign, nothing as a dash."""
    return NOTHING if fen == 0 else ("+" if fen > 0 else "") + yuan(fen)


def hidden(number: str) -> str:
    """A number with its middle starred: six and four of a long one stay, one and three of a card number."""
    head, tail = (6, 4) if len(number) >= 14 else (1, 3)
    if len(number) <= head + tail:
        return "*" * len(number)
    return number[:head] + "*" * (len(number) - head - tail) + number[-tail:]


def figures(number: str) -> str:
    """Eighteen places in 6-8-4, other long numbers in fours; another word as it is."""
    if not number or not set(number) <= _AGREED or len(number) < 12:
        return number
    return grouped(number, (6, 8, 4) if len(number) == 18 else (4,))


def day(when: date, language: Language) -> str:
    """``2026年11月21日`` or ``2026-11-21``."""
    return f"{when:%Y}年{when:%m}月{when:%d}日" if language == "zh" else when.isoformat()[:10]


def moment(when: datetime | None) -> str:
    """``2026-11-21 10:42:07``; what is no time as a dash."""
    return NOTHING if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def drawable(fonts: FontBook, text: str) -> str:
    """``text`` in one line, and every character that no font draws as ``[U+XXXX]``: a card may hold anything."""
    line = re.sub(r"[\s\x00]+", " ", text).strip()
    lost = frozenset(fonts.check(line))
    if not lost:
        return line
    return "".join(f"[U+{ord(each):04X}]" if each in lost else each for each in line)


def ideographic(character: str) -> bool:
    """Whether a character is as wide as a Chinese sign, so that a line may end beside it."""
    return unicodedata.east_asian_width(character) in {"W", "F"}
