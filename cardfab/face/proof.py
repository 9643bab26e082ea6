"""What a printer prints that is no card: a test face that shows how it prints, and a face marked as a proof."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cardfab.printer.raster import PrintSide
from cardfab.profile.face import CARD_HEIGHT_MM, CARD_WIDTH_MM, Rect

from .artwork import rgb
from .canvas import Canvas
from .fonts import FontBook
from .ink import coverage, line_width, start_of

PROOF = "校样 PROOF  非卡片 NOT A CARD"
TEST = "打印测试 PRINTER TEST  非卡片 NOT A CARD"
_BAND_MM = 5.0
_INKS = ("#ffff00", "#ff00ff", "#00ffff", "#ff0000", "#00a000", "#0000ff")
_SIZES = (5.0, 6.0, 7.0, 9.0, 12.0)
_SAMPLE = "姓名 龘龖张𠅤王䶮 440199 1951 Name"
_STEPS = 16
_CONTACTS = Rect(x=8.0, y=17.0, width=14.0, height=14.0)
"""ISO/IEC 7816-2 with room: neither ink nor varnish on a chip."""
_BESIDE_CHIP = 24.0

Bits = NDArray[np.bool_]


def marked_as_proof(side: PrintSide, canvas: Canvas, fonts: FontBook) -> PrintSide:
    """The same side between two black bands that say what it is; nothing in a template takes them away."""
    colour, black = side.colour.copy(), side.black.copy()
    for top in (0.0, CARD_HEIGHT_MM - _BAND_MM):
        _band(colour, black, top, PROOF, canvas, fonts)
    return PrintSide(colour, black, np.ones_like(side.overlay))


def trial_face(canvas: Canvas, fonts: FontBook, words: str) -> PrintSide:
    """Every ink solid and in steps, words of each size in black, millimetres along two edges, ``words`` at the foot."""
    colour = np.full((canvas.height, canvas.width, 3), 255, dtype=np.uint8)
    black = np.zeros((canvas.height, canvas.width), dtype=np.bool_)
    wide = (CARD_WIDTH_MM - 10.0) / len(_INKS)
    for number, ink in enumerate(_INKS):
        _fill(colour, 5.0 + number * wide, 7.5, wide - 1.0, 6.0, rgb(ink), canvas)
    step = (CARD_WIDTH_MM - _BESIDE_CHIP - 5.0) / _STEPS
    for row, ink in enumerate((*_INKS[:3], "#000000")):
        for number in range(_STEPS):
            share = number / (_STEPS - 1)
            shade = 255 + (rgb(ink) - 255) * share
            _fill(colour, _BESIDE_CHIP + number * step, 16.5 + row * 3.0, step, 2.6, shade, canvas)
    at = 31.0
    for size in _SIZES:
        at += size * 0.36 + 0.4
        _words(black, f"{size:g} {_SAMPLE}", 5.0, at, size, canvas, fonts)
    _rulers(black, canvas)
    _band(colour, black, 0.0, TEST, canvas, fonts)
    _words(black, words, CARD_WIDTH_MM / 2, CARD_HEIGHT_MM - 2.0, 5.0, canvas, fonts, align="centre")
    overlay = np.ones_like(black)
    overlay[canvas.window(_CONTACTS)] = False  # a blank of the stock may lie in the hopper
    return PrintSide(colour, black, overlay)


def _band(colour: NDArray[np.uint8], black: Bits, top: float, words: str, canvas: Canvas, fonts: FontBook) -> None:
    """White words on black from edge to edge."""
    first = 0 if top <= 0 else round(canvas.y(top))
    last = canvas.height if top + _BAND_MM >= CARD_HEIGHT_MM else round(canvas.y(top + _BAND_MM))
    letters = np.zeros_like(black)
    _words(letters, words, CARD_WIDTH_MM / 2, top + _BAND_MM * 0.7, 8.0, canvas, fonts, align="centre", role_bold=True)
    colour[first:last] = 255
    black[first:last] = ~letters[first:last]


def _words(
    black: Bits,
    words: str,
    x: float,
    y: float,
    size: float,
    canvas: Canvas,
    fonts: FontBook,
    *,
    align: str = "left",
    role_bold: bool = False,
) -> None:
    glyphs = fonts.glyphs(words, "sans-bold" if role_bold else "sans")
    start = start_of(x, line_width(glyphs, size), align)
    black |= coverage(canvas, fonts, glyphs, x=start, y=y, size=size) >= 128


def _fill(
    colour: NDArray[np.uint8], x: float, y: float, width: float, height: float, ink: NDArray[np.float32], canvas: Canvas
) -> None:
    rows = slice(round(canvas.y(y)), round(canvas.y(y + height)))
    colour[rows, round(canvas.x(x)) : round(canvas.x(x + width))] = np.rint(ink).astype(np.uint8)


def _rulers(black: Bits, canvas: Canvas) -> None:
    """A tick each millimetre along the left and the lower edge, a longer one each fifth."""
    for mm in range(1, int(CARD_HEIGHT_MM)):
        long = 2.5 if mm % 5 == 0 else 1.2
        row = round(canvas.y(mm))
        black[row : row + 2, round(canvas.x(0.5)) : round(canvas.x(0.5 + long))] = True
    for mm in range(1, int(CARD_WIDTH_MM)):
        long = 1.6 if mm % 5 == 0 else 0.8
        column = round(canvas.x(mm))
        black[round(canvas.y(CARD_HEIGHT_MM - long)) : round(canvas.y(CARD_HEIGHT_MM)), column : column + 2] = True
