"""The rules about people, met through acts and commands: who makes does not approve, a second person is proved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardfab.cli import session, wiring, words
from cardfab.crypto import password
from cardfab.errors import KeyFault
from cardfab.production import Act, NotAllowed, Person, Role, SamePerson
from cardfab.resources import data_folder
from cardfab.station.counter.blocking import block_card
from cardfab.station.counter.service import SecondNeeded
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.intake import approve
from cardfab.station.issue import issue
from cardfab.store import Database
from tests.counter_place import Place
from tests.integration.conftest import PLAIN, UNAPPROVED, Said, World
from tests.people import WORDS, Typed, events, typed_lines

PEACE = "a quiet pond at noon"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_KIB", 64)


@contextmanager
def real_desk(world: World, login: str, roles: set[Role] | None = None) -> Iterator[Desk]:
    """The training station's desk as that of a real station, with code tables of its own."""
    tables = world.folder / "profiles" / "codes"
    tables.mkdir(exist_ok=True)
    training = (data_folder("profiles") / "codes" / "training.toml").read_text(encoding="utf-8")
    (tables / "station.toml").write_text(training.replace('name = "training"', 'name = "station"'), encoding="utf-8")
    with world.desk(login=login) as desk:
        person = desk.person if roles is None else replace(desk.person, roles=frozenset(roles))
        yield replace(desk, training=False, person=person)


def give_password(folder: Path, login: str, word: str) -> None:
    database = Database(folder / "station.db")
    with database.transaction("password") as tx:
        tx.people.change(login, hash=password.hash_password(bytearray(word.encode()), os.urandom))
    database.close()


def typing(world: World, lines: tuple[str, ...], *arguments: str) -> Said:
    with typed_lines(*lines) as fd:
        return world.cli("--password-fd", fd, *arguments)


def test_who_entered_a_request_does_not_approve_it(station: World) -> None:
    """The examples were entered by the trainee, who holds every role."""
    with real_desk(station, "trainee") as desk:
        with pytest.raises(SamePerson):
            approve(desk, [UNAPPROVED])
        [refused] = events(desk.database, "act.refuse")
        assert (refused.actor, refused.details["act"]) == ("trainee", Act.APPROVE)
    assert station.state(UNAPPROVED) == "REQUESTED"
    with real_desk(station, "supervisor") as desk:
        approve(desk, [UNAPPROVED])
    assert station.state(UNAPPROVED) == "QUEUED"


def test_who_approved_a_request_does_not_make_its_card(station: World) -> None:
    """Also when the supervisor has become an operator since."""
    with real_desk(station, "supervisor") as desk:
        approve(desk, [UNAPPROVED])
    with real_desk(station, "supervisor", {Role.OPERATOR}) as desk, pytest.raises(SamePerson):
        issue(desk, Devices(lambda: pytest.fail("no card is touched"), None), UNAPPROVED)
    assert station.state(UNAPPROVED) == "QUEUED"


def test_a_refusal_is_on_record_though_nothing_was_done(station: World) -> None:
    with station.desk(login="auditor") as desk:
        with pytest.raises(NotAllowed):
            approve(desk, [UNAPPROVED])
        [refused] = events(desk.database, "act.refuse")
    assert (refused.actor, refused.outcome) == ("auditor", "refused")
    assert dict(refused.details) == {"act": "approve a request", "code": "CF-7400"}


def test_at_a_real_station_nobody_approves_their_own_service(place: Place) -> None:
    """In training a supervisor may, where the product says so; the second person is another one everywhere else."""
    with place.card("trainee") as here:
        real = replace(here.counter.desk, training=False)
        counter = replace(here.counter, desk=real)
        with pytest.raises(SecondNeeded):
            block_card(replace(here, counter=counter), place.holder(), "found")
        with pytest.raises(SamePerson):
            block_card(replace(here, counter=counter), place.holder("trainee"), "found")
    with place.card("trainee") as here, pytest.raises(SamePerson):
        block_card(here, place.holder("trainee"), "found")


def test_a_second_person_with_a_password_is_asked_for_it(place: Place) -> None:
    give_password(place.folder, "supervisor", WORDS["wang"])
    typed = Typed({"supervisor": "this is somebody else"})
    with place.card() as here:
        desk = here.counter.desk
        assert desk.door is not None
        asking = replace(desk, door=replace(desk.door, ask=typed))
        counter = replace(here.counter, desk=asking)
        with pytest.raises(KeyFault):
            block_card(replace(here, counter=counter), place.holder("supervisor"), "found")
        assert place.services() == []
        typed.words["supervisor"] = WORDS["wang"]
        done = block_card(replace(here, counter=counter), place.holder("supervisor"), "found")
    assert done.receipt.approved_by == "supervisor"
    assert typed.asked == [("supervisor", False)] * 2
    assert typed.wiped


# The commands


def test_passwords_come_by_descriptor_in_order(station: World) -> None:
    said = typing(station, (PEACE,), "user", "passwd")
    assert said.exit == 0, said.text
    assert "user passwd" not in said.err
    refused = station.cli("user", "login", "trainee")
    assert (refused.exit, "[CF-6703]" in refused.err) == (6, True)
    assert typing(station, ("not that one at all",), "user", "login", "trainee").exit == 6
    assert typing(station, (PEACE,), "user", "login", "trainee").exit == 0
    # the old one, then the new one
    assert typing(station, (PEACE, "another quiet pond"), "user", "passwd").exit == 0
    assert typing(station, (PEACE,), "user", "login", "trainee").exit == 6
    assert typing(station, ("another quiet pond",), "user", "login", "trainee").exit == 0
    kept = (station.folder / "station.db").read_bytes() + (station.folder / "session.json").read_bytes()
    assert PEACE.encode() not in kept


@pytest.mark.parametrize(("word", "code"), [("short", "CF-3620"), ("the trainee himself", "CF-3620")])
def test_a_bad_new_password_is_refused(station: World, word: str, code: str) -> None:
    said = typing(station, (word,), "user", "passwd")
    assert (said.exit, code in said.err, word in said.text) == (3, True, False)


@pytest.mark.proof
def test_A2_a_locked_login_is_unlocked_by_two(station: World) -> None:
    give_password(station.folder, "operator", PEACE)
    for _ in range(6):
        assert typing(station, ("what may it be now",), "user", "login", "operator").exit == 6
    said = typing(station, (PEACE,), "user", "login", "operator")
    assert (said.exit, "[CF-6701]" in said.err) == (6, True)
    listed = {one["login"]: one for one in station.cli("--json", "user", "list").json()["items"]}
    assert listed["operator"]["state"] == "locked"
    assert station.cli("user", "login", "administrator").exit == 0
    assert station.cli("user", "unlock", "operator").exit == 2
    assert station.cli("user", "unlock", "operator", "--second", "administrator").exit == 7
    assert station.cli("user", "unlock", "operator", "--second", "supervisor").exit == 0
    assert typing(station, (PEACE,), "user", "login", "operator").exit == 0


@pytest.mark.proof
def test_A1_D5_idle_and_restart_by_command(station: World, monkeypatch: pytest.MonkeyPatch) -> None:
    give_password(station.folder, "trainee", PEACE)
    assert typing(station, (PEACE,), "user", "login", "trainee").exit == 0
    assert station.cli("job", "list").exit == 0
    monkeypatch.setattr(session, "boot_id", lambda: "the next boot")
    said = station.cli("job", "list")
    assert (said.exit, "[CF-6703]" in said.err) == (6, True)
    assert typing(station, (PEACE,), "job", "list").exit == 0
    assert station.cli("job", "list").exit == 0
    database = Database(station.folder / "station.db")
    with database.transaction("later") as tx:
        then = datetime.now(UTC) - timedelta(minutes=16)
        tx.sessions.touch("trainee", last_at=then.isoformat(timespec="milliseconds"))
    assert station.cli("job", "list").exit == 6
    assert typing(station, (PEACE,), "job", "list").exit == 0
    assert [one.details["why"] for one in events(database, "session.stop")] == ["restart", "restart", "idle", "idle"]
    database.close()


def test_a_session_file_of_old_or_of_another_is_no_session(station: World) -> None:
    file = station.folder / "session.json"
    assert file.stat().st_mode & 0o077 == 0
    for content in ('{"login": "trainee"}', '{"login": "supervisor", "token": "' + "00" * 32 + '"}'):
        file.write_text(content, encoding="utf-8")
        said = station.cli("job", "list")
        assert (said.exit, "[CF-7421]" in said.err) == (7, True)
    assert station.cli("user", "login", "trainee").exit == 0
    assert station.cli("job", "list").exit == 0


@pytest.mark.proof
def test_people_are_managed_by_the_administrator(station: World) -> None:
    assert station.cli("user", "login", "administrator").exit == 0
    assert station.cli("user", "roles", "auditor", "supervisor").exit == 0
    assert station.cli("user", "roles", "auditor").exit == 2
    assert station.cli("user", "disable", "operator").exit == 0
    assert station.cli("user", "login", "operator").exit == 7
    assert station.cli("user", "enable", "operator").exit == 0
    assert station.cli("user", "add", "Bad Login", "B", "operator").exit == 7
    assert typing(station, ("first words of all",), "user", "passwd", "operator").exit == 0
    # again needs a second look
    assert typing(station, ("second words of all",), "user", "passwd", "operator").exit == 7
    assert typing(station, ("second words of all",), "user", "passwd", "operator", "--second", "supervisor").exit == 0
    assert station.cli("user", "review").exit == 7
    assert station.cli("request", "approve", UNAPPROVED).exit == 7
    assert station.cli("issue", PLAIN).exit == 7
    # the first one serves once
    assert typing(station, ("second words of all", PEACE), "user", "login", "operator").exit == 0
    assert typing(station, (PEACE,), "user", "login", "operator").exit == 0
    assert station.cli("user", "login", "auditor").exit == 0
    assert station.cli("user", "review").exit == 7, "who was made supervisor is no auditor any more"


@pytest.mark.proof
def test_a_token_is_made_listed_and_revoked_by_command(station: World) -> None:
    assert station.cli("user", "login", "supervisor").exit == 0
    assert station.cli("user", "token", "add", "front-end", "operator", "operator").exit == 7
    assert station.cli("user", "login", "administrator").exit == 0
    made = station.cli("--json", "user", "token", "add", "front-end", "operator", "operator", "--days", "7").json()
    assert made["token"].startswith("cft_")
    listed = station.cli("--json", "user", "token", "list").json()["items"]
    assert [(one["name"], one["login"], one["state"]) for one in listed] == [("front-end", "operator", "in force")]
    assert made["token"] not in station.cli("user", "token", "list").text
    assert station.cli("user", "token", "revoke", "front-end").exit == 0
    assert station.cli("--json", "user", "token", "list").json()["items"][0]["state"] == "revoked"
    assert station.cli("user", "token", "add", "x2", "operator", "supervisor").exit == 7


def test_A3_the_quarterly_review_by_command(station: World) -> None:
    assert station.cli("user", "login", "auditor").exit == 0
    first = station.cli("--json", "user", "review").json()
    assert first["last_review"] is None
    assert {one["login"] for one in first["people"]} == {one.login for one in _everybody(station)}
    assert next(one for one in first["people"] if one["login"] == "auditor")["last_login"] is not None
    assert station.cli("--json", "user", "review").json()["last_review"] is not None


def _everybody(station: World) -> tuple[Person, ...]:
    with station.desk() as desk, desk.database.reading() as tx:
        return tx.people.all()


def test_no_terminal_and_no_descriptor_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_TERMINAL", "/nowhere/tty")
    assert words.asker(None, str) is None
    asker = words.asker(99, str)
    assert asker is not None
    with pytest.raises(wiring.UsageRefused) as refused:
        asker("li")
    assert refused.value.code == "CF-2251"


def test_a_terminal_is_asked_with_its_echo_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pseudo-terminal: what is typed comes back in no echo; a new password is typed twice alike."""
    import pty
    import termios

    ours, theirs = pty.openpty()
    monkeypatch.setattr(words, "_TERMINAL", os.ttyname(theirs))
    asker = words.asker(None, str)
    assert asker is not None
    monkeypatch.setattr(termios, "TCSAFLUSH", termios.TCSANOW)  # typed ahead of the question here
    os.write(ours, b"one that fits\none that fits\n")
    assert asker("li", new=True) == b"one that fits"
    os.write(ours, b"one that fits\nand another one\n")
    with pytest.raises(wiring.UsageRefused) as refused:
        asker("li", new=True)
    assert refused.value.code == "CF-2250"
    assert termios.tcgetattr(theirs)[3] & termios.ECHO, "as it was before"
    os.close(ours)
    os.close(theirs)
