"""Every face on every printer in both languages is as it was when it was looked at."""

from __future__ import annotations

import pytest
from PIL import Image

from cardfab.face import FontBook
from cardfab.profile.face import FaceTemplate, Language
from cardfab.profile.loader import load
from tests.golden_faces import GOLDEN, MOST, SOURCE, cases, difference, name_of, sheet


@pytest.mark.shows("Golden images per face and printer, in both languages (test)")
@pytest.mark.parametrize(
    ("face", "printer", "language"),
    [pytest.param(*one, marks=() if one[1].startswith("evolis") else pytest.mark.proof) for one in cases()],
)
def test_a_face_is_as_it_was_looked_at(face: str, printer: str, language: Language, fonts: FontBook) -> None:
    kept = GOLDEN / name_of(face, printer, language)
    assert kept.stat().st_size <= 60 * 1024
    made = sheet(load(SOURCE, "faces", face, FaceTemplate), printer, language, fonts)
    assert difference(made, Image.open(kept)) < MOST


@pytest.mark.parametrize("change", [{"y": 22.0}, {"x": 25.5}, {"size": 9.0}])
def test_a_line_that_moved_is_seen(change: dict[str, float], fonts: FontBook) -> None:
    face = load(SOURCE, "faces", "ssc2", FaceTemplate)
    data = face.model_dump()
    data["front"]["fields"] = [dict(data["front"]["fields"][0], **change), *data["front"]["fields"][1:]]
    moved = sheet(FaceTemplate.model_validate(data), "ipp-card", "zh", fonts)
    assert difference(moved, Image.open(GOLDEN / name_of("ssc2", "ipp-card", "zh"))) > MOST


def test_the_languages_differ(fonts: FontBook) -> None:
    one, other = (Image.open(GOLDEN / name_of("ssc3", "ipp-card", language)) for language in ("zh", "en"))
    assert difference(one, other) > MOST
