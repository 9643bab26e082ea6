"""What one kind of chip card is: its cipher, channel, stages and quirks. Data, so that a new card is a file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from cardfab.crypto.derive import Diversification
from cardfab.profile.application import Aid
from cardfab.profile.base import Hex, Strict
from cardfab.profile.items import FileId, octets

Stage = Literal["activation", "pre-personalisation", "personalisation"]
"""What is done to a chip (LB 002 part 10, 5.1, 5.2, 5.4)."""
STAGES: tuple[Stage, ...] = ("activation", "pre-personalisation", "personalisation")


class Channel(Strict):
    """How the financial application's secure channel is opened (EMV CPS)."""

    protocol: Literal["SCP02", "SCP03"] = "SCP02"
    root: str
    diversification: str | None = None
    """Of the card keys, as ``cardfab card gp`` takes it; without it ``emv`` for SCP02, ``kdf3`` for SCP03."""
    domain: Aid | None = None
    """The security domain through which the applications are personalised; without it each is selected itself."""
    kvn: int = Field(ge=0, le=0xFF)
    level: Literal[0, 1, 3]
    chunk: int = Field(ge=16, le=255)

    @field_validator("diversification")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        if value not in (None, "none"):
            Diversification.of(value)
        return value


class Activation(Strict):
    """What a chip is told before it has any file (LB 002 part 10, 5.1); T8..TD are region and serial number."""

    transport: str
    """Label of the transport key that is set."""
    maker: Annotated[Hex, octets(7, 7)]
    """T1..T7 of the historical bytes (LB 002 part 2, table 16)."""


class Pki(Strict):
    """The certificate application of a third-generation card: names and files as live writers use them."""

    ddf: Aid
    adf: Aid
    signing_public: FileId = bytes.fromhex("0012")
    signing_key: FileId = bytes.fromhex("0013")
    encryption_public: FileId = bytes.fromhex("0014")
    encryption_key: FileId = bytes.fromhex("0015")
    signing_certificate: FileId = bytes.fromhex("0018")
    encryption_certificate: FileId = bytes.fromhex("0019")
    room: int = Field(default=1024, ge=256, le=0x7FFF)
    """Bytes of a certificate file."""
    block: int = Field(default=0x70, ge=16, le=0xF0)
    """Bytes of a certificate that one command carries."""
    manager_before: str
    manager: str
    master_before: str
    master: str
    """Labels of the manager's PIN and of the master keys, before issue and after."""
    user: str
    """Label of the user's PIN that the application comes with; personalisation makes it ``first_pin`` where another."""
    unverified: tuple[str, ...] = ()


class CardProfile(Strict):
    """One kind of blank."""

    name: str
    title_en: str
    title_zh: str
    algorithm: Literal["3DES", "SM4"]
    """The cipher of the identity and insurance applications; the one line that changes it."""
    key_version: Literal[1, 2, 3] | None = None
    """Which group of a key with three groups is proved, as the 17th byte; None: 16 bytes, which means the first."""
    first_pin: str | None = None
    """Label of the PIN that blanks come with; None where the station does not know it, and reads nothing by it."""
    block: int = Field(default=0xF0, ge=16, le=0xF0)
    """Bytes of a transparent file that one command carries."""
    channel: Channel
    readable: tuple[Annotated[Hex, octets(1, 2)], ...] = ()
    """Tags of the bank application's internal data (DGI 0D01, 0E01) that the card gives out by GET DATA."""
    blanks: Literal["any region", "same region"] = "same region"
    stages: tuple[Stage, ...] = ("personalisation",)
    """What a station does to this card; a bureau does all three, a counter only the last, on cards that are made."""
    dialect: str | None = None
    """The card operating system; needed for every stage but the last."""
    activation: Activation | None = None
    pki: Pki | None = None
    """None: the card has no certificate application."""
    training: bool

    @model_validator(mode="after")
    def _stages_follow_one_another(self) -> Self:
        first = STAGES.index(self.stages[0]) if self.stages else len(STAGES)
        if not self.stages or self.stages != STAGES[first : first + len(self.stages)]:
            raise ValueError(f"stages must follow one another: {', '.join(STAGES)}")
        if self.stages != ("personalisation",) and self.dialect is None:
            raise ValueError("a card that is made from a chip of the factory needs a dialect")
        if "activation" in self.stages and self.activation is None:
            raise ValueError("the stage activation needs a table of that name")
        return self
