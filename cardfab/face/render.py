"""A side of the card as the printer takes it: colour, black resin and varnish, masked.

The holder's words go to the black layer only, one bit a dot: composed of colours or smoothed they would leave a fringe
(facts, card printers 6, K extraction). The SPECIMEN mark is printed into the colour itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardfab.errors import Text
from cardfab.printer.raster import PrintSide
from cardfab.profile.face import CodeField, FaceSide, GhostPhoto, Language, Mask, PhotoSlot, TextField

from .artwork import SPECIMEN_COLOUR, blend
from .barcode import code_dots, content_of
from .canvas import EVOLIS, Canvas
from .fonts import FontBook
from .ground import Bits, Ground, ground_of, keep_off
from .ink import line_width, start_of, strip
from .layout import fit, holds, shaped
from .photo import crop_to, open_photo
from .refusal import FaceRefused

LARGEST_SCALE = 1.2
"""A portrait is not enlarged beyond this, counted at 300 dpi: a printer of 600 dpi shows no more of it."""
_PRINT_DPI = 300
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601."""


def render_side(
    side: FaceSide,
    values: Mapping[str, str],
    photo: bytes | None,
    fonts: FontBook,
    *,
    specimen: bool = True,
    canvas: Canvas = EVOLIS,
    pictures: Mapping[str, bytes] | None = None,
    language: Language = "zh",
) -> PrintSide:
    """Draw one side.

    ``values`` by field name (names of other sides are ignored), ``photo`` a JPEG for the side that has a slot for one,
    ``pictures`` PNG or JPEG files for picture slots. Only a production profile passes ``specimen=False``.
    Raises ``FaceRefused``: a character no font draws, words that do not fit, a value or the photo missing.
    """
    lines = [
        (field, fit(fonts, field, shaped(field, _value(field, values), language)))
        for field in side.fields
        if _has(field, values)
    ]
    given = pictures or {}
    ground = ground_of(
        side.artwork,
        side.masks,
        tuple(text for text in side.texts if holds(text.when, values)),
        side.specimen if specimen else None,
        tuple((slot, given[slot.name]) for slot in side.artwork.slots if slot.name in given),
        language,
        canvas,
        fonts,
    )
    colour, black = ground.colour.copy(), ground.black.copy()
    if side.photo is not None or side.ghost is not None:
        portrait = _portrait(photo)
        for slot in (side.ghost, side.photo):
            if slot is not None:
                _place_photo(colour, ground, slot, portrait, canvas)
        keep_off(colour, black, side.masks, canvas)
    for code in side.codes:
        if holds(code.when, values):
            _place_code(colour, black, code, content_of(code, values), side.masks, canvas)
    for field, fitted in lines:
        leading = field.leading * fitted.size / field.size
        for number, line in enumerate(fitted.lines):
            glyphs = fonts.glyphs(line, field.font)
            start = start_of(field.x, line_width(glyphs, fitted.size), field.align)
            drawn = strip(canvas, fonts, glyphs, x=start, y=field.y + number * leading, size=fitted.size)
            _lay(black, field.name, drawn.ink >= 128, drawn.window, side.masks, canvas)
    return PrintSide(colour=colour, black=black, overlay=ground.overlay)


def _has(field: TextField, values: Mapping[str, str]) -> bool:
    return holds(field.when, values) and (field.required or bool(values.get(field.name)))


def _value(field: TextField, values: Mapping[str, str]) -> str:
    value = values.get(field.name, "")
    if not value:
        raise FaceRefused(
            Text(f"The face needs a {field.name} and none was given.", f"卡面缺少“{field.name}”。"),
            do=Text("Complete the request and prepare the card again.", "请补全申请资料后重新准备。"),
            code="CF-3403",
        )
    return value


def _portrait(photo: bytes | None) -> Image.Image:
    if photo is None:
        raise FaceRefused(
            Text("The face needs a photo and none was given.", "卡面缺少照片。"),
            do=Text("Add the photo to the request.", "请在申请中补充照片。"),
            code="CF-3403",
        )
    return open_photo(photo)


def _place_photo(
    colour: NDArray[np.uint8], ground: Ground, slot: PhotoSlot, portrait: Image.Image, canvas: Canvas
) -> None:
    picture = crop_to(_cut(portrait, slot), slot.width / slot.height)
    left, top = round(canvas.x(slot.x)), round(canvas.y(slot.y))
    right, bottom = round(canvas.x(slot.right)), round(canvas.y(slot.bottom))
    size = right - left, bottom - top
    needed = slot.width * _PRINT_DPI / 25.4, slot.height * _PRINT_DPI / 25.4
    if needed[0] > picture.width * LARGEST_SCALE or needed[1] > picture.height * LARGEST_SCALE:
        raise FaceRefused(
            Text(
                f"The photo is too small: {picture.width} x {picture.height} px for "
                f"{needed[0]:.0f} x {needed[1]:.0f} dots.",
                f"照片过小：{picture.width}×{picture.height} 像素，而卡面需要 {needed[0]:.0f}×{needed[1]:.0f} 点。",
            ),
            do=Text("Take it again at 358 x 441 px.", "请按 358×441 像素重新拍摄。"),
            code="CF-3404",
        )
    pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    opacity = _rounded(size, slot.corner * canvas.per_mm)[..., None]
    if isinstance(slot, GhostPhoto):
        pixels = np.repeat((pixels @ _GREY)[..., None], 3, axis=2)
        opacity *= np.float32(slot.opacity)
    window = slice(top, bottom), slice(left, right)
    under = ground.under[window]
    mixed = under + (pixels - under) * opacity
    if ground.mark is not None:
        blend(mixed, SPECIMEN_COLOUR, ground.mark[window])
    colour[window] = np.rint(mixed)


def _cut(portrait: Image.Image, slot: PhotoSlot) -> Image.Image:
    width, height = portrait.size
    crop = slot.crop
    edges = (crop.x * width, crop.y * height, (crop.x + crop.width) * width, (crop.y + crop.height) * height)
    left, top, right, bottom = (round(edge) for edge in edges)
    return portrait.crop((left, top, right, bottom))


def _rounded(size: tuple[int, int], radius: float) -> NDArray[np.float32]:
    """Opacity of a rectangle with rounded corners, shape (height, width)."""
    across = np.abs(np.arange(size[0]) + 0.5 - size[0] / 2) - (size[0] / 2 - radius)
    down = np.abs(np.arange(size[1]) + 0.5 - size[1] / 2) - (size[1] / 2 - radius)
    outside = np.hypot(np.maximum(across, 0)[None, :], np.maximum(down, 0)[:, None])
    return np.clip(radius - outside + 0.5, 0, 1).astype(np.float32) if radius > 0 else np.ones_like(outside, np.float32)


def _place_code(
    colour: NDArray[np.uint8], black: Bits, code: CodeField, content: str, masks: tuple[Mask, ...], canvas: Canvas
) -> None:
    """A code in the middle of its rectangle, its quiet zone white."""
    dots = code_dots(code, content, canvas)
    top = round(canvas.y(code.y) + (code.height * canvas.per_mm - dots.shape[0]) / 2)
    left = round(canvas.x(code.x) + (code.width * canvas.per_mm - dots.shape[1]) / 2)
    window = slice(top, top + dots.shape[0]), slice(left, left + dots.shape[1])
    _lay(black, code.name, dots, window, masks, canvas)
    colour[window] = 255


def _lay(
    black: Bits, name: str, ink: Bits, window: tuple[slice, slice], masks: tuple[Mask, ...], canvas: Canvas
) -> None:
    """Print the black of one holder; no word is ever cut by a mask or by the edge of the card."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    beyond = rows.size == 0 or (
        window[1].start + columns[0] < canvas.left
        or window[1].start + columns[-1] >= canvas.width - canvas.left
        or window[0].start + rows[0] < canvas.top
        or window[0].start + rows[-1] >= canvas.height - canvas.top
    )
    if beyond or any("black" in mask.layers and _on(mask, ink, window, canvas) for mask in masks):
        raise FaceRefused(
            Text(
                f"The face template puts {name} beyond the card or on a masked part of it.",
                f"卡面模板把“{name}”放到了卡片之外或禁印区域内。",
            ),
            do=Text(
                "Correct the template: cardfab profile lint names the place.",
                "请用 cardfab profile lint 检查并修正模板。",
            ),
            code="CF-3406",
        )
    black[window] |= ink


def _on(mask: Mask, ink: Bits, window: tuple[slice, slice], canvas: Canvas) -> bool:
    """Whether some of the ink lies on a mask."""
    (above, below), (left, right) = (
        (max(0, masked.start - own.start), max(0, masked.stop - own.start))
        for masked, own in zip(canvas.window(mask), window, strict=True)
    )
    return bool(ink[above:below, left:right].any())
