"""For machines that watch: alive, ready, and figures. Nothing of anybody, and no count for who need not know it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cardfab.errors import CardfabError, DeviceFault, InDoubt, Text
from cardfab.production import Act, Person
from cardfab.station.desk import AUDIT_KEY
from cardfab.station.tokens import TokenRefused, admit
from cardfab.web.asking import floor_of
from cardfab.web.floor import Floor
from cardfab.web.metrics import Metrics

router = APIRouter()
_BEARER = "bearer "


@router.get("/healthz", include_in_schema=False)
def alive() -> Response:
    """The process lives."""
    return PlainTextResponse("ok\n")


@router.get("/readyz", include_in_schema=False)
def ready(request: Request) -> Response:
    """Whether cards can be made: each thing that it needs by name. 503 where one is missing."""
    floor = floor_of(request)
    found = [{"name": name, **_looked_at(check, floor)} for name, check in CHECKS.items()]
    well = all(one["ok"] for one in found)
    return JSONResponse({"ready": well, "checks": found}, 200 if well else 503)


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Figures for Prometheus: for this machine, or by token; counts of the stock by the token of who may see them."""
    floor = floor_of(request)
    person = _caller(request, floor)
    if person is None and not _from_here(request):
        return PlainTextResponse("401 A token is needed from elsewhere.\n", 401, {"WWW-Authenticate": "Bearer"})
    counts = person is not None and (person.may(Act.STOCK) or person.may(Act.EXPORT_AUDIT))
    return Response(_metrics(request, floor).text(stock=counts), media_type="text/plain; version=0.0.4; charset=utf-8")


def _metrics(request: Request, floor: Floor) -> Metrics:
    state: Any = request.app.state
    if not hasattr(state, "metrics"):
        state.metrics = Metrics(floor.base)
    found: Metrics = state.metrics
    return found


def _caller(request: Request, floor: Floor) -> Person | None:
    """Whose token was shown; None for none, and for one that is none."""
    shown = request.headers.get("authorization", "")
    if not shown.lower().startswith(_BEARER):
        return None
    try:
        return admit(floor.base.entrance(), shown[len(_BEARER) :], on_record=False)[0]
    except TokenRefused:
        return None


def _from_here(request: Request) -> bool:
    """Whether the call comes from this machine itself, and not through a proxy on it."""
    if request.client is None or "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _database(floor: Floor) -> None:
    floor.base.database.require_current()


def _keys(floor: Floor) -> None:
    floor.base.keys.info(AUDIT_KEY)


def _record(floor: Floor) -> None:
    """A change is begun and nothing is kept: the lock is had, the disk is there."""
    with floor.base.database.transaction("ready"):
        pass


def _devices(floor: Floor) -> None:
    lights = floor.line.status()
    for name, light in (("reader", lights.reader), ("printer", lights.printer)):
        if light.state == "stop":
            raise DeviceFault(Text(f"{name}: {light.word.en}", f"{_DEVICES[name]}：{light.word.zh}"), code="CF-5940")


_DEVICES = {"reader": "读卡器", "printer": "打印机"}


def _block(floor: Floor) -> None:
    with floor.base.database.reading() as tx:
        if tx.restores.blocked():
            raise InDoubt(
                Text("Issuing is blocked since a restore.", "自恢复备份后制卡被暂停。"),
                do=Text("Settle what is open.", "请核对未结事项。"),
                code="CF-9940",
            )


CHECKS: dict[str, Callable[[Floor], None]] = {
    "database": _database,
    "keys": _keys,
    "record": _record,
    "devices": _devices,
    "issuing": _block,
}


def _looked_at(check: Callable[[Floor], None], floor: Floor) -> dict[str, object]:
    try:
        check(floor)
    except CardfabError as missing:
        return {"ok": False, "code": missing.code, "what": {"en": missing.what.en, "zh": missing.what.zh}}
    return {"ok": True}
