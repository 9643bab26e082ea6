"""The record of the key-service process: a small database of its own beside the keys, with the same tree of leaves.

Each connection writes with its station as the actor. Places and a signed checkpoint are given when the service has a
moment, and at its end. The record has a name of its own, so that a checkpoint of it is never taken for the station's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cardfab.audit import (
    AuditEvent,
    Checkpoint,
    CompactRange,
    Outcome,
    VerifierKey,
    milliseconds,
    sign_checkpoint,
    write_export,
)
from cardfab.errors import InputRefused, Text
from cardfab.keys.auditing import NOBODY, KeyUse, StationKeys, UseOutcome
from cardfab.station.desk import AUDIT_KEY
from cardfab.station.keyrecord import KeyRecord
from cardfab.store import Database

SERVICE: Final = "key-service"
"""The actor of what the service does by itself."""


class ConnectionRecord:
    """The key uses of one connection; fulfils :class:`~cardfab.keys.service.session.ConnectionSink`."""

    def __init__(self, book: ServiceBook, station: str) -> None:
        self._database = Database(book.path)
        self._record = KeyRecord(
            self._database,
            lambda action, subject, outcome, details: book.made(action, subject, outcome, details, station),
            frozenset({AUDIT_KEY}),
        )

    def intent(self, use: KeyUse) -> None:
        self._record.intent(use)

    def outcome(self, use: KeyUse, outcome: UseOutcome, code: str) -> None:
        self._record.outcome(use, outcome, code)

    def counted(self, uses: Sequence[KeyUse]) -> None:
        self._record.counted(uses)

    def settle(self) -> None:
        """Outcomes that wait are on record when this returns."""
        self._database.flush()

    def close(self) -> None:
        self._database.flush()
        self._database.close()


@dataclass(slots=True)
class ServiceBook:
    """The whole record; ``station`` is where the service stands. Fulfils keys.service.session.ServiceRecord."""

    path: Path
    station: str
    now: Callable[[], datetime]
    keys: StationKeys | None = None
    """What signs the record: the service's own key store, once it is open."""

    def prepare(self) -> None:
        """Make the database where there is none; raises DatabaseRefused for one of another version."""
        database = Database(self.path)
        try:
            if database.version() is None:
                database.upgrade()
            database.require_current()
        finally:
            database.close()
        self.path.chmod(0o600)

    @property
    def origin(self) -> str:
        """The record's name."""
        return f"cardfab/{self.station}/keys"

    def made(
        self, action: str, subject: str, outcome: Outcome, details: Mapping[str, str], actor: str = SERVICE
    ) -> AuditEvent:
        """An event of this service, now."""
        return AuditEvent(milliseconds(self.now()), actor, self.station, action, subject, outcome, details)

    def sink(self, station: str, peer: str) -> ConnectionRecord:
        """For a connection; the event of its coming says which process it is."""
        return ConnectionRecord(self, station)

    def event(self, action: str, actor: str, outcome: UseOutcome, details: Mapping[str, str]) -> None:
        """Put something on record that is no key use."""
        who = SERVICE if actor == NOBODY else actor
        database = Database(self.path)
        try:
            database.note(self.made(action, NOBODY, outcome, details, who))
        finally:
            database.close()

    def settle(self) -> None:
        """Give every leaf its place, and sign the head."""
        database = Database(self.path)
        try:
            database.flush()
            with database.reading() as tx:
                waits = tx.audit.waiting() > 0
            if waits:
                database.sequence(None if self.keys is None else self._note)
        finally:
            database.close()

    def export(self, verifier: str) -> bytes:
        """The record up to its last signed head, as ``cardfab audit verify`` takes it."""
        database = Database(self.path)
        try:
            with database.reading() as tx:
                checkpoints, stored = tx.audit.checkpoints(), tx.audit.stored()
        finally:
            database.close()
        if not checkpoints:
            raise InputRefused(
                Text("The key service has signed no record yet.", "密钥服务尚未签署任何记录。"), code="CF-3525"
            )
        size = int(checkpoints[-1].split(b"\n", 2)[1])
        leaves, hashes = [one.leaf for one in stored[:size]], [one.hash for one in stored[:size]]
        return write_export(self.origin, [verifier], checkpoints, leaves, hashes)

    def verifier(self, keys: StationKeys) -> VerifierKey:
        """The public key that checks this record."""
        return VerifierKey(self.origin, keys.public(AUDIT_KEY))

    def _note(self, tree: CompactRange) -> bytes:
        if self.keys is None:
            raise RuntimeError("nothing signs this record")
        keys = self.keys
        head = Checkpoint.at(milliseconds(self.now()), self.origin, tree.size, tree.root())
        return sign_checkpoint(head, self.verifier(keys), lambda message: keys.sign(AUDIT_KEY, message))
