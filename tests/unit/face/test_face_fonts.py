from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from numpy.typing import NDArray
from PIL import ImageFont

from cardfab.errors import InputRefused
from cardfab.face import FaceRefused, FontBook, sfnt
from cardfab.face.canvas import EVOLIS
from cardfab.face.ink import coverage
from cardfab.profile.face import FontRole

NAMES = ["王䶮", "张𠅤", "龘龖", "欧阳㛃", "古丽巴哈尔·阿卜力米提艾合麦提江"]


def _ink(fonts: FontBook, text: str) -> NDArray[np.uint8]:
    return coverage(EVOLIS, fonts, fonts.glyphs(text), x=10, y=20, size=20)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_drawn_by_real_glyphs(fonts: FontBook, name: str) -> None:
    assert fonts.check(name) == ()
    assert "".join(glyph.character for glyph in fonts.glyphs(name)) == name
    assert all(glyph.index != 0 for glyph in fonts.glyphs(name))


@pytest.mark.parametrize("character", sorted(set("".join(NAMES)) - {"·"}))
def test_a_glyph_looks_unlike_the_empty_box(fonts: FontBook, character: str) -> None:
    glyph = fonts.glyphs(character)[0]
    font: ImageFont.FreeTypeFont = fonts.raster(glyph, 64)
    # What the same font draws for a character it has not: its .notdef.
    assert bytes(font.getmask("\U0010fffd")) != bytes(font.getmask(character))


def test_rare_signs_fall_back_and_differ_from_one_another(fonts: FontBook) -> None:
    pictures = {character: _ink(fonts, character).tobytes() for character in "龘龖䶮㛃𠅤𪚥𫝀"}
    assert len(set(pictures.values())) == len(pictures)
    assert fonts.glyphs("𫝀")[0].font.startswith("rare")


def test_bold_falls_back_to_a_font_that_has_the_sign(fonts: FontBook) -> None:
    assert [glyph.font for glyph in fonts.glyphs("张𪚥", "sans-bold")] == ["sans-bold", "rare-a"]


@pytest.mark.parametrize(
    "character", ["\U0010fffd", "\ue000", "\u200b", "\n", "\u202e", "\ufdd0", "\ud800", "\U000e0100"]
)
def test_what_cannot_be_drawn_is_named_and_refused(fonts: FontBook, character: str) -> None:
    assert fonts.check(f"王{character}王{character}") == (character,)
    with pytest.raises(FaceRefused, match=rf"U\+{ord(character):04X}") as refused:
        fonts.glyphs(f"王{character}")
    assert isinstance(refused.value, InputRefused)
    assert refused.value.code == "CF-3401"
    assert f"U+{ord(character):04X}" in refused.value.what.zh


def test_without_fonts_everything_is_refused(tmp_path: Path) -> None:
    bare = FontBook([tmp_path])
    assert bare.check("王") == ("王",)
    assert "NotoSansCJK-Regular.ttc" in bare.missing
    with pytest.raises(FaceRefused, match="No font"):
        bare.glyphs("王")


def test_the_mainland_forms_of_a_collection_are_used(fonts: FontBook) -> None:
    # 直 is drawn differently in Japan: the first member of the collection is Japanese.
    ours = fonts.raster(fonts.glyphs("直")[0], 64)
    assert ours.getname()[0] == "Noto Sans CJK SC"


@pytest.mark.parametrize("role", ["sans", "sans-bold", "serif", "serif-bold"])
def test_our_reading_of_a_font_agrees_with_a_font_library(fonts: FontBook, role: FontRole) -> None:
    text = "王䶮张𠅤龘龖欧阳㛃·A1 。"
    glyphs = fonts.glyphs(text, role)
    path, member = fonts.file(glyphs[0])
    with TTFont(path, fontNumber=member, lazy=True) as font:
        cmap, metrics, em = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
        for glyph in glyphs:
            if glyph.font == role:
                name = cmap[ord(glyph.character)]
                assert font.getGlyphID(name) == glyph.index
                assert metrics[name][0] / em == glyph.advance


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"no font at all, only words that go on and on", b"ttcf\0\1\0\0\0\0\0\1"):
        path = tmp_path / "NotoSansCJK-Regular.ttc"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a font"):
            sfnt.read(path)
