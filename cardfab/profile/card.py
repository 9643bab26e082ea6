"""What one kind of chip card is: its cipher, channel, and quirks. Data, so that a new card is a file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cardfab.profile.base import Strict


class Channel(Strict):
    """How the financial application's secure channel is opened (SCP02 as in EMV CPS)."""

    root: str
    kvn: int = Field(ge=0, le=0xFF)
    level: Literal[0, 1, 3]
    chunk: int = Field(ge=16, le=255)


class CardProfile(Strict):
    """One kind of blank."""

    name: str
    title_en: str
    title_zh: str
    algorithm: Literal["3DES", "SM4"]
    channel: Channel
    blanks: Literal["any region", "same region"] = "same region"
    training: bool
