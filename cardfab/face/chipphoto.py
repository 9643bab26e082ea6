"""The portrait as the photo file of the chip takes it (人社信息函[2012]37号, 8.1.4 and table 15)."""

from __future__ import annotations

import io

from PIL import Image

from cardfab.errors import Text
from cardfab.face.photo import crop_to, open_photo
from cardfab.face.refusal import FaceRefused
from cardfab.profile.product import ChipPhoto

_INCH = 25.4


def chip_photo(jpeg: bytes, form: ChipPhoto, most: int) -> bytes:
    """A JPEG of at most ``most`` bytes in the size of ``form``, in the best quality that fits.

    Raises FaceRefused (CF-3407) when the portrait does not fit even in the least quality, and as ``open_photo`` does.
    """
    width, height = (round(side * form.dpi / _INCH) for side in (form.width_mm, form.height_mm))
    picture = crop_to(open_photo(jpeg), width / height).resize((width, height), Image.Resampling.LANCZOS)
    low, high = form.least_quality, 95
    best = _written(picture, low, form.dpi)
    if len(best) > most:
        raise FaceRefused(
            Text(
                f"The photo of {width} x {height} px takes {len(best)} bytes in the chip even at quality {low}; "
                f"its file has {most}.",
                f"{width}×{height} 像素的照片在质量 {low} 时仍占 {len(best)} 字节，芯片照片文件只有 {most} 字节。",
            ),
            do=Text("Lower dpi or least_quality in the product.", "请在产品配置中降低 dpi 或 least_quality。"),
            code="CF-3407",
        )
    while low < high:
        middle = (low + high + 1) // 2
        written = _written(picture, middle, form.dpi)
        if len(written) <= most:
            low, best = middle, written
        else:
            high = middle - 1
    return best


def _written(picture: Image.Image, quality: int, dpi: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True, dpi=(dpi, dpi))
    return out.getvalue()
