"""What one kind of chip card is: its cipher, key ids, channel, and quirks. Data, so that a new card is a file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cardfab.profile.base import Hex, Strict


class CardKeyEntry(Strict):
    """A key on the card: the root it comes from, its id byte, and whether that id was found in a document."""

    root: str
    id: int = Field(ge=0, le=0xFF)
    verified: bool = True


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
    region_from: Literal["request", "issuer"] = "request"
    ssse_aid: Hex
    historical_length: int = 13
    keys: dict[str, CardKeyEntry]
    channel: Channel
    training: bool
