from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from cardfab.face import FontBook, preview_pdf, preview_png, render_side
from cardfab.printer.raster import PrintSide
from cardfab.profile.face import FaceTemplate


@pytest.fixture
def sides(template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook) -> tuple[PrintSide, PrintSide]:
    return render_side(template.front, values, photo, fonts), render_side(template.back, values, None, fonts)


def test_png_has_round_corners_and_contacts(template: FaceTemplate, sides: tuple[PrintSide, PrintSide]) -> None:
    png = preview_png(sides[0], 856, template.front.masks)
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.size == (856, 540)
        assert picture.mode == "RGBA"
        assert picture.getpixel((0, 0))[3] == 0  # type: ignore[index]
        assert picture.getpixel((428, 270))[3] == 255  # type: ignore[index]
        red, _, blue, _ = picture.getpixel((150, 250))  # type: ignore[misc]
        assert red > blue + 60  # gold
        stripe = Image.open(io.BytesIO(preview_png(sides[1], 856, template.back.masks))).getpixel((428, 107))
        assert max(stripe[:3]) < 60  # type: ignore[index]


def test_png_without_masks_shows_the_print_alone(sides: tuple[PrintSide, PrintSide]) -> None:
    picture = np.asarray(Image.open(io.BytesIO(preview_png(sides[0], 856))))
    assert (picture[240:260, 140:160, :3] == 255).all()


@pytest.mark.proof
def test_pdf_has_both_sides_in_real_size_and_is_the_same_again(
    template: FaceTemplate, sides: tuple[PrintSide, PrintSide]
) -> None:
    pdf = preview_pdf(*sides, template)
    pages = PdfReader(io.BytesIO(pdf)).pages
    assert len(pages) == 2
    for page in pages:
        assert float(page.mediabox.width) / 72 * 25.4 == pytest.approx(85.60, abs=0.01)
        assert float(page.mediabox.height) / 72 * 25.4 == pytest.approx(53.98, abs=0.01)
    assert preview_pdf(*sides, template) == pdf
