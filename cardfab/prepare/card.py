"""A prepared card: everything one card will hold and show, its secrets only sealed. It is a value, and it is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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
        """One canonical JSON object, to be sealed: keys sorted, no spaces. What cards have alike is told once."""
        photo = None if self.photo is None else base64.b64encode(self.photo).decode()
        environments = sorted(self.environments.items())
        parts = (
            '{"binaries":', _TO_JSON([_binary_out(binary) for binary in self.binaries]),
            ',"card_number":', _TO_JSON(self.card_number),
            ',"environments":{', ",".join([f"{_TO_JSON(aid)}:[{_groupings_out(each)}]" for aid, each in environments]),
            '},"expiry_date":', _TO_JSON(self.expiry_date),
            ',"face":', _TO_JSON(dict(self.face)),
            ',"groupings":[', _groupings_out(self.groupings),
            '],"issue_date":', _TO_JSON(self.issue_date),
            ',"pan":', _TO_JSON(self.pan),
            ',"photo":', _TO_JSON(photo),
            ',"product":', _TO_JSON(self.product),
            ',"records":[', ",".join([_record_out(record) for record in self.records]),
            '],"region":', _TO_JSON(self.region),
            ',"request_id":', _TO_JSON(self.request_id), "}",
        )  # fmt: skip
        return "".join(parts).encode()

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


_TO_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_MOST_KEPT = 4096


def _record_out(one: PreparedRecord) -> str:
    head = _record_head(one.df, one.fid, one.record_number, one.tag, one.name_en, one.name_zh, one.source)
    return f'{head}{one.value.hex()}"}}'


@lru_cache(_MOST_KEPT)
def _record_head(
    df: str, fid: bytes, record_number: int, tag: bytes, name_en: str, name_zh: str, source: str | None
) -> str:
    """A record up to its value, whose key sorts last: what the profile says, and nothing of the holder."""
    said = {"df": df, "fid": fid.hex(), "name_en": name_en, "name_zh": name_zh, "record_number": record_number}
    return _TO_JSON({**said, "source": source, "tag": tag.hex()})[:-1] + ',"value":"'


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


def _groupings_out(groupings: Iterable[DataGrouping]) -> str:
    return ",".join([_grouping_out(one) for one in groupings])


def _grouping_out(grouping: DataGrouping) -> str:
    value = grouping.value
    if isinstance(value, bytes):
        return f'{_grouping_head(grouping.dgi, grouping.title)}{value.hex()}"}}'
    head, middle, end = _sealed_frame(grouping.dgi, grouping.title, value.length, value.meaning, value.under)
    kcvs = ",".join([f'"{kcv.hex()}"' for kcv in value.kcvs])
    return f"{head}{value.ciphertext.hex()}{middle}{kcvs}{end}"


@lru_cache(_MOST_KEPT)
def _grouping_head(dgi: str, title: str) -> str:
    return _TO_JSON({"dgi": dgi, "title": title})[:-1] + ',"value":"'


@lru_cache(_MOST_KEPT)
def _sealed_frame(dgi: str, title: str, length: int, meaning: str, under: str) -> tuple[str, str, str]:
    """What stands before the ciphertext, before the check values and behind them."""
    end = _TO_JSON({"length": length, "meaning": meaning, "under": under})[1:]
    head = f'{{"dgi":{_TO_JSON(dgi)},"sealed":{{"ciphertext":"'
    return head, '","kcvs":[', f'],{end},"title":{_TO_JSON(title)}}}'


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
