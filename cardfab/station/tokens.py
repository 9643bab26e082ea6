"""Tokens by which another program acts at this station, always in the name of a person.

A token is 32 random bytes, shown once and kept as a digest. It gives its person's duties or some of them, as far as
the person still has them. It never gives people, settings or keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cardfab.audit import milliseconds
from cardfab.errors import InputRefused, KeyFault, StockFault, Text
from cardfab.production import Act, Person, Role
from cardfab.station.access import NOBODY, Door, prove
from cardfab.station.desk import Desk
from cardfab.store.apitokens import TokenRow

PREFIX: Final = "cft_"
DAYS: Final = 90
"""How long a token serves where nothing else was said."""
MOST_DAYS: Final = 366
_MAY_GIVE = frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR})
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_SHOWN = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


class TokenRefused(KeyFault):
    """No token, one that is none, or one that serves no more. Which of them is not said."""

    default_code = "CF-6910"

    def __init__(self) -> None:
        super().__init__(
            Text("The token is missing, unknown or serves no more.", "令牌缺失、未知或已失效。"),
            do=Text("Send 'Authorization: Bearer TOKEN' with a token that an administrator made here.",
                    "请在 Authorization: Bearer 中提供本制卡点管理员签发的有效令牌。"),
        )  # fmt: skip


class TokenFault(StockFault):
    """Such a token cannot be made."""

    default_code = "CF-7911"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. ``shown`` is told once; ``repr`` shows nothing of it."""

    row: TokenRow
    shown: str

    def __repr__(self) -> str:
        return f"NewToken({self.row.label!r})"


def add_token(desk: Desk, name: str, login: str, roles: Set[Role], days: int = DAYS) -> NewToken:
    """Make a token for a person. At a real station they prove themselves: it acts in their name.

    Raises NotAllowed, PersonUnknown, :class:`TokenFault`, and the refusals of :func:`cardfab.station.access.prove`.
    """
    desk.must(Act.STAFF)
    with desk.database.reading() as tx:
        person = tx.people.get(login)
    try:
        _check(name, person, roles, days)
    except (StockFault, InputRefused) as refused:
        desk.refused(refused, act=Act.STAFF, login=login)
        raise
    prove(desk.entrance(), login, purpose="token")
    secret = desk.random(32)
    shown = PREFIX + base64.urlsafe_b64encode(secret).decode().rstrip("=")
    ends = milliseconds(desk.now() + timedelta(days=days)).isoformat(timespec="milliseconds")
    with desk.database.transaction("token") as tx:
        row = tx.api.add(
            name, login, frozenset(roles), _digest(secret), begun_at=desk.at(), ends_at=ends, by=desk.person.login
        )
        details = {"name": name, "login": login, "roles": ",".join(sorted(roles)), "until": ends}
        tx.audit.append(desk.event("token.add", desk.token(), "done", details))
    return NewToken(row, shown)


def tokens(desk: Desk) -> tuple[TokenRow, ...]:
    """Every token there is or was, by name. Raises NotAllowed."""
    if not desk.person.may(Act.REVIEW):
        desk.must(Act.STAFF)
    with desk.database.reading() as tx:
        return tx.api.all()


def revoke_token(desk: Desk, name: str) -> TokenRow:
    """End a token now. Raises NotAllowed, TokenUnknown."""
    desk.must(Act.STAFF)
    with desk.database.transaction("token revoked") as tx:
        row = tx.api.get(name)
        if tx.api.revoke(row.id, at=desk.at(), by=desk.person.login):
            details = {"name": name, "login": row.login}
            tx.audit.append(desk.event("token.revoke", desk.token(), "done", details))
        return tx.api.get(name)


def serves(row: TokenRow, now: datetime) -> bool:
    """Whether a token is in force."""
    return row.revoked_at is None and now < datetime.fromisoformat(row.ends_at)


def admit(door: Door, shown: str, *, on_record: bool = True) -> tuple[Person, TokenRow]:
    """Who acts by this token, with the duties it gives now. Raises :class:`TokenRefused`, which is on record."""
    digest = _of(shown)
    with door.database.reading() as tx:
        row = None if digest is None else tx.api.of_digest(digest)
        person = None if row is None else tx.people.get(row.login)
        disabled = row is not None and tx.people.access(row.login).disabled_at is not None
    if row is None or person is None or disabled or not serves(row, door.now()):
        details = {} if row is None else {"name": row.label, "login": row.login}
        if on_record:
            with door.database.transaction("token refused") as tx:
                door.note(tx, NOBODY, "token.refuse", "refused", code=TokenRefused.default_code, **details)
        raise TokenRefused
    _touch(door, row)
    return Person(person.login, person.name, person.roles & row.roles), row


def _touch(door: Door, row: TokenRow) -> None:
    """Keep the use; after a rest as long as a session's it is on record anew."""
    now = milliseconds(door.now())
    rested = None if row.last_at is None else now - datetime.fromisoformat(row.last_at)
    if rested is not None and timedelta() <= rested < door.rules.idle / 60:
        return
    with door.database.transaction("token used") as tx:
        tx.api.touch(row.id, door.at())
        if rested is None or not timedelta() <= rested < door.rules.idle:
            door.note(tx, row.login, "token.use", name=row.label, login=row.login)


def _check(name: str, person: Person, roles: Set[Role], days: int) -> None:
    if not _NAME.fullmatch(name):
        raise TokenFault(
            Text(f"{name!r} is no name of a token: small letters, digits, '.', '_', '-', 2 to 40 of them.",
                 f"{name!r} 不是令牌名称：须为 2 至 40 个小写字母、数字、点、下划线或连字符。"),
            do=Text("Choose another.", "请另选。"),
        )  # fmt: skip
    if not roles or not roles <= _MAY_GIVE or not roles <= person.roles:
        raise TokenFault(
            Text(f"A token of '{person.login}' gives some of their own duties: operator, supervisor or auditor.",
                 f"“{person.login}”的令牌只能授予其本人的操作员、主管或审计员职责。"),
            do=Text("Name roles that the person has.", "请选择该人员已有的角色。"),
            code="CF-7912",
        )  # fmt: skip
    if not 1 <= days <= MOST_DAYS:
        raise TokenFault(
            Text(f"A token serves 1 to {MOST_DAYS} days.", f"令牌有效期为 1 至 {MOST_DAYS} 天。"),
            do=Text("Give another number of days.", "请另填天数。"),
            code="CF-7913",
        )


def _of(shown: str) -> bytes | None:
    if not _SHOWN.fullmatch(shown):
        return None
    try:
        return _digest(base64.b64decode(shown[len(PREFIX) :] + "=", altchars=b"-_", validate=True))
    except binascii.Error:
        return None


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
