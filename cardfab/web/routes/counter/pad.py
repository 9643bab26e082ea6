"""What the pin pad does now: a light beside the form, asked for every second. No digit of a PIN is known here."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.errors import Text
from cardfab.station.desk import Desk
from cardfab.station.pinpad import Entry
from cardfab.web.asking import Watched

router = APIRouter()

_ASKING: dict[Entry, Text] = {
    "first": Text("The pad waits for a PIN", "密码键盘等待输入密码"),
    "current": Text("The pad waits for the card's PIN", "密码键盘等待输入卡密码"),
    "new": Text("The pad waits for the new PIN, twice", "密码键盘等待输入新密码（两次）"),
}


def pad_light(desk: Desk) -> tuple[str, Text]:
    """State and words of the light."""
    pad = desk.pin_pad
    if pad is None:
        return "unknown", Text("No pin pad; the reader's own keys, if it has any", "无密码键盘；可用读卡器自带键盘")
    asking = pad.asking
    return ("good", Text("The pin pad is ready", "密码键盘就绪")) if asking is None else ("wait", _ASKING[asking])


@router.get("/pad")
def pad(asking: Watched) -> Response:
    """The light by itself."""
    return asking.page("counter/pad.html", light_state=pad_light(asking.desk))
