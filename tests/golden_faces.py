"""Faces as a printer's panels carry them, small, to be compared with the pictures in tests/golden.

.venv/bin/python -m tests.golden_faces      draws them anew: look at every one before it is kept
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardfab.face import FontBook, render_side
from cardfab.face.canvas import Canvas
from cardfab.printer.raster import COLOUR_PANELS, PrintSide, ink_levels, separate
from cardfab.profile.face import LANGUAGES, FaceTemplate, Language
from cardfab.profile.loader import load
from cardfab.profile.printer import EvolisProfile, PrinterProfile
from cardfab.resources import ProfileFolders

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
SOURCE = ProfileFolders((ROOT / "profiles",))
FACES = ("ssc2", "ssc3", "bank-side")
PRINTERS = ("evolis-ymcko", "matica-xid8600", "ipp-card")
WIDTH = 420
BLOCK = 6
MOST = 24.0
"""Levels of 255: the largest difference of the mean of a block; a stroke of text that moved makes more."""
VALUES: Mapping[str, str] = {
    "name": "古丽巴哈尔·阿卜力米提",
    "social_security_number": "440199195109028085",
    "card_number": "B60662735",
    "issued_on": "2026-11-21",
    "valid_until": "2036-11-21",
    "sex": "2",
    "bank_name": "示例银行（培训）",
    "pan": "6200009900000000017",
}
Picture = NDArray[np.uint8]


def cases() -> Iterator[tuple[str, str, Language]]:
    return ((face, printer, language) for face in FACES for printer in PRINTERS for language in LANGUAGES)


def name_of(face: str, printer: str, language: Language) -> str:
    return f"{face}-{printer}-{language}.png"


def printed(side: PrintSide, printer: str) -> Picture:
    """The colours that the ink of the panels makes, landscape; of IPP the side itself."""
    profile = load(SOURCE, "printers", printer, PrinterProfile).printer
    if profile.family == "ipp":
        light = side.colour.copy()
    elif isinstance(profile, EvolisProfile):
        panels = separate(side, levels=profile.bitmap.levels)
        ink = np.stack([np.rot90(one) for one in (panels.cyan, panels.magenta, panels.yellow)], axis=-1)
        light = (255 - ink.astype(np.float32) * 255 / 127).round().astype(np.uint8)
    else:
        planes = {name: ink_levels(side, name, ((0, 0), (1, 1)), 255, black_panel=True) for name in COLOUR_PANELS}
        light = 255 - np.stack([planes[name] for name in "cmy"], axis=-1)
    light[side.black] = 17
    return light


def sheet(template: FaceTemplate, printer: str, language: Language, fonts: FontBook) -> Image.Image:
    """Both sides, one over the other."""
    dots = load(SOURCE, "printers", printer, PrinterProfile).canvas
    canvas = Canvas(dots.width, dots.height, dots.dpi)
    photo = (ROOT / "examples/photos/p01.jpg").read_bytes()
    height = round(WIDTH * 53.98 / 85.6)
    whole = Image.new("RGB", (WIDTH, 2 * height + BLOCK), "#ffffff")
    for number, side in enumerate((template.front, template.back)):
        drawn = render_side(side, VALUES, photo, fonts, canvas=canvas, language=language)
        small = Image.fromarray(printed(drawn, printer)).resize((WIDTH, height), Image.Resampling.LANCZOS)
        whole.paste(small, (0, number * (height + BLOCK)))
    # Few colours, as the kept pictures have them.
    return whole.quantize(96, dither=Image.Dither.NONE)


def difference(one: Image.Image, other: Image.Image) -> float:
    """The largest difference of the mean of a block of pixels, in any of the three colours."""
    first, second = (np.asarray(picture.convert("RGB"), dtype=np.float32) for picture in (one, other))
    if first.shape != second.shape:
        return 255.0
    apart = first - second
    rows, columns = (side // BLOCK * BLOCK for side in apart.shape[:2])
    blocks = apart[:rows, :columns].reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK, 3).mean(axis=(1, 3))
    return float(np.abs(blocks).max())


def packed(picture: Image.Image) -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    book = FontBook([Path("/usr/share/fonts")])
    GOLDEN.mkdir(exist_ok=True)
    for case in cases():
        made = sheet(load(SOURCE, "faces", case[0], FaceTemplate), case[1], case[2], book)
        (GOLDEN / name_of(*case)).write_bytes(packed(made))
