"""The stock book at a real station: two people count, the day is counted blind, closed once, and on record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardfab import audit
from cardfab.audit import AuditEvent
from cardfab.cli.wiring import profile_source
from cardfab.crypto import password
from cardfab.errors import CardfabError
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.production import NotAllowed, Person, Place, Role, SamePerson
from cardfab.production.serials import listed, serial_range, serial_ranges
from cardfab.station.access import LoginRefused
from cardfab.station.desk import Desk
from cardfab.station.stockbook import acts, closing, counting, views
from cardfab.station.stockbook.moving import Counts, CountsDiffer, DayUnclosed, Goods, TwoNeeded, Untold, goods
from cardfab.station.stockbook.papers import day_csv, day_values
from cardfab.station.stockroom import off_the_record, receive
from cardfab.store import Database
from cardfab.store.stockdays import DayClosed
from tests.people import WORDS, Clock, Typed, door

STOCK = "training-ssc2"
"""What a product of the packaged profiles is made from."""
ALL = {Place.STOCK: 0, Place.VAULT: 0, Place.SPOILED: 0, Place.TESTED: 0}


@dataclass
class Outlet:
    """Two supervisors and an operator with passwords, and the desk of each."""

    database: Database
    clock: Clock
    typed: Typed
    desks: dict[str, Desk]

    @property
    def zhao(self) -> Desk:
        return self.desks["zhao"]

    def events(self, action: str) -> list[AuditEvent]:
        self.database.sequence()
        with self.database.reading() as tx:
            return [one for one in map(AuditEvent.decode, tx.audit.leaves()) if one.action == action]

    def held(self) -> dict[Place, int]:
        with self.database.reading() as tx:
            return {place: count for place, count in tx.stock.held(STOCK).items() if count > 0}

    def count(self, **places: int) -> counting.Compared:
        given = {Place[name.upper()]: number for name, number in places.items()}
        return counting.count(self.zhao, {STOCK: ALL | given})


@pytest.fixture(autouse=True, scope="module")
def _cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password, "_KIB", 64)
        yield


@pytest.fixture(scope="module")
def empty(_cheap: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the people and nothing else; copied for every test."""
    path = tmp_path_factory.mktemp("stockbook") / "station.db"
    database = Database(path)
    database.upgrade()
    with database.transaction("people") as tx:
        for login, role in (("zhao", Role.SUPERVISOR), ("wang", Role.SUPERVISOR), ("li", Role.OPERATOR)):
            tx.people.add(Person(login, login, frozenset({role})))
            tx.people.change(login, hash=password.hash_password(bytearray(WORDS[login].encode()), os.urandom))
    database.close()
    return path


@pytest.fixture(scope="session")
def keys() -> SoftKeyStore:
    return SoftKeyStore.training(os.urandom)


@pytest.fixture
def outlet(empty: Path, keys: SoftKeyStore, tmp_path: Path) -> Iterator[Outlet]:
    """A real station on a Saturday afternoon."""
    database = Database(Path(shutil.copy(empty, tmp_path / "station.db")))
    clock, typed = Clock(datetime(2026, 11, 21, 8, 0, tzinfo=UTC)), Typed()
    entrance = door(database, clock, typed)
    fonts = FontBook([])
    with database.reading() as tx:
        people = {login: tx.people.get(login) for login in ("zhao", "wang", "li")}
    desks = {
        login: Desk(
            "station-1", False, person, database, keys, profile_source(None), fonts, clock, os.urandom, door=entrance
        )
        for login, person in people.items()
    }
    yield Outlet(database, clock, typed, desks)
    database.close()


def both(count: int, second: str = "li") -> Counts:
    return Counts(count, second, count)


@pytest.fixture
def stocked(outlet: Outlet) -> Outlet:
    """A hundred numbered blanks came to the vault, twenty went to the machine."""
    acts.receive_goods(outlet.zhao, goods(outlet.zhao, STOCK, None, serial_ranges(["A001..A100"])), both(100), "SH-1")
    acts.draw(outlet.zhao, Goods(STOCK, 20), both(20))
    return outlet


def test_cards_come_in_and_go_to_the_machine_by_two(stocked: Outlet) -> None:
    assert stocked.held() == {Place.VAULT: 80, Place.STOCK: 20}
    assert stocked.typed.asked == [("li", False), ("li", False)], "the second person proved themselves each time"
    received, drawn = stocked.events("stock.move")
    assert received.details == {
        "stock": STOCK, "from": "supplier", "to": "vault", "count": "100", "serials": "A001..A100",
        "serials_by": "sight", "reason": "received", "second": "li", "note": "SH-1",
    }  # fmt: skip
    assert drawn.details["serials"] == "A001..A020"
    with pytest.raises(acts.NotLowest, match="A021"):
        acts.draw(stocked.zhao, Goods(STOCK, 2, serial_ranges(["A031..A032"])), both(2))
    assert off_the_record(stocked.zhao) == ()


@pytest.mark.shows("a draw with a second person's count: a difference is refused until settled (test)")
@pytest.mark.parametrize(
    ("counts", "refused"),
    [
        (Counts(10, "li", 9), CountsDiffer),
        (Counts(9, "li", 10), CountsDiffer),
        (Counts(9, "li", 9), CountsDiffer),
        (Counts(10, None, 10), TwoNeeded),
        (Counts(10, "li", None), TwoNeeded),
        (Counts(10, "zhao", 10), SamePerson),
    ],
)
def test_counts_that_differ_move_nothing(stocked: Outlet, counts: Counts, refused: type[CardfabError]) -> None:
    with pytest.raises(refused):
        acts.draw(stocked.zhao, Goods(STOCK, 10), counts)
    assert stocked.held() == {Place.VAULT: 80, Place.STOCK: 20}
    if refused is CountsDiffer:
        (said,) = stocked.events("act.refuse")
        assert (said.details["code"], said.details["second_login"]) == ("CF-7110", "li")


def test_a_wrong_password_of_the_second_person_moves_nothing(stocked: Outlet) -> None:
    stocked.typed.words["li"] = "not it at all"
    with pytest.raises(LoginRefused):
        acts.put_back(stocked.zhao, Goods(STOCK, 5), both(5))
    assert stocked.held() == {Place.VAULT: 80, Place.STOCK: 20}


def test_who_may(stocked: Outlet) -> None:
    """An operator counts and spoils at the machine; the vault, the book and the day are a supervisor's."""
    li = stocked.desks["li"]
    acts.spoil(li, Goods(STOCK, 1), "bent")
    acts.use_up(li, Goods(STOCK, 1), "new ribbon")
    one = Goods(STOCK, 1)
    for act in (
        lambda: acts.receive_goods(li, one, both(1, "zhao"), "SH-2"),
        lambda: acts.draw(li, one, both(1, "zhao")),
        lambda: acts.put_back(li, one, both(1, "zhao")),
        lambda: acts.send_back(li, one, both(1, "zhao"), "wrong kind"),
        lambda: acts.find(li, one, both(1, "zhao"), "behind the drawer"),
        lambda: acts.destroy(li, one, both(1, "zhao"), "shredded"),
        lambda: counting.count(li, {STOCK: ALL}),
        lambda: closing.close_day(li),
        lambda: closing.open_new(li, "late customer"),
        lambda: views.holds(li),
        lambda: views.book_of(li, STOCK),
        lambda: views.days_of(li),
        lambda: receive(li, STOCK, 1),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert views.at_machine(li) == ((STOCK, 18),)
    with pytest.raises(TwoNeeded):
        receive(stocked.zhao, STOCK, 5)


def test_what_is_not_said_is_asked(stocked: Outlet) -> None:
    for act in (
        lambda: acts.spoil(stocked.zhao, Goods(STOCK, 1), "  "),
        lambda: acts.receive_goods(stocked.zhao, Goods(STOCK, 1), both(1), " "),
        lambda: goods(stocked.zhao, STOCK, None),
        lambda: goods(stocked.zhao, STOCK, 0),
        lambda: counting.count(stocked.zhao, {STOCK: {Place.STOCK: 18}}),
        lambda: counting.count(stocked.zhao, {"other": ALL}),
    ):
        with pytest.raises(Untold):
            act()
    with pytest.raises(CountsDiffer):
        goods(stocked.zhao, STOCK, 3, serial_ranges(["A001..A002"]))
    with pytest.raises(CardfabError, match="by its job"):
        acts.hand_out(stocked.zhao, Goods(STOCK, 1), "a holder")
    with pytest.raises(CardfabError, match="spoiled and test"):
        acts.destroy(stocked.zhao, Goods(STOCK, 1), both(1), "shredded", source=Place.STOCK)


def test_cards_made_ahead_have_a_book_of_their_own(outlet: Outlet) -> None:
    zhao, ahead = outlet.zhao, f"{STOCK}/premade"
    acts.receive_goods(zhao, goods(zhao, ahead, None, serial_ranges(["6200001..6200005"])), both(5), "SH-3")
    acts.draw(zhao, goods(zhao, ahead, 5), both(5))
    acts.hand_out(outlet.desks["li"], goods(zhao, ahead, None, (serial_range("6200003"),)), "R2026-7")
    book = views.book_of(zhao, ahead)
    assert (book.held[Place.STOCK], book.held[Place.ISSUED]) == (4, 1)
    assert listed(book.numbers[Place.ISSUED]) == "6200003"
    assert outlet.held() == {}


@pytest.mark.shows("destroy with two names (test)")
def test_a_destruction_has_two_names_and_a_number(stocked: Outlet) -> None:
    acts.spoil(stocked.zhao, Goods(STOCK, 2, serial_ranges(["A002..A003"])), "scratched")
    with pytest.raises(SamePerson):
        acts.destroy(stocked.zhao, Goods(STOCK, 2), both(2, "zhao"), "shredded")
    paper = acts.destroy(stocked.zhao, Goods(STOCK, 2), both(2, "wang"), "shredded")
    assert paper == "XH2026000001"
    with stocked.database.reading() as tx:
        (row,) = tx.stock.days.noted(paper)
    assert (row.by, row.second, row.reason, listed(row.serials)) == ("zhao", "wang", "shredded", "A002..A003")
    assert stocked.held()[Place.DESTROYED] == 2


def test_a_number_seen_takes_the_place_of_the_one_by_order(stocked: Outlet) -> None:
    acts.spoil(stocked.zhao, Goods(STOCK, 1), "bent")
    acts.correct(stocked.zhao, STOCK, serial_range("A001"), serial_range("A007"), "li", "seen on the card")
    numbers = views.book_of(stocked.zhao, STOCK).numbers
    assert (listed(numbers[Place.SPOILED]), listed(numbers[Place.STOCK])) == ("A007", "A001..A006, A008..A020")
    assert off_the_record(stocked.zhao) == ()


@pytest.mark.shows("the day closes blind; a difference needs a reason and a second name (test)")
def test_a_day_with_a_difference(stocked: Outlet) -> None:
    zhao = stocked.zhao
    assert counting.to_count(zhao) == (STOCK,)
    with pytest.raises(counting.NotCounted):
        closing.close_day(zhao)
    found = stocked.count(stock=19, vault=80)
    assert [(one.place, one.expected, one.counted, one.by) for one in found.differences] == [(Place.STOCK, 20, 19, -1)]
    where = (STOCK, Place.STOCK)
    for reasons, second, refused in (
        ({}, "wang", Untold),
        ({where: "lost"}, None, TwoNeeded),
        ({where: "lost"}, "zhao", SamePerson),
        ({where: "lost"}, "wang", Untold),  # every card has a number: which one is missing is to be said
    ):
        with pytest.raises(refused):
            closing.close_day(zhao, reasons, second)
    day = closing.close_day(zhao, {where: "lost"}, "wang", {where: (serial_range("A009"),)})
    assert (day.name, day.paper, day.closed_by, day.second) == ("2026-11-21", "RJ20261121-1", "zhao", "wang")
    closed = views.closed_day(zhao, "2026-11-21")
    ((line, counted),) = closed.lines
    assert (line.received, line.missing, line.machine, line.vault, line.balanced) == (100, 1, 19, 80, True)
    assert counted == ALL | {Place.STOCK: 19, Place.VAULT: 80}
    assert [(one.reason, one.second, one.expected, one.counted) for one in closed.differences] == [
        ("lost", "wang", 20, 19)
    ]
    (said,) = stocked.events("day.close")
    assert said.details == {"day": "2026-11-21", "differences": "1", "second": "wang", "in_doubt": ""}
    assert stocked.events("stock.count")[0].details["counted_stock"] == "19"
    assert off_the_record(zhao) == ()
    values = day_values(closed)
    assert json.loads(json.dumps(values))["stock"][0]["closing"] == 99
    assert day_csv(closed).splitlines()[1].split(",")[:3] == ["2026-11-21", STOCK, "0"]


def test_a_count_is_old_when_a_card_moved(stocked: Outlet) -> None:
    assert stocked.count(stock=20, vault=80).equal
    acts.spoil(stocked.zhao, Goods(STOCK, 1), "bent")
    with pytest.raises(counting.NotCounted):
        closing.close_day(stocked.zhao)
    assert stocked.count(stock=19, vault=80, spoiled=1).equal
    assert closing.close_day(stocked.zhao).second is None


def test_what_is_too_many_was_missing_or_is_found(stocked: Outlet) -> None:
    where, zhao = (STOCK, Place.STOCK), stocked.zhao
    stocked.count(stock=18, vault=80)
    closing.close_day(zhao, {where: "lost"}, "wang", {where: serial_ranges(["A001..A002"])})
    closing.open_new(zhao, "found behind the drawer")
    assert stocked.count(stock=21, vault=80).differences[0].by == 3
    closing.close_day(zhao, {where: "found"}, "wang", {where: serial_ranges(["A001..A002", "Z9"])})
    ((line, _),) = views.closed_day(zhao, "2026-11-21/2").lines
    assert (line.opening, line.missing, line.found, line.machine, line.balanced) == (98, -2, 1, 21, True)
    assert stocked.held() == {Place.STOCK: 21, Place.VAULT: 80}


def test_a_closed_day_is_closed(stocked: Outlet) -> None:
    stocked.count(stock=20, vault=80)
    closing.close_day(stocked.zhao)
    one = Goods(STOCK, 1)
    for act in (
        lambda: acts.spoil(stocked.zhao, one, "bent"),
        lambda: acts.draw(stocked.zhao, one, both(1)),
        lambda: closing.close_day(stocked.zhao),
        lambda: stocked.count(stock=20, vault=80),
    ):
        with pytest.raises((DayClosed, counting.NothingOpen)):
            act()
    assert closing.open_new(stocked.zhao, "a late customer").name == "2026-11-21/2"
    acts.spoil(stocked.zhao, one, "bent")
    with pytest.raises(closing.DayOpen):
        closing.open_new(stocked.zhao, "again")
    assert [one.details["reason"] for one in stocked.events("day.open")] == ["a late customer"]


def test_yesterday_is_closed_before_the_vault_opens(stocked: Outlet) -> None:
    stocked.clock.turn(hours=20)
    now = views.today(stocked.zhao)
    assert now.late
    assert now.warning is not None
    assert "2026-11-21" in now.warning.en
    with pytest.raises(DayUnclosed):
        acts.draw(stocked.zhao, Goods(STOCK, 1), both(1))
    acts.spoil(stocked.zhao, Goods(STOCK, 1), "bent")  # what is at the machine goes on: a holder waits
    stocked.count(stock=19, vault=80, spoiled=1)
    assert closing.close_day(stocked.zhao).name == "2026-11-21"
    assert not views.today(stocked.zhao).late
    acts.draw(stocked.zhao, Goods(STOCK, 1), both(1))
    day = views.today(stocked.zhao).day
    assert day is not None
    assert day.name == "2026-11-22"


def test_the_record_alone_says_what_the_books_say(stocked: Outlet) -> None:
    """Also of what is destroyed, missing, found; a change of the books by hand is seen."""
    zhao = stocked.zhao
    acts.spoil(zhao, Goods(STOCK, 3), "bent")
    acts.destroy(zhao, Goods(STOCK, 2), both(2), "shredded")
    acts.use_up(zhao, Goods(STOCK, 1), "new ribbon")
    acts.put_back(zhao, Goods(STOCK, 2), both(2))
    acts.send_back(zhao, Goods(STOCK, 4), both(4), "wrong print")
    acts.find(zhao, Goods(STOCK, 1), both(1), "behind the drawer")
    zhao.database.sequence()
    with stocked.database.reading() as tx:
        (said,) = audit.account(map(AuditEvent.decode, tx.audit.leaves())).stock
        account = tx.stock.account(STOCK)
    assert said.balanced
    assert account.balanced
    assert (said.opening - said.returned, said.spoiled, said.tested, said.destroyed) == (97, 1, 1, 2)
    assert (account.opening, account.remaining, account.vault) == (97, 15, 78)
    assert off_the_record(zhao) == ()
    with stocked.database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE stock_movement SET source = 'vault' WHERE reason = 'new ribbon'")
    assert off_the_record(zhao) == (STOCK,), "the sums are the same, the places are not"


def test_a_number_changed_by_hand_is_seen(stocked: Outlet) -> None:
    with stocked.database._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE stock_serial SET last = 99 WHERE last = 100")
    assert off_the_record(stocked.zhao) == (STOCK,)
