"""What the face room refuses, always before a blank is used.

Codes: CF-3401 a character no font can draw, CF-3402 words that do not fit, CF-3403 a value missing or not in its form,
CF-3404 a portrait that cannot be placed, CF-3405 no font for a role, CF-3406 a template that would print on a mask.
"""

from __future__ import annotations

from cardfab.errors import InputRefused


class FaceRefused(InputRefused):
    """The face cannot be drawn exactly as asked."""

    default_code = "CF-3400"
