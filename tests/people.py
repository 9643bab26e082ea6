"""People who have passwords, and what they type: shared by the tests of access and retention."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cardfab.audit import AuditEvent
from cardfab.station.access import AccessRules, Door
from cardfab.store import Database

WORDS = {
    "li": "elf Pferde zwei Hasen",
    "wang": "一二三四五六七八九十一二",
    "zhao": "green stones in a river",
    "admin": "lamp oil for the winter",
}


@dataclass
class Clock:
    """A clock that a test turns."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Typed:
    """What people type when they are asked; keeps who was asked, and that each buffer was wiped."""

    words: dict[str, str] = field(default_factory=lambda: dict(WORDS))
    asked: list[tuple[str, bool]] = field(default_factory=list)
    given: list[bytearray] = field(default_factory=list)

    def __call__(self, login: str, *, new: bool = False) -> bytearray:
        self.asked.append((login, new))
        self.given.append(bytearray(self.words[f"new {login}" if new else login].encode()))
        return self.given[-1]

    @property
    def wiped(self) -> bool:
        return all(not any(word) for word in self.given)


def door(
    database: Database, clock: Clock, typed: Typed | None, *, training: bool = False, boot: str = "boot 1", **rules: int
) -> Door:
    """The entrance of a station."""
    made = AccessRules(**rules)
    return Door("station-1", training, database, clock, os.urandom, made, typed, boot)


def events(database: Database, *actions: str) -> list[AuditEvent]:
    """The record's events of these actions, in order."""
    database.flush()
    database.sequence()
    with database.reading() as tx:
        found = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
    return [one for one in found if one.action in actions]


@contextmanager
def typed_lines(*lines: str) -> Iterator[str]:
    """The number of a descriptor with lines to read, as ``--password-fd`` takes it."""
    read, write = os.pipe()
    try:
        os.write(write, "".join(f"{line}\n" for line in lines).encode())
        os.close(write)
        yield str(read)
    finally:
        os.close(read)
