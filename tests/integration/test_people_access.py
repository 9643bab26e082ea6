"""Passwords, lockout and sessions, below page and command line: A1, A2, A3, D5 of the requirements."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardfab.crypto import password
from cardfab.errors import CardfabError, StockFault
from cardfab.production import Act, NotAllowed, Person, Role, RolesRefused, SamePerson
from cardfab.settings import PeopleSection, SettingsRefused, read_settings
from cardfab.station import people
from cardfab.station.access import (
    Door,
    LoginLocked,
    LoginRefused,
    NoPassword,
    SessionEnded,
    authenticate,
    prove,
    resume,
    set_password,
    sign_in,
    sign_out,
)
from cardfab.station.desk import Desk
from cardfab.store import Database
from cardfab.store.people import PersonUnknown
from tests.integration.conftest import World
from tests.people import WORDS, Clock, Typed, door, events

pytestmark = pytest.mark.proof

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PEOPLE = {
    "admin": {Role.ADMINISTRATOR},
    "li": {Role.OPERATOR},
    "wang": {Role.SUPERVISOR},
    "zhao": {Role.AUDITOR},
    "sun": {Role.OPERATOR},  # who has no password
}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The algorithm as it is, with less memory: its cost is another test's."""
    monkeypatch.setattr(password, "_KIB", 64)


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def typed() -> Typed:
    return Typed()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A real station's database with its people, who have passwords but for one."""
    made = Database(tmp_path / "station.db")
    made.upgrade()
    with made.transaction("people") as tx:
        for login, roles in PEOPLE.items():
            tx.people.add(Person(login, login.title(), frozenset(roles)))
            if login in WORDS:
                tx.people.change(login, hash=password.hash_password(bytearray(WORDS[login].encode()), os.urandom))
    yield made
    made.close()


@pytest.fixture
def real(database: Database, clock: Clock, typed: Typed) -> Door:
    return door(database, clock, typed)


@pytest.fixture
def desk_of(real: Door, station: World, clock: Clock) -> Callable[[str], Desk]:
    """A desk of that real station with somebody at it; keys and profiles are the training station's."""

    def make(login: str) -> Desk:
        with station.desk() as desk, real.database.reading() as tx:
            here = replace(desk, training=False, database=real.database, now=clock, door=real)
            return replace(here, person=tx.people.get(login))

    return make


def _wrong(at: Door, login: str) -> CardfabError:
    with pytest.raises((LoginRefused, LoginLocked)) as refused:
        authenticate(at, login, bytearray(b"not the word of anybody"), purpose="login")
    return refused.value


# Passwords


def test_a_login_with_the_right_password(real: Door, typed: Typed) -> None:
    token = sign_in(real, "li", "pts/1")
    assert resume(real, "li", token).roles == {Role.OPERATOR}
    assert typed.asked == [("li", False)]
    assert typed.wiped
    with real.database.reading() as tx:
        kept = tx.people.access("li")
        session = tx.sessions.of("li")
    assert kept.last_login == real.at()
    assert session is not None
    assert token not in (session.token_hash, bytes(32))
    [said] = events(real.database, "person.login")
    assert (said.actor, said.outcome, said.details["origin"]) == ("li", "done", "pts/1")


def test_a_real_station_refuses_people_without_password(real: Door, database: Database, clock: Clock) -> None:
    with pytest.raises(NoPassword) as refused:
        sign_in(real, "sun", "pts/1")
    assert (refused.value.exit_status, refused.value.code) == (6, "CF-6702")
    in_training = door(database, clock, None, training=True)
    assert resume(in_training, "sun", sign_in(in_training, "sun", "-")).login == "sun"


def test_a_password_set_in_training_is_asked_from_then_on(database: Database, clock: Clock, typed: Typed) -> None:
    training = door(database, clock, typed, training=True)
    sign_in(training, "sun", "-")
    assert typed.asked == []
    typed.words |= {"new sun": "a new long sentence", "sun": "a new long sentence"}
    set_password(training, "sun", by="sun")
    sign_in(training, "sun", "-")
    assert typed.asked == [("sun", True), ("sun", False)]
    assert typed.wiped


def test_wrong_password_and_unknown_login_answer_alike(real: Door) -> None:
    said = {login: _wrong(real, login) for login in ("li", "nobody", "sun")}
    assert len({(one.code, str(one)) for one in said.values()}) == 1
    refusals = events(real.database, "person.login")
    assert [(one.actor, one.outcome) for one in refusals] == [("li", "refused"), ("-", "refused"), ("sun", "refused")]
    assert not any("nobody" in one.encode().decode() for one in refusals), "it may be a password, in the wrong place"


def test_an_unknown_login_costs_as_much(real: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    honest = password.verify_password

    def heard(word: bytearray, kept: str) -> bool:
        tried.append("$".join(kept.split("$")[:4]))
        return honest(word, kept)

    monkeypatch.setattr("cardfab.station.access.verify_password", heard)
    for login in ("li", "nobody", "sun"):
        _wrong(real, login)
    assert len(tried) == 3
    assert len(set(tried)) == 1


def test_a_hash_of_old_parameters_is_made_anew(real: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    with real.database.reading() as tx:
        before = tx.people.access("li").hash
    monkeypatch.setattr(password, "_PASSES", 4)
    prove(real, "li", purpose="login")
    with real.database.reading() as tx:
        after = tx.people.access("li").hash
    assert before is not None
    assert after is not None
    assert ("t=3" in before, "t=4" in after) == (True, True)
    prove(real, "li", purpose="login")


def test_a_disabled_person_is_kept_out(desk_of: Callable[[str], Desk], real: Door) -> None:
    token = sign_in(real, "li", "-")
    people.set_disabled(desk_of("admin"), "li", True)
    with pytest.raises(SessionEnded):
        resume(real, "li", token)
    with pytest.raises(StockFault) as refused:
        sign_in(real, "li", "-")
    assert refused.value.code == "CF-7411"
    with pytest.raises(LoginRefused):
        authenticate(real, "li", bytearray(WORDS["li"].encode()), purpose="login")
    people.set_disabled(desk_of("admin"), "li", False)
    sign_in(real, "li", "-")


# A2


def test_A2_the_login_is_locked_after_six_bad_attempts_for_half_an_hour(real: Door, clock: Clock, typed: Typed) -> None:
    assert [_wrong(real, "li").code for _ in range(7)] == ["CF-6700"] * 6 + ["CF-6701"]
    with pytest.raises(LoginLocked):
        sign_in(real, "li", "-")
    assert typed.wiped
    clock.turn(minutes=29, seconds=59)
    assert _wrong(real, "li").code == "CF-6701"
    clock.turn(seconds=1)
    sign_in(real, "li", "-")
    sign_in(real, "wang", "-")
    [lock] = events(real.database, "person.lock")
    assert lock.details["until"] == (START + timedelta(minutes=30)).isoformat(timespec="milliseconds")
    whys = [one.details.get("why") for one in events(real.database, "person.login") if one.outcome == "refused"]
    assert whys == ["wrong"] * 6 + ["locked"] * 3


def test_A2_the_count_begins_anew_after_a_lock_and_after_a_good_login(real: Door, clock: Clock) -> None:
    for _ in range(5):
        _wrong(real, "li")
    prove(real, "li", purpose="login")
    assert [_wrong(real, "li").code for _ in range(6)] == ["CF-6700"] * 6
    clock.turn(minutes=31)
    assert [_wrong(real, "li").code for _ in range(2)] == ["CF-6700"] * 2


def test_A2_a_crash_wins_no_attempt(real: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempt is committed before the word is looked at: dying while it is looked at counts as a bad one."""

    class Died(BaseException):
        pass

    def dies(word: bytearray, kept: str) -> bool:
        raise Died

    monkeypatch.setattr("cardfab.station.access.verify_password", dies)
    for _ in range(6):
        with pytest.raises(Died):
            authenticate(real, "li", bytearray(b"a guess of somebody"), purpose="login")
    monkeypatch.undo()
    assert _wrong(real, "li").code == "CF-6701"


def test_A2_many_at_once_win_no_attempt(real: Door) -> None:
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(_wrong(real, "li").code)) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(said) == ["CF-6700"] * 6 + ["CF-6701"] * 6


def test_A2_an_administrator_unlocks_with_a_second_look(
    desk_of: Callable[[str], Desk], real: Door, typed: Typed
) -> None:
    for _ in range(6):
        _wrong(real, "li")
    with pytest.raises(NotAllowed):
        people.unlock(desk_of("wang"), "li", "zhao")
    with pytest.raises(SamePerson):
        people.unlock(desk_of("admin"), "li", "admin")
    with pytest.raises(SamePerson):
        people.unlock(desk_of("admin"), "li", "li")
    typed.words["wang"] = "not the one of Wang"
    with pytest.raises(LoginRefused):
        people.unlock(desk_of("admin"), "li", "wang")
    assert _wrong(real, "li").code == "CF-6701"
    typed.words["wang"] = WORDS["wang"]
    people.unlock(desk_of("admin"), "li", "wang")
    sign_in(real, "li", "-")
    [unlocked] = events(real.database, "person.unlock")
    assert (unlocked.actor, dict(unlocked.details)) == ("admin", {"login": "li", "approved_by": "wang"})
    assert typed.wiped


@pytest.mark.parametrize("line", ["attempts = 11", "lock_minutes = 29", "idle_minutes = 16", "attempts = 0"])
def test_A2_A1_settings_are_never_laxer_than_the_requirement(line: str, tmp_path: Path) -> None:
    file = tmp_path / "cardfab.toml"
    file.write_text(f'[station]\nname = "a"\n[people]\n{line}\n', encoding="utf-8")
    with pytest.raises(SettingsRefused):
        read_settings((file,))
    assert PeopleSection() == PeopleSection(idle_minutes=15, attempts=6, lock_minutes=30)


# A1


def test_A1_an_idle_session_asks_for_the_password_again(real: Door, clock: Clock, typed: Typed) -> None:
    token = sign_in(real, "li", "-")
    for _ in range(3):  # acts keep it alive
        clock.turn(minutes=14)
        resume(real, "li", token)
    assert typed.asked == [("li", False)]
    clock.turn(minutes=15)
    typed.words["li"] = "not the one of Li"
    with pytest.raises(LoginRefused):
        resume(real, "li", token)
    typed.words["li"] = WORDS["li"]
    assert resume(real, "li", token).login == "li"
    assert typed.asked == [("li", False)] * 3
    resume(real, "li", token)
    assert len(typed.asked) == 3
    assert [one.details["why"] for one in events(real.database, "session.stop")] == ["idle", "idle"]


def test_A1_an_idle_session_is_over_where_nobody_can_be_asked(real: Door, clock: Clock) -> None:
    token = sign_in(real, "li", "-")
    clock.turn(minutes=16)
    with pytest.raises(NoPassword) as refused:
        resume(replace(real, ask=None), "li", token)
    assert refused.value.code == "CF-6703"


def test_A1_a_clock_set_back_makes_no_session_longer(real: Door, clock: Clock, typed: Typed) -> None:
    token = sign_in(real, "li", "-")
    clock.turn(hours=-2)
    resume(real, "li", token)
    assert len(typed.asked) == 2


def test_one_session_a_person_and_no_other_token(real: Door) -> None:
    first = sign_in(real, "li", "pts/1")
    again = sign_in(real, "li", "pts/2")
    for token in (first, bytes(32), b""):
        with pytest.raises(SessionEnded) as refused:
            resume(real, "li", token)
        assert refused.value.exit_status == 7
    with pytest.raises(SessionEnded):
        resume(real, "wang", again)
    resume(real, "li", again)
    sign_out(real, "li")
    with pytest.raises(SessionEnded):
        resume(real, "li", again)
    whys = [one.details["why"] for one in events(real.database, "person.logout")]
    assert whys == ["signed in again", "signed out"]


# D5


def test_D5_a_restart_is_recorded_and_asks_for_the_password(
    real: Door, database: Database, clock: Clock, typed: Typed
) -> None:
    token = sign_in(real, "li", "-")
    after = door(database, clock, typed, boot="boot 2")
    with pytest.raises(NoPassword):
        resume(replace(after, ask=None), "li", token)
    assert resume(after, "li", token).login == "li"
    assert typed.asked == [("li", False)] * 2
    resume(after, "li", token)
    assert len(typed.asked) == 2
    assert [one.details["why"] for one in events(database, "session.stop")] == ["restart", "restart"]


# A3, and who may give what


def test_A3_everybody_has_a_name_and_rights_are_reviewed_each_quarter(
    desk_of: Callable[[str], Desk], real: Door, clock: Clock
) -> None:
    sign_in(real, "li", "-")
    with pytest.raises(NotAllowed):
        people.review(desk_of("admin"))
    found, before = people.review(desk_of("zhao"))
    assert before is None
    seen = {one.person.login: (one.person.roles, one.access.last_login) for one in found}
    assert seen == {login: (frozenset(roles), real.at() if login == "li" else None) for login, roles in PEOPLE.items()}
    clock.turn(days=93)
    _, before = people.review(desk_of("zhao"))
    assert before is not None
    assert people.review_due(before, clock.now)
    assert not people.review_due(real.at(), clock.now)
    assert people.review_due(None, clock.now)
    assert [one.actor for one in events(real.database, "person.review")] == ["zhao", "zhao"]


def test_A3_a_new_person_sets_a_password_of_their_own(desk_of: Callable[[str], Desk], real: Door, typed: Typed) -> None:
    typed.words |= {"new qian": "a first one for Q.", "qian": "a first one for Q."}
    people.add_person(desk_of("admin"), Person("qian", "Q", frozenset({Role.OPERATOR})))
    with pytest.raises(LoginRefused) as same:
        sign_in(real, "qian", "-")  # and asked for the new one, the first is typed again
    assert same.value.code == "CF-6704"
    with pytest.raises(NoPassword) as first:  # the administrator knows it
        prove(real, "qian", purpose="second person")
    assert first.value.code == "CF-6705"
    typed.words["new qian"] = "one of her very own"
    sign_in(real, "qian", "-")
    typed.words["qian"] = "one of her very own"
    sign_in(real, "qian", "-")
    assert [one.details["once"] for one in events(real.database, "person.password")] == ["true", "false"]
    assert typed.wiped


@pytest.mark.parametrize("roles", [{Role.SUPERVISOR}, {Role.KEY_CUSTODIAN}, {Role.ADMINISTRATOR}, {Role.AUDITOR}])
def test_nobody_gives_a_duty_that_approves_or_holds_keys_alone(
    roles: set[Role], desk_of: Callable[[str], Desk], real: Door, typed: Typed
) -> None:
    """One administrator alone could else be both persons of every second look."""
    admin = desk_of("admin")
    typed.words["new qian"] = "a first one for Q."
    for second, expected in (
        (None, people.Unvouched), ("admin", SamePerson), ("qian", PersonUnknown), ("li", NotAllowed),
        ("sun", NotAllowed),
    ):  # fmt: skip
        with pytest.raises(expected):
            people.add_person(admin, Person("qian", "Q", frozenset(roles)), second)
        if second not in ("qian", "li"):
            with pytest.raises(expected):
                people.change_roles(admin, "li", roles, second)
    assert typed.asked == []
    typed.words["wang"] = "not the word of Wang"
    with pytest.raises(LoginRefused):
        people.add_person(admin, Person("qian", "Q", frozenset(roles)), "wang")
    with real.database.reading() as tx:
        assert tx.people.find("qian") is None
        assert tx.people.get("li").roles == {Role.OPERATOR}
    typed.words["wang"] = WORDS["wang"]
    people.add_person(admin, Person("qian", "Q", frozenset(roles)), "wang")
    [added] = events(real.database, "person.add")
    assert added.details["approved_by"] == "wang"
    assert people.change_roles(admin, "qian", roles), "what one has is not given anew"


def test_who_gets_a_duty_does_not_vouch_for_it(desk_of: Callable[[str], Desk], real: Door) -> None:
    with pytest.raises(SamePerson):
        people.change_roles(desk_of("admin"), "wang", {Role.SUPERVISOR, Role.KEY_CUSTODIAN}, "wang")
    with real.database.reading() as tx:
        assert tx.people.get("wang").roles == {Role.SUPERVISOR}


def test_disabling_everybody_else_leaves_nobody_alone_to_give_duties(desk_of: Callable[[str], Desk]) -> None:
    admin = desk_of("admin")
    for login in set(PEOPLE) - {"admin"}:
        people.set_disabled(admin, login, True)
        people.change_roles(admin, login, {Role.OPERATOR})
    with pytest.raises(people.Unvouched):
        people.add_person(admin, Person("qian", "Q", frozenset({Role.SUPERVISOR})))


def test_nobody_holds_two_roles_that_check_one_another(desk_of: Callable[[str], Desk], real: Door) -> None:
    admin = desk_of("admin")
    for roles in ({Role.OPERATOR, Role.SUPERVISOR}, {Role.AUDITOR, Role.OPERATOR}):
        with pytest.raises(RolesRefused):
            people.change_roles(admin, "li", roles)
        with pytest.raises(RolesRefused):
            people.add_person(admin, Person("qian", "Q", frozenset(roles)))
    with pytest.raises(SamePerson):
        people.change_roles(admin, "admin", {Role.SUPERVISOR})
    with pytest.raises(NotAllowed):
        people.change_roles(desk_of("wang"), "li", {Role.SUPERVISOR})
    held = people.change_roles(admin, "li", {Role.OPERATOR, Role.KEY_CUSTODIAN}, "wang")
    assert held.may(Act.KEYS)
    refused = events(real.database, "act.refuse")
    assert [one.details["code"] for one in refused] == ["CF-7401"] * 4 + ["CF-7402", "CF-7400"]
    [changed] = events(real.database, "person.roles")
    assert (changed.details["before"], changed.details["roles"]) == ("operator", "key-custodian,operator")


def test_a_second_person_proves_themselves_and_is_never_the_first(
    desk_of: Callable[[str], Desk], real: Door, typed: Typed
) -> None:
    operator = desk_of("li")
    assert people.second_person(operator, "wang").login == "wang"
    assert typed.asked == [("wang", False)]
    typed.words["wang"] = WORDS["li"]
    with pytest.raises(LoginRefused):
        people.second_person(operator, "wang")
    typed.words["wang"] = WORDS["wang"]
    with pytest.raises(SamePerson):
        people.second_person(desk_of("wang"), "wang")
    with pytest.raises(SamePerson):
        people.second_person(operator, "wang", Act.WITNESS, "wang")
    with pytest.raises(NotAllowed):
        people.second_person(operator, "zhao")
    with pytest.raises(NoPassword):
        people.second_person(replace(operator, door=None), "wang")
    assert len(typed.asked) == 2, "who may not is not asked for a password"
    assert [one.details["second"] for one in events(real.database, "act.refuse")] == ["wang", "wang", "zhao"]


def test_the_first_person_of_a_station_is_its_administrator(tmp_path: Path, clock: Clock, typed: Typed) -> None:
    empty = Database(tmp_path / "empty.db")
    empty.upgrade()
    entrance = door(empty, clock, typed)
    with pytest.raises(StockFault):
        people.add_first(entrance, Person("boss", "B", frozenset({Role.SUPERVISOR})))
    typed.words |= {"new boss": "the first of all words", "boss": "the first of all words"}
    people.add_first(entrance, Person("boss", "B", frozenset({Role.ADMINISTRATOR})))
    with pytest.raises(StockFault):
        people.add_first(entrance, Person("boss2", "B", frozenset({Role.ADMINISTRATOR})))
    sign_in(entrance, "boss", "-")
    empty.close()
