from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cardfab.face import FaceRefused, FontBook, render_side
from cardfab.face.canvas import EVOLIS
from cardfab.printer.raster import PrintSide
from cardfab.profile.face import FaceTemplate, Rect

CONTACTS = Rect(x=7.26, y=16.64, width=14.99, height=14.99)
LONG = "古丽巴哈尔·阿卜力米提艾合麦提江"


@pytest.fixture
def front(template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook) -> PrintSide:
    return render_side(template.front, values | {"name": LONG}, photo, fonts)


@pytest.fixture
def back(template: FaceTemplate, values: dict[str, str], fonts: FontBook) -> PrintSide:
    return render_side(template.back, values, None, fonts)


def _same(first: PrintSide, second: PrintSide) -> bool:
    layers = ("colour", "black", "overlay")
    return all(np.array_equal(getattr(first, layer), getattr(second, layer)) for layer in layers)


def test_size_and_types(front: PrintSide, back: PrintSide) -> None:
    for side in (front, back):
        assert side.colour.shape == (648, 1016, 3)
        assert (side.colour.dtype, side.black.dtype, side.overlay.dtype) == (np.uint8, np.bool_, np.bool_)


def test_nothing_on_the_chip_contacts(front: PrintSide) -> None:
    # Dots 89..265 x 202..378 of the canvas: 7.26-22.25 and 16.64-31.63 mm and the bleed of 2.5 and 5 dots.
    rows, columns = slice(202, 378), slice(89, 265)
    assert EVOLIS.window(CONTACTS)[0].start <= 202
    assert EVOLIS.window(CONTACTS)[1].stop >= 265
    assert (front.colour[rows, columns] == 255).all()
    assert not front.black[rows, columns].any()
    assert not front.overlay[rows, columns].any()


def test_nothing_on_stripe_and_signature_panel(back: PrintSide) -> None:
    stripe = slice(round(5.54 * 11.811 + 5), round(15.95 * 11.811 + 5))  # ISO/IEC 7811-2
    assert (back.colour[stripe] == 255).all()
    assert not back.black[stripe].any()
    assert not back.overlay[stripe].any()
    panel = EVOLIS.window(Rect(x=5, y=21, width=52, height=7.6))
    assert (back.colour[panel] == 255).all()
    assert not back.overlay[panel].any()


def test_varnish_covers_the_rest(front: PrintSide) -> None:
    # 14.99 mm are 177.05 dots: the mask reaches over the dots it begins and ends in.
    assert 177**2 <= (~front.overlay).sum() <= 179**2


@pytest.mark.parametrize("side", ["front", "back"])
def test_words_stay_inside_the_card(side: str, request: pytest.FixtureRequest) -> None:
    rows, columns = np.nonzero(request.getfixturevalue(side).black)
    assert columns.min() > EVOLIS.x(1)
    assert columns.max() < EVOLIS.x(84.6)
    assert rows.min() > EVOLIS.y(1)
    assert rows.max() < EVOLIS.y(52.98)


def test_black_text_leaves_no_trace_in_the_colours(
    template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    one = render_side(template.front, values, photo, fonts)
    other = render_side(template.front, values | {"name": LONG, "card_number": "X00000000"}, photo, fonts)
    assert np.array_equal(one.colour, other.colour)
    assert not np.array_equal(one.black, other.black)


def test_rare_names_are_drawn_as_themselves(
    template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    pictures = {
        name: render_side(template.front, values | {"name": name}, photo, fonts).black.tobytes()
        for name in ("王䶮", "王龑", "张𠅤", "张惠", "龘龖")
    }
    assert len(set(pictures.values())) == len(pictures)


def test_a_character_no_font_has_is_refused(
    template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    with pytest.raises(FaceRefused, match=r"U\+10FFFD"):
        render_side(template.front, values | {"name": "王\U0010fffd"}, photo, fonts)


def test_a_missing_value_and_a_missing_photo_are_refused(
    template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    with pytest.raises(FaceRefused, match="card_number"):
        render_side(template.front, {k: v for k, v in values.items() if k != "card_number"}, photo, fonts)
    with pytest.raises(FaceRefused, match="photo"):
        render_side(template.front, values, None, fonts)


def test_an_optional_value_may_be_missing(template: FaceTemplate, values: dict[str, str], fonts: FontBook) -> None:
    bare = render_side(template.back, {"pan": values["pan"]}, None, fonts)
    assert bare.black.sum() < render_side(template.back, values, None, fonts).black.sum()


def test_words_on_a_mask_are_refused_not_cut(
    template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    name = template.front.fields[0]
    for place in ({"x": 15.0}, {"x": 83.0}, {"y": 1.0}, {"x": 120.0}):
        wrong = template.front.model_copy(update={"fields": (name.model_copy(update=place),)})
        with pytest.raises(FaceRefused) as refused:
            render_side(wrong, values, photo, fonts)
        assert refused.value.code == "CF-3406"


def test_specimen_is_printed_into_the_colours_of_both_sides(
    template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    for side, picture in ((template.front, photo), (template.back, None)):
        with_mark = render_side(side, values, picture, fonts)
        without = render_side(side, values, picture, fonts, specimen=False)
        changed = (with_mark.colour != without.colour).any(axis=2)
        columns = np.nonzero(changed)[1]
        assert columns.max() - columns.min() > 50 * EVOLIS.per_mm  # across the face
        assert changed.mean() > 0.02
        assert np.array_equal(with_mark.black, without.black)


def test_the_photo_is_in_its_place_and_not_stretched(
    template: FaceTemplate, values: dict[str, str], fonts: FontBook
) -> None:
    disc = Image.new("RGB", (358, 441), "#ffffff")
    disc.paste("#c00000", (129, 170, 229, 270))  # a square of 100 px in the middle
    file = io.BytesIO()
    disc.save(file, "JPEG", quality=95, dpi=(350, 350))
    side = render_side(template.front, values, file.getvalue(), fonts, specimen=False)
    slot = side.colour[EVOLIS.window(Rect(x=61.6, y=3.0, width=20, height=25))]
    red = (slot[..., 0] > 150) & (slot[..., 1] < 90)
    rows, columns = np.nonzero(red)
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert abs(width - height) <= 1
    assert width == pytest.approx(100 * 295 / 441, abs=2)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(slot.shape[1] / 2, abs=2)


def test_a_tiny_photo_is_refused(template: FaceTemplate, values: dict[str, str], fonts: FontBook) -> None:
    file = io.BytesIO()
    Image.new("RGB", (90, 110), "#ffffff").save(file, "JPEG")
    with pytest.raises(FaceRefused, match="too small"):
        render_side(template.front, values, file.getvalue(), fonts)


def test_an_issuer_fills_a_picture_slot(
    template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (50, 100), (200, 0, 0, 255)).save(file, "PNG")
    side = render_side(template.front, values, photo, fonts, specimen=False, pictures={"emblem": file.getvalue()})
    slot = side.colour[EVOLIS.window(Rect(x=46.5, y=3.2, width=9, height=9))]
    red = (slot == (200, 0, 0)).all(axis=2)
    rows, columns = np.nonzero(red)
    assert np.ptp(rows) + 1 == pytest.approx(2 * (np.ptp(columns) + 1), abs=2)
    with pytest.raises(FaceRefused, match="emblem"):
        render_side(template.front, values, photo, fonts, pictures={"emblem": b"no picture"})


def test_the_same_card_is_the_same_in_every_dot(
    front: PrintSide, template: FaceTemplate, values: dict[str, str], photo: bytes, fonts: FontBook
) -> None:
    assert _same(front, render_side(template.front, values | {"name": LONG}, photo, fonts))
