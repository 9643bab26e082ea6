"""Portraits: decoded safely, judged by the rules of a profile, placed without distortion.

Requirement: 中华人民共和国社会保障卡制证用数字相片技术要求 (facts, social security card 6.3): 358 x 441 px,
350 dpi, 24-bit RGB, JPEG, plain white background, no border. It gives no number for "white": the profile does.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardfab.errors import Text
from cardfab.profile.face import PhotoRules

from .refusal import FaceRefused

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes; a larger file is not opened."""
LARGEST_PICTURE = 4_000_000
"""Pixels; a larger picture is not decoded."""
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class PhotoMeasures:
    """What was measured; ``mean`` and ``p95`` are RGB distances of the background from white, ``colour`` its mean."""

    width_px: int
    height_px: int
    dpi: float | None
    file_bytes: int
    mean: float
    p95: float
    colour: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PhotoVerdict:
    """``ok`` when nothing was found; each finding says what is wrong, by how much, and what to do."""

    ok: bool
    findings: tuple[Text, ...]
    measures: PhotoMeasures | None


def judge_photo(jpeg: bytes, rules: PhotoRules) -> PhotoVerdict:
    """Judge a portrait; never raises on bad bytes: a file that cannot be decoded has one finding and no measures."""
    try:
        picture = _decode(jpeg)
    except FaceRefused as refused:
        sentence = Text(refused.what.en, refused.what.zh)
        if refused.do is not None:
            sentence = Text(f"{sentence.en} {refused.do.en}", f"{sentence.zh}{refused.do.zh}")
        return PhotoVerdict(False, (sentence,), None)
    with picture:
        measures = _measure(picture, len(jpeg), rules)
        findings = _form(picture, measures, rules) + _background(measures, rules)
    return PhotoVerdict(not findings, findings, measures)


def open_photo(jpeg: bytes) -> Image.Image:
    """The portrait as an RGB picture.

    Raises ``FaceRefused`` when the file is no JPEG, too large, broken off, or not in colour.
    """
    with _decode(jpeg) as picture:
        if picture.mode != "RGB":
            raise _refused("is not in 24-bit RGB colour", "不是 24 位 RGB 彩色图像")
        return picture.copy()


def crop_to(picture: Image.Image, ratio: float) -> Image.Image:
    """The middle of a picture in the ratio width : height of a slot; nothing is stretched."""
    width, height = picture.size
    if width > height * ratio:
        kept = height * ratio
        return picture.crop((round((width - kept) / 2), 0, round((width + kept) / 2), height))
    kept = width / ratio
    return picture.crop((0, round((height - kept) / 2), width, round((height + kept) / 2)))


def _refused(en: str, zh: str) -> FaceRefused:
    return FaceRefused(
        Text(f"The photo {en}.", f"照片{zh}。"),
        do=Text(
            "Take it again or export it again as a JPEG of 358 x 441 px in RGB.",
            "请重新拍摄，或重新导出为 358×441 像素的 RGB JPEG 文件。",
        ),
        code="CF-3404",
    )


def _decode(jpeg: bytes) -> Image.Image:
    if len(jpeg) > LARGEST_FILE:
        raise _refused(f"file has {len(jpeg)} bytes", f"文件有 {len(jpeg)} 字节，过大")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
            width, height = picture.size
            if width * height > LARGEST_PICTURE:
                raise _refused(f"has {width} x {height} pixels, too many", f"为 {width}×{height} 像素，过大")
            picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise _refused("has far too many pixels", "像素过多") from bomb
    except (OSError, SyntaxError, ValueError) as broken:
        raise _refused("is not a whole JPEG file", "不是完整的 JPEG 文件") from broken
    return picture


def _measure(picture: Image.Image, file_bytes: int, rules: PhotoRules) -> PhotoMeasures:
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float64)
    border = _border(pixels, rules)
    distance = np.sqrt(((255.0 - border) ** 2).sum(axis=1))
    red, green, blue = (round(float(band)) for band in border.mean(axis=0))
    return PhotoMeasures(
        width_px=picture.size[0],
        height_px=picture.size[1],
        dpi=_dpi(picture),
        file_bytes=file_bytes,
        mean=float(distance.mean()),
        p95=float(np.percentile(distance, 95)),
        colour=(red, green, blue),
    )


def _border(pixels: NDArray[np.float64], rules: PhotoRules) -> NDArray[np.float64]:
    """The pixels along the top and down both sides to above the shoulders, shape (n, 3)."""
    height, width = pixels.shape[:2]
    inside = np.zeros((height, width), dtype=np.bool_)
    depth, side = max(1, round(rules.border_depth * height)), max(1, round(rules.border_side * width))
    inside[: max(1, round(rules.border_top * height)), :] = True
    inside[:depth, :side] = True
    inside[:depth, -side:] = True
    return pixels[inside]


def _dpi(picture: Image.Image) -> float | None:
    dpi = picture.info.get("dpi")
    return float(dpi[0]) if dpi else None


def _form(picture: Image.Image, measures: PhotoMeasures, rules: PhotoRules) -> tuple[Text, ...]:
    found: list[Text] = []
    if (measures.width_px, measures.height_px) != (rules.width_px, rules.height_px):
        found.append(
            Text(
                f"The photo is {measures.width_px} x {measures.height_px} px and must be "
                f"{rules.width_px} x {rules.height_px} px. Crop or take it again; do not enlarge a smaller one.",
                f"照片为 {measures.width_px}×{measures.height_px} 像素，应为 {rules.width_px}×{rules.height_px} 像素。"
                "请重新裁切或拍摄，不要放大小图。",
            )
        )
    if measures.dpi is None or abs(measures.dpi - rules.dpi) > 1:
        told = (
            Text("does not say its resolution", "未注明分辨率")
            if measures.dpi is None
            else Text(f"says {measures.dpi:.0f} dpi", f"注明的分辨率为 {measures.dpi:.0f} dpi")
        )
        found.append(
            Text(
                f"The photo {told.en} and must say {rules.dpi} dpi. Export it again at {rules.dpi} dpi.",
                f"照片{told.zh}，应为 {rules.dpi} dpi。请按 {rules.dpi} dpi 重新导出。",
            )
        )
    if picture.mode != "RGB":
        found.append(
            Text(
                f"The photo is in {picture.mode} and must be 24-bit RGB. Export it again in RGB colour.",
                f"照片的颜色模式为 {picture.mode}，应为 24 位 RGB。请按 RGB 彩色重新导出。",
            )
        )
    if picture.getexif().get(_ORIENTATION, 1) != 1:
        found.append(
            Text(
                "The photo is stored turned. Turn it upright and save it again.",
                "照片以旋转方式保存。请转正后重新保存。",
            )
        )
    if not rules.min_bytes <= measures.file_bytes <= rules.max_bytes:
        found.append(
            Text(
                f"The photo file has {measures.file_bytes / 1024:.1f} KB and must have {rules.min_bytes / 1024:.0f} to "
                f"{rules.max_bytes / 1024:.0f} KB. Export it again at JPEG quality 70.",
                f"照片文件为 {measures.file_bytes / 1024:.1f} KB，应为 {rules.min_bytes / 1024:.0f}–"
                f"{rules.max_bytes / 1024:.0f} KB。请以 JPEG 质量 70 重新导出。",
            )
        )
    return tuple(found)


def _background(measures: PhotoMeasures, rules: PhotoRules) -> tuple[Text, ...]:
    if measures.mean <= rules.background_mean and measures.p95 <= rules.background_p95:
        return ()
    over = [
        Text(
            f"{name.en} by {value:.0f}, {value - limit:.0f} more than the {limit:.0f} allowed",
            f"{name.zh} {value:.0f}，超出上限 {limit:.0f} 达 {value - limit:.0f}",
        )
        for name, value, limit in (
            (Text("on average", "平均"), measures.mean, rules.background_mean),
            (Text("in its worst twentieth", "最差的二十分之一处"), measures.p95, rules.background_p95),
        )
        if value > limit
    ]
    red, green, blue = measures.colour
    return (
        Text(
            f"The background is not plain white: mean colour RGB {red}, {green}, {blue}, away from white "
            f"{'; '.join(each.en for each in over)}. Take the photo again before a white, evenly lit wall.",
            f"照片背景不是纯白色：平均颜色 RGB {red}、{green}、{blue}，与白色的距离"
            f"{'；'.join(each.zh for each in over)}。请在光线均匀的白色背景前重新拍摄。",
        ),
    )
