"""A prepared card: everything one card will hold and show, its secrets only sealed. It is a value, and it is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cardfab.keys import Sealed
from cardfab.prepare.financial import DataGrouping
from cardfab.prepare.records import PreparedBinary, PreparedRecord


@dataclass(frozen=True, slots=True)
class PreparedCard:
    """What a request has become. ``face`` holds the texts of the face by field name; ``photo`` is the JPEG.

    ``environments``: the groupings of PSE and PPSE, by their AID in hex.
    """

    request_id: str
    product: str
    region: str
    card_number: str = field(repr=False)
    pan: str = field(repr=False)
    issue_date: str
    expiry_date: str
    records: tuple[PreparedRecord, ...] = field(repr=False)
    groupings: tuple[DataGrouping, ...] = field(repr=False)
    face: Mapping[str, str] = field(repr=False)
    photo: bytes | None = field(repr=False)
    binaries: tuple[PreparedBinary, ...] = field(default=(), repr=False)
    environments: Mapping[str, tuple[DataGrouping, ...]] = field(default_factory=dict, repr=False)

    def to_json_bytes(self) -> bytes:
        """One canonical JSON object, to be sealed."""
        plain = {
            "request_id": self.request_id,
            "product": self.product,
            "region": self.region,
            "card_number": self.card_number,
            "pan": self.pan,
            "issue_date": self.issue_date,
            "expiry_date": self.expiry_date,
            "records": [_record_out(record) for record in self.records],
            "groupings": [_grouping_out(grouping) for grouping in self.groupings],
            "face": dict(self.face),
            "photo": None if self.photo is None else base64.b64encode(self.photo).decode(),
            "binaries": [_binary_out(binary) for binary in self.binaries],
            "environments": {aid: [_grouping_out(one) for one in each] for aid, each in self.environments.items()},
        }
        return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_json_bytes(cls, data: bytes) -> PreparedCard:
        """The inverse of :meth:`to_json_bytes`."""
        plain = json.loads(data)
        environments = plain.get("environments", {})
        return cls(
            **{
                **plain,
                "records": tuple(_record_in(entry) for entry in plain["records"]),
                "groupings": tuple(_grouping_in(entry) for entry in plain["groupings"]),
                "photo": None if plain["photo"] is None else base64.b64decode(plain["photo"]),
                # Cards prepared before transparent files and environments were written have none.
                "binaries": tuple(_binary_in(entry) for entry in plain.get("binaries", ())),
                "environments": {aid: tuple(_grouping_in(one) for one in each) for aid, each in environments.items()},
            }
        )


def _record_out(record: PreparedRecord) -> dict[str, Any]:
    return {
        "df": record.df,
        "fid": record.fid.hex(),
        "record_number": record.record_number,
        "tag": record.tag.hex(),
        "value": record.value.hex(),
        "name_en": record.name_en,
        "name_zh": record.name_zh,
        "source": record.source,
    }


def _record_in(entry: Mapping[str, Any]) -> PreparedRecord:
    in_bytes = {name: bytes.fromhex(entry[name]) for name in ("fid", "tag", "value")}
    return PreparedRecord(**{**entry, **in_bytes})


def _binary_out(binary: PreparedBinary) -> dict[str, Any]:
    return {
        "df": binary.df,
        "fid": binary.fid.hex(),
        "data": base64.b64encode(binary.data).decode(),
        "name_en": binary.name_en,
        "name_zh": binary.name_zh,
        "source": binary.source,
    }


def _binary_in(entry: Mapping[str, Any]) -> PreparedBinary:
    in_bytes = {"fid": bytes.fromhex(entry["fid"]), "data": base64.b64decode(entry["data"])}
    return PreparedBinary(**{**entry, **in_bytes})


def _grouping_out(grouping: DataGrouping) -> dict[str, Any]:
    value = grouping.value
    if isinstance(value, bytes):
        return {"dgi": grouping.dgi, "title": grouping.title, "value": value.hex()}
    sealed = {
        "ciphertext": value.ciphertext.hex(),
        "under": value.under,
        "meaning": value.meaning,
        "length": value.length,
        "kcvs": [kcv.hex() for kcv in value.kcvs],
    }
    return {"dgi": grouping.dgi, "title": grouping.title, "sealed": sealed}


def _grouping_in(entry: Mapping[str, Any]) -> DataGrouping:
    if "value" in entry:
        return DataGrouping(entry["dgi"], bytes.fromhex(entry["value"]), entry["title"])
    given = entry["sealed"]
    sealed = Sealed(
        ciphertext=bytes.fromhex(given["ciphertext"]),
        under=given["under"],
        meaning=given["meaning"],
        length=given["length"],
        kcvs=tuple(bytes.fromhex(kcv) for kcv in given["kcvs"]),
    )
    return DataGrouping(entry["dgi"], sealed, entry["title"])
