"""What keeps strangers out: headers, host names, sizes, the token on every form."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from starlette.types import Message

from cardfab.web import guard
from cardfab.web.floor import Floor
from cardfab.web.words import HERE
from tests.web.browser import Browser


@pytest.fixture(scope="module")
def floor(shared: Browser) -> Floor:
    """One station for all tests here."""
    return shared.floor


PAGES = ["/", "/login", "/nosuch", "/static/station.js", "/healthz"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_says_what_a_browser_may_do_with_it(shared: Browser, path: str) -> None:
    headers = shared.get(path).headers
    for name, value in guard.HEADERS.items():
        assert headers[name] == value
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "server" not in headers
    assert (headers.get("cache-control") == "no-store") is (not path.startswith("/static/"))


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example", "testserver:x"]
)
def test_a_station_answers_to_its_own_names_only(shared: Browser, host: str) -> None:
    answer = shared.client.get("/login", headers={"host": host})
    assert answer.status_code == 421
    assert "form_token" not in answer.text


def test_the_loopback_is_a_name_with_any_port(shared: Browser) -> None:
    for host in ("127.0.0.1:8078", "localhost", "[::1]:80", "LOCALHOST:1"):
        assert shared.client.get("/login", headers={"host": host}).status_code == 200


@pytest.mark.shows("CSRF (test)")
def test_a_form_without_the_token_of_its_session_does_nothing(floor: Floor, operator: Browser) -> None:
    supervisor = Browser(floor).sign_in("supervisor")
    supervisor.get("/")
    operator.get("/")
    cookie = operator.client.cookies[guard.SESSION]
    for token in ("", "0" * 64, supervisor.token, guard.form_token(b"")):
        assert operator.client.post("/out", data={"form_token": token}).status_code == 403
    assert operator.client.cookies[guard.SESSION] == cookie
    assert operator.get("/").status_code == 200


@pytest.mark.shows("CSRF (test)")
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_from_another_site_does_nothing_even_with_the_token(operator: Browser, headers: dict[str, str]) -> None:
    operator.get("/")
    answer = operator.client.post("/out", data={"form_token": operator.token}, headers=headers)
    assert answer.status_code == 403
    assert operator.get("/").status_code == 200


@pytest.mark.proof
def test_every_route_of_a_page_that_takes_a_form_wants_the_token(trainee: Browser) -> None:
    trainee.get("/")
    tried = 0
    for path in _posts(trainee):
        answer = trainee.client.post(path, data={"form_token": "0" * 64})
        assert answer.status_code in (403, 404), path
        tried += 1
    assert tried >= 5
    assert trainee.get("/").status_code == 200


def _posts(browser: Browser) -> list[str]:
    """The addresses of all forms, with a number or name for each part that varies."""
    found = []
    for route in browser.routes():
        if "POST" in route.methods and not route.path.startswith("/api"):
            found.append(re.sub(r"{[^}]+}", "1", route.path))
    return found


@pytest.mark.proof
def test_a_page_of_a_person_is_shown_to_nobody_who_is_not_signed_in(shared: Browser) -> None:
    open_to_all = {"/login", "/healthz", "/readyz", "/metrics", "/unlock", "/out", "/language"}
    shared.client.cookies.clear()
    tried = 0
    for route in shared.routes():
        path = re.sub(r"{[^}]+}", "1", route.path)
        if path in open_to_all or path.startswith(("/api", "/static")):
            continue
        for method in route.methods - {"HEAD", "OPTIONS"}:
            answer = shared.client.request(method, path)
            assert answer.status_code in (303, 404, 405), (method, path)
            assert answer.headers.get("location", "/login").startswith("/login")
            tried += 1
    assert tried >= 5


async def _call(floor: Floor, headers: dict[str, str], chunk: bytes, most: int) -> tuple[int, int]:
    """The status of a POST whose body never ends, and how many chunks of it were taken."""
    taken, status = 0, 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        assert taken <= most, "the body is being read on and on"
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    raw = [(name.encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/login", "raw_path": b"/login", "query_string": b"", "root_path": "", "headers": raw,
        "client": ("127.0.0.1", 1), "server": ("testserver", 80),
    }  # fmt: skip
    from cardfab.web.app import create_app

    await create_app(floor)(scope, receive, send)
    return status, taken


MULTIPART = {"content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "same-origin"}
PART = b'--x\r\ncontent-disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'


@pytest.mark.shows("upload of a 1 GB photo (test)")
def test_a_photo_of_a_gigabyte_is_refused_before_it_is_read(floor: Floor) -> None:
    announced = {**MULTIPART, "content-length": str(1 << 30)}
    assert asyncio.run(_call(floor, announced, b"x", 0)) == (413, 0)


@pytest.mark.shows("upload of a 1 GB photo (test)")
def test_a_photo_that_does_not_end_is_cut_off_at_the_limit(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def no_file(*_: object, **__: object) -> None:
        raise AssertionError("a portrait must not lie in a temporary file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", no_file)
    chunks = guard.UPLOAD_BYTES // (1 << 20)
    status, taken = asyncio.run(_call(floor, MULTIPART, PART + b"\xff" * (1 << 20), chunks + 2))
    assert status == 413
    assert taken <= chunks + 1


def test_a_form_larger_than_a_form_is_refused(floor: Floor) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert asyncio.run(_call(floor, headers, b"a=" + b"b" * 65536, 20))[0] == 413


@pytest.mark.parametrize("body", [b"\xff\xfe", b"--y\r\n", b"{}", b""])
def test_a_body_that_is_no_form_is_refused_with_words(shared: Browser, body: bytes) -> None:
    shared.get("/login")
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "application/json"):
        answer = shared.client.post("/login", content=body, headers={"content-type": kind})
        assert answer.status_code in (403, 422), (kind, answer.text)


def test_no_template_has_a_script_a_style_or_a_handler_in_it() -> None:
    inline = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|hx-on|hx-vals='?js", re.I)
    for file in sorted((HERE / "templates").rglob("*.html")):
        assert not inline.search(file.read_text(encoding="utf-8")), file.name


def test_every_form_of_a_template_carries_the_token() -> None:
    for file in sorted((HERE / "templates").rglob("*.html")):
        text = file.read_text(encoding="utf-8")
        forms = re.findall(r'<form[^>]*method="post"[^>]*>\s*(<input[^>]*>)?', text)
        assert all('name="form_token"' in first for first in forms), file.name


def test_no_page_asks_another_machine_for_anything() -> None:
    for file in sorted(Path(HERE).rglob("*")):
        if file.suffix in (".html", ".css") or file.name == "station.js":
            text = re.sub(r'xmlns="[^"]*"', "", file.read_text(encoding="utf-8"))
            assert not re.search(r"https?://|@import|url\(", text), file.name
