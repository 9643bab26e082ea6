"""Errors as other programs read them: RFC 9457 problem details, with our code and what to do in both languages."""

from __future__ import annotations

import http
import logging
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from cardfab.errors import CardfabError, CardRefused, DeviceFault, InDoubt, InputRefused, StockFault, Text, UsageRefused
from cardfab.prepare.finding import RequestFileRefused
from cardfab.production import NotAllowed, SamePerson, StateRefused
from cardfab.station.tokens import TokenRefused
from cardfab.store.cards import CardUnknown
from cardfab.store.jobs import JobUnknown
from cardfab.store.people import PersonUnknown
from cardfab.store.requests import RequestUnknown
from cardfab.store.temporary import TemporaryUnknown

MEDIA: Final = "application/problem+json"
_LOG = logging.getLogger(__name__)


class Words(BaseModel):
    """One sentence in both languages."""

    en: str = Field(examples=["Request Q1 waits for no approval."])
    zh: str = Field(examples=["申请 Q1 无待审批事项。"])

    @classmethod
    def of(cls, text: Text) -> Words:
        """A text of the station."""
        return cls(en=text.en, zh=text.zh)


class FieldFault(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(examples=["social_security_number"])
    reason: Words


class Problem(BaseModel):
    """Why a call was not done. ``code`` never changes its meaning; tell it when you call for help."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(examples=["Request Q1 waits for no approval."])
    code: str = Field(pattern="^CF-[0-9]{4}$", examples=["CF-7300"])
    what: Words
    do: Words | None = None
    errors: list[FieldFault] | None = None


class CallRefused(UsageRefused):
    """The call itself is wrong: no such path or method, or a body that is not as the description says."""

    default_code = "CF-2790"


class TooManyBadTokens(StockFault):
    """Too many bad tokens from one address."""

    default_code = "CF-7914"


_UNKNOWN = (JobUnknown, RequestUnknown, TemporaryUnknown, PersonUnknown, CardUnknown)
_BY_KIND: Final[tuple[tuple[type[CardfabError] | tuple[type[CardfabError], ...], int], ...]] = (
    (TokenRefused, 401),
    (TooManyBadTokens, 429),
    ((NotAllowed, SamePerson), 403),
    (_UNKNOWN, 404),
    ((UsageRefused, InputRefused), 422),
    ((StockFault, CardRefused, InDoubt, StateRefused), 409),
    (DeviceFault, 503),
)
_WHY: Final[Mapping[int, str]] = {
    400: "The body could not be read.",
    401: "No token, or one that serves no more.",
    403: "The token's person may not do this, or had a part in the matter.",
    404: "There is none of that name.",
    409: "Not now: the books say no, or what came of an earlier call is not known.",
    413: "The body is larger than this station takes.",
    422: "What was sent is not as it must be; every fault is named.",
    429: "Too many bad tokens; wait as long as Retry-After says.",
    503: "A device, the issuer host or the record is not to be had now.",
}


def status_of(error: CardfabError) -> int:
    """The HTTP status of an error: 500 for what nobody expected and for faults of keys."""
    return next((status for kinds, status in _BY_KIND if isinstance(error, kinds)), 500)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer, for its description."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({401, 403, 413, 422, 429, 500, 503, *statuses}):
        found[status] = {
            "description": _WHY.get(status, http.HTTPStatus(status).phrase),
            "content": {MEDIA: schema} if status != 413 else {"text/plain": {"schema": {"type": "string"}}},
        }
        if status == 401:
            found[status]["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
        if status == 429:
            found[status]["headers"] = {"Retry-After": {"required": True, "schema": {"type": "integer"}}}
    return found


def problem(error: CardfabError, status: int | None = None) -> Problem:
    """An error as its answer."""
    status = status_of(error) if status is None else status
    return Problem(
        type="about:blank",
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=error.what.en,
        code=error.code,
        what=Words.of(error.what),
        do=None if error.do is None else Words.of(error.do),
        errors=[FieldFault(field=row.field, reason=Words.of(row.reason)) for row in error.rows]
        if isinstance(error, RequestFileRefused)
        else None,
    )


def answer(error: CardfabError, status: int | None = None) -> JSONResponse:
    """An error as a response."""
    said = problem(error, status)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "60"}}.get(said.status, {})
    return JSONResponse(said.model_dump(exclude_none=True), said.status, headers=headers, media_type=MEDIA)


def answer_errors(api: FastAPI) -> None:
    """Have every error of an application answered as a problem."""
    api.add_exception_handler(CardfabError, _known)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unexpected)


def _known(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, CardfabError):
        raise error
    request.state.code = error.code
    caller = getattr(request.state, "caller", None)
    if caller is not None and not isinstance(error, InputRefused | UsageRefused):
        caller.desk.refused(error)
    return answer(error)


def _malformed(request: Request, error: Exception) -> JSONResponse:
    """Places and kinds of faults, never the values that were sent."""
    if not isinstance(error, RequestValidationError):
        raise error
    refused = CallRefused(
        Text("What was sent is not as it must be.", "提交的内容不符合要求。"),
        do=Text("See 'errors', and the description at openapi.json.", "请查看 errors 及 openapi.json 中的说明。"),
    )
    said = problem(refused, 422)
    said.errors = [
        FieldFault(field=_place(one["loc"]), reason=Words(en=str(one["type"]), zh=str(one["type"])))
        for one in error.errors()
    ]
    request.state.code = refused.code
    return JSONResponse(said.model_dump(exclude_none=True), 422, media_type=MEDIA)


def _place(loc: tuple[Any, ...]) -> str:
    """Where a fault is; a key that the caller made up may hold anything and is not told."""
    return ".".join(str(part) for part in loc if isinstance(part, int) or str(part).isidentifier())[:200] or "body"


def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    unread = error.status_code == 400
    refused = CallRefused(
        Text("The body is no JSON in UTF-8.", "请求内容不是 UTF-8 编码的 JSON。")
        if unread
        else Text("There is no such call.", "没有此接口。"),
        do=Text("See openapi.json.", "请查看 openapi.json。"),
    )
    request.state.code = refused.code
    response = answer(refused, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("an API call ended unexpectedly: %s", type(error).__name__)
    unexpected = CardfabError(
        Text("Something unexpected happened; what was asked may have been done in part.",
             "发生意外错误；请求可能已部分执行。"),
        do=Text("Look what came of it before you ask again.", "请先查看结果，再决定是否重试。"),
    )  # fmt: skip
    request.state.code = unexpected.code
    return answer(unexpected, 500)
