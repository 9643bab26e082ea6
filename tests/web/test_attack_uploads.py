"""Attacks by what is sent: far too much of it, pictures that are bombs or something else, names that lead elsewhere."""

from __future__ import annotations

import asyncio
import base64
import io
import resource
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cardfab.errors import CardfabError
from cardfab.face.crop import open_camera_picture
from cardfab.web.app import create_app
from cardfab.web.floor import Floor
from cardfab.web.guard import FORM_BYTES, UPLOAD_BYTES
from tests.web.browser import Browser
from tests.web.callers import Program, program
from tests.web.test_api import EXAMPLES, a_request

GIGABYTE = 1 << 30


class Flood:
    """A body of a gigabyte that is made as it is asked for; counts what was taken of it."""

    def __init__(self, head: bytes = b"") -> None:
        self.taken, self._head, self._piece = 0, head, bytes(1 << 16)

    async def __call__(self) -> dict[str, Any]:
        piece, self._head = self._head or self._piece, b""
        self.taken += len(piece)
        return {"type": "http.request", "body": piece, "more_body": self.taken < GIGABYTE}


def send(floor: Floor, path: str, headers: dict[str, str], body: Flood) -> tuple[int, int]:
    """The status of an answer, and how many bytes of the body were taken before it."""
    heard: list[int] = []

    async def said(message: Any) -> None:
        if message["type"] == "http.response.start":
            heard.append(message["status"])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("testserver", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()],
    }  # fmt: skip
    asyncio.run(create_app(floor)(scope, body, said))
    return heard[0], body.taken


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


@pytest.mark.shows("upload of a 1 GB photo (test)")
def test_a_photo_of_a_gigabyte_is_let_go_at_its_first_megabytes(
    floor: Floor, operator: Browser, tmp_path: Path
) -> None:
    cookie = "; ".join(f"{one.name}={one.value}" for one in operator.client.cookies.jar)
    kind = "multipart/form-data; boundary=xxxx"
    head = b'--xxxx\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    files = sum(1 for _ in floor.folder.rglob("*"))
    before = peak()
    for path, headers in {
        f"/issue/{'5f' * 16}/photo": {"content-type": kind, "cookie": cookie},
        "/login": {"content-type": kind},
    }.items():
        announced = send(floor, path, {**headers, "content-length": str(GIGABYTE)}, flood := Flood(head))
        assert announced == (413, 0), path
        status, taken = send(floor, path, headers, flood := Flood(head))
        assert (status, taken <= UPLOAD_BYTES + (1 << 17)) == (413, True), path
        assert flood.taken == taken
    for path, kind in (("/api/v1/requests", "application/json"), ("/login", "application/x-www-form-urlencoded")):
        token = program(floor, "operator").token
        headers = {"content-type": kind, "authorization": f"Bearer {token}", "idempotency-key": "flood-0001"}
        status, taken = send(floor, path, headers, Flood())
        assert (status, taken <= FORM_BYTES + (1 << 17)) == (413, True), path
    assert peak() - before < 4 * UPLOAD_BYTES, "of a gigabyte nothing is kept in memory"
    assert sum(1 for _ in floor.folder.rglob("*")) <= files + 2, "nor on the disk"


def png(width: int, height: int, data: bytes) -> bytes:
    """A PNG whose head says so many pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    """A JPEG whose head says so many pixels, and that ends soon after."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16), "white").save(out, "JPEG")
    data = bytearray(out.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


SCRIPT = b"<script>alert(1)</script>"
PORTRAIT = (EXAMPLES / "photos" / "p03.jpg").read_bytes()
BAD = {
    "a PNG of 30000 x 30000 that packs to nothing": png(30000, 30000, zlib.compress(bytes(1 << 20), 9)),
    "a PNG of 2^31 pixels a side": png(2**31 - 1, 2**31 - 1, zlib.compress(b"")),
    "a PNG with text that packs to nothing": png(100, 100, b"")[:-12] + zlib.compress(bytes(64 << 20), 9),
    "a JPEG of 65000 x 65000": jpeg(65000, 65000),
    "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>",
    "a page": b"<!doctype html>" + SCRIPT,
    "a GIF that is a script": b"GIF89a/*" + SCRIPT + b"*/=1;",
    "a TIFF": b"II*\x00\x08\x00\x00\x00",
    "an archive": b"PK\x03\x04" + bytes(100),
    "a JPEG cut off": PORTRAIT[: len(PORTRAIT) // 3],
    "the sign of a JPEG and a script": b"\xff\xd8\xff\xe0" + SCRIPT,
    "nothing": b"",
}


@pytest.mark.shows("a decompression bomb, an SVG (test)")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_portrait_is_refused_before_it_takes_memory(name: str) -> None:
    before = peak()
    with pytest.raises(CardfabError):
        open_camera_picture(BAD[name])
    assert peak() - before < 64 << 20, "nothing was unpacked"


@pytest.mark.proof
@pytest.mark.shows("a decompression bomb, an SVG (proof)")
def test_no_bad_picture_comes_in_by_a_program(floor: Floor) -> None:
    sender = program(floor, "operator")
    before = peak()
    for number, (name, data) in enumerate(BAD.items()):
        if data and len(data) < 500_000:
            answer = sender.post("/requests", a_request(f"BAD{number}", photo=base64.b64encode(data).decode()))
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "photo"), name
    assert sender.post("/requests", a_request("B64", photo="no base64!")).json()["code"] == "CF-3930"
    assert peak() - before < 64 << 20
    assert not any(one["request"].startswith("B") for one in sender.get("/requests", limit=500).json()["requests"])


@pytest.mark.proof
def test_a_picture_that_is_also_a_script_loses_the_script(floor: Floor) -> None:
    """A polyglot comes in as pixels only: nothing else of the file is kept."""
    polyglot = PORTRAIT + SCRIPT
    with_comment = PORTRAIT[:2] + b"\xff\xfe" + struct.pack(">H", len(SCRIPT) + 2) + SCRIPT + PORTRAIT[2:]
    for data in (polyglot, with_comment):
        out = io.BytesIO()
        open_camera_picture(data).save(out, "JPEG")
        assert SCRIPT not in out.getvalue()


@pytest.mark.shows("a path as name (test)")
def test_a_name_that_leads_elsewhere_leads_nowhere(floor: Floor, operator: Browser) -> None:
    """The name of an uploaded file is never looked at; a request's photo never names a file."""
    operator.get("/")
    outside = floor.folder.parent / "outside.jpg"
    for name in (
        "../../../outside.jpg",
        "/etc/passwd",
        "..\\..\\outside.jpg",
        "a\x00.jpg",
        "C:\\x.jpg",
        "photo.jpg\r\nx: y",
    ):
        answer = operator.post(f"/issue/{'5f' * 16}/photo", files={"photo": (name, PORTRAIT, "image/jpeg")})
        assert answer.status_code in (404, 409, 422), name
        assert not outside.exists()
        assert "root:" not in answer.text
    sender = Program(floor, program(floor, "operator").token)
    refused = sender.post("/requests", a_request("PATH1", photo="../../../../etc/passwd"))
    assert refused.json()["code"] == "CF-3930"
    for path in (
        "/static/../cardfab.toml",
        "/static/%2e%2e/asking.py",
        "/static/..%2fasking.py",
        "/static//etc/passwd",
    ):
        assert operator.client.get(path).status_code == 404, path
