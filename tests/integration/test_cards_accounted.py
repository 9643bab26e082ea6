"""Cards as an inventory: no change of the books unseen, every item accounted for, nothing made twice (R1, R2, R3)."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cardfab.cli import wiring
from cardfab.crypto import password
from cardfab.production import NotAllowed, SamePerson
from cardfab.settings import read_settings
from cardfab.simulator.chip import make_blank
from cardfab.simulator.printer import Fault
from cardfab.station.access import LoginRefused
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.issue import RemakeUnauthorised, issue
from tests.integration.conftest import PLAIN, RARE, SERIALS, STOCK, World
from tests.people import Typed, events

SUPERVISOR_WORD = "green stones in a river"


def spoiling() -> object:
    """A blank whose chip refuses."""
    return make_blank(serial=next(SERIALS), wrong_update_key=True)


CHANGES = (
    "UPDATE stock_movement SET count = count + 1 WHERE reason = 'received'",
    "DELETE FROM stock_movement WHERE target = 'issued'",
    "UPDATE stock_movement SET target = 'spoiled' WHERE target = 'issued'",
    "DELETE FROM stock_movement",
)
"""As somebody with the database file makes them; all leave books that balance in themselves."""


@pytest.mark.proof
def test_R1_a_change_of_the_inventory_by_hand_is_seen(world: World) -> None:
    assert world.cli("issue", PLAIN).exit == 0
    assert world.cli("stock", "report").exit == 0
    for change in CHANGES:
        with closing(sqlite3.connect(world.folder / "station.db")) as raw:
            before = list(raw.iterdump())
            with raw:
                assert raw.execute(change).rowcount
        said = world.cli("stock", "report")
        assert said.exit == 7, change
        assert "[CF-7201]" in said.err, said.text
        assert STOCK in said.err
        rows = [line for line in before if line.startswith('INSERT INTO "stock_movement"')]
        with closing(sqlite3.connect(world.folder / "station.db")) as raw, raw:
            raw.execute("DELETE FROM stock_movement")
            for row in rows:
                raw.execute(row)
        assert world.cli("stock", "report").exit == 0, "as it was"


@pytest.mark.proof
def test_R1_a_run_takes_only_what_is_in_the_inventory(world: World) -> None:
    """No request, no job; no blank in the books, no card; a stock that no product has is not received."""
    assert world.cli("issue", "R0000000000000").exit != 0
    world.balanced(issued=0, remaining=3)
    assert world.cli("issue", PLAIN, *RARE).exit == 8, "three blanks for five requests"
    world.balanced(issued=3, spoiled=0, in_doubt=0, remaining=0)
    assert world.cli("stock", "receive", "blanks-of-nobody", "5").exit == 7


@pytest.mark.proof
def test_R1_every_item_is_accounted_for_good_or_failed(new_world: Callable[..., World]) -> None:
    """A good one, one the chip spoiled, one cut off: in books, record and machine alike."""
    world = new_world(spoiling())
    assert world.rig is not None
    assert world.cli("issue", PLAIN).exit == 4
    assert world.cli("issue", PLAIN).exit == 0
    world.rig.reader.cut_power_after(30)
    assert world.cli("issue", next(iter(RARE))).exit == 9
    world.balanced(issued=1, spoiled=1, in_doubt=1, remaining=0)
    assert world.cli("stock", "report").exit == 0
    assert world.cli("job", "resolve").exit == 0
    world.balanced(spoiled=2, in_doubt=0, remaining=0)
    assert world.cli("stock", "report").exit == 0


@pytest.mark.proof
def test_R1_an_unknown_item_is_rejected_and_on_record(world: World, new_world: Callable[..., World]) -> None:
    """A card that another station made lies in the hopper: it goes to the reject box, counted, with the reason."""
    elsewhere = new_world()
    assert elsewhere.cli("issue", next(iter(RARE))).exit == 0
    assert world.rig is not None
    world.rig.hopper[0].chip = elsewhere.tray().chip
    assert world.cli("issue", PLAIN).exit == 4
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)
    with world.desk() as desk:
        refused = [one for one in events(desk.database, "act.refuse") if one.details["code"] == "CF-4200"]
    assert refused


@pytest.mark.proof
def test_R2_the_day_adds_up_with_machine_people_and_stoppages(new_world: Callable[..., World], tmp_path: Path) -> None:
    """opening = good + spoiled + in doubt + remaining; who and when stands at every movement, so does each stop."""
    world = new_world(spoiling())
    assert world.rig is not None
    assert world.cli("issue", PLAIN).exit == 4
    assert world.cli("issue", PLAIN).exit == 0
    world.rig.printer.inject(Fault.JAM, on="Dbc", skip=2)
    assert world.cli("issue", next(iter(RARE))).exit == 9
    said = world.cli("stock", "report", "--pdf", tmp_path / "day.pdf", "--json")
    assert said.exit == 0, said.text
    report = said.json()
    (stock,) = report if isinstance(report, list) else report["items"]
    said = {"stock": STOCK, "opening": 3, "issued": 1, "spoiled": 1, "in_doubt": 1, "remaining": 0}
    assert stock == said | {"vault": 0, "tested": 0, "missing": 0, "destroyed": 0}
    with world.desk() as desk:
        moves = events(desk.database, "stock.move")
        stops = events(desk.database, "job.doubt")
    assert len(moves) == 1 + 2 + 2 + 1  # received; claimed and fate of two; claimed
    assert {(one.actor, one.station) for one in moves} == {("trainee", "integration-01")}
    assert [one.time for one in moves] == sorted(one.time for one in moves)
    (stop,) = stops
    assert stop.outcome == "failed"
    assert "CF-5" in stop.details["why"]
    command = ["pdftotext", "-layout", "-enc", "UTF-8", str(tmp_path / "day.pdf"), "-"]
    paper = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for words in ("trainee", "integration-01", STOCK, PLAIN):
        assert words in paper
    assert re.search(rf"{PLAIN} +spoiled +trainee +trainee +CF-4101", paper), "whose, by whom, why"
    assert re.search(rf"{next(iter(RARE))} +in doubt", paper)
    assert "Counted by" in paper
    assert "Checked by" in paper, "where the second one signs"


# R3: made again only with a second authorisation, and the first is void


@contextmanager
def earnest(world: World, typed: Typed) -> Iterator[tuple[Desk, Devices]]:
    """The desk of the operator as it is outside training, and its devices; the supervisor has a password."""
    located = read_settings((world.config,))
    with wiring.open_desk(located, login="operator") as desk:
        with desk.database.transaction("password") as tx:
            kept = password.hash_password(bytearray(SUPERVISOR_WORD.encode()), desk.random)
            for login in ("supervisor", "auditor"):
                tx.people.change(login, hash=kept)
        with wiring.open_devices(desk, wiring.bench_of(located, reader=None, printer=None)) as devices:
            door = replace(desk.entrance(), training=False, ask=typed)
            yield replace(desk, training=False, door=door), devices


@pytest.fixture
def spoiled(new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> World:
    """A station where the card of a request was spoiled."""
    monkeypatch.setattr(password, "_KIB", 64)
    world = new_world(spoiling())
    assert world.cli("issue", PLAIN).exit == 4
    return world


@pytest.fixture
def typed() -> Typed:
    return Typed({"supervisor": SUPERVISOR_WORD, "auditor": SUPERVISOR_WORD})


@pytest.mark.proof
def test_R3_a_card_is_made_again_only_with_a_second_authorisation(spoiled: World, typed: Typed) -> None:
    with earnest(spoiled, typed) as (desk, devices), pytest.raises(RemakeUnauthorised) as refused:
        issue(desk, devices, PLAIN)
    assert "--second" in (refused.value.do or SimpleNamespace(en="")).en
    assert len(spoiled.jobs(PLAIN)) == 1, "no second job was made"
    spoiled.balanced(issued=0, spoiled=1, remaining=2)
    with earnest(spoiled, typed) as (desk, devices):
        made = issue(desk, devices, PLAIN, second="supervisor")
        (remade,) = events(desk.database, "job.remake")
    assert typed.asked == [("supervisor", False)]
    assert made.job.state == "DONE"
    assert (remade.actor, remade.details["authorised_by"]) == ("operator", "supervisor")
    first, second = spoiled.jobs(PLAIN)
    assert remade.details["remake_of"] == str(first.id)
    assert second.remake_of == first.id


@pytest.mark.proof
@pytest.mark.parametrize(
    ("second", "error"), [("operator", SamePerson), ("auditor", NotAllowed), ("trainee", SamePerson)]
)
def test_R3_who_makes_it_or_may_not_approve_does_not_authorise(
    spoiled: World, typed: Typed, second: str, error: type[Exception]
) -> None:
    """Not who makes the card, not who entered the request (trainee), not a person without that duty."""
    with earnest(spoiled, typed) as (desk, devices), pytest.raises(error):
        issue(desk, devices, PLAIN, second=second)
    assert typed.asked == []
    assert len(spoiled.jobs(PLAIN)) == 1


@pytest.mark.proof
def test_R3_the_second_person_is_there_in_person(spoiled: World, typed: Typed) -> None:
    typed.words["supervisor"] = "another word altogether"
    with earnest(spoiled, typed) as (desk, devices), pytest.raises(LoginRefused):
        issue(desk, devices, PLAIN, second="supervisor")
    assert len(spoiled.jobs(PLAIN)) == 1


@pytest.mark.proof
def test_R3_the_first_card_is_void(spoiled: World) -> None:
    """Its job stays spoiled for good, its chip is never a blank again, no card of it is in the books."""
    assert spoiled.rig is not None
    assert spoiled.cli("issue", PLAIN).exit == 0
    first, second = spoiled.jobs(PLAIN)
    assert (first.state, second.state) == ("SPOILED", "DONE")
    with spoiled.desk() as desk, desk.database.reading() as tx:
        assert [card.job_id for card in tx.cards.all()] == [second.id]
    spoiled.rig.hopper[0].chip = spoiled.tray().chip  # and a card that was made is not made again either
    assert spoiled.cli("issue", next(iter(RARE))).exit == 4
    assert spoiled.cli("issue", PLAIN).exit == 7, "the request has its card"
    said = spoiled.cli("job", "resolve", str(first.id), "--accept")
    assert "nothing is in doubt" in said.out
    assert spoiled.jobs(PLAIN)[0].state == "SPOILED"
