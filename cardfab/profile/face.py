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

FontRole = Literal["sans", "sans-bold", "serif", "serif-bold", "arabic", "tibetan"]
"""``arabic`` and ``tibetan`` are shaped as a whole line and never broken; ``arabic`` runs from right to left."""
Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
Condition = Annotated[str, StringConstraints(pattern=r"^(!?[a-z_]+|[a-z_]+!?=.+)$")]
"""``sex`` there is such a value, ``!sex`` there is none, ``sex=1`` it is this, ``sex!=1`` it is another or none."""
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


class BothLanguages(Strict):
    en: str
    zh: str


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
    """Words that are the same on every card; in ``colour`` they belong to the artwork, without they are black resin.

    ``text`` is one string, or one for each language of the face. Words wider than ``width`` are made smaller.
    """

    text: Annotated[str, StringConstraints(min_length=1)] | BothLanguages
    x: float
    y: float
    size: Points
    font: FontRole = "sans"
    align: Literal["left", "centre", "right"] = "left"
    spacing: float = 0.0
    width: Annotated[float, Field(gt=0)] | None = None
    colour: Colour | None = None
    when: Condition | None = None

    def said(self, language: Language) -> str:
        """The words in a language."""
        if isinstance(self.text, str):
            return self.text
        return self.text.zh if language == "zh" else self.text.en


class TextField(Strict):
    """Words of one holder, always black resin.

    ``width`` and ``lines`` bound them: they shrink to 80 %, then wrap, then are refused; ``leading`` (mm between
    baselines at full size) shrinks with them. ``groups`` sets a gap after so many characters, the last count again and
    again; ``form`` ``date`` writes 20261121 as 2026年11月21日 (2026-11-21 on an English face), ``month`` as 11/26. With
    ``when`` the field is there only on some cards.
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
    form: Literal["text", "date", "month"] = "text"
    required: bool = True
    when: Condition | None = None
    sample: Annotated[str, StringConstraints(min_length=1)]


Share = Annotated[float, Field(ge=0, le=1)]


class Crop(Strict):
    """The part of a portrait that is shown, in shares of its width and height."""

    x: Share = 0.0
    y: Share = 0.0
    width: Annotated[float, Field(gt=0, le=1)] = 1.0
    height: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _inside(self) -> Crop:
        if self.x + self.width > 1 or self.y + self.height > 1:
            raise ValueError("the crop leaves the photo")
        return self


class PhotoSlot(Rect):
    """Where the portrait goes; it keeps its ratio and is not enlarged beyond 120 %.

    What ``crop`` leaves is cut about its middle to the ratio of the slot.
    """

    corner: Annotated[float, Field(ge=0)] = 0.0
    crop: Crop = Crop()


class GhostPhoto(PhotoSlot):
    """The portrait once more, small, grey and pale, in the colour panels."""

    opacity: Opacity = 0.35


class CodeField(Rect):
    """A QR code (ISO/IEC 18004) or a Code 128 bar code (ISO/IEC 15417), black resin in whole dots.

    ``content`` is text with ``{name}`` for a value. The rectangle includes the quiet zone: 4 modules round a QR code,
    10 at both ends of a bar code. A code whose modules would be under ``least_module`` (mm) is refused.
    """

    name: str
    kind: Literal["qr", "code-128"]
    content: Annotated[str, StringConstraints(min_length=1)]
    correction: Literal["l", "m", "q", "h"] = "m"
    least_module: Annotated[float, Field(ge=0.15, le=2)] = 0.25
    when: Condition | None = None
    sample: Annotated[str, StringConstraints(min_length=1)]


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
    codes: tuple[CodeField, ...] = ()
    photo: PhotoSlot | None = None
    ghost: GhostPhoto | None = None
    masks: tuple[Mask, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> FaceSide:
        names = [field.name for field in self.fields] + [code.name for code in self.codes]
        if len(set(names)) != len(names):
            raise ValueError("two fields of one side have the same name")
        return self


class HeadRules(Strict):
    """Where the head must be, in pixels of the required size (facts, social security card 6.3).

    No program here finds a face: measured is the outline against the white background. Its top is the top of the hair,
    its greatest width above the neck stands for the width of the face (hair and ears are in it), its middle for the
    middle between the eyes. The height of the eyes is not measured.
    """

    top: tuple[int, int] = (7, 21)
    width: tuple[int, int] = (179, 255)
    middle: tuple[int, int] = (162, 196)
    contrast: Annotated[float, Field(gt=0)] = 60.0
    """RGB distance from white from which a pixel belongs to the head."""


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
    head: HeadRules | None = None
    """None: the position of the head is left to the eye."""


class FaceTemplate(Strict):
    """Both sides of a card and the portrait they ask for. ``language`` is that of words given in both."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    title: BothLanguages
    language: Language = "zh"
    sources: tuple[str, ...] = ()
    photo_rules: PhotoRules = PhotoRules()
    front: FaceSide
    back: FaceSide
