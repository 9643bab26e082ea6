"""The portrait of a case: uploaded, cropped at the server, judged."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.production import Act
from cardfab.station.outlet import cases, portrait
from cardfab.station.outlet.cases import Case
from cardfab.web.asking import Asked, Asking
from cardfab.web.issuing import sitting_of

router = APIRouter()


def _case(asking: Asking, token: str) -> Case:
    asking.must(Act.ISSUE)
    return cases.open_case(asking.desk, token, sitting_of(asking))


@router.post("/issue/{token}/photo")
def upload(asking: Asked, token: str) -> Response:
    """A picture by its content; its name is never looked at."""
    case = _case(asking, token)
    data = b""
    if (file := asking.files.get("photo")) is not None:
        with file.file as held:
            data = held.read()
    portrait.take_picture(asking.desk, case, data)
    return asking.go(f"/issue/{token}?step=photo")


@router.post("/issue/{token}/crop")
def crop(asking: Asked, token: str) -> Response:
    """The portrait cut anew by the sliders."""
    case = _case(asking, token)
    middle, top, zoom = (_number(asking, name) for name in ("middle", "top", "zoom"))
    box = portrait.box_of(asking.desk, case, middle=middle, top=top, zoom=zoom)
    portrait.crop(asking.desk, case, box)
    return asking.go(f"/issue/{token}?step=photo&middle={middle}&top={top}&zoom={zoom}")


@router.get("/issue/{token}/picture.jpg")
def picture(asking: Asked, token: str, middle: int = -1, top: int = -1, zoom: int = -1) -> Response:
    """The picture, pale outside of what is cut."""
    case = _case(asking, token)
    desk = asking.desk
    if min(middle, top, zoom) < 0:
        box = portrait.suggested(desk, case)
    else:
        box = portrait.box_of(desk, case, middle=middle, top=top, zoom=zoom)
    return Response(portrait.picture_of(desk, case, box), media_type="image/jpeg")


@router.get("/issue/{token}/portrait.jpg")
def cut(asking: Asked, token: str) -> Response:
    """The portrait."""
    found = portrait.portrait_of(asking.desk, _case(asking, token))
    return Response(status_code=404) if found is None else Response(found, media_type="image/jpeg")


def _number(asking: Asking, name: str) -> int:
    value = asking.form.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 5 else 0
