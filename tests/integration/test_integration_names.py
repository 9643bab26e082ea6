"""Rare and long names: the chip gives them back exactly, the face shows exactly them, what no font draws is refused.

The face is read by a second pair of eyes: each character is drawn here with Pillow straight from a font file and looked
for in the black layer of the card that came out of the printer.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.printer import Card
from cardfab.simulator.rig import Rig
from tests.integration.conftest import EXAMPLES, RARE, STOCK, World

Grey = NDArray[np.float32]

PX = 300 / 25.4
LEFT, TOP = (1016 - 85.60 * PX) / 2, (648 - 53.98 * PX) / 2
NAME_MM = (24.6, 17.5, 60.6, 31.2)  # below the word 姓名, left of the photo, above the next caption
POINTS = 11.0
SCALES = tuple(percent / 100 for percent in range(100, 79, -1))
FINE = 4
LARGEST = 56
SAME = 0.99
FONTS = ("NotoSansCJK-Regular.ttc", "HanaMinA.ttf", "HanaMinB.ttf")

ALIKE = {
    "王": "玉主壬五土",
    "䶮": "龑䶯奠龚",
    "张": "弘弦涨帐弡",
    "𠅤": "卒京亨𠅥𠅣玄",
    "龘": "龖龍䶛",
    "龖": "龘龍䶜",
    "古": "占吉右石",
    "丽": "两雨而甫",
    "巴": "已巳邑色",
    "哈": "恰给洽合",
    "尔": "示不你乐",
    "·": ".-一",
    "阿": "啊何珂河",
    "卜": "十丨下卞",
    "力": "刀九刁万",
    "米": "来木未采",
    "提": "堤题促是",
    "艾": "爻芝文艺",
    "合": "台舍会令",
    "麦": "表夌青妻",
    "江": "汪红扛汗洹",
}


@cache
def font_files() -> tuple[Path, ...]:
    found = {path.name: path for path in sorted(Path("/usr/share/fonts").rglob("*")) if path.name in FONTS}
    assert set(found) == set(FONTS), "fonts-noto-cjk and fonts-hanazono are needed"
    return tuple(found[name] for name in FONTS)


@cache
def font(path: Path, pixels: float) -> ImageFont.FreeTypeFont:
    """The font, of a collection the one with the mainland forms."""
    member = next(
        (n for n in range(20 if path.suffix == ".ttc" else 1)
         if "CJK SC" in str(ImageFont.truetype(str(path), 20, index=n).getname()[0]) or path.suffix != ".ttc"),
        0,
    )  # fmt: skip
    return ImageFont.truetype(str(path), pixels, index=member)


@cache
def drawn_by(character: str) -> Path | None:
    """The first font that draws the character other than by its box for what it lacks."""
    for path in font_files():
        glyph, lacking = (font(path, 64).getmask(each) for each in (character, "\U000fffff"))
        if glyph.getbbox() and (glyph.size, bytes(glyph)) != (lacking.size, bytes(lacking)):
            return path
    return None


@cache
def glyph(character: str, em: float, shift: tuple[int, int]) -> Grey:
    """The character as black dots (1.0), cut to its ink, at a fraction ``shift`` / FINE of a dot."""
    path = drawn_by(character)
    assert path is not None, f"U+{ord(character):04X}"
    side = int(em * 2.2) * FINE
    sheet = Image.new("L", (side, side), 0)
    place = (int(em * 0.5) * FINE + shift[0], int(em * 1.5) * FINE + shift[1])
    ImageDraw.Draw(sheet).text(place, character, font=font(path, em * FINE), fill=255, anchor="ls")
    dots = np.asarray(sheet.reduce(FINE)) >= 128
    rows, columns = np.nonzero(dots)
    return dots[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(np.float32)


@dataclass(frozen=True)
class Seen:
    """Where a character was found best, and how alike it is there (1: the same)."""

    score: float
    x: int
    y: int
    width: int
    height: int


class Sheet:
    """Dots to look for characters in, by normalised correlation with a frame of two blank dots around each."""

    def __init__(self, dots: Grey) -> None:
        self.shape = dots.shape
        self.room = np.pad(dots, ((2, LARGEST), (2, LARGEST)))
        self.fourier = [-(-n // 32) * 32 for n in self.room.shape]  # the blank rim keeps the ends apart
        self.spectrum = np.fft.rfft2(self.room, self.fourier)  # of dots that are 0 or 1, so of their squares too

    def _sums(self, values: Grey) -> Grey:
        whole = np.fft.irfft2(self.spectrum * np.conj(np.fft.rfft2(values, self.fourier)), self.fourier)
        found: Grey = whole[: self.shape[0], : self.shape[1]].astype(np.float32)
        return found

    def likeness(self, pattern: Grey) -> Grey:
        framed = np.pad(pattern, 2)
        mean = self._sums(np.ones_like(framed)) / framed.size
        power = mean - mean * mean
        covariance = self._sums(framed - framed.mean()) / framed.size
        score: Grey = covariance / np.sqrt(np.maximum(power, 1e-6) * framed.var())
        score[power < 0.005] = -1
        return score

    def best(self, pattern: Grey) -> Seen:
        score = self.likeness(pattern)
        y, x = np.unravel_index(int(score.argmax()), score.shape)
        return Seen(float(score[y, x]), int(x), int(y), pattern.shape[1], pattern.shape[0])

    def find(self, character: str, em: float, step: int = 1) -> Seen:
        """To ``step`` quarters of a dot."""
        shifts = ((x, y) for x in range(0, FINE, step) for y in range(0, FINE, step))
        return max((self.best(glyph(character, em, shift)) for shift in shifts), key=lambda seen: seen.score)


def find_within(dots: Grey, character: str, em: float) -> Seen:
    """First roughly on the whole sheet, then finely where it is."""
    rough = Sheet(dots).best(glyph(character, em, (1, 2)))
    top, left = max(0, rough.y - 3), max(0, rough.x - 3)
    cell = dots[top : rough.y + rough.height + 4, left : rough.x + rough.width + 4]
    fine = Sheet(cell).find(character, em)
    return replace(fine, x=fine.x + left, y=fine.y + top)


def name_area(card: Card) -> Grey:
    """Where black resin lies in the name's part of the printed face, 1.0 where it does."""
    picture = np.asarray(card.compose("front"), np.uint8)
    left, top, right, bottom = NAME_MM
    part = picture[
        round(TOP + top * PX) : round(TOP + bottom * PX),
        round(LEFT + left * PX) : round(LEFT + right * PX),
    ]
    dots: Grey = (part == 0).all(axis=2).astype(np.float32)
    return dots


def printed_size(area: Grey, name: str) -> float:
    """The size in dots at which the name's first character stands there."""
    sizes = [POINTS / 72 * 300 * scale for scale in SCALES]
    return next((em for em in sizes if find_within(area, name[0], em).score > SAME), sizes[0])


def read_off(area: Grey, name: str, em: float) -> tuple[list[Seen], Grey]:
    """Find the name's characters one after another, each found place wiped; what ink is left over."""
    rest = area.copy()
    found: list[Seen] = []
    for character in name:
        seen = find_within(rest, character, em)
        found.append(seen)
        rest[max(0, seen.y - 1) : seen.y + seen.height + 1, max(0, seen.x - 1) : seen.x + seen.width + 1] = 0
    return found, rest


@pytest.fixture(scope="module")
def issued(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[Card, TrainingChip]]]:
    """Cards of the rare names by request, all made by one station on one rig."""
    folder = tmp_path_factory.mktemp("names") / "station"
    shutil.copytree(template, folder)
    with Rig([make_blank(serial=700 + n) for n in range(len(RARE))]) as rig:
        world = World(folder, rig)
        assert world.cli("stock", "receive", STOCK, "5").exit == 0
        said = world.cli("issue", *RARE, *world.devices())
        assert said.exit == 0, said.text
        cards = dict(zip(RARE, rig.output, strict=True))

        def card_of(request: str) -> tuple[Card, TrainingChip]:
            chip = cards[request].chip
            assert isinstance(chip, TrainingChip)
            return cards[request], chip

        yield card_of


@pytest.mark.proof
@pytest.mark.shows("rare and long names come back from the chip exactly (proof)")
@pytest.mark.parametrize(("request_id", "name"), RARE.items())
def test_the_chip_holds_the_name(
    request_id: str, name: str, issued: Callable[[str], tuple[Card, TrainingChip]]
) -> None:
    _, chip = issued(request_id)
    holder = chip.inspect()["DDF1/EF06"]
    items = {bytes.fromhex(value)[0]: bytes.fromhex(value) for value in holder.values()}
    first, second = items[0x09], items[0x4E]
    assert first[1] == len(first) - 2 == 30
    assert second[1] == len(second) - 2 == 20
    parts = [part[2:].rstrip(b"\x00") for part in (first, second)]
    for part in parts:
        part.decode("gb18030")  # no character is cut between the two
    assert b"".join(parts).decode("gb18030") == name


@pytest.mark.proof
@pytest.mark.shows("rare and long names appear on the face exactly (proof)")
@pytest.mark.parametrize(("request_id", "name"), RARE.items())
def test_the_face_shows_exactly_the_name(
    request_id: str, name: str, issued: Callable[[str], tuple[Card, TrainingChip]]
) -> None:
    card, _ = issued(request_id)
    area = name_area(card)
    assert area.any()
    em = printed_size(area, name)
    found, rest = read_off(area, name, em)
    for character, seen in zip(name, found, strict=True):
        assert seen.score > SAME, f"{character} of {name}: {seen}"
    # Nothing else is printed there.
    assert not rest.any(), f"{rest.sum():.0f} of {area.sum():.0f} black dots belong to no character"
    # They stand in the order of the name: by lines, then from left to right.
    middles = [(seen.x + seen.width / 2, seen.y + seen.height / 2) for seen in found]
    assert reading_order(name, middles, em) == name
    # In each place the right character beats every other one that looks like it.
    for place, (character, seen) in enumerate(zip(name, found, strict=True)):
        margin = int(em * 0.25)
        top, left = max(0, seen.y - margin), max(0, seen.x - margin)
        cell = area[top : seen.y + seen.height + margin, left : seen.x + seen.width + margin]
        sheet = Sheet(cell)
        own = sheet.find(character, em).score
        for other in {*ALIKE[character], *name[max(0, place - 2) : place + 3]} - {character}:
            if drawn_by(other) is not None:
                assert own > sheet.find(other, em, 2).score + 0.02, f"{character} of {name} is as like {other}"


def reading_order(name: str, middles: list[tuple[float, float]], em: float) -> str:
    """The characters by line and place. Equal ones may have been found in any order: that changes nothing."""
    lines: list[float] = []
    for _, y in sorted(middles, key=lambda middle: middle[1]):
        if not lines or y - lines[-1] > em * 0.6:
            lines.append(y)
    placed = [(min(range(len(lines)), key=lambda n: abs(lines[n] - y)), x, each)
              for (x, y), each in zip(middles, name, strict=True)]  # fmt: skip
    return "".join(each for _, _, each in sorted(placed))


@pytest.mark.proof
def test_the_reader_of_these_tests_can_tell_look_alikes() -> None:
    """The eyes themselves: a sheet with the wrong character on it is not read as the right one."""
    em = POINTS / 72 * 300
    for right, wrong in (("王", "玉"), ("龘", "龖"), ("江", "汪"), ("䶮", "龑")):
        sheet = Sheet(np.pad(glyph(wrong, em, (1, 1)), 20))
        assert sheet.find(wrong, em).score > sheet.find(right, em).score + 0.03


@pytest.fixture(scope="module")
def undrawable() -> str:
    """A CJK character of extension G that GB 18030 encodes and no font here draws."""
    found = next(chr(code) for code in range(0x30000, 0x31340) if drawn_by(chr(code)) is None)
    assert len(found.encode("gb18030")) == 4
    return found


@pytest.mark.proof
@pytest.mark.shows("a character that no installed font draws is an error before a blank is used (proof)")
def test_an_undrawable_character_is_refused_at_approval(station: World, undrawable: str, tmp_path: Path) -> None:
    header, *rows = (EXAMPLES / "requests.csv").read_text(encoding="utf-8-sig").splitlines()
    row = next(row for row in rows if "张𠅤" in row)
    row = row.replace("张𠅤", f"张{undrawable}").replace("R2026112100003", "R-UNDRAWABLE")
    (tmp_path / "one.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    (tmp_path / "photos").symlink_to(EXAMPLES / "photos")
    assert station.cli("request", "import", tmp_path / "one.csv").exit == 0
    before = station.books()
    said = station.cli("request", "approve", "R-UNDRAWABLE")
    assert said.exit == 3, said.text
    assert f"U+{ord(undrawable):04X}" in said.err
    assert "[CF-3401]" in said.err
    assert "No blank was used" in said.err
    assert station.books() == before
    assert station.state("R-UNDRAWABLE") not in ("QUEUED", "CLAIMED", "DONE")
    refused = station.cli("issue", "R-UNDRAWABLE")
    assert refused.exit in (3, 7), refused.text
    assert station.books() == before
    again = station.cli("request", "approve", "R-UNDRAWABLE")
    assert again.exit == 3
    preview = station.cli("face", "preview", "R-UNDRAWABLE", "--out", tmp_path / "preview")
    assert preview.exit == 3
    assert not (tmp_path / "preview").exists()
