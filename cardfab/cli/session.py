"""Who is signed in at this station: a file that its owner alone reads, and the session in the database it points to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cardfab.cli.databases import database_at
from cardfab.errors import Text
from cardfab.keys.keyfile import write_private
from cardfab.production import Person
from cardfab.settings import Located
from cardfab.station import access
from cardfab.station.access import AccessRules, AskWord, Door, NotSignedIn
from cardfab.store import Database

SESSION = "session.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def door_of(
    located: Located,
    database: Database,
    ask: AskWord | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Door:
    """Where people come in at this station."""
    station, people = located.values.station, located.values.people
    rules = AccessRules(people.attempts, timedelta(minutes=people.lock_minutes), timedelta(minutes=people.idle_minutes))
    return Door(station.name, station.training, database, now, os.urandom, rules, ask, boot_id())


@contextmanager
def open_door(located: Located, ask: AskWord | None = None) -> Iterator[Door]:
    """The same, with the station's database open for as long."""
    database = database_at(located)
    try:
        database.require_current()
        yield door_of(located, database, ask)
    finally:
        database.close()


def signed_in(located: Located) -> str:
    """The login of who is signed in, as its file says; raises :class:`NotSignedIn`."""
    return _kept(located)[0]


def person_here(located: Located, door: Door, login: str | None = None) -> Person:
    """Who works here: of the session, or ``login``, who then proves themselves for this once."""
    if login is not None:
        return access.prove(door, login, purpose="act")
    return access.resume(door, *_kept(located))


def sign_in(located: Located, login: str, ask: AskWord | None = None) -> None:
    """Begin a session; who was signed in here before is signed out."""
    with open_door(located, ask) as door:
        token = access.sign_in(door, login, _origin())
        before = signed_in(located) if located.path(SESSION).is_file() else login
        if before != login:
            access.sign_out(door, before, "somebody else signed in")
    write_private(located.path(SESSION), json.dumps({"login": login, "token": token.hex()}).encode())


def sign_out(located: Located) -> None:
    """End the session of this station."""
    file = located.path(SESSION)
    if file.is_file():
        with open_door(located) as door:
            access.sign_out(door, signed_in(located))
    file.unlink(missing_ok=True)


def boot_id() -> str:
    """What the kernel calls the present boot; empty where it does not say."""
    return _BOOT.read_text(encoding="ascii").strip() if _BOOT.is_file() else ""


def _kept(located: Located) -> tuple[str, bytes]:
    file = located.path(SESSION)
    if file.is_file():
        kept = json.loads(file.read_text(encoding="utf-8"))
        return str(kept["login"]), bytes.fromhex(kept.get("token", ""))
    raise NotSignedIn(
        Text("Nobody is signed in at this station.", "本制卡点无人登录。"),
        do=Text("'cardfab user login NAME'; 'cardfab user list' shows who.", "请登录：cardfab user login 姓名。"),
    )


def _origin() -> str:
    """Where the person sits: the terminal, else the program's standard input is none."""
    try:
        return os.ttyname(0)
    except OSError:
        return "no terminal"


__all__ = [
    "SESSION",
    "NotSignedIn",
    "boot_id",
    "door_of",
    "open_door",
    "person_here",
    "sign_in",
    "sign_out",
    "signed_in",
    "write_private",
]
