"""PWG Raster lines against a decoder written from PWG 5102.4, 4.4; the whole file is read by CUPS in tests/service."""

from __future__ import annotations

import numpy as np
import pytest

from cardfab.printer.pwg import Media, pwg_raster


def decoded(data: bytes, width: int, height: int) -> tuple[np.ndarray, int]:
    """The pixels, and where they end."""
    at, lines = 0, bytearray()
    while len(lines) < 3 * width * height:
        repeat, line, at = data[at] + 1, bytearray(), at + 1
        while len(line) < 3 * width:
            count, at = data[at], at + 1
            pixels = 1 if count < 128 else 257 - count
            line += data[at : at + 3 * pixels] * (count + 1 if count < 128 else 1)
            at += 3 * pixels
        assert len(line) == 3 * width
        lines += line * repeat
    return np.frombuffer(bytes(lines), np.uint8).reshape(height, width, 3), at


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (600, 300), (257, 129), (1011, 638)])
@pytest.mark.parametrize("kind", ["noise", "one colour", "both"])
def test_lines_come_out_as_they_went_in(height: int, width: int, kind: str) -> None:
    random = np.random.default_rng(7)
    page = np.full((height, width, 3), 200, dtype=np.uint8)
    if kind == "noise":
        page = random.integers(0, 256, page.shape).astype(np.uint8)
    elif kind == "both":
        page[height // 3 :, : width // 2] = random.integers(0, 3, (height - height // 3, width // 2, 1))
    file = pwg_raster([page], Media("om_card_54x86mm", 5398, 8560), 300, duplex=False)
    assert file[:4] == b"RaS2"
    found, end = decoded(file[4 + 1796 :], width, height)
    assert (found == page).all()
    assert 4 + 1796 + end == len(file)
    assert int.from_bytes(file[4 + 372 : 4 + 376], "big") == width
    assert int.from_bytes(file[4 + 376 : 4 + 380], "big") == height
