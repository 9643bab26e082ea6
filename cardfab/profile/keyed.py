"""Lists that a profile writes as a table, one entry a key: a profile that ``extends`` adds to them or changes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

ORDERED_TABLES = frozenset({"directories", "files", "items", "fields", "keys", "records", "paths"})
"""Keys of tables whose order says something: which record, which file is made first."""


@dataclass(frozen=True)
class Keyed:
    """Marks a tuple of models whose text is a table; ``field`` takes the key.

    An entry with ``on_card = false`` is left out. A list is taken as well, as a model dumps itself.
    """

    field: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._listed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        entry: dict[str, Any] = handler(schema).get("items", {})
        return {"type": "object", "additionalProperties": entry}

    def _listed(self, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return [{self.field: key, **entry} if isinstance(entry, dict) else entry for key, entry in _kept(value).items()]


def _kept(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: entry for key, entry in table.items() if not (isinstance(entry, dict) and entry.get("on_card") is False)
    }


def written_path(values: object, place: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """``place`` in a model as it stands in the text: the number of an entry becomes its key."""
    path: list[str | int] = []
    for part in place:
        if isinstance(values, dict) and part not in values and part == values.get("family"):
            continue  # a union of families names the one it chose
        if isinstance(part, int) and isinstance(values, dict):
            kept = list(_kept(values))
            part = kept[part] if part < len(kept) else part
        path.append(part)
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list | tuple) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            values = None
    return tuple(path)
