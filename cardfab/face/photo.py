"""Portraits: decoded safely, judged by the rules of a profile, placed without distortion.

Requirement: 中华人民共和国社会保障卡制证用数字相片技术要求 (facts, social security card 6.3): 358 x 441 px,
350 dpi, 24-bit RGB, JPEG, plain white background, no border. It gives no number for "white": the profile does.
No program here finds a face: of the head the outline against the white background is measured, and nothing of the eyes.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cardfab.errors import Text
from cardfab.profile.face import PhotoRules

from .refusal import FaceRefused

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes; a larger file is not opened."""
LARGEST_PICTURE = 4_000_000
"""Pixels; a larger picture is not decoded."""
_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Head:
    """The outline of the head in pixels: first row, greatest width above the neck, and the middle of that width."""

    top: int
    width: int
    middle: float


@dataclass(frozen=True, slots=True)
class PhotoMeasures:
    """What was measured; ``mean`` and ``p95`` are RGB distances of the background from white, ``colour`` its mean.

    ``worst`` is the part of the border farthest from white: ``top``, ``left`` or ``right``.
    """

    width_px: int
    height_px: int
    dpi: float | None
    file_bytes: int
    mean: float
    p95: float
    colour: tuple[int, int, int]
    worst: str
    head: Head | None
    """None where no outline stands out from the background, or the profile does not ask for it."""


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
        if not findings:  # an outline says nothing where the background or the size is wrong
            findings = _head_findings(measures, rules)
    return PhotoVerdict(not findings, findings, measures)


def open_photo(jpeg: bytes) -> Image.Image:
    """The portrait as an RGB picture.

    Raises ``FaceRefused`` when the file is no JPEG, too large, broken off, or not in colour.
    """
    with _decode(jpeg) as picture:
        if picture.mode != "RGB":
            raise _refused("is not in 24-bit RGB colour", "不是 24 位 RGB 彩色图像")
        # Some cameras store a picture turned and say so; it is drawn as it is meant.
        return ImageOps.exif_transpose(picture).convert("RGB")


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
    white = float(distance.mean()) <= rules.background_mean  # before another ground no outline can be seen
    return PhotoMeasures(
        width_px=picture.size[0],
        height_px=picture.size[1],
        dpi=_dpi(picture),
        file_bytes=file_bytes,
        mean=float(distance.mean()),
        p95=float(np.percentile(distance, 95)),
        colour=(red, green, blue),
        worst=_worst(pixels, rules),
        head=find_head(pixels, rules.head.contrast) if white and rules.head else None,
    )


def _strips(width: int, height: int, rules: PhotoRules) -> dict[str, tuple[slice, slice]]:
    """The parts of the border that must be white."""
    depth, side = max(1, round(rules.border_depth * height)), max(1, round(rules.border_side * width))
    return {
        "top": (slice(0, max(1, round(rules.border_top * height))), slice(None)),
        "left": (slice(0, depth), slice(0, side)),
        "right": (slice(0, depth), slice(width - side, width)),
    }


def _worst(pixels: NDArray[np.float64], rules: PhotoRules) -> str:
    height, width = pixels.shape[:2]
    strips = _strips(width, height, rules)
    return max(strips, key=lambda name: float(((255.0 - pixels[strips[name]]) ** 2).sum(axis=2).mean()))


def find_head(pixels: NDArray[np.float64], contrast: float) -> Head | None:
    """The outline of what stands before the white, from its first row down to the neck.

    The neck is the narrowest row between the head and the lower edge of the picture: below the widest row of the upper
    two thirds, where the outline falls to less than 0.8 of it; without one (long hair) those two thirds are the head.
    """
    dark = np.sqrt(((255.0 - pixels) ** 2).sum(axis=2)) > contrast
    rows = np.flatnonzero(dark.sum(axis=1) >= 3)
    if rows.size == 0:
        return None
    height, width = dark.shape
    first = np.where(dark.any(axis=1), dark.argmax(axis=1), 0)
    last = np.where(dark.any(axis=1), width - 1 - dark[:, ::-1].argmax(axis=1), -1)
    span = last - first + 1
    top, limit = int(rows[0]), max(int(rows[0]) + 1, 2 * height // 3)
    widest, neck = top, limit
    for row in range(top, limit):
        if span[row] > span[widest]:
            widest = row
        elif span[row] < 0.8 * span[widest] and row - top > height // 5:
            neck = row
            break
    at = top + int(np.argmax(span[top:neck]))
    return Head(top, int(span[at]), (int(first[at]) + int(last[at])) / 2)


def _border(pixels: NDArray[np.float64], rules: PhotoRules) -> NDArray[np.float64]:
    """The pixels along the top and down both sides to above the shoulders, shape (n, 3)."""
    height, width = pixels.shape[:2]
    inside = np.zeros((height, width), dtype=np.bool_)
    for strip in _strips(width, height, rules).values():
        inside[strip] = True
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
                "The photo is stored turned. 'cardfab photo crop' turns it upright and saves it again.",
                "照片以旋转方式保存。请用 cardfab photo crop 转正后重新保存。",
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
            f"{'; '.join(each.en for each in over)}; most at the {_SIDES[measures.worst].en}. "
            f"Take the photo again before a white, evenly lit wall.",
            f"照片背景不是纯白色：平均颜色 RGB {red}、{green}、{blue}，与白色的距离"
            f"{'；'.join(each.zh for each in over)}；{_SIDES[measures.worst].zh}最明显。"
            f"请在光线均匀的白色背景前重新拍摄。",
        ),
    )


_SIDES = {"top": Text("top", "上方"), "left": Text("left", "左侧"), "right": Text("right", "右侧")}


def _head_findings(measures: PhotoMeasures, rules: PhotoRules) -> tuple[Text, ...]:
    if rules.head is None:
        return ()
    head = measures.head
    if head is None:
        return (
            Text("No head stands out from the background. Take the photo again.", "背景前看不到头部轮廓。请重新拍摄。"),
        )
    asked = (
        (Text("The top of the hair is at", "头顶距上边"), head.top, rules.head.top),
        (Text("The head (hair and ears included) is wide", "头部（含头发和耳朵）宽"), head.width, rules.head.width),
        (Text("The middle of the head is at", "头部中线距左边"), head.middle, rules.head.middle),
    )
    return tuple(
        Text(
            f"{what.en} {value:.0f} px and must be {low} to {high} px. Crop it anew with 'cardfab photo crop', "
            "or take it again.",
            f"{what.zh} {value:.0f} 像素，应为 {low}–{high} 像素。请用 cardfab photo crop 重新裁切，或重新拍摄。",
        )
        for what, value, (low, high) in asked
        if not low <= value <= high
    )
