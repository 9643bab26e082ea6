"""Pictures as PWG Raster (PWG 5102.4-2012), which every driverless printer takes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.uint8]
"""Shape (h, w, 3), sRGB."""

_SYNC = b"RaS2"
_HEADER = 1796
_SRGB = 19
_MOST = 128
"""Pixels that one count byte can repeat or announce, and lines that one can repeat less one."""


@dataclass(frozen=True, slots=True)
class Media:
    """The sheet: its self-describing name (PWG 5101.1) and size in hundredths of a millimetre, portrait."""

    name: str
    width: int
    height: int


def pwg_raster(pages: Sequence[Colours], media: Media, dpi: int, *, duplex: bool) -> bytes:
    """One file with a page a side; every page is portrait, as the media is."""
    return _SYNC + b"".join(_header(page, media, dpi, len(pages), duplex) + _lines(page) for page in pages)


def _header(page: Colours, media: Media, dpi: int, pages: int, duplex: bool) -> bytes:
    height, width = page.shape[:2]
    points = (round(media.width * 72 / 2540), round(media.height * 72 / 2540))
    made = bytearray(_HEADER)
    made[0:9] = b"PwgRaster"
    numbers = {
        272: int(duplex), 276: dpi, 280: dpi, 340: 1, 352: points[0], 356: points[1], 372: width, 376: height, 384: 8,
        388: 24, 392: 3 * width, 400: _SRGB, 420: 3, 452: pages, 456: 1, 460: 1, 472: width, 476: height,
    }  # fmt: skip
    for at, number in numbers.items():
        struct.pack_into(">I", made, at, number)
    name = media.name.encode("ascii")
    made[1732 : 1732 + len(name)] = name
    return bytes(made)


def _lines(page: Colours) -> bytes:
    """Runs of equal lines, each line as runs of equal pixels (5102.4, 4.4)."""
    same = (page[1:] == page[:-1]).all(axis=(1, 2))
    # The first of each run of lines, cut where a count byte is full.
    starts: list[int] = []
    for start, end in pairwise([0, *(np.flatnonzero(~same) + 1).tolist(), len(page)]):
        starts += range(start, end, 2 * _MOST)
    made = bytearray()
    for start, end in pairwise([*starts, len(page)]):
        made.append(end - start - 1)
        made += _packed(page[start])
    return bytes(made)


def _packed(line: Colours) -> bytes:
    """Count less one and a pixel for a run; 257 less the count and the pixels for those that differ."""
    edge = np.flatnonzero((line[1:] != line[:-1]).any(axis=1)) + 1
    starts, data = [0, *edge.tolist()], line.tobytes()
    made, single = bytearray(), 0  # ``single``: where pixels began that are no run
    for start, end in pairwise([*starts, len(line)]):
        if end - start == 1:
            continue
        made += _literal(data[3 * single : 3 * start])
        for at in range(start, end, _MOST):
            made.append(min(end - at, _MOST) - 1)
            made += data[3 * start : 3 * start + 3]
        single = end
    return bytes(made + _literal(data[3 * single :]))


def _literal(pixels: bytes) -> bytes:
    made = bytearray()
    for at in range(0, len(pixels), 3 * _MOST):
        part = pixels[at : at + 3 * _MOST]
        count = len(part) // 3
        made.append(257 - count if count > 1 else 0)
        made += part
    return bytes(made)
