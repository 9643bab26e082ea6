# ruff: noqa: E501
"""Writes docs/fonts.md: which characters of GB 18030-2022 the fonts that set-up installs can draw, and which not.

    .venv/bin/python tools/font_coverage.py [--check]

The sets, by Unicode ranges. Level 1 with Amendment 1 (2023): U+4E00-9FFF and U+3400-4DBF, 27 584 characters. Level 2: level
1 and 196 characters of the Table of General Standard Chinese Characters, all in the extensions B to E. Level 3: all
extensions B to F in their entirety, as of Unicode 11 (the seven and four characters that later versions added to B and C are
not counted). Source: what the makers of fonts published of the standard (IBM/plex issue 526 with
K. Lunde, "The GB 18030-2022 Standard"; notofonts/noto-cjk issues 239 and 252); the standard itself was not at hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cardfab.face.fonts import FontBook  # noqa: E402

PAGE = ROOT / "docs" / "fonts.md"
FONTS = Path("/usr/share/fonts")
BLOCKS: Mapping[str, tuple[int, int, str]] = {
    "CJK Unified Ideographs": (0x4E00, 0x9FFF, "1"),
    "Extension A": (0x3400, 0x4DBF, "1"),
    "Extension B": (0x20000, 0x2A6D6, "3 (2)"),
    "Extension C": (0x2A700, 0x2B734, "3 (2)"),
    "Extension D": (0x2B740, 0x2B81D, "3 (2)"),
    "Extension E": (0x2B820, 0x2CEA1, "3 (2)"),
    "Extension F": (0x2CEB0, 0x2EBE0, "3"),
}
"""First, last, level; the 196 of level 2 lie in the blocks marked (2)."""


def missing_of(fonts: FontBook, first: int, last: int) -> list[int]:
    """The characters of a range that no font draws: by the character map and by ink, as a card is drawn."""
    return [code for code in range(first, last + 1) if fonts.check(chr(code), "sans")]


def spans(codes: list[int]) -> Iterator[str]:
    """Runs of codes as ``U+9FF0-9FFC``."""
    start = 0
    for at, code in enumerate(codes):
        if at + 1 == len(codes) or codes[at + 1] != code + 1:
            yield f"U+{codes[start]:04X}" if start == at else f"U+{codes[start]:04X}-{code:04X}"
            start = at + 1


def page(fonts: FontBook) -> str:
    """The page as Markdown."""
    rows, gaps, lost = [], [], dict.fromkeys(BLOCKS, 0)
    for name, (first, last, level) in BLOCKS.items():
        missing = missing_of(fonts, first, last)
        lost[name] = len(missing)
        whole = last - first + 1
        rows.append(
            f"| {name} | U+{first:04X}-{last:04X} | {level} | {whole} | {whole - len(missing)} | {len(missing)} |"
        )
        listed = list(spans(missing))
        gaps.append(f"- {name}: {', '.join(listed) if listed else 'none'}")
    second = [name for name, (_, _, level) in BLOCKS.items() if level == "3 (2)"]
    one = sum(lost[name] for name, (_, _, level) in BLOCKS.items() if level == "1")
    two = sum(lost[name] for name in second)
    said = (
        "All of the extensions B to E is drawn, so the 196 of level 2 are among what is drawn."
        if two == 0
        else f"Of the extensions B to E {two} are not drawn; which of the 196 of level 2 these may be was not looked up."
    )
    return TEMPLATE.format(rows="\n".join(rows), gaps="\n".join(gaps), one=one, said=said, three=sum(lost.values()))


TEMPLATE = """# Fonts, and what they can draw

Written by `tools/font_coverage.py`; a test writes it again and compares.

A card is drawn with Debian's `fonts-noto-cjk` (all usual characters) and, for rare ones, `fonts-hanazono` (HanaMinA, HanaMinB).
Set-up installs both. A character counts as drawn when a font's character map names a glyph for it that has ink; a character
that no font draws is refused before a blank is used (CF-3401), never printed as an empty box.

Uighur, Kazakh and Kirgiz in Arabic script and Tibetan script are drawn where a face template asks for them (`font = "arabic"`,
`font = "tibetan"`) with Debian's `fonts-noto-core` (12 MB to fetch, 42 MB on disk). Set-up does not install it: no template of
the package asks. Without it `cardfab profile lint` refuses such a template and names the package. Names in Latin letters and the
middle dot U+00B7 are in Noto Sans CJK.

## GB 18030-2022

Ranges: level 1 is U+4E00-9FFF and U+3400-4DBF (27 584 characters, with Amendment 1 of 2023); level 2 adds 196 characters of the
Table of General Standard Chinese Characters, which lie in the extensions B to E; level 3 adds the extensions B to F in their
entirety, as of Unicode 11. The standard itself was not at hand: the ranges are from what makers of fonts published of it (IBM/plex issue 526 with
K. Lunde, "The GB 18030-2022 Standard"; notofonts/noto-cjk issues 239 and 252). The 12 ideographs of the compatibility block, the
radicals and the other scripts of the standard are not counted here.

| block | range | level | characters | drawn | not drawn |
|---|---|---|---|---|---|
{rows}

Level 1: {one} not drawn. {said} Level 3 in all: {three} not drawn.

## Gaps

{gaps}
"""


def main() -> int:
    made = page(FontBook([FONTS]))
    if "--check" in sys.argv[1:]:
        if PAGE.read_text("utf-8") != made:
            print("docs/fonts.md is not what the fonts of this machine give: run tools/font_coverage.py")
            return 1
        return 0
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
