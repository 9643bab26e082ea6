"""What keeps strangers out of the pages: host names, sizes, headers, cookies, and the token on every form."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from starlette.datastructures import FormData, Headers, MutableHeaders, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cardfab.errors import InputRefused, KeyFault, Text

SESSION = "cardfab_session"
VISIT = "cardfab_visit"
LANGUAGE = "cardfab_language"
FORM_BYTES = 1 << 20
UPLOAD_BYTES = 12 << 20
"""A photo and the fields around it; it is held in memory while the form is read, never in a file."""
_FIELDS = 200

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer a browser says "null" for the origin of a form
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class TooMuch(InputRefused):
    """A request holds more than this station takes."""

    default_code = "CF-3880"

    def __init__(self, most: int) -> None:
        super().__init__(
            Text(f"That is more than {most >> 10} KiB; nothing of it was kept.",
                 f"内容超过 {most >> 10} KiB，未予保存。"),
            do=Text("Send a smaller file.", "请改用较小的文件。"),
        )  # fmt: skip


class FormUnreadable(InputRefused):
    """The body of a request is no form."""

    default_code = "CF-3881"

    def __init__(self) -> None:
        super().__init__(
            Text("The form could not be read; nothing was done.", "无法读取表单，未作任何操作。"),
            do=Text("Load the page again and repeat.", "请刷新页面后重试。"),
        )


class FormStale(KeyFault):
    """A form that this session did not give out."""

    default_code = "CF-6800"

    def __init__(self) -> None:
        super().__init__(
            Text("This form is not of your present session; nothing was done.", "该表单不属于当前登录，未作任何操作。"),
            do=Text("Load the page again and repeat.", "请刷新页面后重试。"),
        )


class _Exceeded(Exception):
    """More came than announced or allowed."""


class Guard:
    """The outermost layer of the application: refuses other host names and bodies too large, adds the headers."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        fixed = HEADERS | ({} if scope["path"].startswith("/static/") else {"cache-control": "no-store"})

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in fixed.items():
                    if name not in given:
                        given[name] = value
            await send(message)

        if _host(headers.get("host", "")) not in self._hosts:
            await PlainTextResponse("421 This station has another name.\n", 421)(scope, receive, guarded)
            return
        most = body_limit(headers)
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > most:
            await _too_large(most)(scope, receive, guarded)
            return
        seen, began, over = 0, False, False

        async def counted() -> Message:
            nonlocal seen, over
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                over = True
                raise _Exceeded
            return message

        async def begun(message: Message) -> None:
            nonlocal began
            if over and not began:
                return  # whatever is said of a body that could not be read to its end
            began = True
            await guarded(message)

        try:
            await self._app(scope, counted, begun)
        except _Exceeded:
            if began:
                raise
        if over and not began:
            await _too_large(most)(scope, receive, guarded)


def body_limit(headers: Headers) -> int:
    """The most bytes that a request with these headers may bring."""
    return UPLOAD_BYTES if headers.get("content-type", "").startswith("multipart/form-data") else FORM_BYTES


def _too_large(most: int) -> Response:
    said = TooMuch(most)
    words = "\n".join(said.sentence(language) for language in ("zh", "en"))
    return PlainTextResponse(f"{words}\n", 413, headers={"connection": "close"})


def _host(header: str) -> str:
    """The name of a ``Host`` header without its port, in small letters."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/@]+)(?::[0-9]{1,5})?", header)
    return found[1].lower() if found else ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser shows of its session."""

    login: str
    token: bytes = field(repr=False)


def session_of(request: HTTPConnection) -> Visit | None:
    """The session that the cookie names; whether it is one says :func:`cardfab.station.access.resume`."""
    found = re.fullmatch(r"([0-9a-f]{64})\.([a-z0-9._-]{1,40})", request.cookies.get(SESSION, ""))
    return None if found is None else Visit(found[2], bytes.fromhex(found[1]))


def keep_session(response: Response, visit: Visit, *, secure: bool) -> None:
    """Hand the browser its session; it ends with the browser at the latest."""
    response.set_cookie(
        SESSION, f"{visit.token.hex()}.{visit.login}", path="/", httponly=True, samesite="strict", secure=secure
    )


def drop_session(response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(SESSION, path="/", httponly=True, samesite="strict")


def visit_of(request: HTTPConnection) -> bytes:
    """What ties a form before the login to a browser; a new one where the browser shows none."""
    shown = request.cookies.get(VISIT, "")
    return bytes.fromhex(shown) if re.fullmatch("[0-9a-f]{32}", shown) else secrets.token_bytes(16)


def keep_visit(response: Response, visit: bytes, *, secure: bool) -> None:
    """Hand the browser its visit."""
    response.set_cookie(VISIT, visit.hex(), path="/", httponly=True, samesite="strict", secure=secure)


def form_token(secret: bytes) -> str:
    """The token that goes on every form of a session or visit."""
    return hmac.digest(secret, b"cardfab form", sha256).hex()


def require_own(request: Request, form: Mapping[str, str], secret: bytes) -> None:
    """Raise FormStale unless the request comes from a page of this session, by its token and by what browsers say."""
    given = request.headers.get("x-form-token") or form.get("form_token", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"
    if not own or site not in ("same-origin", "none") or not hmac.compare_digest(
        given.encode(), form_token(secret).encode()
    ):  # fmt: skip
        raise FormStale


@dataclass(frozen=True, slots=True)
class Sent:
    """The fields of a form, and its files."""

    fields: Mapping[str, str] = field(repr=False)
    files: Mapping[str, UploadFile] = field(repr=False)
    several: Mapping[str, tuple[str, ...]] = field(repr=False)
    """All values of a field that may come more than once."""


NOTHING_SENT = Sent({}, {}, {})


async def read_form(request: Request) -> Sent:
    """The form of a request, in memory only; raises FormUnreadable."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            data = await FormParser(request.headers, request.stream()).parse()
        elif kind == "multipart/form-data":
            data = await _multipart(request.headers, request.stream())
        elif not await request.body():
            return NOTHING_SENT
        else:
            raise FormUnreadable
    except (MultiPartException, KeyError, UnicodeDecodeError) as wrong:
        raise FormUnreadable from wrong
    pairs = data.multi_items()
    texts = [(name, value) for name, value in pairs if isinstance(value, str)]
    if len(pairs) > _FIELDS:
        raise FormUnreadable
    several: dict[str, tuple[str, ...]] = {}
    for name, value in texts:
        several[name] = (*several.get(name, ()), value)
    files = {name: value for name, value in pairs if isinstance(value, UploadFile)}
    return Sent({name: values[-1] for name, values in several.items()}, files, several)


async def _multipart(headers: Headers, stream: AsyncGenerator[bytes, None]) -> FormData:
    parser = MultiPartParser(headers, stream, max_files=4, max_fields=_FIELDS, max_part_size=FORM_BYTES)
    parser.spool_max_size = 2 * UPLOAD_BYTES  # more than may come: a portrait does not lie in a temporary file
    return await parser.parse()
