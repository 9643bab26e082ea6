from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cardfab.face import FaceRefused, judge_photo
from cardfab.face.photo import open_photo
from cardfab.profile.face import FaceTemplate, PhotoRules

RULES = PhotoRules()


def _jpeg(colour: Any = "#ffffff", size: tuple[int, int] = (358, 441), mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "JPEG", **({"dpi": (350, 350)} | options))
    return file.getvalue()


@pytest.mark.parametrize("number", range(1, 9))
def test_the_example_portraits_pass(photos: Path, template: FaceTemplate, number: int) -> None:
    verdict = judge_photo((photos / f"p{number:02}.jpg").read_bytes(), template.photo_rules)
    assert verdict.ok, verdict.findings


def test_a_blue_background_is_refused_with_its_distance(photos: Path, template: FaceTemplate) -> None:
    verdict = judge_photo((photos / "bad-blue-background.jpg").read_bytes(), template.photo_rules)
    assert not verdict.ok
    assert len(verdict.findings) == 1
    assert verdict.measures is not None
    # RGB 66, 142, 218: the root of 189 squared, 113 squared and 37 squared.
    assert verdict.measures.mean == pytest.approx(223.3, abs=0.5)
    assert verdict.measures.colour == (66, 142, 218)
    assert "by 223, 208 more than the 15 allowed" in verdict.findings[0].en
    assert "208" in verdict.findings[0].zh


def test_a_wrong_size_and_resolution_are_told_together(photos: Path) -> None:
    verdict = judge_photo((photos / "bad-size.jpg").read_bytes(), RULES)
    told = " ".join(finding.en for finding in verdict.findings)
    assert "200 x 200" in told
    assert "72 dpi" in told


@pytest.mark.parametrize(("level", "ok"), [(255, True), (247, True), (245, False), (200, False)])
def test_white_has_a_limit(level: int, ok: bool) -> None:
    # A grey of level g is sqrt(3) * (255 - g) from white; the limit is 15.
    assert judge_photo(_jpeg((level, level, level)), RULES).ok is ok


def test_a_shadow_in_one_corner_is_seen(photo: bytes) -> None:
    picture = Image.open(io.BytesIO(photo))
    picture.paste("#909090", (0, 0, 24, 120))
    file = io.BytesIO()
    picture.save(file, "JPEG", dpi=(350, 350))
    verdict = judge_photo(file.getvalue(), RULES)
    assert verdict.measures is not None
    assert verdict.measures.p95 > RULES.background_p95
    assert "worst twentieth" in verdict.findings[0].en


def test_no_resolution_is_told() -> None:
    verdict = judge_photo(_jpeg(dpi=(0, 0)), RULES)
    assert [finding for finding in verdict.findings if "350 dpi" in finding.en]


def test_grey_and_ink_colours_are_refused() -> None:
    for mode, white in (("L", 255), ("CMYK", (0, 0, 0, 0))):
        verdict = judge_photo(_jpeg(white, mode=mode), RULES)
        assert any("RGB" in finding.en for finding in verdict.findings)
        with pytest.raises(FaceRefused):
            open_photo(_jpeg(white, mode=mode))


def test_a_turned_picture_is_told() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert any("turned" in finding.en for finding in judge_photo(_jpeg(exif=exif), RULES).findings)


def test_a_file_too_large_is_told() -> None:
    verdict = judge_photo(_jpeg() + bytes(41 * 1024), RULES)
    assert any("KB" in finding.en for finding in verdict.findings)


def test_bad_bytes_are_a_finding_never_an_error(photo: bytes) -> None:
    png = io.BytesIO()
    Image.new("RGB", (358, 441), "#ffffff").save(png, "PNG")
    for data in (b"", b"no picture", photo[: len(photo) // 2], photo[:300], png.getvalue(), bytes(5 * 1024 * 1024)):
        verdict = judge_photo(data, RULES)
        assert not verdict.ok
        assert verdict.measures is None
        assert len(verdict.findings) == 1
        assert "358" in verdict.findings[0].zh


def test_a_bomb_is_not_decoded(photo: bytes) -> None:
    # The frame header says 65 500 x 65 500; SOF0 is FF C0, length 2, precision 1, height 2, width 2.
    at = photo.index(b"\xff\xc0") + 5
    for side in (2_100, 12_000, 65_500):
        bomb = photo[:at] + side.to_bytes(2, "big") * 2 + photo[at + 4 :]
        verdict = judge_photo(bomb, RULES)
        assert not verdict.ok
        assert "pixels" in verdict.findings[0].en
