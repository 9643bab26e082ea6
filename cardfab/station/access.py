"""How a person comes in: passwords, lockout, sessions. Below every page and command line.

An attempt is counted and committed before its password is looked at, and taken back when it was right: neither a crash
nor many at once win a try. A training station takes people without password and asks them nothing.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn, Protocol

from cardfab.audit import AuditEvent, Outcome, milliseconds
from cardfab.crypto import same
from cardfab.crypto.password import decoy, hash_password, is_current, verify_password
from cardfab.errors import KeyFault, StockFault, Text
from cardfab.production import Person
from cardfab.production.passwords import check_password
from cardfab.store import Database, Transaction
from cardfab.store.people import Access
from cardfab.store.sessions import SessionRow

_ONE_AT_A_TIME = threading.Lock()
"""See :mod:`cardfab.crypto.password`. It also keeps many logins at once from taking all the memory."""
LOGIN = "login"
NOBODY = "-"
"""Who acts while nobody is known; no login looks like it."""
LOCKED = "locked"
"""Stands for the boot of a session that its person locked: no machine names a boot so."""


class AskWord(Protocol):
    """Gives the password of a login, ``new`` for one to be set. The buffer is wiped by who asked."""

    def __call__(self, login: str, *, new: bool = False) -> bytearray: ...


class LoginRefused(KeyFault):
    """Login or password is wrong; which of the two is not said."""

    default_code = "CF-6700"


class LoginLocked(KeyFault):
    """Too many bad attempts."""

    default_code = "CF-6701"


class NoPassword(KeyFault):
    """The person has no password, or nobody here can be asked for it."""

    default_code = "CF-6702"


class NotSignedIn(StockFault):
    """Nobody is signed in at this station."""

    default_code = "CF-7420"


class SessionEnded(NotSignedIn):
    """The session is over: idle too long, from before a restart, or ended elsewhere."""

    default_code = "CF-7421"


@dataclass(frozen=True, slots=True)
class AccessRules:
    """PCI DSS 8.2.8 (idle at most 15 minutes), 8.3.4 (at most 10 attempts, at least 30 minutes)."""

    attempts: int = 6
    lock: timedelta = timedelta(minutes=30)
    idle: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Door:
    """Where people come in. ``boot`` names the machine's present boot; ``ask`` is None where nobody can be asked."""

    station: str
    training: bool
    database: Database
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    rules: AccessRules = AccessRules()
    ask: AskWord | None = None
    boot: str = ""

    def at(self, after: timedelta = timedelta(0)) -> str:
        """The present moment, or one after it, as the tables keep it."""
        return milliseconds(self.now() + after).isoformat(timespec="milliseconds")

    def note(self, tx: Transaction, actor: str, action: str, outcome: Outcome = "done", **details: str) -> None:
        """An audit event about people, in the transaction of what it records."""
        subject = self.random(16).hex()
        event = AuditEvent(milliseconds(self.now()), actor, self.station, action, subject, outcome, details)
        tx.audit.append(event)

    def word(self, login: str, *, new: bool = False) -> bytearray:
        """The person's password, asked for; raises :class:`NoPassword` where nobody can be asked."""
        if self.ask is None:
            raise NoPassword(
                Text(f"'{login}' has to give their password, and nobody here can be asked.",
                     f"需要“{login}”输入口令，但此处无法询问。"),
                do=Text("Work at a terminal, or give --password-fd.", "请在终端上操作，或使用 --password-fd。"),
                code="CF-6703",
            )  # fmt: skip
        return self.ask(login, new=new)


def authenticate(door: Door, login: str, word: bytearray, *, purpose: str) -> Person:
    """The person of a login whose password this is; the word is wiped. Raises LoginRefused, LoginLocked."""
    try:
        person, kept = _count_attempt(door, login, purpose)
        with _ONE_AT_A_TIME:
            right = verify_password(word, kept or decoy(door.random))
        if not right or kept is None or person is None:
            _refuse(door, login if person else None, purpose)
        fresh = None if is_current(kept) else _hash(door, word)
    finally:
        word[:] = bytes(len(word))
    columns = {"failed": 0, "locked_until": None} | ({} if fresh is None else {"hash": fresh})
    with door.database.transaction("password right") as tx:
        tx.people.change(login, **columns)
        door.note(tx, login, "person.prove", login=login, purpose=purpose)
    return person


def _count_attempt(door: Door, login: str, purpose: str) -> tuple[Person | None, str | None]:
    """The person and the hash to try, once the attempt is counted as a bad one; raises LoginLocked."""
    with door.database.transaction("attempt") as tx:
        person = tx.people.find(login)
        how = tx.people.access(login) if person else Access()
        locked = how.locked_until is not None and _before(door.at(), how.locked_until)
        if person is None or how.disabled_at is not None:
            return person, None
        if locked:
            door.note(tx, login, "person.login", "refused", login=login, purpose=purpose, why="locked")
        elif how.hash is not None:
            bad = 1 if how.locked_until is not None else how.failed + 1  # a lock that is over begins the count anew
            full = bad >= door.rules.attempts
            tx.people.change(login, failed=bad, locked_until=door.at(door.rules.lock) if full else None)
    if locked:
        raise LoginLocked(
            Text(f"'{login}' is locked after too many bad attempts.", f"“{login}”因多次输错口令被锁定。"),
            do=Text(
                "Wait until the lock ends, or let an administrator unlock: 'cardfab user unlock LOGIN --second LOGIN'.",
                "请等待锁定结束，或由管理员解锁：cardfab user unlock 登录名 --second 登录名。",
            ),
        )
    return person, how.hash


def _refuse(door: Door, login: str | None, purpose: str) -> NoReturn:
    """Record the bad attempt, and the lock it may have brought. A login nobody has is not recorded: it may be a
    password typed in the wrong place.
    """
    with door.database.transaction("password wrong") as tx:
        if login is None:
            door.note(tx, NOBODY, "person.login", "refused", purpose=purpose, why="unknown login")
        else:
            how = tx.people.access(login)
            door.note(
                tx, login, "person.login", "refused", login=login, purpose=purpose, why="wrong", failed=str(how.failed)
            )
            if how.locked_until is not None:
                door.note(tx, login, "person.lock", login=login, until=how.locked_until)
    raise LoginRefused(
        Text("Login or password is wrong.", "登录名或口令错误。"),
        do=Text("Try again; too many bad attempts lock the login.", "请重试；多次输错将被锁定。"),
    )


def require_usable(door: Door, login: str) -> bool:
    """Whether the person proves themselves by a password. Raises NoPassword and StockFault for who may not come in."""
    with door.database.reading() as tx:
        tx.people.get(login)
        how = tx.people.access(login)
    return _usable(door, login, how)


def _usable(door: Door, login: str, how: Access) -> bool:
    if how.disabled_at is not None:
        raise StockFault(
            Text(f"'{login}' is disabled.", f"“{login}”已停用。"),
            do=Text(
                "An administrator can enable it: 'cardfab user enable LOGIN'.", "管理员可启用：cardfab user enable。"
            ),
            code="CF-7411",
        )
    if how.hash is None and not door.training:
        raise NoPassword(
            Text(f"'{login}' has no password; only a training station takes that.", f"“{login}”未设口令，仅训练可用。"),
            do=Text("An administrator sets a first one: 'cardfab user passwd LOGIN'.",
                    "请管理员设置初始口令：cardfab user passwd 登录名。"),
        )  # fmt: skip
    return how.hash is not None


def prove(door: Door, login: str, *, purpose: str) -> Person:
    """The person, proved here and now by their own password; in training nobody without one is asked."""
    asked = require_usable(door, login)
    with door.database.reading() as tx:
        person, once = tx.people.get(login), tx.people.access(login).once
    if once and purpose != LOGIN:  # somebody else knows it
        raise NoPassword(
            Text(f"'{login}' has a first password only, which somebody else set.",
                 f"“{login}”仅有他人设置的初始口令。"),
            do=Text("They sign in once and set their own: 'cardfab user login LOGIN'.",
                    "请本人先登录并自设口令：cardfab user login 登录名。"),
            code="CF-6705",
        )  # fmt: skip
    return authenticate(door, login, door.word(login), purpose=purpose) if asked else person


def sign_in(door: Door, login: str, origin: str) -> bytes:
    """Begin the person's session, ending a former one; the token that shows it."""
    with door.database.reading() as tx:
        person = tx.people.find(login)
    if person is None and not door.training:
        authenticate(door, login, door.word(login), purpose=LOGIN)  # refused, as slowly as a wrong password
    try:
        prove(door, login, purpose=LOGIN)
    except StockFault as refused:
        with door.database.transaction("login refused") as tx:
            door.note(tx, login if person else NOBODY, "person.login", "refused", why=refused.code)
        raise
    with door.database.reading() as tx:
        once = tx.people.access(login).once
    if once:
        set_password(door, login, by=login)
    token = door.random(32)
    at = door.at()
    with door.database.transaction("login") as tx:
        if tx.sessions.begin(SessionRow(login, _digest(token), at, at, origin, door.boot)):
            door.note(tx, login, "person.logout", login=login, why="signed in again")
        tx.people.change(login, last_login=at)
        door.note(tx, login, "person.login", login=login, origin=origin)
    return token


@dataclass(frozen=True, slots=True)
class Standing:
    """How a session stands. ``waits``: for its person's password, before anything is done in it."""

    person: Person
    row: SessionRow = field(repr=False)
    how: Access = field(repr=False)
    idle: timedelta
    waits: bool


def standing(door: Door, login: str, token: bytes) -> Standing:
    """Look at the session of this token; writes nothing. Raises SessionEnded.

    A page asks this before :func:`go_on`, for it cannot ask for a password in the midst of a request.
    """
    with door.database.reading() as tx:
        row = tx.sessions.of(login)
        if row is None or not same(row.token_hash, _digest(token)):
            raise _ended(login)
        how, person = tx.people.access(login), tx.people.get(login)
    idle = milliseconds(door.now()) - datetime.fromisoformat(row.last_at)
    # A clock set back more than the idle time proves nothing either.
    fresh = row.boot == door.boot and -door.rules.idle < idle < door.rules.idle
    return Standing(person, row, how, idle, how.hash is not None and not fresh)


def resume(door: Door, login: str, token: bytes) -> Person:
    """Who a session's token belongs to. Idle too long, or from before a restart of the machine, it asks for the
    password again (PCI DSS 8.2.8; CP-L 6.6.3). Raises SessionEnded, LoginRefused, LoginLocked, NoPassword.
    """
    return go_on(door, standing(door, login, token))


def go_on(door: Door, one: Standing) -> Person:
    """The same from how the session stands."""
    login = one.row.login
    has_password = _usable(door, login, one.how)
    restarted = one.row.boot != door.boot
    if one.waits or restarted:
        why = "locked" if one.row.boot == LOCKED else "restart" if restarted else "idle"
        _again(door, login, why, asked=has_password)
        with door.database.reading() as tx:  # the password may have been changed meanwhile, and more with it
            return tx.people.get(login)
    if has_password and one.idle > door.rules.idle / 60:
        with door.database.transaction("session") as tx:
            tx.sessions.touch(login, last_at=door.at())
    return one.person


def lock(door: Door, login: str) -> None:
    """Have the person's session wait for the password from now on, as if it had been idle."""
    with door.database.transaction("lock") as tx:
        tx.sessions.touch(login, boot=LOCKED)
        door.note(tx, login, "session.stop", login=login, why="locked")


def _again(door: Door, login: str, why: str, *, asked: bool) -> None:
    with door.database.transaction("session stopped") as tx:
        door.note(tx, login, "session.stop", "done", login=login, why=why)
    if asked:
        authenticate(door, login, door.word(login), purpose=why)
    with door.database.transaction("session") as tx:
        tx.sessions.touch(login, last_at=door.at(), boot=door.boot)


def sign_out(door: Door, login: str, why: str = "signed out") -> None:
    """End a person's session."""
    with door.database.transaction("logout") as tx:
        if tx.sessions.end(login):
            door.note(tx, login, "person.logout", login=login, why=why)


def set_password(door: Door, login: str, *, by: str) -> None:
    """Ask for a new password and keep it. One that somebody else sets serves once, to set one's own."""
    with door.database.reading() as tx:
        person, old = tx.people.get(login), tx.people.access(login).hash
    word = door.word(login, new=True)
    try:
        check_password(word, login, person.name)
        with _ONE_AT_A_TIME:
            same_again = old is not None and verify_password(word, old)
        if same_again:
            raise LoginRefused(
                Text("The new password is the old one.", "新口令与原口令相同。"),
                do=Text("Take another.", "请换一个。"),
                code="CF-6704",
            )
        kept = _hash(door, word)
    finally:
        word[:] = bytes(len(word))
    once = by != login
    with door.database.transaction("password") as tx:
        tx.people.change(login, hash=kept, set_at=door.at(), once=int(once), failed=0, locked_until=None)
        if once:
            tx.sessions.end(login)
        door.note(tx, by, "person.password", login=login, once=str(once).lower())


def _ended(login: str) -> SessionEnded:
    return SessionEnded(
        Text(f"The session of '{login}' has ended.", f"“{login}”的登录已失效。"),
        do=Text("Sign in again: 'cardfab user login LOGIN'.", "请重新登录：cardfab user login 登录名。"),
    )


def _hash(door: Door, word: bytearray) -> str:
    with _ONE_AT_A_TIME:
        return hash_password(word, door.random)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _before(one: str, other: str) -> bool:
    return datetime.fromisoformat(one) < datetime.fromisoformat(other)
