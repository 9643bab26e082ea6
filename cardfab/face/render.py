"""A side of the card as the printer takes it: colour, black resin and varnish, masked.

The holder's words go to the black layer only, one bit a dot: composed of colours or smoothed they would leave a fringe
(facts, card printers 6, K extraction). The SPECIMEN mark is printed into the colour itself.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardfab.errors import Text
from cardfab.printer.raster import PrintSide
from cardfab.profile.face import FaceSide, FixedText, Mask, PhotoSlot, PictureSlot, TextField

from .artwork import blend, drawn, lay_specimen
from .canvas import EVOLIS, Canvas
from .fonts import FontBook
from .ink import coverage, line_width, start_of
from .layout import fit, shaped
from .photo import crop_to, open_photo
from .refusal import FaceRefused

LARGEST_SCALE = 1.2
"""A portrait is not enlarged beyond this (LOOK.md)."""

Bits = NDArray[np.bool_]


def render_side(
    side: FaceSide,
    values: Mapping[str, str],
    photo: bytes | None,
    fonts: FontBook,
    *,
    specimen: bool = True,
    canvas: Canvas = EVOLIS,
    pictures: Mapping[str, bytes] | None = None,
) -> PrintSide:
    """Draw one side.

    ``values`` by field name (names of other sides are ignored), ``photo`` a JPEG for the side that has a slot for one,
    ``pictures`` PNG or JPEG files for picture slots. Only a production profile passes ``specimen=False``.
    Raises ``FaceRefused``: a character no font draws, words that do not fit, a value or the photo missing.
    """
    lines = [
        (field, fit(fonts, field, shaped(field, _value(field, values)))) for field in side.fields if _has(field, values)
    ]

    colour = drawn(side.artwork, side.masks, canvas).copy()
    black = np.zeros((canvas.height, canvas.width), dtype=np.bool_)
    for slot in side.artwork.slots:
        if pictures and slot.name in pictures:
            _place_picture(colour, slot, pictures[slot.name], canvas)
    for text in side.texts:
        _place_text(colour, black, text, fonts, canvas)
    if side.photo is not None:
        _place_photo(colour, side.photo, photo, canvas)
    if specimen:
        lay_specimen(colour, side.specimen, canvas, fonts)

    for field, fitted in lines:
        leading = field.leading * fitted.size / field.size
        for number, line in enumerate(fitted.lines):
            glyphs = fonts.glyphs(line, field.font)
            start = start_of(field.x, line_width(glyphs, fitted.size), field.align)
            ink = coverage(canvas, fonts, glyphs, x=start, y=field.y + number * leading, size=fitted.size)
            _refuse_cut(field, ink >= 128, side.masks, canvas)
            black |= ink >= 128
    return _masked(np.rint(colour).astype(np.uint8), black, side.masks, canvas)


def _has(field: TextField, values: Mapping[str, str]) -> bool:
    return field.required or bool(values.get(field.name))


def _value(field: TextField, values: Mapping[str, str]) -> str:
    value = values.get(field.name, "")
    if not value:
        raise FaceRefused(
            Text(f"The face needs a {field.name} and none was given.", f"卡面缺少“{field.name}”。"),
            do=Text("Complete the request and prepare the card again.", "请补全申请资料后重新准备。"),
            code="CF-3403",
        )
    return value


def _place_text(colour: NDArray[np.float32], black: Bits, text: FixedText, fonts: FontBook, canvas: Canvas) -> None:
    glyphs = fonts.glyphs(text.text, text.font)
    start = start_of(text.x, line_width(glyphs, text.size, text.spacing), text.align)
    ink = coverage(canvas, fonts, glyphs, x=start, y=text.y, size=text.size, spacing=text.spacing)
    if text.colour is None:
        black |= ink >= 128
    else:
        blend(colour, text.colour, ink.astype(np.float32) / np.float32(255))


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


def _place_photo(colour: NDArray[np.float32], slot: PhotoSlot, photo: bytes | None, canvas: Canvas) -> None:
    if photo is None:
        raise FaceRefused(
            Text("The face needs a photo and none was given.", "卡面缺少照片。"),
            do=Text("Add the photo to the request.", "请在申请中补充照片。"),
            code="CF-3403",
        )
    picture = crop_to(open_photo(photo), slot.width / slot.height)
    left, top = round(canvas.x(slot.x)), round(canvas.y(slot.y))
    right, bottom = round(canvas.x(slot.right)), round(canvas.y(slot.bottom))
    size = right - left, bottom - top
    if size[0] > picture.width * LARGEST_SCALE or size[1] > picture.height * LARGEST_SCALE:
        raise FaceRefused(
            Text(
                f"The photo is too small: {picture.width} x {picture.height} px for {size[0]} x {size[1]} dots.",
                f"照片过小：{picture.width}×{picture.height} 像素，而卡面需要 {size[0]}×{size[1]} 点。",
            ),
            do=Text("Take it again at 358 x 441 px.", "请按 358×441 像素重新拍摄。"),
            code="CF-3404",
        )
    pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    ground = colour[top:bottom, left:right]
    ground += (pixels - ground) * _rounded(size, slot.corner * canvas.per_mm)[..., None]


def _rounded(size: tuple[int, int], radius: float) -> NDArray[np.float32]:
    """Opacity of a rectangle with rounded corners, shape (height, width)."""
    across = np.abs(np.arange(size[0]) + 0.5 - size[0] / 2) - (size[0] / 2 - radius)
    down = np.abs(np.arange(size[1]) + 0.5 - size[1] / 2) - (size[1] / 2 - radius)
    outside = np.hypot(np.maximum(across, 0)[None, :], np.maximum(down, 0)[:, None])
    return np.clip(radius - outside + 0.5, 0, 1).astype(np.float32) if radius > 0 else np.ones_like(outside, np.float32)


def _refuse_cut(field: TextField, ink: Bits, masks: tuple[Mask, ...], canvas: Canvas) -> None:
    """No word of a holder is ever cut by a mask or by the edge of the card."""
    rows, columns = np.nonzero(ink)
    beyond = rows.size == 0 or (
        columns.min() < canvas.left
        or columns.max() >= canvas.width - canvas.left
        or rows.min() < canvas.top
        or rows.max() >= canvas.height - canvas.top
    )
    if beyond or any("black" in mask.layers and ink[canvas.window(mask)].any() for mask in masks):
        raise FaceRefused(
            Text(
                f"The face template puts {field.name} beyond the card or on a masked part of it.",
                f"卡面模板把“{field.name}”放到了卡片之外或禁印区域内。",
            ),
            do=Text(
                "Correct the template: cardfab profile lint names the place.",
                "请用 cardfab profile lint 检查并修正模板。",
            ),
            code="CF-3406",
        )


def _masked(colour: NDArray[np.uint8], black: Bits, masks: tuple[Mask, ...], canvas: Canvas) -> PrintSide:
    overlay = np.ones((canvas.height, canvas.width), dtype=np.bool_)
    for mask in masks:
        window = canvas.window(mask)
        if "colour" in mask.layers:
            colour[window] = 255
        if "black" in mask.layers:
            black[window] = False
        if "overlay" in mask.layers:
            overlay[window] = False
    return PrintSide(colour=colour, black=black, overlay=overlay)
