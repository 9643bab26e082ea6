"""A printer by itself: asked, tried, cleaned; the blank that a trial costs is in the books, and each act on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.simulator.printer import Fault, Ribbon
from tests.integration.conftest import PLAIN, STOCK, World

pytestmark = pytest.mark.proof


def address(world: World) -> str:
    assert world.rig is not None
    return f"socket://127.0.0.1:{world.rig.printer_port}"


def outcomes(world: World, action: str) -> list[str]:
    shown = world.cli("audit", "show", "--json").json()["items"]
    return [one["outcome"] for one in shown if one["action"] == action]


def test_the_stations_printer_is_asked_by_its_name_or_by_none(world: World) -> None:
    listed = world.cli("printer", "list", "--json").json()["items"]
    assert {one["profile"]: one.get("address") for one in listed}["quick"] == address(world)
    assert {one["family"] for one in listed} == {"evolis", "matica", "ipp"}
    for words in ((), ("quick",), (address(world),)):
        said = world.cli("printer", "status", *words, "--json")
        assert said.exit == 0, said.text
        assert said.json()["faults"] == []
    assert world.rig is not None
    world.rig.printer.machine.cover_is_open = True
    assert "cover" in world.cli("printer", "status").out.lower()


def test_a_station_of_simulated_devices_has_no_printer_to_ask(station: World) -> None:
    for act in ("status", "test", "clean"):
        said = station.cli("printer", act)
        assert said.exit == 2, said.text
        assert "[CF-2125]" in said.err


def test_a_trial_on_a_white_card_books_nothing(world: World) -> None:
    assert world.cli("printer", "test").exit == 2
    assert world.cli("printer", "test", "--white", "--stock", STOCK).exit == 2
    before = world.books()
    said = world.cli("printer", "test", "--white")
    assert said.exit == 0, said.text
    assert world.tray().front.printed == list("ymcko")
    assert world.books() == before
    assert outcomes(world, "printer.test") == ["intent", "done"]


def test_a_trial_on_a_blank_uses_it_up(world: World) -> None:
    assert world.rig is not None
    said = world.cli("printer", "test", "--stock", STOCK)
    assert said.exit == 0, said.text
    world.balanced(tested=1, spoiled=0, remaining=2)
    (spoiled,) = world.rig.rejected
    assert spoiled.ink_on_contacts == 0
    assert spoiled.front.printed == list("ymcko")
    assert world.cli("stock", "report").exit == 0  # books and record say the same
    assert world.cli("issue", PLAIN).exit == 0
    world.balanced(issued=1, tested=1, remaining=1)


@pytest.mark.parametrize(("fault", "on", "spoiled"), [(Fault.FEEDER_EMPTY, "Sis", 0), (Fault.SILENCE, "Dbc", 1)])
def test_a_trial_that_fails_books_the_blank_where_it_may_have_moved(
    world: World, fault: Fault, on: str, spoiled: int
) -> None:
    assert world.rig is not None
    world.rig.printer.inject(fault, on=on)
    said = world.cli("printer", "test", "--stock", STOCK)
    assert said.exit == 5, said.text
    world.balanced(tested=spoiled, remaining=3 - spoiled)
    assert outcomes(world, "printer.test") == ["intent", "failed"]


def test_cleaning_wants_the_ribbon_out_and_is_refused_where_there_is_none(world: World, tmp_path: Path) -> None:
    assert world.rig is not None
    machine = world.rig.printer.machine
    said = world.cli("printer", "clean")
    assert said.exit == 5, said.text
    assert "[CF-5301]" in said.err
    assert machine.cleanings == 0
    world.rig.printer.change_ribbon(None)
    said = world.cli("printer", "clean")
    assert said.exit == 0, said.text
    assert machine.cleanings == 1
    assert outcomes(world, "printer.clean") == ["intent", "done"]
    world.rig.printer.change_ribbon(Ribbon())
    assert world.cli("issue", PLAIN).exit == 0
    said = world.cli("printer", "clean", "ipp://127.0.0.1:1/ipp/print")
    assert said.exit == 2, said.text
    assert "[CF-2123]" in said.err


def test_a_proof_takes_no_blank(world: World) -> None:
    said = world.cli("face", "print", PLAIN)
    assert said.exit == 2, said.text
    assert "[CF-2122]" in said.err
    world.balanced(remaining=3)
