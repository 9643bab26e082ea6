"""What an adapter has to remember between the messages of one operation: written down before the next one is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cardfab.station.desk import Desk

_SEAL = "station/seal"
_INDEX = "station/index"

Note = Mapping[str, str]


class Notes(Protocol):
    """Notes by name; a name may hold a holder's number, what is kept shows neither it nor the note."""

    def get(self, name: str) -> Note | None:
        """The note, None where there is none."""
        ...

    def put(self, name: str, note: Note) -> None:
        """Write it down; it is on the disk when this returns."""
        ...

    def drop(self, name: str) -> None:
        """Forget it."""
        ...


@dataclass(frozen=True, slots=True)
class DeskNotes:
    """Notes in the station's database, sealed."""

    desk: Desk

    def get(self, name: str) -> Note | None:
        """The note, None where there is none."""
        key = self._key(name)
        with self.desk.database.reading() as tx:
            found = tx.host_notes.get(key)
        if found is None:
            return None
        note: dict[str, str] = json.loads(self.desk.keys.unseal(_SEAL, found[1], found[0], b"host note:" + key))
        return note

    def put(self, name: str, note: Note) -> None:
        """Write it down."""
        desk, key = self.desk, self._key(name)
        salt, plain = desk.random(32), json.dumps(dict(note), ensure_ascii=False).encode()
        sealed = desk.keys.seal(_SEAL, salt, plain, b"host note:" + key)
        with desk.database.transaction("host note") as tx:
            tx.host_notes.put(key, sealed, salt, at=desk.at())

    def drop(self, name: str) -> None:
        """Forget it."""
        key = self._key(name)
        with self.desk.database.transaction("host note") as tx:
            tx.host_notes.drop(key)

    def _key(self, name: str) -> bytes:
        return self.desk.keys.index(_INDEX, f"host-note:{name}".encode())
