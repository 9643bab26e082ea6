"""Who calls: a token in the ``Authorization`` header, in the name of its person. Cookies count for nothing here."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cardfab.errors import Text
from cardfab.production import Act, Person
from cardfab.station.acting import act_as
from cardfab.station.desk import Desk
from cardfab.station.tokens import TokenRefused, admit
from cardfab.store.apitokens import TokenRow
from cardfab.web.api.problems import TooManyBadTokens
from cardfab.web.floor import Floor

_BAD, _WINDOW, _ADDRESSES = 10, 60.0, 1000


@dataclass(slots=True)
class BadTokens:
    """How many bad tokens came from each address within a minute; what comes after ten is not recorded."""

    _seen: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def full(self, address: str) -> bool:
        """Whether the address has had its tries."""
        with self._lock:
            return len(self._recent(address)) >= _BAD

    def count(self, address: str) -> None:
        """One more bad token of an address."""
        with self._lock:
            self._seen[address] = [*self._recent(address), time.monotonic()]
            self._seen.move_to_end(address)
            while len(self._seen) > _ADDRESSES:
                self._seen.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = time.monotonic() - _WINDOW
        return [one for one in self._seen.get(address, ()) if one > since]


@dataclass(frozen=True, slots=True)
class Caller:
    """One call: the desk of the token's person, whose acts name the token too."""

    floor: Floor
    desk: Desk
    token: TokenRow = field(repr=False)
    request: Request = field(repr=False)

    @property
    def person(self) -> Person:
        """In whose name the call is made."""
        return self.desk.person

    def must(self, *acts: Act) -> None:
        """Raise NotAllowed unless the person may one of these; the refusal is on record."""
        if not any(self.desk.person.may(act) for act in acts):
            self.desk.must(acts[0])


_BEARER = HTTPBearer(auto_error=False, description="A token of this station: 'cardfab user token add'.")


def caller(request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Caller:
    """Who calls. Raises TokenRefused, TooManyBadTokens."""
    floor: Floor = request.app.state.floor
    bad: BadTokens = request.app.state.bad_tokens
    address = request.client.host if request.client else "-"
    if shown is None:
        raise TokenRefused
    full = bad.full(address)
    try:
        person, row = admit(floor.base.entrance(), shown.credentials, on_record=not full)
    except TokenRefused:
        if full:
            raise TooManyBadTokens(
                Text("Too many bad tokens came from your address.", "来自该地址的无效令牌过多。"),
                do=Text("Wait a minute, and correct the token.", "请等待一分钟并更正令牌。"),
            ) from None
        bad.count(address)
        raise
    act_as(person.login)
    found = Caller(floor, replace(floor.desk(person), by_token=row.label), row, request)
    request.state.caller = found
    return found


async def called(found: Annotated[Caller, Depends(caller)]) -> Caller:
    """The same, said in the context that the handler's own thread is a copy of."""
    act_as(found.person.login)
    return found


Called = Annotated[Caller, Depends(called)]
