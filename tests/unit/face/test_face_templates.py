"""What a template can ask for beside words and a portrait: conditions, codes, scripts, a ghost, artwork."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cardfab.face import FaceRefused, FontBook, lint_face, render_side
from cardfab.face.crop import crop_photo, open_camera_picture, suggest_box
from cardfab.face.layout import holds
from cardfab.face.photo import judge_photo
from cardfab.profile.face import FaceTemplate
from cardfab.profile.loader import load
from tests.golden_faces import SOURCE, VALUES


def _face(name: str, side: str, **change: Any) -> FaceTemplate:
    data = load(SOURCE, "faces", name, FaceTemplate).model_dump()
    data[side].update(change)
    return FaceTemplate.model_validate(data)


@pytest.mark.parametrize("name", ["ssc2", "ssc3", "bank-side"])
def test_the_packaged_faces_have_no_fault(name: str, fonts: FontBook) -> None:
    assert lint_face(load(SOURCE, "faces", name, FaceTemplate), fonts) == ()


@pytest.mark.parametrize(
    ("when", "true"),
    [("sex", True), ("!sex", False), ("sex=2", True), ("sex=1", False), ("sex!=1", True), ("x", False)],
)
def test_a_condition(when: str, true: bool) -> None:
    assert holds(when, {"sex": "2"}) is true


def test_words_under_a_condition(photo: bytes, fonts: FontBook) -> None:
    front = load(SOURCE, "faces", "bank-side", FaceTemplate).front
    blacks = [render_side(front, {**VALUES, "sex": sex}, photo, fonts).black for sex in "129"]
    assert blacks[2].sum() < blacks[0].sum()
    assert not np.array_equal(blacks[0], blacks[1])


@pytest.mark.proof
@pytest.mark.parametrize("face", ["ssc3", "bank-side"])
def test_a_stranger_reads_the_code_of_the_card(face: str, fonts: FontBook, tmp_path: Path) -> None:
    back = load(SOURCE, "faces", face, FaceTemplate).back
    black = render_side(back, VALUES, None, fonts).black
    file = tmp_path / "back.png"
    Image.fromarray(np.where(black, np.uint8(0), np.uint8(255))).save(file)
    told = subprocess.run(["zbarimg", "--quiet", "--raw", str(file)], capture_output=True, text=True, check=False)
    assert "B60662735" in told.stdout.split()


def test_a_code_too_small_to_be_read_is_refused(fonts: FontBook) -> None:
    code = {"name": "c", "kind": "qr", "x": 66.4, "y": 36.0, "width": 5.0, "height": 5.0, "content": "x", "sample": "x"}
    assert any(one.where == "back.codes.0" for one in lint_face(_face("ssc3", "back", codes=[code]), fonts))


@pytest.mark.parametrize(("script", "text"), [("arabic", "ئۇيغۇر"), ("tibetan", "བོད་ཡིག")])
def test_a_script_without_its_font_names_the_package(script: str, text: str, fonts: FontBook, tmp_path: Path) -> None:
    words = [{"text": text, "x": 40.0, "y": 50.0, "size": 8.0, "font": script}]
    asks = _face("ssc2", "front", texts=words, fields=[])
    assert lint_face(asks, fonts) == ()
    bare = FontBook([Path("/usr/share/fonts/opentype/noto"), Path("/usr/share/fonts/truetype/hanazono")])
    assert any("fonts-noto-core" in one.what.en for one in lint_face(asks, bare))


def test_arabic_letters_are_joined_from_the_right(fonts: FontBook) -> None:
    joined = fonts.width("ئۇيغۇر", "arabic")
    apart = sum(fonts.width(letter, "arabic") for letter in "ئۇيغۇر")
    assert joined < 0.95 * apart


def test_a_camera_picture_becomes_a_portrait(photos: Path, template: FaceTemplate) -> None:
    rules = template.photo_rules
    camera = Image.new("RGB", (1200, 1082), "#ffffff")
    with Image.open(photos / "p02.jpg") as one:
        camera.paste(one.resize((716, 882)), (300, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise when shown
    data = _jpeg(camera.rotate(90, expand=True), exif)
    upright = open_camera_picture(data)
    assert upright.size == (1200, 1082)
    made = crop_photo(upright, suggest_box(upright, rules), rules)
    assert judge_photo(made, rules).ok
    assert rules.min_bytes <= len(made) <= rules.max_bytes
    with pytest.raises(FaceRefused, match="leaves the picture"):
        crop_photo(upright, (1000, 0, 358, 441), rules)


def test_a_head_too_low_or_aside_is_told(photos: Path, template: FaceTemplate) -> None:
    with Image.open(photos / "p02.jpg") as one:
        for move, said in (((0, 40), "top of the hair"), ((40, 0), "middle of the head")):
            moved = Image.new("RGB", one.size, "#ffffff")
            moved.paste(one, move)
            verdict = judge_photo(_jpeg(moved), template.photo_rules)
            assert any(said in finding.en for finding in verdict.findings), verdict


def _jpeg(picture: Image.Image, exif: Image.Exif | None = None) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=98, dpi=(350, 350), exif=exif or Image.Exif())
    return file.getvalue()
