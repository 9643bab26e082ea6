"""What the pages stand on: the station's parts as :mod:`cardfab.cli.serving` joined them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cardfab.documents.counter import Language
from cardfab.production import Person
from cardfab.station.access import NOBODY, AskWord
from cardfab.station.counter.service import Counter
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.line import Line
from cardfab.web.notices import Notices
from cardfab.web.onces import Onces

NOBODY_HERE = Person(NOBODY, NOBODY, frozenset())


@dataclass(frozen=True, slots=True)
class Floor:
    """The station as pages use it. ``base`` is a desk of nobody; what it holds is shared by all requests."""

    base: Desk
    line: Line
    counter: Callable[[Desk, Language], Counter]
    """The counter of a desk, with the issuer host of the settings."""
    card: Callable[[Desk, str | None], AbstractContextManager[Devices]]
    """The counter's reader while nobody else moves cards; the second argument names another one in training."""
    folder: Path
    language: Language = "zh"
    """Before somebody is signed in and said which."""
    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})
    """The names, without a port, by which a browser may call this station."""
    secure: bool = False
    """Whether the pages go out over TLS."""
    notices: Notices = field(default_factory=Notices)
    onces: Onces = field(default_factory=Onces)

    def desk(self, person: Person, ask: AskWord | None = None) -> Desk:
        """The desk of a person; ``ask`` gives the passwords of who else comes in at it."""
        return replace(self.base, person=person, door=replace(self.base.entrance(), ask=ask))
