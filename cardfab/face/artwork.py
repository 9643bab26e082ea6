"""The coloured ground of a side, computed pixel by pixel from the template's figures, and the SPECIMEN mark over it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cardfab.profile.face import Artwork, Mask, SpecimenPlace, Wave, Weave

from .canvas import Canvas
from .fonts import FontBook
from .ink import coverage, line_width

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

SPECIMEN = "样卡 SPECIMEN"
SPECIMEN_COLOUR = "#b42318"
_SPECIMEN_OPACITY = 0.24
_HALO_MM = 3.0


def rgb(colour: str) -> NDArray[np.float32]:
    """``#rrggbb`` as three numbers, 0 to 255."""
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)], dtype=np.float32)


def blend(ground: NDArray[np.float32], colour: str, alpha: Plane) -> None:
    """Lay a colour over ``ground`` (h, w, 3) in place, ``alpha`` (h, w) from 0 to 1."""
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if rows.size:
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        ground[window] += (rgb(colour) - ground[window]) * alpha[window][..., None]


@lru_cache(maxsize=2)
def drawn(artwork: Artwork, masks: tuple[Mask, ...], canvas: Canvas) -> NDArray[np.float32]:
    """The ground of a side, (h, w, 3) in 0 to 255, read-only; computed once for each template and canvas.

    It fades to the white of the card towards a mask, so that the bare place looks meant.
    """
    x = ((np.arange(canvas.width, dtype=np.float32) + 0.5 - canvas.left) / canvas.per_mm)[None, :]
    y = ((np.arange(canvas.height, dtype=np.float32) + 0.5 - canvas.top) / canvas.per_mm)[:, None]
    ground = _gradient(artwork, x, y)
    for wave in artwork.waves:
        blend(ground, wave.colour, _wave(wave, x, y, canvas.per_mm))
    for weave in artwork.weaves:
        blend(ground, weave.colour, _weave(weave, x, y, canvas.per_mm))
    for mask in masks:
        if "colour" in mask.layers:
            blend(ground, "#ffffff", _halo(mask, x, y))
    ground.flags.writeable = False
    return ground


def _gradient(artwork: Artwork, x: Plane, y: Plane) -> NDArray[np.float32]:
    angle = np.deg2rad(artwork.angle)
    along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    along = (along - along.min()) / (along.max() - along.min())
    stops = sorted(artwork.ground, key=lambda stop: stop.at)
    places = [stop.at for stop in stops]
    colours = np.stack([rgb(stop.colour) for stop in stops])
    return np.stack([np.interp(along, places, colours[:, band]) for band in range(3)], axis=-1).astype(np.float32)


def _curve(x: Plane, base: float, amplitude: float, wavelength: float, phase: float) -> Plane:
    curve: Plane = (base + amplitude * np.sin(2 * np.pi * (x / wavelength + phase))).astype(np.float32)
    return curve


def _wave(wave: Wave, x: Plane, y: Plane, per_mm: float) -> Plane:
    edge = _curve(x, wave.base, wave.amplitude, wave.wavelength, wave.phase)
    alpha: Plane = (np.clip((y - edge) * per_mm + 0.5, 0, 1) * wave.opacity).astype(np.float32)
    return alpha


def _weave(weave: Weave, x: Plane, y: Plane, per_mm: float) -> Plane:
    """Lines side by side; the spread swings through zero, so that they cross and part again."""
    alpha = np.zeros((y.shape[0], x.shape[1]), dtype=np.float32)
    middle = _curve(x, weave.base, weave.amplitude, weave.wavelength, weave.phase)
    opening = np.cos(2 * np.pi * (x / (1.7 * weave.wavelength) + weave.phase)).astype(np.float32)
    for line in range(weave.lines):
        offset = line / (weave.lines - 1) - 0.5
        curve = middle + weave.spread * offset * opening
        # A steep line keeps its stroke: distance across it, not down.
        slope = np.sqrt(1 + (np.gradient(curve[0]) * per_mm) ** 2)[None, :]
        near = np.clip((weave.stroke / 2 - np.abs(y - curve) / slope) * per_mm + 0.5, 0, 1)
        alpha = np.maximum(alpha, near.astype(np.float32))
    return (alpha * weave.opacity).astype(np.float32)


def _halo(mask: Mask, x: Plane, y: Plane) -> Plane:
    """1 on a mask, falling smoothly to 0 at ``_HALO_MM`` from it."""
    across = np.maximum(np.maximum(mask.x - x, x - mask.right), 0)
    down = np.maximum(np.maximum(mask.y - y, y - mask.bottom), 0)
    near = np.clip(1 - np.hypot(across, down) / _HALO_MM, 0, 1)
    halo: Plane = (near * near * (3 - 2 * near)).astype(np.float32)
    return halo


def specimen_mark(place: SpecimenPlace, canvas: Canvas, fonts: FontBook) -> Plane:
    """The mark 样卡 SPECIMEN across a face as opacity, (h, w); its size follows from the width it must run."""
    glyphs = fonts.glyphs(SPECIMEN, "sans-bold")
    size = 10 * place.width / line_width(glyphs, 10)
    height = size * 0.36 * 0.76  # capitals and signs stand about three quarters of an em above the baseline
    flat = Image.fromarray(
        coverage(canvas, fonts, glyphs, x=place.x - place.width / 2, y=place.y + height / 2, size=size)
    )
    leaning = flat.rotate(place.angle, resample=Image.Resampling.BICUBIC, center=(canvas.x(place.x), canvas.y(place.y)))
    mark: Plane = np.asarray(leaning, dtype=np.float32) * np.float32(_SPECIMEN_OPACITY / 255)
    return mark


def lay_specimen(ground: NDArray[np.float32], mark: Plane) -> None:
    """Print the mark into the artwork in place."""
    blend(ground, SPECIMEN_COLOUR, mark)
