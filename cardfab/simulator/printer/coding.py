"""Image coding of the ESC language: what follows Db and Dbc becomes an upright plane of ink.

The stream is the landscape card turned 90 degrees clockwise: 1016 lines of 648 pixels, line 0 at the left edge, the
first pixel of a line at the bottom edge, most significant bit first, 1 = ink. The guide's byte counts are for another
raster; those here are 648 x 1016 x bits / 8, as the vendor's own driver sends them.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from cardfab.simulator.printer.geometry import HEIGHT, WIDTH

Plane = NDArray[np.uint8]
"""Ink of one panel, upright: (648, 1016), 0 none .. 255 full."""

LINES, LINE = WIDTH, HEIGHT
LINE_BYTES = LINE // 8
BITS = {2: 1, 32: 5, 64: 6, 128: 7}
"""Levels -> bits a pixel."""

_TOKEN = re.compile(rb"[\x00-\x7f]+|[\x80-\xff][\x00-\xff]|[\x80-\xff]\Z")


class CodingError(Exception):
    """A bitmap that does not decode to 1016 lines of 648 pixels."""


def raw_size(levels: int) -> int:
    """Bytes after ``Db;p;levels;``, 0 when the levels are none of the guide's."""
    return LINE * LINES * BITS.get(levels, 0) // 8


def decode(panel: str, levels: int, data: bytes, *, compressed: bool) -> Plane:
    """The plane of ``panel`` (one of y m c k o).

    Raises:
        CodingError: levels that do not fit the panel, or data that does not come out at 1016 whole lines.
    """
    allowed = (2,) if panel in ("k", "o") else (32, 64, 128)
    if levels not in allowed:
        raise CodingError(f"panel {panel} with {levels} levels")
    if levels == 2:
        bits = np.unpackbits(np.frombuffer(_expand_lines(data) if compressed else _exact(data, levels), np.uint8))
        return _upright(bits * np.uint8(255))
    if compressed:
        values = np.frombuffer(_expand_runs(data, BITS[levels]), np.uint8)
    else:
        values = _concatenated(_exact(data, levels), BITS[levels])
    scale = np.rint(np.arange(levels) * 255 / (levels - 1)).astype(np.uint8)
    return _upright(scale[values])


def _upright(pixels: NDArray[np.uint8]) -> Plane:
    return np.ascontiguousarray(np.rot90(pixels.reshape(LINES, LINE)))


def _exact(data: bytes, levels: int) -> bytes:
    if len(data) != raw_size(levels):
        raise CodingError(f"{len(data)} bytes for {levels} levels")
    return data


def _concatenated(data: bytes, width: int) -> NDArray[np.uint8]:
    """5, 6 or 7 bits a pixel one after another, most significant first (the order is an inference)."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, width)
    weights = (1 << np.arange(width - 1, -1, -1)).astype(np.uint8)
    values: NDArray[np.uint8] = (bits * weights).sum(axis=1, dtype=np.uint8)
    return values


def _expand_lines(data: bytes) -> bytes:
    """Panels k and o: a line is 00 (white), FF (black), or a count 1..81 and so many bytes, the rest white."""
    lines: list[bytes] = []
    at = 0
    while at < len(data):
        code = data[at]
        at += 1
        if code == 0x00:
            lines.append(bytes(LINE_BYTES))
        elif code == 0xFF:
            lines.append(b"\xff" * LINE_BYTES)
        elif code <= LINE_BYTES and at + code <= len(data):
            lines.append(data[at : at + code].ljust(LINE_BYTES, b"\x00"))
            at += code
        else:
            raise CodingError(f"line {len(lines)}: code {code:02X} at byte {at - 1}")
    if len(lines) != LINES:
        raise CodingError(f"{len(lines)} lines")
    return b"".join(lines)


def _expand_runs(data: bytes, width: int) -> bytes:
    """Panels y, m and c: a byte below 80 is a pixel; else the value repeats as often as the next byte says.

    With 6 bits, bit 6 of the first byte adds 256 to the count; with 5 bits, bits 6 and 5 add 256 each. 80 00 at the
    start of a line is a whole blank line. That a run ends with its line is an inference, kept strictly here.
    """
    pixels = bytearray()
    for token in _TOKEN.findall(data):
        if token[0] < 0x80:
            if max(token) >> width:
                raise CodingError(f"pixel {len(pixels)}: value above {width} bits")
            pixels += token
            continue
        if len(token) != 2:
            raise CodingError("data ends within a run")
        value = token[0] & ((1 << width) - 1)
        count = token[1] + 256 * ((token[0] & 0x7F) >> width).bit_count()
        at = len(pixels) % LINE
        if count == 0 and value == 0 and at == 0:
            count = LINE
        if count == 0 or at + count > LINE:
            raise CodingError(f"pixel {len(pixels)}: run of {count} does not fit its line")
        pixels += bytes((value,)) * count
    if len(pixels) != LINE * LINES:
        raise CodingError(f"{len(pixels)} pixels")
    return bytes(pixels)
