"""How logins stand, and who is signed in."""

from __future__ import annotations

from cardfab.production import Person, Role
from cardfab.store import Database
from cardfab.store.people import Access
from cardfab.store.sessions import SessionRow

AT, LATER = "2026-11-21T08:00:00.000+00:00", "2026-11-21T08:05:00.000+00:00"


def test_a_login_that_was_never_touched_has_nothing(database: Database) -> None:
    with database.reading() as tx:
        assert tx.people.access("li") == Access()
        assert tx.people.find("nobody") is None
        assert tx.people.last_review() is None


def test_changes_add_up(database: Database) -> None:
    with database.transaction("a") as tx:
        tx.people.change("li", hash="$kept", once=1, set_at=AT)
    with database.transaction("b") as tx:
        tx.people.change("li", failed=3, locked_until=LATER)
    with database.reading() as tx:
        assert tx.people.access("li") == Access("$kept", AT, True, 3, LATER)
        assert tx.people.access("wang") == Access()


def test_roles_are_replaced(database: Database) -> None:
    with database.transaction("roles") as tx:
        tx.people.set_roles(Person("li", "李", frozenset({Role.AUDITOR})))
    with database.reading() as tx:
        assert tx.people.get("li").roles == {Role.AUDITOR}


def test_one_session_a_person(database: Database) -> None:
    first, again = (SessionRow("li", bytes([n]) * 32, AT, AT, "pts/1", "boot") for n in (1, 2))
    with database.transaction("login") as tx:
        assert tx.sessions.begin(first) is False
        assert tx.sessions.begin(again) is True
        assert tx.sessions.of("wang") is None
    with database.transaction("act") as tx:
        tx.sessions.touch("li", last_at=LATER)
    with database.reading() as tx:
        kept = tx.sessions.of("li")
    assert kept is not None
    assert (kept.token_hash, kept.last_at, kept.begun_at) == (bytes([2]) * 32, LATER, AT)
    with database.transaction("logout") as tx:
        assert tx.sessions.end("li") is True
        assert tx.sessions.end("li") is False


def test_reviews_are_kept(database: Database) -> None:
    with database.transaction("review") as tx:
        tx.people.reviewed(at=AT, by="wang", people=2)
        tx.people.reviewed(at=LATER, by="wang", people=2)
    with database.reading() as tx:
        assert tx.people.last_review() == LATER
