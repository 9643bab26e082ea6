"""The 200 invented holders: every name is drawn whole, in the name field of each face."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from cardfab.face import FontBook
from cardfab.face.canvas import Canvas
from cardfab.face.ink import line_width, start_of, strip
from cardfab.face.layout import fit
from cardfab.profile.face import FaceTemplate
from cardfab.profile.loader import load
from tests.golden_faces import FACES, ROOT, SOURCE

COLUMNS, ROWS = 8, 25


def names() -> list[str]:
    with (ROOT / "tests/vectors/requests.csv").open(encoding="utf-8") as file:
        return [row["name"] for row in csv.DictReader(file)]


def drawn_sheet(face: FaceTemplate, fonts: FontBook) -> tuple[Image.Image, list[int]]:
    """All names in the name field, a cell each, and how many dots of ink each has."""
    field = next(one for one in face.front.fields if one.name == "name")
    canvas = Canvas()
    width, height = round((field.width + 3) * canvas.per_mm), round(14 * canvas.per_mm)
    whole, inks = Image.new("L", (COLUMNS * width, ROWS * height), 255), []
    for number, name in enumerate(names()):
        fitted = fit(fonts, field, name)
        assert "".join(fitted.lines) == name
        cell = Image.new("L", (width, height), 255)
        for at, line in enumerate(fitted.lines):
            glyphs = fonts.glyphs(line, field.font)
            assert line_width(glyphs, fitted.size) <= field.width + 1e-6
            start = start_of(1.0, line_width(glyphs, fitted.size), "left")
            ink = strip(canvas, fonts, glyphs, x=start, y=4.6 + at * field.leading, size=fitted.size)
            black = Image.fromarray(((ink.ink >= 128) * 255).astype("uint8"))
            cell.paste(0, (ink.left, ink.top), black)
        inks.append(cell.histogram()[0])
        whole.paste(cell, (number % COLUMNS * width, number // COLUMNS * height))
    return whole, inks


@pytest.mark.proof
@pytest.mark.shows("a sheet of the 200 names (proof)")
@pytest.mark.parametrize("face", FACES)
def test_every_name_is_drawn_whole(face: str, fonts: FontBook, tmp_path: Path) -> None:
    all_names = names()
    assert len(all_names) == COLUMNS * ROWS
    assert fonts.check("".join(all_names)) == ()
    whole, inks = drawn_sheet(load(SOURCE, "faces", face, FaceTemplate), fonts)
    whole.save(tmp_path / "names.png")
    assert all(ink > 60 * len(name) for ink, name in zip(inks, all_names, strict=True))


def test_an_empty_box_would_be_seen(fonts: FontBook) -> None:
    assert fonts.check("王\U0010fffd䶮") == ("\U0010fffd",)
