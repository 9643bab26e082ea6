"""From pixels to ribbon panels: colour separation, rotation, packing and run-length coding of the Evolis language.

Source: Evolis Programming Guide A5013 Rev. E, section 4 (compression) and command ``Db`` (packing). Nothing here talks
to a printer. One panel of 1016 x 648 dots takes well under 100 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from cardfab.errors import Text
from cardfab.printer.fault import RasterRefused

Levels = NDArray[np.uint8]
"""Shape (lines, dots), one ink level a dot, 0 = no ink."""
Bits = NDArray[np.bool_]
"""Shape (lines, dots), True = ink."""
ToneCurve = tuple[tuple[float, float], ...]
"""Points (share of ink wanted, share of ink sent) between (0, 0) and (1, 1), straight lines between them."""

STRAIGHT: Final[ToneCurve] = ((0.0, 0.0), (1.0, 1.0))
COLOUR_PANELS: Final = "ymc"
PANEL_ORDER: Final = "ymcko"
"""The order of the panels on every ribbon; a panel lost or out of order ruins the card (A5013 Rev. E p. 69)."""

_BITS: Final = {32: 5, 64: 6, 128: 7}
_T = TypeVar("_T", bound=np.generic)


def _refuse(en: str, zh: str) -> RasterRefused:
    return RasterRefused(Text(f"The picture for the printer was refused: {en}.", f"打印图像不合要求：{zh}。"))


@dataclass(frozen=True, slots=True, eq=False)
class PrintSide:
    """One side of a card as the face hands it over: landscape, origin top left.

    ``colour`` is RGB of shape (h, w, 3) and type uint8; ``black`` (K ink) and ``overlay`` (varnish) are of shape (h, w)
    and type bool. Where ``black`` is set the colour is not printed. Raises `RasterRefused` on another shape or type.
    """

    colour: NDArray[np.uint8]
    black: Bits
    overlay: Bits

    def __post_init__(self) -> None:
        if self.colour.ndim != 3 or self.colour.shape[2] != 3 or self.colour.dtype != np.uint8:
            raise _refuse(f"colour is {self.colour.shape} of {self.colour.dtype}", f"彩色层为{self.colour.shape}")
        for name, layer in (("black", self.black), ("overlay", self.overlay)):
            if layer.shape != self.colour.shape[:2] or layer.dtype != np.bool_:
                raise _refuse(f"{name} is {layer.shape} of {layer.dtype}", f"{name}层为{layer.shape}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in dots."""
        return self.colour.shape[1], self.colour.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """The planes of one side, rotated as the printer reads them: line 0 is the left edge, dot 0 the bottom edge."""

    yellow: Levels
    magenta: Levels
    cyan: Levels
    black: Bits
    overlay: Bits
    levels: int

    def coded(self, panel: str, *, compressed: bool) -> bytes:
        """The data field of ``Db`` or, compressed, of ``Dbc`` for the panel ``y m c k o``."""
        if panel in COLOUR_PANELS:
            plane = {"y": self.yellow, "m": self.magenta, "c": self.cyan}[panel]
            return compress_levels(plane, self.levels) if compressed else pack_levels(plane, self.levels)
        bits = {"k": self.black, "o": self.overlay}[panel]
        return compress_bits(bits) if compressed else pack_bits(bits)


def separate(
    side: PrintSide,
    *,
    levels: int = 128,
    tone: tuple[ToneCurve, ToneCurve, ToneCurve] = (STRAIGHT, STRAIGHT, STRAIGHT),
    black_panel: bool = True,
) -> Panels:
    """Ink planes of a side: Y, M, C are what blue, green, red lack (subtraction), passed through the ``tone`` curves.

    Where ``side.black`` is set the colour planes are empty, because two inks on one dot smear; without a K panel
    (``black_panel=False``) those dots are full Y, M and C instead. ``levels`` is 32, 64 or 128.
    """
    top = 2 ** _depth(levels) - 1
    black = _turn(side.black)
    yellow, magenta, cyan = (
        _inked(_turn(_light(side, name)), black, curve, top, black_panel=black_panel)
        for name, curve in zip(COLOUR_PANELS, tone, strict=True)
    )
    return Panels(
        yellow=yellow,
        magenta=magenta,
        cyan=cyan,
        black=black if black_panel else np.zeros_like(black),
        overlay=_turn(side.overlay),
        levels=levels,
    )


def require_size(side: PrintSide, width: int, height: int) -> None:
    """Raise `RasterRefused` when a side is not of the printer's size."""
    if side.size != (width, height):
        have, want = f"{side.size[0]}x{side.size[1]}", f"{width}x{height}"
        raise RasterRefused(
            Text(f"The picture is {have} dots, the printer prints {want}.", f"图像为{have}点，打印机要求{want}点。")
        )


def ink_levels(side: PrintSide, panel: str, curve: ToneCurve, top: int, *, black_panel: bool) -> Levels:
    """The ink of the panel ``y m c``, 0 to ``top`` a dot, landscape as the side; empty under black ink."""
    return _inked(_light(side, panel), side.black, curve, top, black_panel=black_panel)


def _light(side: PrintSide, panel: str) -> Levels:
    """The channel that a panel's ink takes away."""
    return side.colour[:, :, 2 - COLOUR_PANELS.index(panel)]


def _inked(light: Levels, black: Bits, curve: ToneCurve, top: int, *, black_panel: bool) -> Levels:
    # A table of bytes is looked up by ``translate`` in a fifth of the time that an index array takes.
    dots = bytearray(light.tobytes()).translate(_table(curve, top).tobytes())
    plane = np.frombuffer(dots, dtype=np.uint8).reshape(light.shape)
    np.copyto(plane, 0 if black_panel else top, where=black)
    return plane


def pack_bits(plane: Bits) -> bytes:
    """One bit a dot, most significant bit first, 1 = ink (``Db;k;2``: 648 x 1016 / 8 = 82 296 bytes)."""
    return np.packbits(plane, axis=1).tobytes()


def pack_levels(plane: Levels, levels: int) -> bytes:
    """5, 6 or 7 bits a dot, run together without gaps, most significant bit first (``Db;y;128``: 576 072 bytes)."""
    depth = _depth(levels)
    return np.packbits(np.unpackbits(plane[:, :, np.newaxis], axis=2)[:, :, 8 - depth :]).tobytes()


def compress_bits(plane: Bits) -> bytes:
    """The line code of K and O: ``00`` white, ``FF`` black, else the count of useful bytes and those bytes."""
    packed = np.packbits(plane, axis=1)
    full = np.packbits(np.ones((1, plane.shape[1]), dtype=np.bool_), axis=1)
    black = (packed == full).all(axis=1)
    width, whole = packed.shape[1], packed.tobytes()
    used = np.where(packed.any(axis=1), width - (packed[:, ::-1] != 0).argmax(axis=1), 0)
    lines = [
        b"\xff" if is_black else bytes((count,)) + whole[at : at + count]
        for at, count, is_black in zip(range(0, len(whole), width), used.tolist(), black.tolist(), strict=True)
    ]
    return b"".join(lines)


def compress_levels(plane: Levels, levels: int) -> bytes:
    """The run code of Y, M and C: ``0vvvvvvv`` one dot, ``1vvvvvvv nn`` a run, ``80 00`` a blank line.

    With 6 bits a dot bit 6, and with 5 bits each of the bits 6 and 5, adds 256 to the count. Runs do not cross lines,
    and a counter byte of zero is never used for a run, since the guide gives zero to the blank line alone.
    """
    depth = _depth(levels)
    runs = _Runs.of(plane).split(255 + 256 * (7 - depth))
    coded = np.flatnonzero((runs.length > 2) | runs.blank)  # a run code takes two bytes: single dots are never longer
    length, blank = runs.length[coded], runs.blank[coded]
    first, second = runs.value.copy(), runs.value.copy()
    code = first[coded] | 0x80
    code[length >= 256] |= 0x40
    code[length >= 512] |= 0x20
    first[coded] = np.where(blank, 0x80, code)
    second[coded] = np.where(blank, 0, length & 0xFF)
    two = (runs.length != 1) | runs.blank
    after = np.flatnonzero(two)
    whole = np.repeat(first, two.astype(np.intp) + 1)
    whole[after + np.arange(1, after.size + 1)] = second[after]
    return whole.tobytes()


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    value: Levels
    length: NDArray[np.int32]
    blank: Bits
    """True where the run is a whole line without ink."""

    @classmethod
    def of(cls, plane: Levels) -> _Runs:
        dots = plane.shape[1]
        flat = plane.ravel()
        edge = np.empty(flat.shape, dtype=np.bool_)
        edge[0] = True
        np.not_equal(flat[1:], flat[:-1], out=edge[1:])
        edge[::dots] = True
        start = np.flatnonzero(edge)
        length, value = np.diff(start, append=flat.size).astype(np.int32), flat[start]
        return cls(value, length, (length == dots) & (value == 0))

    def split(self, most: int) -> _Runs:
        """Runs of at most ``most`` dots whose count never has a zero low byte; a whole blank line stays one."""
        long = np.flatnonzero(((self.length > most) | (self.length & 0xFF == 0)) & ~self.blank)
        if not long.size:
            return self
        cut = [_cut(length, most) for length in self.length[long].tolist()]
        parts = np.ones(self.length.size, dtype=np.intp)
        parts[long] = [len(one) for one in cut]
        length = self.length.copy()
        length[long] = 0
        length = np.repeat(length, parts)
        length[length == 0] = [part for one in cut for part in one]
        return _Runs(np.repeat(self.value, parts), length, np.repeat(self.blank, parts))


@cache
def _cut(length: int, most: int) -> tuple[int, ...]:
    """A long run in parts: each as long as may be, but one dot less and that dot where the low byte would be zero."""
    parts = [most] * ((length - 1) // most) + [(length - 1) % most + 1]
    return tuple(one for part in parts for one in ((part - 1, 1) if part & 0xFF == 0 else (part,)))


def _depth(levels: int) -> int:
    if levels not in _BITS:
        raise _refuse(f"{levels} levels a dot; known are 32, 64 and 128", f"不支持{levels}级灰度")
    return _BITS[levels]


def _table(curve: Sequence[tuple[float, float]], top: int) -> NDArray[np.uint8]:
    """Light of a channel (0..255) -> ink level (0..top)."""
    wanted, sent = zip(*curve, strict=True)
    share: NDArray[np.float64] = np.clip(np.interp((255 - np.arange(256)) / 255, wanted, sent), 0.0, 1.0)
    return np.rint(share * top).astype(np.uint8)


def _turn(image: NDArray[_T]) -> NDArray[_T]:
    """The landscape card turned 90 degrees clockwise, as the printer feeds it (vendor capture, decoded)."""
    return np.ascontiguousarray(np.rot90(image, -1))
