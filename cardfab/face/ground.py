"""The same on every card of a batch: ground, the issuer's pictures, fixed words, the mark, masks. Drawn once."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardfab.errors import Text
from cardfab.profile.face import Artwork, FixedText, Language, Mask, PictureSlot, SpecimenPlace

from .artwork import blend, drawn, lay_specimen, specimen_mark
from .canvas import Canvas
from .fonts import FontBook
from .ink import fixed_line, start_of, strip
from .refusal import FaceRefused

Bits = NDArray[np.bool_]
Picture = tuple[PictureSlot, bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """``colour`` is finished but for the portrait; ``under`` is all under the SPECIMEN mark. All are read-only."""

    colour: NDArray[np.uint8]
    under: NDArray[np.float32]
    mark: NDArray[np.float32] | None
    black: Bits
    overlay: Bits


@lru_cache(maxsize=4)
def ground_of(
    artwork: Artwork,
    masks: tuple[Mask, ...],
    texts: tuple[FixedText, ...],
    specimen: SpecimenPlace | None,
    pictures: tuple[Picture, ...],
    language: Language,
    canvas: Canvas,
    fonts: FontBook,
) -> Ground:
    """The ground of a side; four are kept: both sides on two printers."""
    under = drawn(artwork, masks, canvas).copy()
    black = np.zeros((canvas.height, canvas.width), dtype=np.bool_)
    for slot, data in pictures:
        _place_picture(under, slot, data, canvas)
    for text in texts:
        _place_text(under, black, text, fonts, canvas, language)
    whole, mark = under, None
    if specimen is not None:
        whole, mark = under.copy(), specimen_mark(specimen, canvas, fonts)
        lay_specimen(whole, mark)
    made = Ground(np.rint(whole).astype(np.uint8), under, mark, black, np.ones_like(black))
    keep_off(made.colour, made.black, masks, canvas)
    for mask in masks:
        if "overlay" in mask.layers:
            made.overlay[canvas.window(mask)] = False
    for plane in (made.colour, made.under, made.black, made.overlay):
        plane.flags.writeable = False
    return made


def keep_off(colour: NDArray[np.uint8], black: Bits, masks: tuple[Mask, ...], canvas: Canvas) -> None:
    """Take colour and black off the masks, in place."""
    for mask in masks:
        window = canvas.window(mask)
        if "colour" in mask.layers:
            colour[window] = 255
        if "black" in mask.layers:
            black[window] = False


def _place_text(
    colour: NDArray[np.float32], black: Bits, text: FixedText, fonts: FontBook, canvas: Canvas, language: Language
) -> None:
    glyphs = fonts.glyphs(text.said(language), text.font)
    size, spacing, width = fixed_line(text, glyphs)
    line = strip(canvas, fonts, glyphs, x=start_of(text.x, width, text.align), y=text.y, size=size, spacing=spacing)
    if text.colour is None:
        black[line.window] |= line.ink >= 128
    else:
        blend(colour[line.window], text.colour, line.ink.astype(np.float32) / np.float32(255))


def _place_picture(colour: NDArray[np.float32], slot: PictureSlot, data: bytes, canvas: Canvas) -> None:
    """A picture of the issuer, whole, in the middle of its slot, its transparency kept."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            picture = opened.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as broken:
        raise FaceRefused(
            Text(f"The picture for {slot.name} cannot be read.", f"“{slot.name}”的图片无法读取。"),
            do=Text("Give a PNG or JPEG file.", "请提供 PNG 或 JPEG 文件。"),
            code="CF-3404",
        ) from broken
    room = (slot.width * canvas.per_mm, slot.height * canvas.per_mm)
    scale = min(room[0] / picture.width, room[1] / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    left = round(canvas.x(slot.x) + (room[0] - size[0]) / 2)
    top = round(canvas.y(slot.y) + (room[1] - size[1]) / 2)
    ground = colour[top : top + size[1], left : left + size[0]]
    ground += (pixels[..., :3] - ground) * (pixels[..., 3:] / 255)
