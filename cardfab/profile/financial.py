"""A financial application by EMV CPS data groupings: which tags stand where, in which order, from which value.

A *path* is one way that a terminal takes through the records: its GPO grouping, its records in the order of the AFL,
and which of them are signed. Applications without paths have one, ``9104`` over all records, nothing signed.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from cardfab.profile.base import Hex, Strict
from cardfab.profile.keyed import Keyed
from cardfab.profile.quirks import AppletQuirks

SOURCES = ("pan", "track2", "track1", "expiry", "effective", "psn", "service_code", "name", "long_name")
"""What a prepared card gives a value for."""
SIGNED_SOURCES = (
    "ca_index",
    "issuer_certificate",
    "issuer_remainder",
    "issuer_exponent",
    "icc_certificate",
    "icc_remainder",
    "icc_exponent",
    "static_signature",
)
"""What the certificates of a path give a value for, written ``NAME@PATH``."""


class TagEntry(Strict):
    """One data object: a constant value, or the name of a value of the prepared card."""

    tag: Hex
    name: str
    value: Hex | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> TagEntry:
        if (self.value is None) == (self.source is None):
            raise ValueError(f"tag {self.tag.hex().upper()} needs either 'value' or 'source'")
        return self


class RecordEntry(Strict):
    """A record of the application: DGI SSrr, value in template 70. A profile writes it as ``[records.SSrr]``."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.update(required=["tags"]))

    sfi: int = Field(ge=1, le=30)
    record: int = Field(ge=1, le=255)
    tags: tuple[TagEntry, ...]

    @model_validator(mode="before")
    @classmethod
    def _by_dgi(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "dgi" not in value:
            return value
        dgi, rest = str(value["dgi"]), {name: one for name, one in value.items() if name != "dgi"}
        if not re.fullmatch("[0-9A-F]{4}", dgi):
            raise ValueError(f"{dgi} is no DGI of a record")
        return {"sfi": int(dgi[:2], 16), "record": int(dgi[2:], 16), **rest}

    @property
    def dgi(self) -> str:
        """SSrr."""
        return f"{self.sfi:02X}{self.record:02X}"


class PathEntry(Strict):
    """One way through the application. ``records`` are SSrr in AFL order, ``signed`` those that 93 and 9F46 cover."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    gpo: Literal["9104", "9105", "9203", "9204", "9207", "9208"]
    aip: Hex = Field(min_length=2, max_length=2)
    records: tuple[str, ...]
    signed: tuple[str, ...] = ()
    algorithm: Literal["RSA", "SM2"] = "RSA"
    dac: Hex = Field(default=b"\x00\x00", min_length=2, max_length=2)

    @property
    def contactless(self) -> bool:
        """Whether the card answers the GPO of this path with the cryptogram itself (qPBOC)."""
        return self.gpo in ("9207", "9208")

    @model_validator(mode="after")
    def _signed_is_read(self) -> PathEntry:
        if missing := set(self.signed) - set(self.records):
            raise ValueError(f"signed records that the path does not read: {', '.join(sorted(missing))}")
        return self


class FinancialKeys(Strict):
    """Issuer master keys of the three UDKs."""

    ac: str
    smi: str
    smc: str

    @property
    def labels(self) -> tuple[str, str, str]:
        """AC, SMI, SMC."""
        return self.ac, self.smi, self.smc


class IssuerSide(Strict):
    """Which issuer keys certify the card, and what its own key is like."""

    rsa: str | None = None
    sm2: str | None = None
    icc_bits: int = Field(default=1024, ge=1024, le=1984, multiple_of=8)
    icc_exponent: Literal[3, 65537] = 65537


class PinPolicy(Strict):
    """The first offline PIN: how many digits, how many tries, who makes it (``none``: the card has no offline PIN).

    ``random``: the key store; a training application gets the published PIN instead. ``holder``: at the pin pad.
    """

    first: Literal["random", "holder", "none"]
    digits: int = Field(ge=4, le=12)
    tries: int = Field(ge=1, le=15)
    pad_key: str | None = None
    """The transport key of the pin pad at which the holder enters it."""

    @model_validator(mode="after")
    def _pad_has_a_key(self) -> PinPolicy:
        if self.first == "holder" and self.pad_key is None:
            raise ValueError("a PIN that the holder enters needs 'pad_key', the transport key of the pin pad")
        return self


class EnvironmentEntry(Strict):
    """A payment system environment that names this application: 1PAY.SYS.DDF01 (PSE) or 2PAY.SYS.DDF01 (PPSE)."""

    kind: Literal["PSE", "PPSE"]
    aid: Hex
    directory: tuple[Hex, ...]
    """The tags of its entry: 4F is the AID, the others come from the FCI."""
    fci: tuple[TagEntry, ...] = ()


class FinancialApplication(Strict):
    """A debit application as a set of data groupings (facts: pboc-debit-data.json)."""

    name: str
    title_en: str
    title_zh: str
    aid: Hex
    iin: str = Field(pattern=r"^\d{6}$")
    pan_digits: int = Field(ge=16, le=19)
    psn: str = Field(pattern=r"^\d{2}$")
    service_code: str = Field(pattern=r"^\d{3}$")
    discretionary: str = Field(default="", pattern=r"^(\d|\{cvn\}|\{pvv\})*$")
    """Behind the service code on track 2; ``{cvn}`` and ``{pvv}`` are computed from the bank's keys."""
    aip: Hex
    fci: tuple[TagEntry, ...]
    fci_contactless: tuple[TagEntry, ...] = ()
    iad: Hex
    iad_sm: Hex | None = None
    records: Annotated[tuple[RecordEntry, ...], Keyed("dgi")]
    paths: Annotated[tuple[PathEntry, ...], Keyed("name")] = ()
    updatable: tuple[TagEntry, ...]
    internal: tuple[TagEntry, ...]
    environments: tuple[EnvironmentEntry, ...] = ()
    keys: FinancialKeys
    keys_sm4: FinancialKeys | None = None
    udk_option: Literal["A", "B"] = "A"
    cvn_key: str | None = None
    pvv_key: str | None = None
    pvv_index: int = Field(default=1, ge=1, le=6)
    issuer: IssuerSide = IssuerSide()
    holder_name: Literal["on chip", "off chip"] = "off chip"
    pin: PinPolicy
    quirks: AppletQuirks = AppletQuirks()
    cdol_limit: int = Field(default=252, ge=1, le=252)
    """The longest CDOL value list, in bytes, that the applet takes."""
    order: tuple[str, ...]
    unverified: tuple[str, ...] = ()
    """What in this profile no source settles; said by ``cardfab profile show``."""
    training: bool

    @property
    def ways(self) -> tuple[PathEntry, ...]:
        """The paths, or the one that an application without paths has."""
        every = tuple(entry.dgi for entry in self.records)
        return self.paths or (PathEntry(name="contact", gpo="9104", aip=self.aip, records=every),)

    @model_validator(mode="after")
    def _names_exist(self) -> FinancialApplication:
        paths = {path.name for path in self.paths}
        if len(paths) != len(self.paths):
            raise ValueError("two paths have the same name")
        entries = [entry for record in self.records for entry in record.tags]
        for entry in (*entries, *self.fci, *self.fci_contactless, *self.updatable, *self.internal):
            name, _, path = (entry.source or "").partition("@")
            if path and (name not in SIGNED_SOURCES or path not in paths):
                raise ValueError(f"tag {entry.tag.hex().upper()}: there is no '{entry.source}'")
        return self
