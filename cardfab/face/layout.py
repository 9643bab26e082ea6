"""Fitting the words of a field: shrink to 80 % at most, then wrap, then refuse (LOOK.md, "Card face")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from cardfab.errors import Text
from cardfab.profile.face import FontRole, Language, TextField

from .canvas import MM_PER_POINT
from .fonts import SCRIPTS, FontBook
from .refusal import FaceRefused

SMALLEST = 0.80
_SCALES = tuple(percent / 100 for percent in range(100, round(SMALLEST * 100) - 1, -1))
_PARTERS = "·•・ ，。、；：？！"  # a line is best broken after these
_NEVER_FIRST = _PARTERS + "）》”’"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The lines of a field and the size (points) at which they all fit."""

    lines: tuple[str, ...]
    size: float


def holds(when: str | None, values: Mapping[str, str]) -> bool:
    """Whether a condition of a template is true of the values of a card."""
    if when is None:
        return True
    name, equal, wanted = when.partition("=")
    if equal:
        return (values.get(name.rstrip("!"), "") == wanted) is not name.endswith("!")
    return bool(values.get(name.lstrip("!"))) is not name.startswith("!")


def shaped(field: TextField, value: str, language: Language = "zh") -> str:
    """A value in the form its field asks for (dates, groups of figures).

    Raises ``FaceRefused`` when a date is none.
    """
    if field.form != "text":
        match = re.fullmatch(r"(\d{4})-?(\d{2})-?(\d{2})", value)
        if match is None:
            raise FaceRefused(
                Text(f"The {field.name} {value!r} is not a date.", f"“{field.name}”的值 {value!r} 不是日期。"),
                do=Text("Give it as 2026-11-21.", "请按 2026-11-21 的格式填写。"),
                code="CF-3403",
            )
        year, month, day = match.groups()
        if field.form == "month":
            return f"{month}/{year[2:]}"
        if language == "en":
            return f"{year}-{month}-{day}"
        return f"{year}年{month}月{day}日"
    if field.groups:
        return grouped(value, field.groups)
    return value


def grouped(figures: str, groups: Sequence[int]) -> str:
    """Figures in groups, ``(6, 8, 4)`` or ``(4,)``; the last size repeats until nothing is left."""
    parts: list[str] = []
    at = 0
    while at < len(figures):
        size = groups[min(len(parts), len(groups) - 1)]
        parts.append(figures[at : at + size])
        at += size
    return " ".join(parts)


def fit(fonts: FontBook, field: TextField, text: str) -> Fitted:
    """The lines and size at which ``text`` stands in ``field``; whole words of the text, nothing added or lost.

    Raises ``FaceRefused`` when a character cannot be drawn or the text is too long even wrapped at 80 %.
    """
    return fit_text(
        fonts, text, font=field.font, size=field.size, width=field.width, lines=field.lines, what=field.name
    )


def fit_text(
    fonts: FontBook,
    text: str,
    *,
    font: FontRole,
    size: float,
    width: float,
    lines: int,
    what: str,
    shrink: bool = True,
) -> Fitted:
    """As ``fit``: ``size`` in points, ``width`` in millimetres, ``what`` names the text in a refusal.

    ``shrink=False`` keeps the size and only wraps, for running text.
    """
    scales = _SCALES if shrink else (1.0,)
    if font in SCRIPTS:
        lines = 1
    room = width / (size * MM_PER_POINT)
    advances = tuple(glyph.advance for glyph in fonts.glyphs(text, font))
    natural = sum(advances)
    if natural * scales[-1] <= room:
        return Fitted((text,), size * min(1.0, room / natural) if natural else size)
    # Few lines rather than many, then broken between words rather than within one, then large rather than small.
    for count, anywhere, scale in product(range(2, lines + 1), (False, True), scales):
        broken = _break(text, advances, room / scale, count, anywhere=anywhere)
        if broken is not None:
            return Fitted(broken, size * scale)
    raise FaceRefused(
        Text(
            f"The {what} does not fit: {len(text)} characters, even wrapped at {scales[-1]:.0%}.",
            f"“{what}”共 {len(text)} 个字符，按 {scales[-1]:.0%} 字号换行后仍放不下。",
        ),
        do=Text(
            "No blank was used. Check the entry; if it is right, use a face template with a wider field.",
            "未使用空白卡。请核对内容；如无误，请换用字段更宽的卡面模板。",
        ),
        code="CF-3402",
    )


def _break(
    text: str, advances: tuple[float, ...], room: float, lines: int, *, anywhere: bool
) -> tuple[str, ...] | None:
    """The most even lines, at most ``lines``, none wider than ``room``; None if there are none."""

    @cache
    def best(start: int, left: int) -> tuple[float, tuple[str, ...]] | None:
        rest = sum(advances[start:])
        if rest <= room:
            return (room - rest) ** 2, (text[start:],)
        if left == 1:
            return None
        found: tuple[float, tuple[str, ...]] | None = None
        width = 0.0
        for end in range(start + 1, len(text)):
            width += advances[end - 1]
            if width > room:
                break
            if _breaks(text[end - 1], text[end], anywhere=anywhere):
                after = best(end, left - 1)
                if after is not None and (found is None or (room - width) ** 2 + after[0] < found[0]):
                    found = (room - width) ** 2 + after[0], (text[start:end], *after[1])
        return found

    answer = best(0, lines)
    return answer[1] if answer else None


def _breaks(before: str, after: str, *, anywhere: bool) -> bool:
    """Whether a line may end between two characters: after a parter; ``anywhere`` also between two Chinese signs."""
    if before in _PARTERS:
        return True
    return anywhere and after not in _NEVER_FIRST and not (before.isascii() and after.isascii())
