"""An issuance request: what a person asked for, checked and typed, before anything is made of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from cardfab.errors import InputRefused, Text


@dataclass(frozen=True, slots=True)
class IssuanceRequest:
    """One card for one person. Codes are those of the code tables. ``repr`` shows nothing of the person."""

    request_id: str
    social_security_number: str = field(repr=False)
    name: str = field(repr=False)
    sex: str = field(repr=False)
    ethnicity: str = field(repr=False)
    birth_date: date = field(repr=False)
    birthplace: str = field(repr=False)
    region: str
    category: str
    card_class: str
    household_type: str = field(repr=False)
    household_address: str = field(repr=False)
    phone: str = field(repr=False)
    employer: str = field(repr=False)
    marital_status: str = field(repr=False)
    employment_status: str = field(repr=False)
    identity_category: str = field(repr=False)
    bank_product: str
    photo: bytes | None = field(repr=False)
    """The JPEG; None when the photo on file of the replaced card is used."""
    photo_name: str = field(repr=False)
    replaces_card: str | None = field(repr=False)
    urgent: bool
    items: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Values of the card by address (``DF03/EF05/60``), beside those that have a column."""

    def to_json_bytes(self) -> bytes:
        """UTF-8 JSON with sorted keys and no spaces: equal requests give equal bytes. Photo in base64."""
        values: dict[str, object] = {name: getattr(self, name) for name in _JSON_TYPES}
        values["birth_date"] = self.birth_date.isoformat()
        values["photo"] = None if self.photo is None else base64.b64encode(self.photo).decode("ascii")
        if not self.items:
            del values["items"]  # as every request was stored before there were any
        return _TO_JSON(values).encode()

    @classmethod
    def from_json_bytes(cls, data: bytes) -> IssuanceRequest:
        """The request that :meth:`to_json_bytes` wrote.

        Raises InputRefused (CF-3302) for anything else; the message shows nothing of the content.
        """
        try:
            values: dict[str, Any] = {"items": {}, **json.loads(data)}
            if values.keys() != _JSON_TYPES.keys() or not all(
                isinstance(values[name], kind) for name, kind in _JSON_TYPES.items()
            ):
                raise ValueError("keys or types differ")
            if not all(isinstance(one, str) for one in values["items"].values()):
                raise ValueError("an item is no text")
            values["birth_date"] = date.fromisoformat(values["birth_date"])
            if values["photo"] is not None:
                values["photo"] = base64.b64decode(values["photo"], validate=True)
            request = cls(**values)
            if request.to_json_bytes() != data:
                raise ValueError("not canonical")
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise InputRefused(
                Text("A stored request cannot be read back.", "已存储的申请无法读回。"),
                do=Text("Restore the database from a backup.", "请从备份恢复数据库。"),
                code="CF-3302",
            ) from None
        return request


_TO_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_OTHER_TYPES: dict[str, type | tuple[type, ...]] = {
    "photo": (str, type(None)),
    "replaces_card": (str, type(None)),
    "urgent": bool,
    "items": dict,
}
_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    entry.name: _OTHER_TYPES.get(entry.name, str) for entry in fields(IssuanceRequest)
}
"""The JSON type of each field as it is stored."""
