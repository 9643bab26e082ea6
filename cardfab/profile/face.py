"""The face of a card as a profile says it: what stands where, in millimetres from the top left of ID-1.

Text is placed by its baseline. The SPECIMEN mark is not part of a template: the renderer draws it, a
template only says where across the face it runs. Emblems and logos are picture slots, filled by the issuer.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from .base import Strict

CARD_WIDTH_MM = 85.60
"""ISO/IEC 7810 ID-1."""
CARD_HEIGHT_MM = 53.98

FontRole = Literal["sans", "sans-bold", "serif", "serif-bold"]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
Opacity = Annotated[float, Field(gt=0, le=1)]
Points = Annotated[float, Field(ge=3.5, le=60)]
Layer = Literal["colour", "black", "overlay"]


class Rect(Strict):
    """A rectangle in millimetres, ``x`` and ``y`` its top left corner."""

    x: float
    y: float
    width: Annotated[float, Field(gt=0)]
    height: Annotated[float, Field(gt=0)]

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def overlaps(self, other: Rect) -> bool:
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


class Mask(Rect):
    """Where nothing may be printed: ``kind`` is what lies there, ``layers`` what is kept off it."""

    kind: Literal["chip-contacts", "magnetic-stripe", "signature-panel"]
    layers: tuple[Layer, ...] = ("colour", "black", "overlay")


class Stop(Strict):
    """A colour of the ground at ``at`` (0 to 1) along its angle."""

    at: Annotated[float, Field(ge=0, le=1)]
    colour: Colour


class Wave(Strict):
    """An area under a sine curve (millimetres), down to the lower edge of the card."""

    colour: Colour
    opacity: Opacity
    base: float
    amplitude: float
    wavelength: Annotated[float, Field(gt=0)]
    phase: float = 0.0


class Weave(Strict):
    """A bundle of fine lines that opens and closes along the card, as security paper has them."""

    colour: Colour
    opacity: Opacity
    lines: Annotated[int, Field(ge=2, le=60)]
    stroke: Annotated[float, Field(gt=0, le=1)] = 0.09
    base: float
    spread: float
    amplitude: float
    wavelength: Annotated[float, Field(gt=0)]
    phase: float = 0.0


class PictureSlot(Rect):
    """A place for a picture of the issuer (emblem, mark): empty unless a picture of this name is handed in."""

    name: str


class Artwork(Strict):
    """The coloured ground of a side, drawn in this order."""

    ground: Annotated[tuple[Stop, ...], Field(min_length=2)]
    angle: float = 90.0
    waves: tuple[Wave, ...] = ()
    weaves: tuple[Weave, ...] = ()
    slots: tuple[PictureSlot, ...] = ()


class FixedText(Strict):
    """Words that are the same on every card; in ``colour`` they belong to the artwork, without they are black resin."""

    text: Annotated[str, StringConstraints(min_length=1)]
    x: float
    y: float
    size: Points
    font: FontRole = "sans"
    align: Literal["left", "centre", "right"] = "left"
    spacing: float = 0.0
    colour: Colour | None = None


class TextField(Strict):
    """Words of one holder, always black resin.

    ``width`` and ``lines`` bound them: they shrink to 80 %, then wrap, then are refused; ``leading`` (mm between
    baselines at full size) shrinks with them. ``groups`` sets a gap after so many characters, the last count again and
    again; ``form`` ``date`` writes 20261121 as 2026年11月21日.
    """

    name: str
    x: float
    y: float
    width: Annotated[float, Field(gt=0)]
    size: Points
    font: FontRole = "sans"
    lines: Annotated[int, Field(ge=1, le=4)] = 1
    leading: Annotated[float, Field(gt=0)] = 4.2
    align: Literal["left", "right"] = "left"
    groups: tuple[Annotated[int, Field(ge=1)], ...] = ()
    form: Literal["text", "date"] = "text"
    required: bool = True
    sample: Annotated[str, StringConstraints(min_length=1)]


class PhotoSlot(Rect):
    """Where the portrait goes; it keeps its ratio, is cropped about its middle and not enlarged beyond 120 %."""

    corner: Annotated[float, Field(ge=0)] = 0.0


class SpecimenPlace(Strict):
    """Where the middle of 样卡 SPECIMEN lies, how wide it runs (mm) and how it leans (degrees, anticlockwise)."""

    x: float
    y: float
    width: Annotated[float, Field(ge=30, le=84)]
    angle: Annotated[float, Field(ge=-45, le=45)]


class FaceSide(Strict):
    """One side of the card."""

    artwork: Artwork
    specimen: SpecimenPlace
    texts: tuple[FixedText, ...] = ()
    fields: tuple[TextField, ...] = ()
    photo: PhotoSlot | None = None
    masks: tuple[Mask, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> FaceSide:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("two fields of one side have the same name")
        return self


class PhotoRules(Strict):
    """What a portrait must be, and how far its background may be from white.

    Distances are Euclidean in RGB (white to black is 441.7), taken over the border above the shoulders: a strip of
    ``border_top`` of the height along the top and of ``border_side`` of the width down both sides to ``border_depth``.
    """

    width_px: Annotated[int, Field(gt=0)] = 358
    height_px: Annotated[int, Field(gt=0)] = 441
    dpi: Annotated[int, Field(gt=0)] = 350
    min_bytes: Annotated[int, Field(ge=0)] = 0
    max_bytes: Annotated[int, Field(gt=0)] = 40 * 1024
    background_mean: Annotated[float, Field(gt=0)] = 15.0
    background_p95: Annotated[float, Field(gt=0)] = 30.0
    border_top: Annotated[float, Field(gt=0, lt=0.5)] = 0.014
    border_side: Annotated[float, Field(gt=0, lt=0.5)] = 0.08
    border_depth: Annotated[float, Field(gt=0, le=1)] = 0.6


class BothLanguages(Strict):
    en: str
    zh: str


class FaceTemplate(Strict):
    """Both sides of a card and the portrait they ask for."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    title: BothLanguages
    sources: tuple[str, ...] = ()
    photo_rules: PhotoRules = PhotoRules()
    front: FaceSide
    back: FaceSide
