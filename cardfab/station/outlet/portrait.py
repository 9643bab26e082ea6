"""The portrait of a case: the camera's picture taken in safely, cropped by numbers, judged by the rules of the face.

A picture is decoded only after its size and kind were judged by content, never by its name, and kept as a fresh JPEG
of moderate size: what else was in the file (place, device, a program) does not get in.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from cardfab.errors import InputRefused, Text
from cardfab.face.crop import Box, crop_photo, open_camera_picture, suggest_box
from cardfab.face.photo import PhotoVerdict, judge_photo
from cardfab.face.refusal import FaceRefused
from cardfab.production import Act
from cardfab.profile.face import PhotoRules
from cardfab.station.desk import Desk
from cardfab.station.intake import photo_on_file
from cardfab.station.outlet.cases import Case, change, holder_number, open_part, request_of, seal_part

_LONGEST_SIDE = 1600
"""Pixels of a picture as it is kept; a portrait needs a fourth of that."""
_SIGNS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


class NoPicture(InputRefused):
    """There is no picture to work on, or the file is none."""

    default_code = "CF-3314"


def rules_of(desk: Desk) -> PhotoRules:
    """What a portrait must be: one serves any product of the station, so the first product's face says."""
    return desk.product(min(desk.codes().bank_product)).face.photo_rules


def take_picture(desk: Desk, case: Case, data: bytes) -> Case:
    """Keep a picture of a camera and cut the portrait where the head is. Raises FaceRefused, :class:`NoPicture`.

    A file that is a portrait to the last byte already is kept as it is.
    """
    desk.must(Act.ISSUE)
    if not data.startswith(_SIGNS):
        raise NoPicture(
            Text("The file is neither a JPEG nor a PNG picture.", "该文件不是 JPEG 或 PNG 图片。"),
            do=Text("Choose the photo itself.", "请选择照片文件。"),
        )
    rules = rules_of(desk)
    picture = open_camera_picture(data)
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    kept = io.BytesIO()
    picture.save(kept, "JPEG", quality=92)
    portrait = data if judge_photo(data, rules).ok else _cut(picture, _first_box(picture, rules), rules)
    return change(
        desk,
        case,
        picture=seal_part(desk, case.row, "picture", kept.getvalue()),
        portrait=seal_part(desk, case.row, "portrait", portrait),
    )


def crop(desk: Desk, case: Case, box: Box) -> Case:
    """Cut the portrait anew, ``box`` in pixels of the kept picture. Raises FaceRefused, :class:`NoPicture`."""
    desk.must(Act.ISSUE)
    portrait = _cut(_picture(desk, case), box, rules_of(desk))
    return change(desk, case, portrait=seal_part(desk, case.row, "portrait", portrait))


def box_of(desk: Desk, case: Case, *, middle: int, top: int, zoom: int) -> Box:
    """A box by the three sliders: middle and top in thousandths of the picture, zoom in per cent of the largest box.

    Always of the right ratio and inside the picture.
    """
    rules, picture = rules_of(desk), _picture(desk, case)
    most = min(picture.width, picture.height * rules.width_px / rules.height_px)
    least = rules.width_px / 1.2
    width = max(least, most * min(max(zoom, 1), 100) / 100)
    width = int(min(width, most))
    height = int(width * rules.height_px / rules.width_px)
    x = min(max(round(picture.width * middle / 1000 - width / 2), 0), picture.width - width)
    y = min(max(round(picture.height * top / 1000), 0), picture.height - height)
    return x, y, width, height


def sliders_of(desk: Desk, case: Case, box: Box) -> tuple[int, int, int]:
    """The sliders that give a box: middle, top, zoom."""
    rules, picture = rules_of(desk), _picture(desk, case)
    most = min(picture.width, picture.height * rules.width_px / rules.height_px)
    x, y, width, _ = box
    return (
        round(1000 * (x + width / 2) / picture.width),
        round(1000 * y / picture.height),
        min(100, max(1, round(100 * width / most))),
    )


def suggested(desk: Desk, case: Case) -> Box:
    """Where the head is, or the middle of the picture."""
    return _first_box(_picture(desk, case), rules_of(desk))


def verdict(desk: Desk, case: Case) -> PhotoVerdict | None:
    """What is wrong with the portrait of a case; None where there is none."""
    found = portrait_of(desk, case)
    return None if found is None else judge_photo(found, rules_of(desk))


def portrait_of(desk: Desk, case: Case) -> bytes | None:
    """The portrait: of the request, else as it was cut, else the one on file where the category takes it."""
    if case.request is not None:
        return request_of(desk, case).photo
    if case.row.portrait is not None:
        return open_part(desk, case.row, "portrait", case.row.portrait)
    if case.row.category is not None:
        rules = desk.policy().categories.get(case.row.category)
        if rules is not None and rules.photo == "on file":
            return photo_on_file(desk, holder_number(desk, case))
    return None


def picture_of(desk: Desk, case: Case, box: Box | None = None) -> bytes:
    """The kept picture as a JPEG to be looked at; what lies outside of ``box`` is pale."""
    picture = _picture(desk, case)
    if box is not None:
        x, y, width, height = box
        pale = Image.blend(picture, Image.new("RGB", picture.size, "#ffffff"), 0.6)
        pale.paste(picture.crop((x, y, x + width, y + height)), (x, y))
        picture = pale
    picture.thumbnail((640, 640))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _picture(desk: Desk, case: Case) -> Image.Image:
    if case.row.picture is None:
        raise NoPicture(
            Text("No picture was taken in yet.", "尚未上传照片。"),
            do=Text("Choose the photo.", "请选择照片。"),
            code="CF-3315",
        )
    return open_camera_picture(open_part(desk, case.row, "picture", case.row.picture))


def _cut(picture: Image.Image, box: Box, rules: PhotoRules) -> bytes:
    return crop_photo(picture, box, rules)


def _first_box(picture: Image.Image, rules: PhotoRules) -> Box:
    try:
        x, y, width, height = suggest_box(picture, rules)
    except FaceRefused:
        x, y, width, height = 0, 0, 0, 0
    fits = x >= 0 and y >= 0 and x + width <= picture.width and y + height <= picture.height
    if fits and 1.2 * width >= rules.width_px:
        return x, y, width, height
    most = min(picture.width, int(picture.height * rules.width_px / rules.height_px))
    tall = int(most * rules.height_px / rules.width_px)
    return (picture.width - most) // 2, 0, most, min(tall, picture.height)


__all__ = [
    "NoPicture",
    "box_of",
    "crop",
    "picture_of",
    "portrait_of",
    "rules_of",
    "sliders_of",
    "suggested",
    "take_picture",
    "verdict",
]
