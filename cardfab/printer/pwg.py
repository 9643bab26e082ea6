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
"""Pixels that one count byte can repeat; lines: twice as many."""


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
    """Runs of equal lines, each line as runs of equal pixels (5102.4, 4.4), all of them at once.

    A pixel that is alone is a run of one: a sixth more bytes than as a literal, and a tenth of the time.
    """
    whole = page.astype(np.uint32)
    pixels = whole[..., 0] << 16 | whole[..., 1] << 8 | whole[..., 2]
    changes = np.flatnonzero((pixels[1:] != pixels[:-1]).any(axis=1)) + 1
    bounds = [0, *changes.tolist(), len(pixels)]
    starts = [at for start, end in pairwise(bounds) for at in range(start, end, 2 * _MOST)]
    repeats = np.diff([*starts, len(pixels)]) - 1
    lines = pixels[starts]

    edge = np.ones(lines.shape, dtype=np.bool_)
    np.not_equal(lines[:, 1:], lines[:, :-1], out=edge[:, 1:])
    first = np.flatnonzero(edge)
    length = np.diff(first, append=lines.size)
    parts = -(-length // _MOST)
    owner = np.repeat(np.arange(first.size), parts)
    left = length[owner] - _MOST * (np.arange(owner.size) - np.repeat(np.cumsum(parts) - parts, parts))

    tokens = np.empty((owner.size, 4), dtype=np.uint8)
    tokens[:, 0] = np.minimum(left, _MOST) - 1
    value = lines.ravel()[first][owner]
    for place, shift in enumerate((16, 8, 0), 1):
        tokens[:, place] = value >> shift & 0xFF
    line_of = first[owner] // lines.shape[1]  # each line has a byte of its own before its tokens
    made = np.empty(tokens.size + len(starts), dtype=np.uint8)
    at = 4 * np.arange(owner.size) + line_of + 1
    for place in range(4):
        made[at + place] = tokens[:, place]
    made[at[np.searchsorted(line_of, np.arange(len(starts)))] - 1] = repeats
    return made.tobytes()
