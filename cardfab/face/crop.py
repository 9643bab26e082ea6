"""From a camera's picture to the portrait that a card takes: turned upright, cropped by the numbers, saved to size."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from cardfab.errors import Text
from cardfab.profile.face import HeadRules, PhotoRules

from .photo import find_head
from .refusal import FaceRefused

LARGEST_CAMERA_FILE = 30 * 1024 * 1024
LARGEST_CAMERA_PICTURE = 60_000_000
"""Bytes and pixels of a camera's picture; more is not opened."""
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of the upright picture."""


def open_camera_picture(data: bytes) -> Image.Image:
    """A JPEG or PNG as an upright RGB picture; size is judged before anything is decoded.

    Raises ``FaceRefused`` (CF-3404).
    """
    if len(data) > LARGEST_CAMERA_FILE:
        raise _refused(f"file has {len(data)} bytes", f"文件有 {len(data)} 字节，过大")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
            width, height = picture.size
            if width * height > LARGEST_CAMERA_PICTURE:
                raise _refused(f"has {width} x {height} pixels, too many", f"为 {width}×{height} 像素，过大")
            picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise _refused("has far too many pixels", "像素过多") from bomb
    except (OSError, SyntaxError, ValueError) as broken:
        raise _refused("is not a whole JPEG or PNG file", "不是完整的 JPEG 或 PNG 文件") from broken
    if picture.mode not in ("RGB", "RGBA", "P"):
        raise _refused(f"is in {picture.mode}, not in RGB colour", f"颜色模式为 {picture.mode}，不是 RGB 彩色")
    upright = ImageOps.exif_transpose(picture)
    upright.info.clear()  # a comment or a profile would go along into what is written of it
    if upright.mode == "RGB":
        return upright
    flat = Image.new("RGB", upright.size, "#ffffff")
    clear = upright.convert("RGBA")
    flat.paste(clear, mask=clear.getchannel("A"))
    return flat


def suggest_box(picture: Image.Image, rules: PhotoRules) -> Box:
    """The box that brings the outline of the head to the middle of what the rules allow.

    Raises ``FaceRefused`` where no head stands out from the background.
    """
    wanted = rules.head or HeadRules()
    head = find_head(np.asarray(picture, dtype=np.float64), wanted.contrast)
    if head is None:
        raise _refused("shows no head that stands out from the background", "背景前看不到头部轮廓")
    scale = head.width / (sum(wanted.width) / 2)
    box = (
        round(head.middle - scale * sum(wanted.middle) / 2),
        round(head.top - scale * sum(wanted.top) / 2),
        round(scale * rules.width_px),
        round(scale * rules.height_px),
    )
    return box


def crop_photo(picture: Image.Image, box: Box, rules: PhotoRules) -> bytes:
    """The part of a picture as a JPEG of the size, resolution and file size that the rules ask for.

    A box that leaves the picture, is of another ratio, or too small to be printed without enlarging is refused with
    ``FaceRefused``.
    """
    x, y, width, height = box
    if width < 1 or height < 1 or abs(width / height - rules.width_px / rules.height_px) > 0.01:
        raise _refused(
            f"box must be as {rules.width_px} to {rules.height_px}",
            f"裁切框比例应为 {rules.width_px}:{rules.height_px}",
        )
    if x < 0 or y < 0 or x + width > picture.width or y + height > picture.height:
        raise _refused(
            f"box {x},{y},{width},{height} leaves the picture of {picture.width} x {picture.height} px",
            f"裁切框 {x},{y},{width},{height} 超出 {picture.width}×{picture.height} 像素的图像",
        )
    if rules.width_px > 1.2 * width:
        raise _refused(f"box is only {width} px wide and would be enlarged", f"裁切框宽仅 {width} 像素，不能放大")
    part = picture.crop((x, y, x + width, y + height))
    return _saved(part.resize((rules.width_px, rules.height_px), Image.Resampling.LANCZOS), rules)


def _saved(picture: Image.Image, rules: PhotoRules) -> bytes:
    """At quality 70, as the requirement says; else the nearest quality whose file has a size that is allowed."""
    best = b""
    for quality in sorted(range(40, 101), key=lambda one: abs(one - 70)):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, dpi=(rules.dpi, rules.dpi), subsampling=0 if quality > 90 else 2)
        best = file.getvalue()
        if rules.min_bytes <= len(best) <= rules.max_bytes:
            return best
    raise _refused(
        f"takes {len(best) / 1024:.1f} KB and no quality brings it to {rules.min_bytes // 1024} to "
        f"{rules.max_bytes // 1024} KB",
        f"在任何质量下都不在 {rules.min_bytes // 1024}–{rules.max_bytes // 1024} KB 之间",
    )


def _refused(en: str, zh: str) -> FaceRefused:
    return FaceRefused(
        Text(f"The photo {en}.", f"照片{zh}。"),
        do=Text(
            "Give --box x,y,w,h by hand, or take it again: whole head and shoulders before a white wall.",
            "请用 --box x,y,w,h 手工指定，或在白色背景前重新拍摄完整的头肩像。",
        ),
        code="CF-3404",
    )
