"""The portrait for the chip: its size, and that it fits."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cardfab.face import FaceRefused
from cardfab.face.chipphoto import chip_photo
from cardfab.profile.product import ChipPhoto

FILE = 4096  # EF08 of SSSE


@pytest.mark.parametrize("number", range(1, 9))
def test_every_example_fits_at_300_dpi(photos: Path, number: int) -> None:
    raw = chip_photo((photos / f"p{number:02}.jpg").read_bytes(), ChipPhoto(), FILE)
    assert len(raw) <= FILE
    with Image.open(io.BytesIO(raw)) as picture:
        # 26 x 32 mm at 300 dpi.
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (307, 378))


def test_more_room_is_used(photos: Path) -> None:
    jpeg = (photos / "p01.jpg").read_bytes()
    small, large = chip_photo(jpeg, ChipPhoto(), FILE), chip_photo(jpeg, ChipPhoto(), 3 * FILE)
    assert len(small) < len(large) <= 3 * FILE
    assert chip_photo(jpeg, ChipPhoto(), FILE) == small


def test_what_cannot_fit_is_refused() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (441, 358, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=95)
    with pytest.raises(
        FaceRefused, match=r"takes [0-9]+ bytes in the chip even at quality 40; its file has 4096"
    ) as no:
        chip_photo(file.getvalue(), ChipPhoto(least_quality=40), FILE)
    assert no.value.code == "CF-3407"


def test_uncompressed_it_could_not_be_held() -> None:
    form = ChipPhoto()
    assert round(form.width_mm * form.dpi / 25.4) * round(form.height_mm * form.dpi / 25.4) * 3 > 80 * FILE
