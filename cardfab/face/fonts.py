"""Fonts by role, with fall-back for rare characters, and never an empty box.

A character is drawn only when a font's character map names a glyph for it that is not ``.notdef`` and has ink (spaces
aside). Everything measures with the advances of the font files, so raster and PDF agree to the last unit.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import ImageFont, features

from cardfab.errors import Text
from cardfab.profile.face import FontRole

from . import sfnt
from .refusal import FaceRefused

# Debian's fonts-noto-cjk and fonts-hanazono; the second name of a role is the same design as shipped by others.
_FILES: Mapping[str, tuple[str, ...]] = {
    "sans": ("NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf"),
    "sans-bold": ("NotoSansCJK-Bold.ttc", "NotoSansCJKsc-Bold.otf"),
    "serif": ("NotoSerifCJK-Regular.ttc", "NotoSerifCJKsc-Regular.otf"),
    "serif-bold": ("NotoSerifCJK-Bold.ttc", "NotoSerifCJKsc-Bold.otf"),
    "rare-a": ("HanaMinA.ttf",),
    "rare-b": ("HanaMinB.ttf",),
}
_FALL_BACK: Mapping[FontRole, tuple[str, ...]] = {
    "sans": ("sans", "rare-a", "rare-b"),
    "sans-bold": ("sans-bold", "sans", "rare-a", "rare-b"),
    "serif": ("serif", "rare-a", "rare-b", "sans"),
    "serif-bold": ("serif-bold", "serif", "rare-a", "rare-b", "sans"),
}
# Asked for by few templates: Debian's fonts-noto-core, which set-up does not install.
SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "arabic": ("NotoSansArabic-Regular.ttf",),
    "tibetan": ("NotoSerifTibetan-Regular.ttf",),
}
SCRIPT_PACKAGE = "fonts-noto-core"
_MEASURED = 1000.0
"""Pixels an em at which a joined line is measured."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character as one font draws it: glyph ``index`` of the font of a role, ``advance`` in em.

    Of a script that joins its letters the ``character`` is a whole line, and ``index`` is 0.
    """

    character: str
    font: str
    index: int
    advance: float


class _FontFile:
    """A font file, read when first asked for."""

    def __init__(self, path: Path, *, joined: bool = False) -> None:
        self.path = path
        self._layout = ImageFont.Layout.RAQM if joined else ImageFont.Layout.BASIC
        self._rasters: dict[float, ImageFont.FreeTypeFont] = {}

    @cached_property
    def member(self) -> int:
        """Which font of a collection draws the mainland forms (SC)."""
        families = [sfnt.read(self.path, number).family for number in range(sfnt.members(self.path))]
        return next((number for number, family in enumerate(families) if family.endswith("CJK SC")), 0)

    @cached_property
    def _tables(self) -> sfnt.Sfnt:
        return sfnt.read(self.path, self.member)

    def glyph(self, character: str) -> tuple[int, float] | None:
        """Index and advance in em of what the font draws for a character; None when it has nothing for it."""
        index = self._tables.glyph(character)
        if index == 0:
            return None
        if unicodedata.category(character) != "Zs" and self.raster(64).getmask(character).getbbox() is None:
            return None
        return index, self._tables.advance(index)

    def raster(self, pixels_per_em: float) -> ImageFont.FreeTypeFont:
        if pixels_per_em not in self._rasters:
            self._rasters[pixels_per_em] = ImageFont.truetype(
                str(self.path), pixels_per_em, index=self.member, layout_engine=self._layout
            )
        return self._rasters[pixels_per_em]


class FontBook:
    """The fonts found under some directories, by role.

    ``directories`` are searched with everything below them; the first file of a name wins. Building a book reads the
    directories only; a font is opened when it is first needed.
    """

    def __init__(self, directories: Iterable[Path]) -> None:
        files = {**_FILES, **SCRIPTS}
        wanted = {name for names in files.values() for name in names}
        paths: dict[str, Path] = {}
        for directory in directories:
            for path in sorted(directory.rglob("*")):
                if path.name in wanted:
                    paths.setdefault(path.name, path)
        self._files: dict[str, _FontFile] = {}
        for role, names in files.items():
            found = next((paths[name] for name in names if name in paths), None)
            if found is not None:
                self._files[role] = _FontFile(found, joined=role in SCRIPTS)
        self._known: dict[tuple[FontRole, str], Glyph | None] = {}
        self.pen = threading.RLock()
        """Held while a font is drawn or measured with: its library serves one thread at a time."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The file names, one a role, that were not found (``cardfab doctor`` tells them)."""
        return tuple(names[0] for role, names in _FILES.items() if role not in self._files)

    def has(self, role: FontRole) -> bool:
        """Whether a script can be drawn on this machine; the other roles are told by ``missing``."""
        return role not in SCRIPTS or (role in self._files and bool(features.check("raqm")))

    def check(self, text: str, role: FontRole = "sans") -> tuple[str, ...]:
        """The characters of ``text`` that no font can draw, each once, in their order."""
        return tuple(dict.fromkeys(each for each in text if self._find(each, role) is None))

    def glyphs(self, text: str, role: FontRole = "sans") -> tuple[Glyph, ...]:
        """A glyph for each character.

        Raises ``FaceRefused`` naming every character (U+XXXX) that no font can draw.
        """
        if not self._files:
            raise FaceRefused(
                Text("No font for Chinese text was found on this machine.", "本机没有找到中文字体。"),
                do=Text(
                    "Install the Debian packages fonts-noto-cjk and fonts-hanazono.",
                    "请安装 Debian 软件包 fonts-noto-cjk 和 fonts-hanazono。",
                ),
                code="CF-3405",
            )
        if not self.has(role):
            raise FaceRefused(
                Text(f"The font for {role} script is not on this machine.", f"本机没有 {role} 文字的字体。"),
                do=Text(f"Install the Debian package {SCRIPT_PACKAGE}.", f"请安装 Debian 软件包 {SCRIPT_PACKAGE}。"),
                code="CF-3405",
            )
        found = [self._find(each, role) for each in text]
        if None in found:
            lost = ", ".join(
                dict.fromkeys(f"U+{ord(each):04X}" for each, glyph in zip(text, found, strict=True) if glyph is None)
            )
            raise FaceRefused(
                Text(f"No font on this machine can draw {lost}.", f"本机没有字体能显示字符 {lost}。"),
                do=Text(
                    "No blank was used. Check the name against the identity document; if it is right, install a font "
                    "that has the character.",
                    "未使用空白卡。请对照身份证件核对姓名；如无误，请安装含有该字的字体。",
                ),
                code="CF-3401",
            )
        if role in SCRIPTS and text:
            with self.pen:
                return (Glyph(text, role, 0, self._files[role].raster(_MEASURED).getlength(text) / _MEASURED),)
        return tuple(glyph for glyph in found if glyph is not None)

    def width(self, text: str, role: FontRole = "sans") -> float:
        """The width of a line in em."""
        return sum(glyph.advance for glyph in self.glyphs(text, role))

    def file(self, glyph: Glyph) -> tuple[Path, int]:
        """Where a glyph comes from: the file and the member of its collection."""
        file = self._files[glyph.font]
        return file.path, file.member

    def raster(self, glyph: Glyph, pixels_per_em: float) -> ImageFont.FreeTypeFont:
        """The font of a glyph for Pillow to draw with."""
        return self._files[glyph.font].raster(pixels_per_em)

    def _find(self, character: str, role: FontRole) -> Glyph | None:
        key = (role, character)
        if key not in self._known:
            with self.pen:
                self._known[key] = self._search(character, role)
        return self._known[key]

    def _search(self, character: str, role: FontRole) -> Glyph | None:
        # Controls, formats, surrogates, private use, line separators: invisible, or no two fonts agree on them.
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
            return None
        for name in _FALL_BACK.get(role, (role,)):
            file = self._files.get(name)
            found = file.glyph(character) if file else None
            if found is not None:
                return Glyph(character, name, *found)
        return None
