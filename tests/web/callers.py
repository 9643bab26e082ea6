"""Programs that call the JSON interface with a token."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cardfab.production import Person, Role
from cardfab.station.access import AskWord
from cardfab.station.tokens import add_token
from cardfab.web.app import create_app
from cardfab.web.floor import Floor
from tests.web.browser import TestClient

_NUMBERS = itertools.count(1)


def token_of(floor: Floor, login: str, *roles: Role, days: int = 90, ask: AskWord | None = None) -> str:
    """A token of a person with all their duties that a token may give, or some."""
    administrator = floor.desk(Person("administrator", "Administrator", frozenset({Role.ADMINISTRATOR})), ask)
    with floor.base.database.reading() as tx:
        held = tx.people.get(login).roles & {Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR}
    return add_token(administrator, f"t{next(_NUMBERS)}.{login}", login, frozenset(roles) or held, days).shown


@dataclass
class Program:
    """One program: its token, and a new idempotency key for each call unless one is given."""

    floor: Floor
    token: str | None = None
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = TestClient(create_app(self.floor), base_url="http://testserver", raise_server_exceptions=False)

    def headers(self, more: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
        shown = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return {**shown, **dict(more)}

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(f"/api/v1{path}", params=params, headers=self.headers())

    def post(self, path: str, body: Any = None, key: str | None = None) -> Any:
        named = key or f"key-{next(_NUMBERS):06d}"
        return self.client.post(f"/api/v1{path}", json=body, headers=self.headers([("Idempotency-Key", named)]))


def program(floor: Floor, login: str, *roles: Role) -> Program:
    """A program with a token of that person."""
    return Program(floor, token_of(floor, login, *roles))
