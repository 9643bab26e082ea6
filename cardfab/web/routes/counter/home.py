"""The services that a person may do, as tiles."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from cardfab.errors import Text
from cardfab.production import Act
from cardfab.station.counter.kinds import Kind
from cardfab.station.outlet.errands import ERRANDS
from cardfab.web.asking import Asked, Asking
from cardfab.web.home import Group, Tile

router = APIRouter()

_PINS = frozenset({Kind.PIN_CHANGE, Kind.PIN_RESET, Kind.PIN_UNBLOCK})
_LIFE = (Kind.ACTIVATE, Kind.REPLACE, Kind.FOUND, Kind.RELEASE, Kind.BLOCK_CARD)
_KEYS = {
    Kind.ACTIVATE: "Alt+A", Kind.PIN_CHANGE: "Alt+C", Kind.PIN_RESET: "Alt+R", Kind.PIN_UNBLOCK: "Alt+U",
    Kind.STATEMENT: "Alt+S", Kind.REPLACE: "Alt+N", Kind.FOUND: "Alt+B", Kind.BLOCK_CARD: "Alt+K",
}  # fmt: skip


@router.get("")
def home(asking: Asked) -> Response:
    """What can be done for a holder."""
    return asking.page("counter/home.html", groups=_groups(asking))


def _groups(asking: Asking) -> tuple[Group, ...]:
    tiles = {
        one.kind: Tile(
            f"/counter/{one.name}", one.heading, one.what, frozenset({one.kind.act}), _KEYS.get(one.kind, "")
        )
        for one in ERRANDS
    }
    read = Tile(
        "/counter/read", Text("Read and check a card", "读卡与核验"),
        Text("Whose it is, whether it is good, what it holds", "核对持卡人、真伪和卡内信息"),
        frozenset({Act.READ}), "F2",
    )  # fmt: skip
    lost = Tile(
        "/counter/lost", Text("Report a loss", "挂失"), Text("At once; no card is needed", "即时生效，无需卡片"),
        frozenset({Act.LOSS}), "F4",
    )  # fmt: skip
    due = Tile(
        "/counter/due", Text("Due cards", "到期提醒"), Text("To be activated or fetched", "待启用、待领取的卡"),
        frozenset({Act.READ}), "F7",
    )  # fmt: skip
    listed = Tile(
        "/counter/black-list", Text("Black list", "黑名单"), Text("Cards that no terminal takes", "已列入的卡"),
        frozenset({Act.READ}),
    )  # fmt: skip
    again = Tile(
        "/counter/receipts", Text("Receipts", "业务回执"), Text("Print one again", "查找与补打"),
        frozenset({Act.READ}), "F8",
    )  # fmt: skip
    doubtful = Tile(
        "/counter/doubt", Text("Services in doubt", "存疑业务"),
        Text("Cut off, or without an answer", "中断或未获应答的业务"), frozenset({Act.READ}),
    )  # fmt: skip
    rest = [tiles[one.kind] for one in ERRANDS if one.kind not in _PINS and one.kind not in _LIFE]
    groups = (
        (Text("The card", "卡片"), [read, lost, *(tiles[kind] for kind in _LIFE)]),
        (Text("The PIN", "密码"), [tiles[one.kind] for one in ERRANDS if one.kind in _PINS]),
        (Text("Medical account", "医保账户"), rest),
        (Text("Lists", "清单"), [due, listed, again, doubtful]),
    )
    allowed = (
        Group(title, tuple(tile for tile in found if any(asking.person.may(act) for act in tile.acts)))
        for title, found in groups
    )
    return tuple(group for group in allowed if group.tiles)
