"""A ceremony room without a terminal: a station set apart, its first keys, and people who answer by a script."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cardfab.cli import wiring
from cardfab.cli.ceremony import Told, spec_of
from cardfab.cli.ceremonyguide import Guide
from cardfab.cli.dialog import Dialog
from cardfab.cli.output import Talk
from cardfab.errors import Text
from cardfab.keys import KeySpec
from cardfab.keys.ceremony import Kind
from cardfab.keys.keyfile import KeyFile
from cardfab.keys.label import STATION_KEYS
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.openings import Cost
from cardfab.keys.sealedfile import open_file
from cardfab.production import Person, Role
from cardfab.station.ceremony import Sitting, Wanted
from cardfab.station.desk import Desk
from cardfab.store import Database
from cardfab.watch import Watch, unwatched

CUSTODIANS = ("custodian", "custodian-2", "custodian-3")
PEOPLE = (
    *(
        Person(login, f"Custodian {number}", frozenset({Role.KEY_CUSTODIAN}))
        for number, login in enumerate(CUSTODIANS, 1)
    ),
    Person("auditor", "Auditor", frozenset({Role.AUDITOR})),
)
WORD = b"word"
BEGAN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class Clock:
    """A minute a look: a ceremony takes its time."""

    def __init__(self, at: datetime = BEGAN) -> None:
        self.at = at
        self.by = timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.at += self.by
        return self.at


@dataclass
class Script:
    """Answers in their order; what was said and asked is kept. ``None``: the people break off."""

    answers: list[str | None]
    said: list[str] = field(default_factory=list)
    unseen: list[bytearray] = field(default_factory=list)

    def dialog(self, language: str = "en") -> Dialog:
        talk = Talk(language=language)
        script = self

        class Recorded(Dialog):
            def say(self, words: Text) -> None:
                script.said.append(words.of(language))

            def _prompt(self, words: Text) -> None:
                script.said.append(words.of(language))

        def line(hidden: bool, prompt: Callable[[], None]) -> bytearray:
            prompt()
            if not self.answers:
                raise AssertionError(f"no answer is left for: {self.said[-1]}")
            answer = self.answers.pop(0)
            if answer is None:
                raise KeyboardInterrupt
            typed = bytearray(answer.encode())
            if hidden:
                self.unseen.append(typed)
            return typed

        return Recorded(talk, line)

    @property
    def text(self) -> str:
        return "\n".join(self.said)


@dataclass
class CeremonyRoom:
    """A station that is not for training, and its key file."""

    folder: Path
    desk: Desk
    keys: SoftKeyManager
    proved: list[str] = field(default_factory=list)

    def prove(self, login: str) -> Person:
        self.proved.append(login)
        with self.desk.database.reading() as tx:
            return tx.people.get(login)

    def sitting(
        self,
        kind: Kind,
        label: str = "bank/ZPK",
        custodians: tuple[str, ...] = CUSTODIANS[:2],
        witnesses: tuple[str, ...] = (),
        spec: KeySpec | None = None,
    ) -> Sitting:
        """A ceremony over the key as the command line would name it."""
        wanted = Wanted(kind, spec or spec_of(kind, label, Told(), self.keys.infos()), custodians, witnesses)
        return Sitting(self.desk, self.keys, wanted, self.prove, rehearsal=False)

    def hold(self, sitting: Sitting, script: Script, pages: list[bytes] | None = None) -> Sitting:
        """Lead it to its end, or to where it breaks off."""

        def send(page: memoryview) -> None:
            if pages is not None:
                pages.append(bytes(page))

        with sitting.held():
            Guide(sitting, script.dialog(), send).lead()
        return sitting

    def label_kcv(self, label: str) -> str:
        return self.keys.info(label).kcv


def found_room(folder: Path) -> Path:
    """Make a room whose station keys came in by ceremonies of their own; to be copied."""
    folder.mkdir(parents=True)
    database = Database(folder / "station.db")
    database.upgrade()
    with database.transaction("people") as tx:
        for person in PEOPLE:
            tx.people.add(person)
    database.close()
    file, clock = KeyFile(folder / "station.keys"), Clock(BEGAN - timedelta(days=1))
    SoftKeyManager.found(file, WORD, os.urandom, clock, training=False, cost=Cost(1, 8, 1)).close()
    with _opened(folder, clock, unwatched) as room:
        for spec in STATION_KEYS:
            with room.sitting(Kind.GENERATE, spec.label).held() as sitting:
                sitting.prove_all()
                sitting.make()
    return folder


@contextmanager
def ceremony_room(founded: Path, folder: Path, watch: Watch = unwatched) -> Iterator[CeremonyRoom]:
    """A copy of a room, in use by its first custodian."""
    shutil.copytree(founded, folder)
    with _opened(folder, Clock(), watch) as room:
        yield room


@contextmanager
def _opened(folder: Path, clock: Clock, watch: Watch) -> Iterator[CeremonyRoom]:
    file = KeyFile(folder / "station.keys")
    data = file.read()
    keys = SoftKeyManager(file, data, open_file(data, os.urandom, word=WORD), os.urandom, clock)
    database = Database(folder / "station.db", watch=watch)
    desk = Desk(
        station="room-1", training=False, person=PEOPLE[0], database=database, keys=keys.store,
        profiles=wiring.profile_source(None), fonts=wiring.font_book(("/usr/share/fonts",)), now=clock,
        random=os.urandom,
    )  # fmt: skip
    try:
        yield CeremonyRoom(folder, desk, keys)
    finally:
        keys.close()
        database.close()
