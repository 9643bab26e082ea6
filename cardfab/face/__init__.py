"""The face of a card: fonts, layout in millimetres, portrait, artwork, masks, preview, and exact text in PDF."""

from .fonts import FontBook, Glyph
from .lint import FaceFinding, lint_face
from .photo import PhotoMeasures, PhotoVerdict, judge_photo
from .preview import preview_pdf, preview_png
from .refusal import FaceRefused
from .render import render_side

__all__ = [
    "FaceFinding",
    "FaceRefused",
    "FontBook",
    "Glyph",
    "PhotoMeasures",
    "PhotoVerdict",
    "judge_photo",
    "lint_face",
    "preview_pdf",
    "preview_png",
    "render_side",
]
