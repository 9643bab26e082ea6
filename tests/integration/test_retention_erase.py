"""Personal data of finished cards is gone after its days: D3. The database's own bytes are searched."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from cardfab.audit import open_note
from cardfab.production import CardState, Document, NotAllowed, SamePerson, identity
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station import retention
from cardfab.station.counter.reading import read
from cardfab.station.counter.service import Shown
from cardfab.station.desk import Desk
from cardfab.station.lives import open_life
from cardfab.station.temporary import applied, issue_temporary, paper_of
from cardfab.station.vault import Erased, open_card, open_request
from cardfab.store.retention import KEPT
from tests.counter_place import PIN, TODAY, Place
from tests.integration.conftest import APPROVED, PLAIN, UNAPPROVED, URGENT
from tests.people import events

pytestmark = pytest.mark.proof


@pytest.fixture
def served(place: Place) -> Place:
    """A station with one card made and activated, and requests that wait."""
    return place.activated()


@contextmanager
def at_desk(place: Place, login: str = "supervisor", **later: float) -> Iterator[Desk]:
    place.now = TODAY + timedelta(**later)
    with place.counter(login) as counter:
        yield counter.desk


def bytes_of(place: Place) -> bytes:
    """Everything the database's files hold: its pages, its log."""
    return b"".join(file.read_bytes() for file in sorted(place.folder.glob("station.db*")))


def values(place: Place, query: str, *given: str) -> list[bytes]:
    with closing(sqlite3.connect(place.folder / "station.db")) as raw:
        return [row[0] for row in raw.execute(query, given)]


def erased_by_now(place: Place) -> list[bytes]:
    """The sealed values and the salts that an erasure must take away: what tells of the made card, its services."""
    queries = (
        "SELECT salt FROM batch",
        "SELECT sealed FROM card_service WHERE ended_at IS NOT NULL",
        "SELECT salt FROM card_service WHERE ended_at IS NOT NULL",
        "SELECT sealed FROM host_journal WHERE sealed IS NOT NULL",
        "SELECT salt FROM host_journal WHERE salt IS NOT NULL",
    )
    made = values(place, "SELECT sealed FROM request WHERE id = ?", PLAIN)
    made += values(place, "SELECT sealed_card FROM job WHERE request_id = ?", PLAIN)
    return made + [one for query in queries for one in values(place, query)]


def test_D3_nothing_is_due_before_its_day(served: Place) -> None:
    with at_desk(served, days=29, hours=23) as desk:
        assert retention.due(desk).total == 0
    with at_desk(served, days=30, seconds=1) as desk:
        found = retention.due(desk)
    assert {"request", "prepared card", "service"} <= found.sums.keys()
    assert found.sums["request"].count == 1
    assert set(found.days.values()) == {30}
    checks = events(desk.database, "retention.check")
    assert [dict(one.details).get("request") for one in checks] == [None, "1"], "the quarterly check is on record"


def test_D3_erased_data_is_in_no_page_of_the_file(served: Place) -> None:
    gone = erased_by_now(served)
    assert len(gone) >= 5
    before = bytes_of(served)
    assert all(one[:64] in before for one in gone), "the search finds what is there"
    with at_desk(served, days=31) as desk:
        done = retention.erase(desk, "auditor")
    assert done.due.total >= 3
    after = bytes_of(served)
    assert [one[:12].hex() for one in gone if one[:64] in after] == []
    assert [one[:12].hex() for one in gone if one[8:24] in after] == [], "nor a piece of it"


def test_D3_what_is_not_finished_lives_on_under_another_salt(served: Place) -> None:
    with at_desk(served) as desk, desk.database.reading() as tx:
        before = {one: open_request(desk.keys, tx.requests.get(one)) for one in (UNAPPROVED, *APPROVED)}
        card = open_card(desk.keys, tx.jobs.of_request(APPROVED[0]), tx.requests.get(APPROVED[0]))
    with at_desk(served, days=31) as desk:
        retention.erase(desk, "auditor")
        with desk.database.reading() as tx:
            for request, whole in before.items():
                row = tx.requests.get(request)
                if request == PLAIN:
                    with pytest.raises(Erased):
                        open_request(desk.keys, row)
                    with pytest.raises(Erased):
                        open_card(desk.keys, tx.jobs.of_request(request), row)
                    assert tx.requests.of_holder(before[PLAIN].social_security_number.encode()) == ()
                else:
                    assert open_request(desk.keys, row) == whole
            row = tx.requests.get(APPROVED[0])
            assert open_card(desk.keys, tx.jobs.of_request(APPROVED[0]), row) == card


def test_D3_the_paper_of_a_living_request_can_still_be_printed(served: Place) -> None:
    with at_desk(served, "operator") as desk:
        with desk.database.reading() as tx:
            number = open_request(desk.keys, tx.requests.get(URGENT)).social_security_number
        made = issue_temporary(desk, applied(desk, URGENT), Shown(identity(Document.ID_CARD, number, "")))
    [before] = values(served, "SELECT sealed FROM temporary_paper")
    with at_desk(served, days=31) as desk:
        retention.erase(desk, "auditor")
    [after] = values(served, "SELECT sealed FROM temporary_paper")
    assert before != after, "under another salt"
    with at_desk(served, "operator", days=31) as desk:
        assert paper_of(desk, made.number) == made.pdf
    with closing(sqlite3.connect(served.folder / "station.db")) as raw, raw:
        raw.execute("UPDATE job SET state = 'CANCELLED' WHERE request_id = ?", (URGENT,))
    with at_desk(served, days=70) as desk:
        retention.erase(desk, "auditor")
    assert values(served, "SELECT sealed FROM temporary_paper") == []


def test_D3_the_last_request_of_a_batch_takes_its_salt_along(served: Place) -> None:
    with closing(sqlite3.connect(served.folder / "station.db")) as raw, raw:
        raw.execute("UPDATE job SET state = 'CANCELLED' WHERE state != 'DONE'")
    with at_desk(served, days=40) as desk:
        retention.erase(desk, "auditor")
    assert values(served, "SELECT salt FROM batch") == [None]
    assert set(values(served, "SELECT sealed FROM request")) == {b""}


def test_D3_a_living_card_is_served_on_and_its_end_erases_who_it_was_for(served: Place) -> None:
    with at_desk(served, days=31) as desk:
        retention.erase(desk, "auditor")
        with desk.database.reading() as tx:
            [card] = tx.cards.all()
            life = open_life(desk, tx, card)
    assert life is not None
    assert life.social_security_number == served.number
    served.now = TODAY + timedelta(days=31)
    with served.card() as here:
        assert read(here, PIN)
    with at_desk(served, days=40) as desk, desk.database.transaction("end") as tx:
        [card] = tx.cards.all()
        tx.cards.move(card, CardState.BLOCKED, desk.move())
    with at_desk(served, days=69) as desk:
        assert "card" not in retention.due(desk).sums
    with at_desk(served, days=71) as desk:
        sealed, salt = card.sealed, card.salt
        assert retention.erase(desk, "auditor").due.sums["card"].count == 1
        with desk.database.reading() as tx:
            assert open_life(desk, tx, tx.cards.get(card.job_id)) is None
    assert sealed is not None
    assert salt is not None
    assert sealed not in bytes_of(served)
    assert salt not in bytes_of(served)


def test_D3_two_people_erase_and_sign_with_counts_and_digests_only(served: Place) -> None:
    with at_desk(served, "operator", days=31) as desk, pytest.raises(NotAllowed):
        retention.erase(desk, "auditor")
    with at_desk(served, days=31) as desk:
        with pytest.raises(SamePerson):
            retention.erase(desk, "supervisor")
        with pytest.raises(NotAllowed):
            retention.erase(desk, "operator")
        assert retention.due(desk).total > 0
        done = retention.erase(desk, "auditor")
        note, by = open_note(done.record, [desk.audit_key()])
        with desk.database.reading() as tx:
            assert list(tx.retention.records()) == [done.record]
    assert by == (desk.audit_key(),)
    told = json.loads(note.text)
    assert (told["by"], told["approved_by"]) == ("supervisor", "auditor")
    assert told["erased"]["request"]["count"] == 1
    assert all(len(one["digest"]) == 64 for one in told["erased"].values())
    [said] = events(desk.database, "retention.erase")
    assert said.details["approved_by"] == "auditor"
    assert said.details["request"] == "1"
    assert served.number not in note.text
    assert [one.outcome for one in events(desk.database, "retention.compact")] == ["done"]


def test_D3_an_erasure_that_another_program_holds_up_says_so(served: Place) -> None:
    reader = sqlite3.connect(served.folder / "station.db", isolation_level=None)
    with closing(reader), at_desk(served, days=31) as desk:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM request").fetchone()
        with pytest.raises(retention.NotCompacted) as refused:
            retention.erase(desk, "auditor")
        assert (refused.value.exit_status, refused.value.code) == (5, "CF-5780")
        reader.execute("COMMIT")
        assert retention.erase(desk, "auditor").due.total == 0
    assert [one.outcome for one in events(desk.database, "retention.compact")] == ["failed", "done"]


def test_every_kind_can_be_erased(served: Place) -> None:
    """Each table's statement is one that the database takes, with rows and without."""
    with at_desk(served, days=400) as desk, desk.database.transaction("all") as tx:
        for kind, kept in KEPT.items():
            [key] = kept.table.primary_key.columns
            with_salt = [row for row, _ in tx.retention.due(kind, desk.at())]
            tx.retention.erase(kind, with_salt)
            assert tx.retention.due(kind, desk.at()) == [], (kind, key)


@pytest.mark.parametrize(
    ("given", "on", "days"),
    [
        ({}, date(2026, 1, 1), 30),
        ({"retention_days": 7}, date(2026, 1, 1), 7),
        ({"retention_days": 180, "retention_authority": "letter 7"}, None, None),
        ({"retention_days": 31, "retention_authorised_on": date(2026, 1, 1)}, None, None),
        ({"retention_days": 181, "retention_authority": "x", "retention_authorised_on": date(2026, 1, 1)}, None, None),
    ],
)
def test_D3_the_days_of_a_product(given: dict[str, object], on: date | None, days: int | None, place: Place) -> None:
    whole = _product(place).model_dump() | given
    if on is None:
        with pytest.raises(ValidationError):
            Product.model_validate(whole)
    else:
        assert Product.model_validate(whole).kept_days(on) == days


def test_D3_a_written_authorisation_is_good_for_two_years(place: Place) -> None:
    more = {
        "retention_days": 180,
        "retention_authority": "issuer's letter 2026-7",
        "retention_authorised_on": date(2026, 1, 1),
    }
    product = Product.model_validate(_product(place).model_dump() | more)
    assert [product.kept_days(day) for day in (date(2026, 6, 1), date(2027, 12, 31), date(2028, 1, 1))] == [
        180,
        180,
        30,
    ]


def _product(place: Place) -> Product:
    with place.counter() as counter:
        return load(counter.desk.profiles, "products", "debit", Product)


def test_the_commands(served: Place) -> None:
    from tests.integration.conftest import World

    with closing(sqlite3.connect(served.folder / "station.db")) as raw, raw:
        raw.execute("UPDATE job SET changed_at = '2020-01-01T00:00:00.000+00:00'")
    world = World(served.folder)
    assert world.cli("user", "login", "supervisor").exit == 0
    assert world.cli("--json", "retention", "due").json()["due"]["request"] == 1
    assert world.cli("retention", "erase").exit == 2
    assert world.cli("retention", "erase", "--second", "supervisor").exit == 7
    out: Path = served.folder / "erased.txt"
    said = world.cli("retention", "erase", "--second", "auditor", "--out", out)
    assert said.exit == 0, said.text
    assert "requests" in said.out
    assert out.read_text(encoding="utf-8").count("\n— ") == 1
    assert "Nothing is due" in world.cli("retention", "due").out
