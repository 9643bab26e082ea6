"""Ink becomes colour, metal and plastic are where ISO 7810 and 7816-2 say, ink on contacts is counted."""

from __future__ import annotations

import numpy as np
import pytest

from cardfab.simulator.printer import Card, draw
from cardfab.simulator.printer.geometry import contact_area, contact_boxes


class NoChip:
    atr = b""

    def power_on(self) -> bytes:
        return b""

    def power_off(self) -> None: ...

    def transmit(self, apdu: bytes, /) -> bytes:
        return b""


@pytest.fixture
def card() -> Card:
    return Card(1, NoChip())


def full(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((648, 1016), value, np.uint8)


@pytest.mark.parametrize(
    ("inks", "colour"),
    [
        ("", (255, 255, 255)),
        ("y", (255, 255, 0)),
        ("m", (255, 0, 255)),
        ("c", (0, 255, 255)),
        ("ym", (255, 0, 0)),
        ("yc", (0, 255, 0)),
        ("mc", (0, 0, 255)),
        ("yk", (0, 0, 0)),
        ("o", (255, 255, 255)),
    ],
)
def test_dyes_take_light_away(card: Card, inks: str, colour: tuple[int, int, int]) -> None:
    for panel in inks:
        assert card.front.add(panel, full(255))
    assert card.compose().getpixel((500, 300)) == colour
    assert card.compose().size == (1016, 648)


def test_half_the_dye_takes_half_the_light(card: Card) -> None:
    card.front.add("m", full(100))
    assert card.compose().getpixel((0, 0)) == (255, 155, 255)


def test_contacts_lie_where_iso_7816_2_puts_them() -> None:
    boxes = contact_boxes()
    assert len(boxes) == 8
    scale = 300 / 25.4
    c1 = boxes[0]  # 10.25..12.25 by 19.23..20.93 mm; the card begins 2.5 and 5.2 px within the raster
    assert (c1.left - 2.49) / scale <= 10.25 <= (c1.left + 1 - 2.49) / scale
    assert (c1.bottom - 1 - 5.22) / scale <= 20.93 <= (c1.bottom - 5.22) / scale
    area = contact_area()
    assert (area.left, area.top) == (c1.left, c1.top)
    assert 86 <= area.left < area.right <= 263  # within the keep-out that card makers print around
    assert 197 <= area.top < area.bottom <= 374


def test_ink_on_contacts_is_counted_by_pixel(card: Card) -> None:
    area = contact_area()
    plane = full(255)
    plane[area.top : area.bottom, area.left : area.right] = 0
    card.front.add("c", plane)
    card.back.add("k", full(255))
    assert card.ink_on_contacts == 0
    dots = full(0)
    dots[area.top, area.left] = dots[area.bottom - 1, area.right - 1] = 255
    dots[area.bottom, area.right] = 255
    card.front.add("k", dots)
    assert card.ink_on_contacts == 2
    assert card.varnish_on_contacts == 0
    card.front.add("o", full(255))
    assert card.varnish_on_contacts == (area.bottom - area.top) * (area.right - area.left)
    assert card.ink_on_contacts == 2


def test_a_person_sees_plastic_with_round_corners_and_metal(card: Card) -> None:
    card.front.add("c", full(255))
    front, back = np.asarray(draw(card)), np.asarray(draw(card, "back"))
    assert front.shape == back.shape == (638 + 56, 1011 + 56, 4)
    assert front[300 + 28, 28 + 600].tolist() == [0, 255, 255, 255]
    assert back[300 + 28, 28 + 600].tolist() == [255, 255, 255, 255]
    assert front[28 + 2, 28 + 2, 3] < 128  # the corner is round
    assert front[28 + 2, 28 + 500, 3] == 255
    assert back[28 + 280, 28 + 178].tolist() == [255, 255, 255, 255]  # no chip on the back


def test_clean_metal_is_gold_and_inked_metal_is_not(card: Card) -> None:
    red, green, blue, _ = np.asarray(draw(card))[28 + 280, 28 + 178].tolist()
    assert red > green > blue > 50
    card.front.add("k", full(255))
    assert np.asarray(draw(card))[28 + 280, 28 + 178].tolist() == [0, 0, 0, 255]
