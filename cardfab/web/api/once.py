"""Calls that change something are done once: the caller's key names the call, the books keep what it was answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Header
from pydantic import BaseModel
from starlette.responses import Response

from cardfab.audit import milliseconds
from cardfab.errors import CardfabError, InDoubt, StockFault, Text
from cardfab.web.api.bearer import Caller
from cardfab.web.api.problems import MEDIA, problem

_INDEX = "station/index"
_KEPT: Final = timedelta(days=7)

OnceKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key", min_length=8, max_length=64, pattern="^[A-Za-z0-9._:-]+$",
        description="A name of your own for this call. The same again is the same call: it is answered, not repeated. "
        "Kept seven days.",
        examples=["3f0c2f6e-0001"],
    ),
]  # fmt: skip


class KeyReused(StockFault):
    """An idempotency key that stands for another call."""

    default_code = "CF-7921"


class CallUnsettled(StockFault):
    """The same call is under way, or was cut off."""

    default_code = "CF-7922"


def once(
    caller: Caller, key: str, body: BaseModel | None, act: Callable[[], BaseModel], *, status: int = 200,
    kept: Callable[[BaseModel], BaseModel] = lambda one: one,
) -> Response:  # fmt: skip
    """Do a call once, and answer it. ``kept`` is what of the answer may lie in the books: nothing of a holder.

    A call that was refused changed nothing and may be made again under its key; one in doubt may not.
    Raises :class:`KeyReused`, :class:`CallUnsettled`, and whatever ``act`` raises.
    """
    desk, token = caller.desk, caller.token.id
    named = f"{caller.request.method} {caller.request.url.path}\n{body.model_dump_json() if body else ''}"
    keyed = desk.keys.index(_INDEX, f"api key:{token}:{key}".encode())
    asked = desk.keys.index(_INDEX, f"api call:{named}".encode())
    with desk.database.transaction("call begun") as tx:
        tx.api.drop_calls((milliseconds(desk.now()) - _KEPT).isoformat(timespec="milliseconds"))
        call, begins = tx.api.begin_call(token, keyed, asked, desk.at())
    if not begins:
        if call.asked != asked:
            raise KeyReused(
                Text("This idempotency key stands for another call.", "该幂等键已用于另一请求。"),
                do=Text("Give each call a key of its own.", "请为每个请求使用不同的幂等键。"),
            )
        if call.status is None or call.answer is None:
            raise CallUnsettled(
                Text("The same call is under way, or was cut off.", "相同请求正在执行或曾中断。"),
                do=Text(
                    "Look what came of it before you ask under another key.", "请先查看结果，再决定是否以新键重试。"
                ),
            )
        return _response(call.answer, call.status, again=True)
    try:
        found = act()
    except InDoubt as doubt:
        with desk.database.transaction("call in doubt") as tx:
            tx.api.end_call(call.id, 409, problem(doubt).model_dump_json(exclude_none=True))
        raise
    except CardfabError:
        with desk.database.transaction("call refused") as tx:
            tx.api.drop_call(call.id)
        raise
    with desk.database.transaction("call ended") as tx:
        tx.api.end_call(call.id, status, kept(found).model_dump_json())
    return _response(found.model_dump_json(), status, again=False)


def _response(content: str, status: int, *, again: bool) -> Response:
    headers = {"Idempotent-Replay": "true"} if again else {}
    return Response(content, status, media_type="application/json" if status < 400 else MEDIA, headers=headers)
